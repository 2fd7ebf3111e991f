//! `diff`: what changed between two catalogues, and what that means for rules.

use std::fmt::Write as _;

use clap::Args;
use flows::diff::{Difference, FlowDifference, What, diff};

use crate::arguments::load;
use crate::list::destination;
use crate::outcome::Answer;
use crate::output::Output;
use crate::table::plain;

/// What `diff` takes.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 0 when nothing differs, 1 when something does.")]
pub struct DiffArguments {
    /// The earlier catalogue: an id or a file
    #[arg(value_name = "A")]
    old: String,
    /// The later catalogue: an id or a file
    #[arg(value_name = "B")]
    new: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &DiffArguments) -> anyhow::Result<Answer> {
    let (old, new) = (load(&arguments.old)?, load(&arguments.new)?);
    let difference = diff(&old, &new)?;
    if arguments.json {
        arguments.output.json(&difference)?;
    } else {
        arguments.output.write(plain(text(&difference)))?;
    }
    Ok(if difference.is_empty() {
        Answer::Done
    } else {
        Answer::No
    })
}

fn text(difference: &Difference) -> String {
    let (from, to) = (&difference.from, &difference.to);
    let mut text = format!(
        "{} {} → {} {}\n",
        from.catalog, from.version, to.catalog, to.version
    );
    if difference.is_empty() {
        text.push_str("Nothing differs.\n");
    }
    for flow in &difference.flows {
        text.push_str(&of_flow(flow));
    }
    for change in &difference.other_changes {
        let _ = writeln!(
            text,
            "\n{} ({}): {}",
            change.version, change.date, change.impact
        );
    }
    text
}

fn of_flow(flow: &FlowDifference) -> String {
    let what = match flow.what {
        What::Added => "added",
        What::Removed => "removed",
        What::Retired => "retired",
        What::Changed => "changed",
    };
    let mut text = format!("\n{} {what}", flow.id);
    if let Some(was) = &flow.was {
        let _ = write!(text, ", was {was}");
    }
    text.push('\n');
    for endpoint in &flow.open {
        let _ = writeln!(text, "  open   {}", destination(endpoint));
    }
    for endpoint in &flow.close {
        let _ = writeln!(text, "  close  {}", destination(endpoint));
    }
    for (key, (old, new)) in &flow.keys {
        let _ = writeln!(text, "  {key}: {old} → {new}");
    }
    for change in &flow.changes {
        let from = change.effective.as_ref().unwrap_or(&change.date);
        let _ = writeln!(text, "  from {from}: {}", change.impact);
    }
    text
}
