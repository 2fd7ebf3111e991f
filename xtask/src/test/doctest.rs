//! The examples of the documentation, which cargo alone can build.

use super::environment::Environment;
use super::run::{self, Limit};
use super::tally::Tally;
use crate::workspace::Workspace;

const LABEL: &str = "documentation";

pub(super) fn run(
    workspace: &Workspace,
    environment: &Environment,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let mut command = workspace.cargo();
    command.args([
        "test",
        "--doc",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--color",
        "never",
    ]);
    let ended = run::run_once(&mut command, LABEL, environment, Limit::TEST, |command| {
        // cargo needs its own home again.
        for name in [
            "HOME",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
            "CARGO_TARGET_DIR",
        ] {
            match std::env::var_os(name) {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    });
    tally.add(run::judge(LABEL.to_owned(), ended, Limit::TEST));
    Ok(())
}
