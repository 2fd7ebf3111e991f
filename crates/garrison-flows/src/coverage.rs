//! `coverage`: every row of the vendors' catalogues, what does its job in Garrison, and how far.

use clap::Args;
use flows::coverage::{Ledger, State, rows};

use crate::outcome::Answer;
use crate::output::Output;
use crate::table::Table;

/// What `coverage` takes.
#[derive(Debug, Args)]
#[command(after_help = "\"works\" names the listener of Garrison and a test that shows it.")]
pub struct CoverageArguments {
    /// One vendor's catalogue alone
    #[arg(long, value_name = "ID", value_parser = clap::builder::PossibleValuesParser::new(vendors()))]
    catalog: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: Output,
}

fn vendors() -> Vec<&'static str> {
    let ids = flows::built_in::ids();
    ids.filter(|id| *id != flows::built_in::GARRISON).collect()
}

pub(crate) fn run(arguments: &CoverageArguments) -> anyhow::Result<Answer> {
    let wanted = |id: &str| arguments.catalog.as_ref().is_none_or(|only| only == id);
    let mut rows = rows();
    rows.retain(|row| wanted(row.catalogue.as_str()));
    let systems = &Ledger::built_in().systems;
    if arguments.json {
        let whole = serde_json::json!({ "rows": rows, "systems": systems });
        arguments.output.json(&whole)?;
        return Ok(Answer::Done);
    }
    let mut table = Table::new(&[
        "CATALOGUE",
        "FLOW",
        "IN GARRISON",
        "STATE",
        "LISTENER",
        "TESTS",
    ]);
    let mut counts = [0_usize; 3];
    for row in &rows {
        let place = match row.state {
            State::Works => 0,
            State::Partly => 1,
            State::NotYet => 2,
        };
        if let Some(count) = counts.get_mut(place) {
            *count += 1;
        }
        let listeners = row.listeners.iter();
        let listeners: Vec<String> = listeners
            .map(|one| format!("{} of {}", one.port, one.party))
            .collect();
        let counterparts: Vec<&str> = row.counterparts.iter().map(flows::FlowId::as_str).collect();
        table.row([
            row.catalogue.to_string(),
            row.flow.to_string(),
            counterparts.join(", "),
            row.state.to_string(),
            listeners.join(", "),
            row.tests.join("\n"),
        ]);
    }
    let [works, partly, not_yet] = counts;
    arguments.output.write(format!(
        "{table}\n{} rows: {works} work, {partly} in part, {not_yet} not yet\n",
        rows.len()
    ))?;
    Ok(Answer::Done)
}
