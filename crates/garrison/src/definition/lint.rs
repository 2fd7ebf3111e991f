//! `garrison definitions lint`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use definitions::{BuildOptions, Report, Why};

use super::build::write_whole;
use super::progress::Shown;
use crate::failure::Failure;
use crate::output;

/// Faults that are printed; all of them are in the JSON form.
const SHOWN: usize = 50;

pub(super) fn run(
    sources: &[PathBuf],
    options: &BuildOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let sources = definitions::load(sources).map_err(Failure::usage)?;
    let mut shown = Shown::new();
    let linted = definitions::lint(options, &sources, &mut |progress| shown.tell(progress));
    shown.end();
    let report = linted?;
    if json {
        output::line(serde_json::to_string_pretty(&report)?)?;
    } else {
        tell(&report)?;
    }
    let code = u8::from(report.faults() > 0);
    Ok(ExitCode::from(code))
}

/// Writes a report as JSON.
pub(super) fn write(report: &Report, path: &Path) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(report).context("the report can't be told in JSON")?;
    text.push(b'\n');
    write_whole(path, &text)
}

/// One line of what was not used, for people.
pub(super) fn summary(report: &Report) -> Option<String> {
    let mut reasons: Vec<(Why, u64)> = Vec::new();
    for (why, count) in report.kinds.values().flat_map(|tally| &tally.not_used) {
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, sum)) => *sum += count,
            None => reasons.push((*why, *count)),
        }
    }
    reasons.sort_unstable();
    let told: Vec<String> = reasons
        .iter()
        .map(|(why, count)| format!("{count} {}", why.name()))
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn tell(report: &Report) -> anyhow::Result<()> {
    for unusable in report
        .unusable
        .iter()
        .filter(|unusable| unusable.why.is_fault())
        .take(SHOWN)
    {
        output::line(format_args!("{unusable}"))?;
    }
    let faults = report.faults();
    if faults > SHOWN as u64 {
        output::line(format_args!(
            "and {} more; --json has them",
            faults - SHOWN as u64
        ))?;
    }
    for (kind, tally) in &report.kinds {
        let mut line = format!("{kind}: {} used", tally.used);
        for (why, count) in &tally.not_used {
            line.push_str(&format!(", {count} {}", why.name()));
        }
        output::line(line)?;
    }
    Ok(())
}
