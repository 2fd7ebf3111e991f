//! `status` and `check-in`.

use agent::local::Client;
use anyhow::bail;
use comfy_table::{Table, presets};
use model::health::Severity;
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
