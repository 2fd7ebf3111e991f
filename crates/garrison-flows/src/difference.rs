//! `diff`: what changed between two catalogues, and what that means for rules.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use flows::diff::{Difference, FlowDifference, What, diff};
use flows::import::page::{PageDiff, Row};
use flows::import::{self, page};
use flows::{Catalogue, FlowId};

use crate::arguments::load;
use crate::file;
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
    #[arg(value_name = "B", required_unless_present = "page")]
    new: Option<String>,
    /// Instead of B: a page of the vendor, saved as text or HTML
    #[arg(long, value_name = "FILE", conflicts_with = "new")]
    page: Option<PathBuf>,
    /// The source that the page is a newer state of [default: the one that it resembles most]
    #[arg(long, value_name = "ID", requires = "page")]
    source: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &DiffArguments) -> anyhow::Result<Answer> {
    let old = load(&arguments.old)?;
    let Some(new) = &arguments.new else {
        return with_page(arguments, &old);
    };
    let new = load(new)?;
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

/// What a saved page has that the catalogue hasn't, and the other way round.
fn with_page(arguments: &DiffArguments, catalogue: &Catalogue) -> anyhow::Result<Answer> {
    let path = arguments.page.as_deref().unwrap_or("-".as_ref());
    let text = file::text(path, import::MAX_BYTES)?;
    let page = page::read(&text).with_context(|| path.display().to_string())?;
    let difference = page::compare(&page, catalogue, arguments.source.as_deref())?;
    if arguments.json {
        arguments.output.json(&difference)?;
    } else {
        arguments.output.write(plain(page_text(&difference)))?;
    }
    Ok(if difference.is_empty() {
        Answer::Done
    } else {
        Answer::No
    })
}

fn page_text(difference: &PageDiff) -> String {
    let mut text = format!(
        "The page and the source {} of {}: {} alike\n",
        difference.source, difference.catalogue, difference.same
    );
    let mut rows = |what: &str, rows: &[Row]| {
        for row in rows {
            let flows: Vec<&str> = row.flows.iter().map(FlowId::as_str).collect();
            let host = row.host.as_deref().unwrap_or("(no host)");
            let _ = writeln!(
                text,
                "{what:<8} {host} {} {}",
                row.ports.join(", "),
                place(&row.lines, &flows)
            );
        }
    };
    rows("new", &difference.new);
    rows("gone", &difference.gone);
    for change in &difference.changed {
        let flows: Vec<&str> = change.flows.iter().map(FlowId::as_str).collect();
        let _ = writeln!(
            text,
            "changed  {} {} → {} {}",
            change.host,
            change.ports_before.join(", "),
            change.ports_now.join(", "),
            place(&change.lines, &flows)
        );
    }
    text
}

fn place(lines: &[usize], flows: &[&str]) -> String {
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    match (lines.is_empty(), flows.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!("[{}]", flows.join(", ")),
        (false, true) => format!("(line {})", lines.join(", ")),
        (false, false) => format!("(line {}) [{}]", lines.join(", "), flows.join(", ")),
    }
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
