//! `status` and `check-in`.

use agent::local::Client;
use anyhow::bail;
use comfy_table::{Table, presets};
use model::health::Severity;
use model::network::{NetworkReport, Outcome};
use proto::local::{AgentStatus, Answer, Request};

use crate::cli::{AgentArguments, StatusArguments};

pub(crate) fn status(arguments: &StatusArguments) -> anyhow::Result<()> {
    let mut client = Client::connect(arguments.agent.data.as_deref(), None)?;
    let (Answer::Status { status }, _) = client.ask(&Request::Status, None)? else {
        bail!(agent::local::ClientError::Unexpected);
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&status)?);
        return Ok(());
    }
    print(&status, client.entry());
    Ok(())
}

pub(crate) fn check_in(arguments: &AgentArguments) -> anyhow::Result<()> {
    let mut client = Client::connect(arguments.data.as_deref(), None)?;
    client.ask(&Request::CheckIn, None)?;
    println!("The agent checks in now; \"garrison-agent status\" shows how it went.");
    Ok(())
}

pub(crate) fn check_network(arguments: &AgentArguments) -> anyhow::Result<()> {
    let mut client = Client::connect(arguments.data.as_deref(), None)?;
    client.ask(&Request::CheckNetwork, None)?;
    println!("The agent checks the network now; \"garrison-agent status\" shows what it found.");
    Ok(())
}

fn print(status: &AgentStatus, entry: &agent::registry::Entry) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    let none = || "none".to_owned();
    row(
        "agent",
        format!("version {}, process {}", entry.version, entry.pid),
    );
    row("folder", entry.data.display().to_string());
    row(
        "device",
        status
            .device
            .map_or_else(|| "not enrolled".to_owned(), |id| id.to_string()),
    );
    let reach = if status.connected {
        "connected"
    } else {
        "out of reach"
    };
    let manager = status.manager.as_ref();
    row(
        "manager",
        manager.map_or_else(none, |address| format!("{address}, {reach}")),
    );
    row(
        "last check-in",
        status
            .last_check_in
            .map_or_else(none, |time| time.to_string()),
    );
    if status.awaiting_approval {
        row("standing", "awaits approval in the console".to_owned());
    }
    let expires = status.certificate_expires;
    row(
        "certificate",
        expires.map_or_else(none, |time| format!("until {time}")),
    );
    let state = &status.state;
    row("policy", format!("revision {}", state.policy_revision));
    let definitions = state.definitions;
    row(
        "definitions",
        definitions.map_or_else(none, |revision| format!("revision {revision}")),
    );
    row("quarantine", format!("{} files", state.quarantined));
    row(
        "undelivered",
        format!(
            "{} events, {} bytes",
            state.spooled_events, state.spooled_bytes
        ),
    );
    let losses = &state.losses;
    if losses.events_evicted + losses.events_unwritten > 0 {
        row(
            "lost",
            format!(
                "{} events evicted, {} not written",
                losses.events_evicted, losses.events_unwritten
            ),
        );
    }
    for (place, line) in network(status.network.as_ref()).into_iter().enumerate() {
        row(if place == 0 { "network" } else { "" }, line);
    }
    row("sandbox", status.sandbox.join(", "));
    println!("{table}");
    for issue in &state.issues {
        let mark = match issue.severity {
            Severity::Informative => "note",
            Severity::Warning => "warning",
            Severity::Critical => "CRITICAL",
        };
        println!("{mark}: {}", issue.message);
    }
}

/// What is lost of the network, since when, why, and who can mend it: the result and the worst
/// finding, a line each.
fn network(report: Option<&NetworkReport>) -> Vec<String> {
    let Some(report) = report else {
        return vec!["not checked yet".to_owned()];
    };
    let checked = report.checked;
    let lost: Vec<String> = report
        .lost()
        .iter()
        .map(|lost| format!("{} (since {})", lost.feature, lost.since))
        .collect();
    let result = match report.result {
        Outcome::Ok => format!("ok at {checked}"),
        Outcome::Degraded | Outcome::Broken => format!(
            "{} at {checked}; lost: {}",
            report.result.as_str(),
            lost.join(", ")
        ),
        Outcome::Unknown | Outcome::Skipped => format!("unknown at {checked}"),
    };
    let mut lines = vec![result];
    if let Some(worst) = report.findings.first() {
        let more = match report.findings.len() {
            1 => String::new(),
            many => format!("; {} more findings", many - 1),
        };
        lines.push(format!(
            "{}; {} can mend it: garrison-agent doctor shows how{more}",
            worst.cause,
            worst.who.words()
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use model::network::{
        Counts, FindingKey, LostFeature, Mend, NetworkFinding, Stage, Trigger, Verdict, Who,
    };

    use super::*;

    #[test]
    fn what_is_lost_is_told_in_two_lines_with_since_when_and_who_mends_it() {
        assert_eq!(network(None), ["not checked yet"]);
        let time = Timestamp::from_millis(1_763_733_780_000);
        let mut report = NetworkReport {
            checked: time,
            trigger: Trigger::Schedule,
            result: Outcome::Ok,
            counts: Counts::default(),
            covered: Vec::new(),
            findings: Vec::new(),
            omitted: 0,
        };
        assert_eq!(network(Some(&report)), ["ok at 2025-11-21T14:03:00.000Z"]);
        report.result = Outcome::Broken;
        report.findings = vec![NetworkFinding {
            key: FindingKey::of(Stage::Transport, Verdict::TimeOut, "direct"),
            since: time,
            verdict: Verdict::TimeOut,
            stage: Stage::Transport,
            cause: "no answer from 192.0.2.1:443".to_owned(),
            result: Outcome::Broken,
            flows: vec!["agent-channel".to_owned()],
            endpoints: Vec::new(),
            features: vec![LostFeature {
                feature: "central management".to_owned(),
                since: Timestamp::from_millis(1_763_730_000_000),
            }],
            evidence: Vec::new(),
            who: Who::Firewall,
            mend: Mend {
                product: String::new(),
                lines: Vec::new(),
            },
            omitted: 0,
        }];
        let lines = network(Some(&report));
        assert_eq!(
            lines,
            [
                "broken at 2025-11-21T14:03:00.000Z; lost: central management (since 2025-11-21T13:00:00.000Z)",
                "no answer from 192.0.2.1:443; whoever runs the firewall can mend it: garrison-agent doctor shows how",
            ]
        );
    }
}
