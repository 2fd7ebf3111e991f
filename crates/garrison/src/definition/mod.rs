//! `garrison definitions`: build, show and verify definitions files.

mod build;
pub(crate) use build::write_whole;
pub(crate) mod key;
pub(crate) mod progress;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use scan::PublicKey;

#[derive(Debug, Subcommand)]
pub(crate) enum DefinitionsCommand {
    /// Compile and sign sources: .hdb and .hsb hash lists, .yar and .yara rules, folders of them
    #[command(after_help = "\
Examples:
  garrison definitions build definitions/ -o site.gdef
  garrison definitions build mine.yar hashes.hsb -o mine.gdef --revision 7

Without --key the file is signed by your own build key, which is made at the first use and
which only your agents trust.")]
    Build {
        /// Source files and folders
        #[arg(required = true, value_name = "SOURCE")]
        sources: Vec<PathBuf>,
        /// The definitions file to write
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Higher is newer; agents never go back [default: seconds since 1970]
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u64>,
        /// Sign with this key [default: your own build key]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Show what a definitions file holds, whoever signed it
    Show {
        /// The definitions file
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check every byte of a definitions file, and that a trusted key signed it
    Verify {
        /// The definitions file
        file: PathBuf,
        /// Trust this public key too (64 hexadecimal digits)
        #[arg(long, value_name = "PUBKEY")]
        trust: Vec<PublicKey>,
    },
}

pub(crate) fn run(command: DefinitionsCommand) -> anyhow::Result<ExitCode> {
    match command {
        DefinitionsCommand::Build {
            sources,
            output,
            revision,
            key,
        } => build::run(&sources, &output, revision, key),
        DefinitionsCommand::Show { file, json } => show::show(&file, json),
        DefinitionsCommand::Verify { file, trust } => show::verify(&file, &trust),
    }
}
