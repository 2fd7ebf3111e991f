//! docs/coverage.md.

use std::fmt::Write as _;

use crate::coverage::{Citation, Ledger, Listener, Row, State, System, rows};

/// The paper: every system with its state, then every row with its counterpart.
#[must_use]
pub fn markdown() -> String {
    let ledger = Ledger::built_in();
    let rows = rows();
    let mut out = String::from(
        "# Coverage\n\n\
         Written by `cargo xtask coverage` from `crates/flows/catalogue/coverage.toml` and from \
         the counterparts in the vendors' catalogues beside it: change those.\n\n\
         Every system and feature that the five documents behind Garrison name (the number is the \
         document's), and whether Garrison does it: **works** (with the test that shows it), \
         **partly** (what does, what doesn't), or **not yet**. A row that works stays honest by its \
         test.\n\n",
    );
    let _ = writeln!(
        out,
        "{} systems: {}.\n",
        ledger.systems.len(),
        counts(ledger.systems.iter().map(|system| system.state))
    );
    out.push_str("| system (document) | state | what shows it, what is missing |\n|---|---|---|\n");
    for system in &ledger.systems {
        let _ = writeln!(
            out,
            "| {} ({}) | {} | {} |",
            system.name,
            system.documents.join(", "),
            system.state,
            shown(system)
        );
    }
    let _ = writeln!(
        out,
        "\n## The documents' rows\n\n\
         Every row of the documents' lists as the vendors' catalogues have it, with the lines that \
         it stands in, and the flow of Garrison that does the job, or the reason why there is \
         none. A row that works names who listens; its tests are those of its systems above.\n\n\
         {} rows: {}.",
        rows.len(),
        counts(rows.iter().map(|row| row.state))
    );
    let mut catalogue = None;
    for row in &rows {
        if catalogue != Some(&row.catalogue) {
            catalogue = Some(&row.catalogue);
            let _ = writeln!(
                out,
                "\n### {}\n\n| row | lines | here | state |\n|---|---|---|---|",
                row.catalogue
            );
        }
        let _ = writeln!(
            out,
            "| {}: {} | {} | {} | {} |",
            row.flow,
            row.purpose,
            lines(&row.cited),
            here(row),
            row.state
        );
    }
    out.push_str(
        "\n## Outside of the lists\n\nWhat the documents tell in a sentence, not in a row.\n\n\
         | system | lines |\n|---|---|\n",
    );
    for system in ledger
        .systems
        .iter()
        .filter(|system| !system.told.is_empty())
    {
        let told: Vec<String> = system
            .told
            .iter()
            .map(|told| format!("{}: {}", told.document, told.lines))
            .collect();
        let _ = writeln!(out, "| {} | {} |", system.name, told.join("; "));
    }
    out
}

fn counts(states: impl Iterator<Item = State> + Clone) -> String {
    let count = |wanted| states.clone().filter(|state| *state == wanted).count();
    format!(
        "{} work, {} in part, {} not yet",
        count(State::Works),
        count(State::Partly),
        count(State::NotYet)
    )
}

fn shown(system: &System) -> String {
    let tests: Vec<String> = system
        .tests
        .iter()
        .map(|test| format!("`{test}`"))
        .collect();
    let mut text = system.does.clone();
    if !tests.is_empty() {
        let _ = write!(text, " Shown by {}.", tests.join(", "));
    }
    if !system.lacks.is_empty() {
        let _ = write!(text, " {}", system.lacks);
    }
    text
}

fn lines(cited: &[Citation]) -> String {
    let all: Vec<String> = cited
        .iter()
        .map(|one| format!("{}: {}", one.document, one.lines))
        .collect();
    all.join("; ")
}

fn here(row: &Row) -> String {
    let mut text: Vec<String> = row.listeners.iter().map(listening).collect();
    if let Some(reason) = &row.reason {
        text.push(reason.to_string());
    }
    text.join(" ")
}

fn listening(listener: &Listener) -> String {
    let transports: Vec<&str> = listener
        .transports
        .iter()
        .map(|transport| transport.as_str())
        .collect();
    format!(
        "`{}` ({}, {} {}).",
        listener.flow,
        listener.party,
        transports.join("/"),
        listener.port
    )
}
