//! The confusion matrix, as it stands in docs/doctor.md.

use std::collections::BTreeMap;
use std::path::Path;

const BEGIN: &str = "<!-- laboratory: begin -->";
const END: &str = "<!-- laboratory: end -->";

/// What a case is and what it was taken for.
pub(crate) struct Judgement {
    pub(crate) expected: String,
    pub(crate) seen: String,
}

/// A row for each verdict that was expected, with what was seen in its cases.
pub(crate) fn matrix(judgements: &[Judgement]) -> String {
    let mut rows: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for one in judgements {
        let row = rows.entry(&one.expected).or_default();
        *row.entry(&one.seen).or_default() += 1;
    }
    let right = judgements
        .iter()
        .filter(|one| one.expected == one.seen)
        .count();
    let mut text = format!(
        "{right} of {} cases are named as expected.\n\n\
         | what is broken | cases | named so | named otherwise |\n|---|---|---|---|\n",
        judgements.len()
    );
    for (expected, seen) in rows {
        let all: usize = seen.values().sum();
        let right = seen.get(expected).copied().unwrap_or(0);
        let others: Vec<String> = seen
            .iter()
            .filter(|(word, _)| **word != expected)
            .map(|(word, count)| format!("{word}: {count}"))
            .collect();
        let others = others.join("; ");
        text.push_str(&format!("| {expected} | {all} | {right} | {others} |\n"));
    }
    text
}

/// Each stage and verdict that the paper's table lists.
pub(crate) fn verdicts(paper: &str) -> Vec<String> {
    let (_, rest) = paper.split_once("| stage | verdicts |").unwrap();
    let rows = rest
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut listed = Vec::new();
    for row in rows {
        let mut words = row.split('`').skip(1).step_by(2);
        let stage = words.next().unwrap();
        listed.extend(words.map(|verdict| format!("{stage} {verdict}")));
    }
    listed
}

/// Puts the matrix in place of the one that stands there.
pub(crate) fn write(paper: &Path, matrix: &str) {
    let text = std::fs::read_to_string(paper).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let text = format!("{before}{BEGIN}\n{matrix}{END}{after}");
    std::fs::write(paper, text).unwrap();
}

#[test]
fn a_matrix_counts_what_was_taken_for_something_else() {
    let judgement = |expected: &str, seen: &str| Judgement {
        expected: expected.to_owned(),
        seen: seen.to_owned(),
    };
    let text = matrix(&[
        judgement("tls expired", "tls expired"),
        judgement("tls expired", "healthy"),
        judgement("healthy", "healthy"),
    ]);
    assert!(text.starts_with("2 of 3 cases"), "{text}");
    assert!(
        text.contains("| tls expired | 2 | 1 | healthy: 1 |"),
        "{text}"
    );
    assert!(text.contains("| healthy | 1 | 1 |  |"), "{text}");
}
