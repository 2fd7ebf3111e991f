//! build/bench/PART.json, and the tables of docs/benchmarks.md made from them.
//!
//! The document's text is written by hand; what stands between the marks of a part is replaced.

use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::Part;
use super::conditions::Conditions;
use super::figure::{Figure, number};

/// What came of one part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) part: String,
    pub(super) conditions: Conditions,
    pub(super) figures: Vec<Figure>,
}

impl Results {
    pub(super) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(format!("{}.json", self.part));
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    }

    fn load(folder: &Path, part: Part) -> anyhow::Result<Option<Results>> {
        let path = folder.join(format!("{}.json", part.name()));
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text)
            .map(Some)
            .with_context(|| format!("{}: remove it, and measure again", path.display()))
    }

    fn table(&self) -> String {
        let mut text = format!(
            "{}\n\n| | unit | aim | min | median | max | |\n|---|---|---|---:|---:|---:|---|\n",
            self.conditions.in_words()
        );
        for figure in &self.figures {
            let aim = figure.aim_in_words();
            let values = match (figure.spread(), figure.values.len()) {
                (Some([_, only, _]), 1) => format!("| {} |", number(only)),
                (Some([least, median, most]), _) => {
                    format!("{} | {} | {}", number(least), number(median), number(most))
                }
                (None, _) => "| |".to_owned(),
            };
            text += &format!(
                "| {} | {} | {aim} | {values} | {} |\n",
                figure.what,
                figure.unit,
                figure.judgement()
            );
        }
        text
    }
}

/// Puts the figures of every part that was ever measured here into the document.
pub(super) fn write(document: &Path, folder: &Path) -> anyhow::Result<()> {
    let mut text =
        std::fs::read_to_string(document).with_context(|| document.display().to_string())?;
    for part in Part::all() {
        if let Some(results) = Results::load(folder, part)? {
            text = with_table(&text, part.name(), &results.table())
                .with_context(|| document.display().to_string())?;
        }
    }
    std::fs::write(document, text).with_context(|| document.display().to_string())
}

fn with_table(text: &str, part: &str, table: &str) -> anyhow::Result<String> {
    let (begin, end) = (
        format!("<!-- begin {part} -->\n"),
        format!("<!-- end {part} -->"),
    );
    let found = text
        .split_once(&begin)
        .and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let Some((head, tail)) = found else {
        bail!(
            "expected the lines {:?} and {end:?}; put them where the table belongs",
            begin.trim()
        );
    };
    Ok(format!("{head}{begin}\n{table}\n{end}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_table_replaces_the_old_and_leaves_the_text() {
        let text = "a\n<!-- begin idle -->\nold\n<!-- end idle -->\nb\n";
        let once = with_table(text, "idle", "| x |\n").unwrap();
        assert_eq!(
            once,
            "a\n<!-- begin idle -->\n\n| x |\n\n<!-- end idle -->\nb\n"
        );
        assert_eq!(with_table(&once, "idle", "| x |\n").unwrap(), once);
        let error = with_table(text, "load", "").unwrap_err().to_string();
        assert!(error.contains("begin load"), "{error}");
    }

    #[test]
    fn every_part_has_its_place_in_the_document() {
        let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
        let text = std::fs::read_to_string(document).unwrap();
        for part in Part::all() {
            with_table(&text, part.name(), "").unwrap();
        }
    }

    #[test]
    fn a_row_shows_the_spread_the_aim_and_the_judgement() {
        let figure = Figure::new("console", "s", vec![1.0, 2.0, 4.0]).at_most(3.0, None);
        let single = Figure::new("agents", "", vec![10_000.0]);
        let results = Results {
            part: "start".to_owned(),
            conditions: Conditions {
                date: "2026-01-01".to_owned(),
                commit: "abc".to_owned(),
                processor: "P".to_owned(),
                cores: 2,
                memory_mib: 1,
                kernel: "6.1".to_owned(),
                busy_before: 0.0,
            },
            figures: vec![figure, single],
        };
        let table = results.table();
        assert!(
            table.contains("| console | s | ≤ 3 | 1 | 2 | 4 | met |"),
            "{table}"
        );
        assert!(
            table.contains("| agents |  |  | | 10,000 | |  |"),
            "{table}"
        );
    }
}
