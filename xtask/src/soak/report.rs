//! docs/soak.md: one row a proof, the newest run.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::state::State;

const HEAD: &str = "\
# Long proofs

What ran in full, newest result of each: by `make soak`, or by hand where the row says so. `make
test` runs the same proofs short.

| date | commit | proof | rounds | time | counts |
|---|---|---|---|---|---|
";

pub(super) fn write(path: &Path, name: &str, state: &State) -> anyhow::Result<()> {
    let old = if path.exists() {
        std::fs::read_to_string(path).with_context(|| path.display().to_string())?
    } else {
        String::new()
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(path, with_row(&old, name, &row(&today()?, name, state)))
        .with_context(|| path.display().to_string())
}

fn row(date: &str, name: &str, state: &State) -> String {
    let counts: Vec<String> = state
        .counts
        .iter()
        .map(|(what, number)| format!("{what} {number}"))
        .collect();
    format!(
        "| {date} | {} | {name} | {} | {} min | {} |",
        state.commit,
        state.rounds,
        state.seconds.div_ceil(60),
        counts.join(", ")
    )
}

/// The report with this proof's row put in, or replaced; rows by name.
fn with_row(old: &str, name: &str, row: &str) -> String {
    let mut rows: Vec<&str> = old
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| date |"))
        .filter(|line| proof_of(line) != Some(name))
        .collect();
    rows.push(row);
    rows.sort_by_key(|line| proof_of(line).map(str::to_owned));
    format!("{HEAD}{}\n", rows.join("\n"))
}

fn proof_of(row: &str) -> Option<&str> {
    row.split('|').nth(3).map(str::trim)
}

fn today() -> anyhow::Result<String> {
    let output = Command::new("date")
        .args(["-u", "+%Y-%m-%d"])
        .stdin(Stdio::null())
        .output()
        .context("date")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(events: u64) -> State {
        State {
            commit: "abc".to_owned(),
            rounds: 3,
            seconds: 61,
            counts: [("events".to_owned(), events)].into(),
        }
    }

    #[test]
    fn a_new_result_replaces_the_old_one_of_its_proof_alone() {
        let one = with_row("", "b", &row("2026-01-01", "b", &state(1)));
        let two = with_row(&one, "a", &row("2026-01-02", "a", &state(2)));
        let three = with_row(&two, "b", &row("2026-01-03", "b", &state(3)));
        assert_eq!(
            three,
            format!(
                "{HEAD}| 2026-01-02 | abc | a | 3 | 2 min | events 2 |\n| 2026-01-03 | abc | b | 3 | 2 min | events 3 |\n"
            )
        );
    }
}
