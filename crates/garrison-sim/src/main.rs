//! Many simulated agents against one manager, over the real protocol.
//!
//! Each agent has a key, a certificate and one HTTP/2 connection of its own, holds its
//! notification stream open and checks in on time. What is simulated is the machine behind it:
//! nothing is scanned, definitions are taken note of and not fetched, commands are not carried
//! out. This program measures; it protects nothing.
//!
//! Start reading at [`run`] (the phases of a run), then [`agent`] (one simulated agent).

mod agent;
mod enrolment;
mod histogram;
mod identity;
mod manager;
mod options;
mod process;
mod report;
mod run;
mod tally;

#[cfg(test)]
mod tests;

use clap::Parser;

use crate::options::Options;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(run::run(&options))?;
    println!("{}", report.in_words());
    if let Some(path) = &options.report {
        report.write(path)?;
    }
    report.verdict()
}
