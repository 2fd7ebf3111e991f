//! Our own rules hit no clean file: a part of those that the system's packages brought here; in the
//! long proof (GARRISON_SOAK) every file of the root file system, and the packages in the folder
//! that GARRISON_SOAK_FOLDER names.

use crate::machine;
use crate::setup::{open, own_content};
use definitions::load;

/// Files that are looked at when there is little time.
const FILES_IN_SHORT: usize = 400;

#[derive(Default)]
struct Scanned {
    files: u64,
    /// Those of which a limit left something unread.
    not_whole: u64,
    /// A line for each rule that hit a file, and whether it enforces.
    hits: Vec<(bool, String)>,
}

#[test]
fn no_rule_that_enforces_hits_a_clean_file() {
    let packages = machine::packages();
    let paths = if machine::in_full() {
        [machine::everything(), packages.clone()].concat()
    } else {
        // Evenly from everywhere, and the same ones each time.
        let all = machine::of_packages();
        let step = all.len().div_ceil(FILES_IN_SHORT);
        all.into_iter().step_by(step).collect()
    };
    let definitions = open(&load(&[own_content()]).unwrap());
    let scanned = machine::scan_all(
        &definitions,
        &paths,
        |scanned: &mut Scanned, path, verdict| {
            scanned.files += 1;
            scanned.not_whole += u64::from(!verdict.is_whole());
            for found in &verdict.matches {
                let member = found.member.join(" > ");
                let maturity = found.maturity;
                let line = format!("{maturity:?} {} {} {member}", found.rule, path.display());
                println!("{line}");
                scanned
                    .hits
                    .push((maturity == model::Maturity::Enforcing, line));
            }
        },
    );
    machine::count(&[
        ("files", scanned.files),
        ("packages", packages.len() as u64),
        ("not whole", scanned.not_whole),
        ("hits", scanned.hits.len() as u64),
    ]);
    assert!(scanned.files > 0, "no file could be read");
    let enforcing: Vec<&String> = scanned
        .hits
        .iter()
        .filter(|(enforcing, _)| *enforcing)
        .map(|(_, line)| line)
        .collect();
    assert!(enforcing.is_empty(), "{enforcing:#?}");
}
