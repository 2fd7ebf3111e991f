//! `list`: the flows of a catalogue as a table.

use clap::Args;
use flows::flow::Need;
use flows::{Endpoint, FlowList, FlowRow, MatchKind, PartyId};

use crate::arguments::{CatalogueArgument, SiteArguments};
use crate::outcome::Answer;
use crate::output::Output;
use crate::table::{Table, plain};

/// What `list` takes.
#[derive(Debug, Args)]
pub struct ListArguments {
    #[command(flatten)]
    catalogue: CatalogueArgument,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    site: SiteArguments,
}

pub(crate) fn run(arguments: &ListArguments) -> anyhow::Result<Answer> {
    let catalogue = arguments.catalogue.load()?;
    let site = arguments.site.site_of(&catalogue)?;
    let selection = flows::select(&catalogue, &site)?;
    if arguments.json {
        arguments
            .output
            .json(&flows::render::json::value(&selection)?)?;
    } else {
        let list = flows::list(&selection, &site);
        arguments.output.write(text(&list, &site.language))?;
    }
    Ok(Answer::Done)
}

fn text(list: &FlowList, language: &str) -> String {
    let mut table = Table::new(&["FLOW", "FROM", "TO", "WHERE", "NEED", "PURPOSE"]);
    for row in &list.flows {
        let from: Vec<&str> = row.flow.from.iter().map(PartyId::as_str).collect();
        table.row([
            row.flow.id.to_string(),
            from.join(", "),
            row.flow.to.to_string(),
            destinations(row),
            need(&row.flow.need).to_owned(),
            row.flow.purpose.in_language(language).to_owned(),
        ]);
    }
    let mut text = if table.fits() {
        table.to_string()
    } else {
        narrow(list, language)
    };
    if !list.left_out.is_empty() {
        text.push_str("\nLeft out:\n");
        for left_out in &list.left_out {
            text.push_str(&format!("  {}: {}\n", left_out.id, left_out.reason));
        }
    }
    text
}

/// The same for a terminal that is too narrow for a line a flow: names stay whole.
fn narrow(list: &FlowList, language: &str) -> String {
    let mut text = String::new();
    for row in &list.flows {
        let from: Vec<&str> = row.flow.from.iter().map(PartyId::as_str).collect();
        let lines = [
            format!(
                "{}  {} → {}, {}",
                row.flow.id,
                from.join(", "),
                row.flow.to,
                need(&row.flow.need)
            ),
            destinations(row),
            row.flow.purpose.in_language(language).to_owned(),
        ];
        let lines = plain(lines.join("\n"));
        text.push_str(&lines.replace('\n', "\n    "));
        text.push_str("\n\n");
    }
    if text.is_empty() {
        text.push_str("(none)\n");
    }
    text
}

fn destinations(row: &FlowRow) -> String {
    let lines: Vec<String> = row.flow.endpoints.iter().map(destination).collect();
    lines.join("\n")
}

/// One destination in one line.
pub(crate) fn destination(endpoint: &Endpoint) -> String {
    let value = &endpoint.value;
    let host = match endpoint.kind {
        MatchKind::Exact | MatchKind::Ip | MatchKind::Cidr => value.clone(),
        MatchKind::OneLabel => format!("*.{value} (one label)"),
        MatchKind::AnyDepth => format!("*.{value}"),
        MatchKind::ApexAndSubdomains => format!("{value} and *.{value}"),
        MatchKind::Variable => format!("(--set {value}=…)"),
        MatchKind::Unknown => match &endpoint.set_by {
            Some(variable) => format!("unknown (--set {variable}=…)"),
            None => "unknown".to_owned(),
        },
    };
    let ports: Vec<String> = endpoint.ports.iter().map(ToString::to_string).collect();
    let transport = endpoint.transport.as_str();
    match (ports.is_empty(), endpoint.transport.has_ports()) {
        (false, _) => format!("{host} {transport}/{}", ports.join(",")),
        (true, true) => format!("{host} {transport}/unknown"),
        (true, false) => format!("{host} {transport}"),
    }
}

/// The need in one word.
pub(crate) const fn need(need: &Need) -> &'static str {
    match need {
        Need::Required => "required",
        Need::Optional => "optional",
        Need::Conditional(_) => "conditional",
        Need::Unknown => "unknown",
    }
}
