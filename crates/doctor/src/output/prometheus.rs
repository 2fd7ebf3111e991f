//! Prometheus' text format 0.0.4, for its node exporter's folder of text files.

use std::fmt::Write as _;

use crate::report::{Outcome, Report};

const RESULTS: [Outcome; 5] = [
    Outcome::Ok,
    Outcome::Degraded,
    Outcome::Broken,
    Outcome::Unknown,
    Outcome::Skipped,
];

/// A report as metrics.
#[must_use]
pub fn prometheus(report: &Report) -> String {
    let mut text = String::new();
    head(
        &mut text,
        "garrison_doctor_check",
        "How a check came out: 0 ok, 1 degraded, 2 broken, 3 unknown.",
    );
    // Two checks with the same labels would be one series twice.
    let mut seen: Vec<String> = Vec::new();
    for check in &report.checks {
        if check.result == Outcome::Skipped {
            continue;
        }
        let port = check.endpoint.port.map(|port| port.to_string());
        let labels = labels(&[
            ("flow", &check.flow),
            ("host", &check.endpoint.host),
            ("port", &port.unwrap_or_default()),
            ("transport", &check.endpoint.transport),
            ("path", check.path.as_str()),
            ("stage", check.stage.map_or("", |stage| stage.as_str())),
            (
                "verdict",
                check.verdict.map_or("", |verdict| verdict.as_str()),
            ),
        ]);
        if !seen.contains(&labels) {
            let code = check.result.exit_code();
            let _ = writeln!(text, "garrison_doctor_check{labels} {code}");
            seen.push(labels);
        }
    }
    head(
        &mut text,
        "garrison_doctor_checks",
        "Checks by how they came out.",
    );
    for result in RESULTS {
        let checks = report.checks.iter();
        let count = checks.filter(|check| check.result == result).count();
        let labels = labels(&[("result", result.as_str())]);
        let _ = writeln!(text, "garrison_doctor_checks{labels} {count}");
    }
    features(&mut text, report);
    head(
        &mut text,
        "garrison_doctor_seconds",
        "How long the run took.",
    );
    let (seconds, rest) = (report.took_ms / 1_000, report.took_ms % 1_000);
    let _ = writeln!(text, "garrison_doctor_seconds {seconds}.{rest:03}");
    text
}

fn features(text: &mut String, report: &Report) {
    head(
        text,
        "garrison_doctor_feature_lost",
        "Features that a finding of the kind costs.",
    );
    let mut seen: Vec<String> = Vec::new();
    for finding in &report.findings {
        for feature in &finding.features {
            let labels = labels(&[
                ("feature", feature),
                ("stage", finding.stage.as_str()),
                ("verdict", finding.verdict.as_str()),
                ("result", finding.result.as_str()),
            ]);
            if !seen.contains(&labels) {
                let _ = writeln!(text, "garrison_doctor_feature_lost{labels} 1");
                seen.push(labels);
            }
        }
    }
}

fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for sign in value.chars() {
        match sign {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            sign if sign.is_control() => text.push(' '),
            sign => text.push(sign),
        }
    }
    text
}
