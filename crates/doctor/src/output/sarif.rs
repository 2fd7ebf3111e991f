//! SARIF 2.1.0 (OASIS): a result for each finding, a rule for each verdict that was given.

use serde_json::{Value, json};

use crate::report::{Finding, Outcome, Report};

/// A report as SARIF.
#[must_use]
pub fn sarif(report: &Report, version: &str) -> Value {
    let mut rules: Vec<String> = report.findings.iter().map(rule).collect();
    rules.sort();
    rules.dedup();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| result(finding, &rules))
        .collect();
    let rules: Vec<Value> = rules
        .iter()
        .map(|id| {
            json!({
                "id": id,
                "shortDescription": { "text": id.replace(['_', '/'], " ") },
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "garrison doctor",
                "version": version,
                "rules": rules,
            } },
            "results": results,
            "properties": {
                "result": report.result.as_str(),
                "checked": report.checked,
                "took_ms": report.took_ms,
            },
        }],
    })
}

fn rule(finding: &Finding) -> String {
    format!("{}/{}", finding.stage.as_str(), finding.verdict.as_str())
}

fn result(finding: &Finding, rules: &[String]) -> Value {
    let id = rule(finding);
    let level = match finding.result {
        Outcome::Broken => "error",
        Outcome::Degraded => "warning",
        Outcome::Unknown | Outcome::Ok | Outcome::Skipped => "note",
    };
    let mut text = finding.cause.clone();
    if !finding.features.is_empty() {
        text.push_str(&format!(" (concerns {})", finding.features.join("; ")));
    }
    let locations: Vec<Value> = finding
        .endpoints
        .iter()
        .map(|endpoint| {
            json!({ "logicalLocations": [{ "fullyQualifiedName": endpoint, "kind": "resource" }] })
        })
        .collect();
    json!({
        "ruleId": id,
        "ruleIndex": rules.iter().position(|known| *known == id),
        "level": level,
        "message": { "text": text },
        "locations": locations,
        "properties": {
            "flows": finding.flows,
            "who": finding.who.as_str(),
            "product": finding.mend.product,
            "lines": finding.mend.lines,
            "evidence": finding.evidence,
        },
    })
}
