//! `garrison flows`: the catalogue as a table. Needs no server.

use std::process::ExitCode;

use clap::Subcommand;
use flows::{Catalogue, FlowRow, Need, PortProfile};

use crate::ctl::table::Table;
use crate::output;

#[derive(Debug, Subcommand)]
pub(crate) enum FlowsCommand {
    /// List every flow: who dials whom, on which port, and what for
    List {
        /// Port numbers to show
        #[arg(long, value_name = "PROFILE", default_value_t = PortProfile::Garrison, value_parser = crate::cli::profiles())]
        ports: PortProfile,
        /// Print the catalogue as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(command: &FlowsCommand) -> anyhow::Result<ExitCode> {
    match command {
        FlowsCommand::List { ports, json } => {
            let list = flows::list(Catalogue::garrison(), *ports);
            if *json {
                output::line(serde_json::to_string_pretty(&list)?)?;
            } else {
                output::text(table(&list.flows))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn table(rows: &[FlowRow]) -> Table {
    let mut table = Table::new(&["FLOW", "FROM", "TO", "PORT", "NEED", "PURPOSE"]);
    for row in rows {
        let from: Vec<&str> = row.from.iter().map(flows::PartyId::as_str).collect();
        let transport: Vec<&str> = row.transport.iter().map(|one| one.as_str()).collect();
        table.row([
            row.id.to_string(),
            from.join(", "),
            row.to.to_string(),
            format!("{}/{}", ports(row), transport.join("+")),
            need(&row.need),
            row.purpose.to_string(),
        ]);
    }
    table
}

fn ports(row: &FlowRow) -> String {
    if let Some(port) = row.port {
        return port.to_string();
    }
    let mut ports: Vec<String> = row
        .endpoints
        .iter()
        .flat_map(|endpoint| &endpoint.ports)
        .map(ToString::to_string)
        .collect();
    ports.dedup();
    ports.join(",")
}

fn need(need: &Need) -> String {
    match need {
        Need::Required => "required".to_owned(),
        Need::Optional => "optional".to_owned(),
        Need::Conditional(_) => "conditional".to_owned(),
        Need::Unknown => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_flow() {
        let list = flows::list(Catalogue::garrison(), PortProfile::Sangfor);
        let text = table(&list.flows).to_string();
        for row in &list.flows {
            assert!(text.contains(row.id.as_str()), "{}", row.id);
        }
        assert!(text.contains("8083/tcp"), "{text}");
    }
}
