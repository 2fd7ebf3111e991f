//! `cargo xtask coverage`: docs/coverage.md from the ledger.
//!
//! The ledger and its words are in crates/flows, which this tool doesn't link: an example of that
//! crate prints the paper.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, ensure};

use crate::workspace::Workspace;

/// Relative to the root.
pub(crate) const PAPER: &str = "docs/coverage.md";

/// Writes the paper.
pub(crate) fn write(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    let paper = printed(workspace)?;
    let path = workspace.root.join(PAPER);
    std::fs::write(&path, paper).with_context(|| path.display().to_string())?;
    println!("wrote {PAPER}");
    Ok(ExitCode::SUCCESS)
}

/// Whether the paper is another than the ledger's.
pub(crate) fn is_stale(workspace: &Workspace) -> anyhow::Result<bool> {
    let path = workspace.root.join(PAPER);
    let paper = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(paper != printed(workspace)?)
}

fn printed(workspace: &Workspace) -> anyhow::Result<Vec<u8>> {
    let output = workspace
        .cargo()
        .args(["run", "--quiet", "--locked", "--package", "flows"])
        .args(["--example", "coverage"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo run --package flows --example coverage")?;
    ensure!(
        output.status.success(),
        "cargo run --package flows --example coverage ended with {}",
        output.status
    );
    Ok(output.stdout)
}
