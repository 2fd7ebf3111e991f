//! Files made to satisfy real signatures, and variants that don't, judged by clamscan: what it
//! finds is found here too, and nothing else.

use std::collections::BTreeMap;

use crate::parity::host::NotMade;
use crate::parity::judge::{Outcome, compare};
use crate::parity::{corpus, make};
use definitions::body::{Signature, read_ldb, read_ndb, text};

/// Signatures of one comparison, so that the folder of files stays small.
const BATCH: usize = 2_000;
/// Of the real signatures every so many is tried in a short round.
const SAMPLE: usize = 97;
/// Rounds of the long proof that together try all of them, as in xtask/soak.toml.
const ROUNDS: usize = 8;

type Line = (&'static str, String, Signature);

fn lines() -> Option<Vec<Line>> {
    let folder = corpus::signatures("signatures_find_what_clamscan_finds")?;
    let mut lines = Vec::new();
    for (name, kind) in [("main.ldb", "ldb"), ("daily.ndb", "ndb")] {
        for bytes in std::fs::read(folder.path().join(name))
            .unwrap()
            .split(|byte| *byte == b'\n')
        {
            let line = text(bytes);
            let read = if kind == "ldb" {
                read_ldb(&line)
            } else {
                read_ndb(&line)
            };
            if let Ok(Some(signature)) = read {
                lines.push((kind, line.into_owned(), signature));
            }
        }
    }
    Some(lines)
}

fn compare_all(lines: &[Line]) -> Outcome {
    let mut all = Outcome::default();
    let mut not_made: BTreeMap<NotMade, u64> = BTreeMap::new();
    for batch in lines.chunks(BATCH) {
        let mut files = Vec::new();
        for (index, (_, _, signature)) in batch.iter().enumerate() {
            match make::files(signature) {
                Ok(made) => files.push((index, made)),
                Err(reason) => *not_made.entry(reason).or_default() += 1,
            }
        }
        all.add(compare(batch, &files));
    }
    println!(
        "{} signatures: {} files made, clamscan finds {}, found here {}; variants found by either \
         {}; HTML found here alone {}; differences {}; not made {not_made:?}",
        lines.len(),
        all.made,
        all.judge,
        all.own,
        all.variants,
        all.forms,
        all.differences.len()
    );
    log(lines.len() as u64, &all);
    for difference in all.differences.iter().take(60) {
        println!("{difference}");
    }
    all
}

/// For docs/soak.md.
fn log(signatures: u64, all: &Outcome) {
    if let Some(log) = std::env::var_os("GARRISON_SOAK_LOG") {
        let counts = format!(
            "signatures: {signatures}\nfound by clamscan: {}\nfound here: {}\ndifferences: {}\n",
            all.judge,
            all.own,
            all.differences.len()
        );
        std::fs::write(log, counts).unwrap();
    }
}

#[test]
fn signatures_find_what_clamscan_finds() {
    let Some(lines) = lines() else {
        return;
    };
    let soak = std::env::var_os("GARRISON_SOAK").is_some();
    let round = std::env::var("GARRISON_SOAK_ROUND").map_or(1, |round| round.parse().unwrap());
    let (first, step) = if soak {
        ((round - 1) % ROUNDS, ROUNDS)
    } else {
        (0, SAMPLE)
    };
    let tried: Vec<Line> = lines.into_iter().skip(first).step_by(step).collect();
    let outcome = compare_all(&tried);
    assert!(outcome.differences.is_empty(), "{:#?}", outcome.differences);
    assert!(
        outcome.judge * 100 >= tried.len() as u64 * 95,
        "clamscan finds {} of {}",
        outcome.judge,
        tried.len()
    );
}
