//! The house's own tools: `cargo xtask check`, `cargo xtask coverage`, `cargo xtask test`,
//! `cargo xtask soak`, `cargo xtask fuzz`, `cargo xtask bench`.
//!
//! They know cargo, git and /proc, and nothing of what Garrison does: no crate
//! of ours is linked here. Start reading at `check.rs` for the rules that every
//! change must keep, at `test.rs` for the test runner, at `soak.rs` for the
//! long proofs, at `fuzz.rs` for libFuzzer, and at `bench.rs` for speed and size.

mod bench;
mod check;
mod coverage;
mod fuzz;
mod soak;
mod test;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const USAGE: &str = "\
cargo xtask check                  format, clippy, and the rules of the house
cargo xtask check --rules          the rules alone, without a compiler
cargo xtask coverage               docs/coverage.md again, from the ledger in crates/flows
cargo xtask test                   every test; the last line counts them
cargo xtask test --package NAME…   the test executables of these packages alone
cargo xtask soak [PROOF…]          the long proofs in full, resumable
cargo xtask fuzz [TARGET…]         libFuzzer over the readers of hostile bytes, into docs/fuzz.md;
                                   [--seconds NUMBER]: CPU time for each, 900 unless told;
                                   [--as-tested]: with the dependencies that the tests have built
cargo xtask bench [PART…]          start, idle, load, scan, flows: into docs/benchmarks.md
cargo xtask bench-scan [ROW…]      beside ClamAV and YARA: load, memory, speed, growth, one, yara,
                                   build, cores
cargo xtask bench --as-built …     the same, with the programs in target/release
cargo xtask bench --tables         the tables again, from build/bench, without measuring";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check::run(&Workspace::find()?, check::Depth::Everything),
        ["check", "--rules"] => check::run(&Workspace::find()?, check::Depth::Rules),
        ["coverage"] => coverage::write(&Workspace::find()?),
        ["test", rest @ ..] => test::run(&Workspace::find()?, &test::Selection::parse(rest)?),
        ["soak", rest @ ..] => soak::run(&Workspace::find()?, rest),
        ["fuzz", rest @ ..] => fuzz::run(&Workspace::find()?, rest),
        ["bench", rest @ ..] => bench::run(&Workspace::find()?, rest),
        ["bench-scan", rest @ ..] => bench::run_peers(&Workspace::find()?, rest),
        // Not for people: see test/guardian.rs.
        ["guard", marker, folder] => test::guard(marker, folder.as_ref()),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        [] => anyhow::bail!("expected a command\n{USAGE}"),
        [unknown, ..] => {
            anyhow::bail!("{unknown:?} is no command, or its arguments don't fit\n{USAGE}")
        }
    }
}
