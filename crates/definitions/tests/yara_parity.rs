//! YARA rules judged by yara itself: the same rules match the same files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use crate::setup;
use crate::yara;
use crate::yara::corpus;
use crate::yara::judge::{self, Matches};
use definitions::{Source, build, sign};
use model::{DefinitionRevision, Limit};
use scan::{Definitions, Input, Limits, Scanner, VerifyMode};
use yara_x_parser::ast::{AST, MetaValue};

/// Of the sources, the made files and the machine's files every so many is tried in a short round.
const SAMPLE: usize = 24;

#[test]
fn rules_match_what_yara_matches() {
    const TEST: &str = "rules_match_what_yara_matches";
    if !judge::is_installed() {
        return skip::skip(TEST, "yara is not installed");
    }
    let Some(corpus) = corpus::find() else {
        return skip::skip(TEST, "GARRISON_CORPUS has no YARA rules and samples");
    };
    let soak = std::env::var_os("GARRISON_SOAK").is_some();
    let step = if soak { 1 } else { SAMPLE };
    let sources: Vec<Source> = corpus.rules().into_iter().step_by(step).collect();
    let compiled = build(&sources, DefinitionRevision(1), &mut |_| {}).unwrap();
    let unusable = &compiled.report().unusable;
    assert!(unusable.is_empty(), "{unusable:?}");

    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let made = yara::made::files(&sources);
    for (number, content) in made.into_iter().chain(corpus.samples()).enumerate() {
        let path = folder.path().join(format!("{number:05}"));
        fs::write(&path, content).unwrap();
        files.push(path);
    }
    let own = corpus::files_of_the_machine(if soak { 1 } else { SAMPLE * 10 });
    println!(
        "{} made files and samples, {} others",
        files.len(),
        own.len()
    );
    files.extend(own);

    let ours = own_matches(&sign(&compiled, &setup::key()), &files);
    let theirs = judge::matches(&sources, &files);
    let renamed = names(&sources);
    let theirs: Matches = theirs
        .into_iter()
        .map(|(rule, file)| (renamed.get(&rule).cloned().unwrap_or(rule), file))
        .collect();
    let rules = compiled.counts().yara;
    println!("{rules} rules, {} matches of yara", theirs.len());
    count(&[
        ("rules", rules),
        ("files", files.len() as u64),
        ("matches", theirs.len() as u64),
    ]);
    assert!(
        theirs.len() as u64 * 10 > rules * 6,
        "{} matches of {rules} rules prove little",
        theirs.len()
    );
    let only = |these: &Matches, those: &Matches| -> Vec<(String, PathBuf)> {
        these.difference(those).take(50).cloned().collect()
    };
    assert_eq!(only(&theirs, &ours), [], "found by yara alone");
    assert_eq!(only(&ours, &theirs), [], "found by Garrison alone");
}

/// What matches report, of the rules that say it in their meta section.
fn names(sources: &[Source]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for source in sources {
        let text = String::from_utf8_lossy(&source.bytes);
        for rule in AST::from(text.as_ref()).rules() {
            for meta in rule.meta.iter().flatten() {
                if let (true, MetaValue::String((name, _))) =
                    (meta.identifier.name == "name", &meta.value)
                {
                    names.insert(rule.identifier.name.to_owned(), (*name).to_owned());
                }
            }
        }
    }
    names
}

fn own_matches(definitions: &[u8], files: &[PathBuf]) -> Matches {
    let definitions = Definitions::open(
        definitions.to_vec(),
        &setup::trusted(),
        VerifyMode::EveryPage,
    )
    .unwrap();
    let mut scanner = Scanner::new(&definitions);
    let mut matches = Matches::new();
    // yara opens no container, and has as much time as it wants.
    let limits = Limits {
        depth: 0,
        matches: usize::MAX,
        time: judge::TIME,
        ..Limits::default()
    };
    for file in files {
        let content = fs::read(file).unwrap();
        let input = Input::whole(&content);
        let verdict = scanner.scan(input, &limits, &mut setup::TestWatch::default());
        let others = |limit: Limit| limit != Limit::Depth;
        assert!(
            !verdict.limits.iter().any(|hit| others(hit.limit)) && verdict.remarks.is_empty(),
            "{}: {verdict:?}",
            file.display()
        );
        let found = verdict.matches.into_iter().map(|found| found.rule);
        matches.extend(found.map(|rule| (rule, file.clone())));
    }
    matches
}

/// For docs/soak.md.
fn count(counts: &[(&str, u64)]) {
    let Some(log) = std::env::var_os("GARRISON_SOAK_LOG") else {
        return;
    };
    let file = fs::OpenOptions::new().create(true).append(true).open(log);
    let mut file = file.unwrap();
    for (what, number) in counts {
        writeln!(file, "{what}: {number}").unwrap();
    }
}
