//! For people: the checks, then the findings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::report::{Check, Evidence, Finding, Outcome, Report};
use crate::verdict::plain;

/// Destinations and flows that a finding names here; the rest is counted. JSON has them all.
const NAMED: usize = 8;
/// Pieces of evidence that a finding shows here.
const SHOWN: usize = 6;
/// Characters of a detail in the table.
const DETAIL: usize = 100;

/// Rows of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Those that were checked; the others are counted by reason.
    Checked,
    /// All of them.
    All,
}

/// The cells of the table, under the headings RESULT, FLOW, DESTINATION, WAY and WHAT.
#[must_use]
pub fn rows(report: &Report, rows: Rows) -> Vec<[String; 5]> {
    let shown = |check: &&Check| rows == Rows::All || check.result != Outcome::Skipped;
    report
        .checks
        .iter()
        .filter(shown)
        .map(|check| {
            let what = match check.verdict {
                Some(verdict) => format!("{}: {}", verdict.words(), check.detail),
                None => check.detail.clone(),
            };
            [
                check.result.as_str().to_owned(),
                check.flow.clone(),
                check.endpoint.to_string(),
                match &check.via {
                    Some(via) => format!("{} {via}", check.path.as_str()),
                    None => check.path.as_str().to_owned(),
                },
                cut(&plain(&what, 1_000), DETAIL),
            ]
        })
        .collect()
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// Why how many were skipped.
#[must_use]
pub fn skipped(report: &Report) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for check in &report.checks {
        if check.result == Outcome::Skipped {
            let reason = check.detail.split("; directly: ").next();
            let count = reasons.entry(reason.unwrap_or_default()).or_default();
            *count = count.saturating_add(1);
        }
    }
    let mut sorted: Vec<(&str, usize)> = reasons.into_iter().collect();
    sorted.sort_by_key(|(reason, count)| (usize::MAX.saturating_sub(*count), *reason));
    let mut text = String::new();
    for (reason, count) in sorted {
        let _ = writeln!(text, "  {count:>3} skipped: {}", plain(reason, 300));
    }
    text
}

/// The findings, and the last line.
#[must_use]
pub fn findings(report: &Report) -> String {
    let mut text = String::new();
    for (at, finding) in report.findings.iter().enumerate() {
        of_one(&mut text, at.saturating_add(1), finding);
    }
    let _ = writeln!(text, "{}", last_line(report));
    text
}

fn of_one(text: &mut String, number: usize, finding: &Finding) {
    let _ = writeln!(
        text,
        "{number}. {} ({}, {}): {}",
        finding.result.as_str().to_uppercase(),
        finding.stage.as_str(),
        finding.verdict.words(),
        plain(&finding.cause, 500)
    );
    let lost = match finding.result {
        Outcome::Broken => "lost",
        Outcome::Skipped | Outcome::Ok | Outcome::Unknown | Outcome::Degraded => "concerned",
    };
    entry(text, lost, &finding.features.join("; "));
    entry(text, "flows", &some(&finding.flows));
    entry(text, "where", &some(&finding.endpoints));
    let seen: Vec<String> = finding
        .evidence
        .iter()
        .take(SHOWN)
        .map(|Evidence { kind, value }| format!("{} {value}", kind.replace('_', " ")))
        .collect();
    entry(text, "seen", &seen.join("; "));
    entry(text, "who mends it", finding.who.words());
    if !finding.mend.lines.is_empty() {
        let _ = writeln!(text, "   mend ({}):", finding.mend.product);
    }
    for line in &finding.mend.lines {
        let line: String = line
            .chars()
            .map(|sign| if sign.is_control() { ' ' } else { sign })
            .collect();
        let _ = writeln!(text, "       {line}");
    }
    text.push('\n');
}

fn entry(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(text, "   {name}: {}", plain(value, 2_000));
    }
}

fn some(list: &[String]) -> String {
    let named: Vec<&str> = list.iter().take(NAMED).map(String::as_str).collect();
    match list.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn last_line(report: &Report) -> String {
    let count = |outcome| {
        let checks = report.checks.iter();
        checks.filter(|check| check.result == outcome).count()
    };
    let parts: Vec<String> = [
        Outcome::Ok,
        Outcome::Degraded,
        Outcome::Broken,
        Outcome::Unknown,
        Outcome::Skipped,
    ]
    .into_iter()
    .map(|outcome| (outcome, count(outcome)))
    .filter(|(_, count)| *count > 0)
    .map(|(outcome, count)| format!("{count} {}", outcome.as_str()))
    .collect();
    format!(
        "{}: {} checks in {} ms ({})",
        report.result.as_str(),
        report.checked,
        report.took_ms,
        parts.join(", ")
    )
}
