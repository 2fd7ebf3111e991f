//! docs/fuzz.md: what each target has had over all runs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use super::session::{Ending, Outcome};

const HEAD: &str = "\
# Fuzzing

What each target of the crate `fuzz` has had under libFuzzer, over all runs of `cargo xtask fuzz` and
`make soak`, which add to it. A finding is a run that libFuzzer ended by itself: a crash, a hang, too
much memory; each was mended and left a regression test, or is named in [parity.md](parity.md) or
an issue. Short rounds of changed files are a part of `make test`.
Runs on a format that has another version now are taken out.

| target | CPU-seconds | runs | inputs kept | findings |
|---|---:|---:|---:|---:|
";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Row {
    cpu_seconds: u64,
    runs: u64,
    kept: u64,
    findings: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    rows: BTreeMap<String, Row>,
}

impl Ledger {
    pub(super) fn read(path: &Path) -> anyhow::Result<Ledger> {
        if !path.exists() {
            return Ok(Ledger::default());
        }
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Ledger::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> anyhow::Result<Ledger> {
        let mut ledger = Ledger::default();
        let rows = text
            .lines()
            .filter(|line| line.starts_with("| ") && !line.starts_with("| target |"));
        for line in rows {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let ["", name, cpu_seconds, runs, kept, findings, ""] = cells.as_slice() else {
                anyhow::bail!("expected a name and four numbers, came {line:?}");
            };
            let number = |cell: &str| {
                cell.parse()
                    .with_context(|| format!("a number in {line:?}"))
            };
            let row = Row {
                cpu_seconds: number(cpu_seconds)?,
                runs: number(runs)?,
                kept: number(kept)?,
                findings: number(findings)?,
            };
            ledger.rows.insert((*name).to_owned(), row);
        }
        Ok(ledger)
    }

    pub(super) fn cpu_seconds(&self, name: &str) -> u64 {
        self.rows.get(name).map_or(0, |row| row.cpu_seconds)
    }

    pub(super) fn add(&mut self, name: &str, outcome: &Outcome) {
        let row = self.rows.entry(name.to_owned()).or_default();
        row.cpu_seconds += outcome.cpu.as_secs();
        row.runs += outcome.runs;
        row.kept = outcome.kept as u64;
        row.findings += u64::from(matches!(outcome.ending, Ending::Found(_)));
    }

    fn text(&self) -> String {
        let rows = self.rows.iter().map(|(name, row)| {
            format!(
                "| {name} | {} | {} | {} | {} |\n",
                row.cpu_seconds, row.runs, row.kept, row.findings
            )
        });
        HEAD.chars()
            .chain(rows.collect::<String>().chars())
            .collect()
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let beside = path.with_extension("md.new");
        std::fs::write(&beside, self.text()).with_context(|| beside.display().to_string())?;
        std::fs::rename(&beside, path).with_context(|| path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn outcome(runs: u64, ending: Ending) -> Outcome {
        Outcome {
            cpu: Duration::from_millis(2500),
            runs,
            kept: 7,
            ending,
        }
    }

    #[test]
    fn what_a_target_has_had_adds_up_over_runs() {
        let mut ledger = Ledger::default();
        ledger.add("pe", &outcome(10, Ending::Whole));
        let mut read = Ledger::parse(&ledger.text()).unwrap();
        assert_eq!(read, ledger);
        read.add("pe", &outcome(5, Ending::Found("crash".to_owned())));
        read.add("ldb", &outcome(1, Ending::Whole));
        let text = read.text();
        assert!(
            text.ends_with("| ldb | 2 | 1 | 7 | 0 |\n| pe | 4 | 15 | 7 | 1 |\n"),
            "{text}"
        );
        assert_eq!((read.cpu_seconds("pe"), read.cpu_seconds("elf")), (4, 0));
    }

    #[test]
    fn a_damaged_row_is_an_error() {
        assert!(Ledger::parse("| pe | 4 | many | 7 | 1 |\n").is_err());
        assert!(Ledger::parse("| pe | 4 |\n").is_err());
    }
}
