//! `cargo xtask check`: what every change must keep.
//!
//! The rules come first, for they take no compiler; then the format; then
//! clippy on every target. A rule is a function from facts to complaints, so
//! that its test can feed it a bad fixture. To add one: write it beside the
//! others in `check/`, and give it a line in [`rules`].

mod dependencies;
mod floors;
mod graph;
mod licences;
mod manifests;
mod papers;
mod sources;
mod spdx;

use std::process::ExitCode;

use anyhow::Context;

use crate::coverage;
use crate::workspace::Workspace;
use graph::Graph;
use manifests::Manifest;
use sources::Source;

/// How much `check` looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The rules alone.
    Rules,
    /// The rules, the format and clippy.
    Everything,
}

struct Rule {
    name: &'static str,
    complaints: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, depth: Depth) -> anyhow::Result<ExitCode> {
    let mut failed = 0_usize;
    for rule in rules(workspace)? {
        if rule.complaints.is_empty() {
            println!("ok    {}", rule.name);
            continue;
        }
        failed += 1;
        println!("FAIL  {}", rule.name);
        for complaint in &rule.complaints {
            println!("      {complaint}");
        }
    }
    if depth == Depth::Everything {
        let stale = coverage::is_stale(workspace)?;
        println!(
            "{}  papers: {} is what the ledger says; cargo xtask coverage mends it",
            if stale { "FAIL" } else { "ok  " },
            coverage::PAPER
        );
        failed += usize::from(stale);
        for (name, arguments) in COMPILER_STEPS {
            let passed = workspace
                .cargo()
                .args(*arguments)
                .status()
                .with_context(|| format!("cargo {}", arguments.join(" ")))?
                .success();
            println!("{}  {name}", if passed { "ok  " } else { "FAIL" });
            failed += usize::from(!passed);
        }
    }
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    println!("check: {failed} of the above failed");
    Ok(ExitCode::FAILURE)
}

const COMPILER_STEPS: &[(&str, &[&str])] = &[
    (
        "format: cargo fmt --all mends it",
        &["fmt", "--all", "--check", "--", "--color", "never"],
    ),
    (
        "clippy, warnings as errors",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ],
    ),
];

fn rules(workspace: &Workspace) -> anyhow::Result<Vec<Rule>> {
    let metadata = workspace.metadata()?;
    let graph = Graph::of(&metadata)?;
    let manifests = Manifest::read_all(workspace, &metadata)?;
    let sources = Source::read_all(workspace)?;
    let rule = |name, complaints| Rule { name, complaints };
    Ok(vec![
        rule("floors: who may depend on whom", floors::arrows(&graph)),
        rule("floors: the table is the workspace", floors::table(&graph)),
        rule(
            "floors: libraries that one room alone may take",
            floors::reserved(&graph),
        ),
        rule(
            "agent: no console and no database server code in it",
            floors::agent_binary(&graph),
        ),
        rule(
            "licences: each dependency's fits Apache-2.0",
            licences::check(&graph),
        ),
        rule(
            "dependencies: ring is not linked",
            dependencies::ring(&graph),
        ),
        rule(
            "dependencies: one version of the crypto stack",
            dependencies::duplicates(&graph),
        ),
        rule(
            "dependencies: from crates.io alone",
            dependencies::origins(&graph),
        ),
        rule(
            "manifests: versions in the root alone, no wildcards",
            manifests::check(&manifests),
        ),
        rule(
            "files: none longer than 600 lines",
            sources::lengths(&sources),
        ),
        rule("files: sockets in net alone", sources::sockets(&sources)),
        rule("files: no test virus written out", sources::eicar(&sources)),
        rule(
            "files: no paths of one machine",
            sources::machine_paths(&sources, &sources::own_paths()),
        ),
        rule(
            "papers: the tests that they name exist",
            papers::named_tests(&sources),
        ),
        rule(
            "coverage: what works has tests that are run",
            papers::ledger_tests(&sources),
        ),
    ])
}
