//! JUnit's XML, as build servers read it: a case for each check.

use std::fmt::Write as _;

use super::xml;
use crate::report::{Check, Outcome, Report};

/// A report as JUnit's XML.
#[must_use]
pub fn junit(report: &Report) -> String {
    let count = |wanted: &[Outcome]| {
        let checks = report.checks.iter();
        checks
            .filter(|check| wanted.contains(&check.result))
            .count()
    };
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        text,
        "  <testsuite name=\"garrison doctor\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
        report.checks.len(),
        count(&[Outcome::Broken, Outcome::Degraded]),
        count(&[Outcome::Unknown]),
        count(&[Outcome::Skipped]),
        seconds(report.took_ms),
    );
    for check in &report.checks {
        case(&mut text, check);
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

fn case(text: &mut String, check: &Check) {
    let took: u64 = check.stages.iter().map(|stage| stage.took_ms).sum();
    let via = check.via.as_ref().map(|via| format!(" {via}"));
    let name = format!(
        "{} {}{}",
        check.endpoint,
        check.path.as_str(),
        via.unwrap_or_default()
    );
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        xml(&check.flow),
        xml(&name),
        seconds(took)
    );
    let kind = check
        .verdict
        .map_or("undetermined", |verdict| verdict.as_str());
    let message = xml(&check.detail);
    let inner = match check.result {
        Outcome::Ok => {
            text.push_str("/>\n");
            return;
        }
        Outcome::Skipped => format!("<skipped message=\"{message}\"/>"),
        Outcome::Unknown => format!("<error type=\"{kind}\" message=\"{message}\"/>"),
        Outcome::Broken | Outcome::Degraded => {
            let evidence: Vec<String> = check
                .evidence
                .iter()
                .map(|one| format!("{}: {}", one.kind, one.value))
                .collect();
            let evidence = xml(&evidence.join("\n"));
            format!("<failure type=\"{kind}\" message=\"{message}\">{evidence}</failure>")
        }
    };
    let _ = writeln!(text, ">{inner}</testcase>");
}
