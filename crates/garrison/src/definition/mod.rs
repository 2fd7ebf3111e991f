//! `garrison definitions`: lint sources; build, inspect and verify definitions files.

mod build;
mod lint;
pub(crate) use build::write_whole;
pub(crate) mod key;
pub(crate) mod progress;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use definitions::BuildOptions;
use scan::PublicKey;

#[derive(Debug, Subcommand)]
pub(crate) enum DefinitionsCommand {
    /// Compile and sign sources: ClamAV's databases, hash lists, YARA rules, folders of them
    #[command(after_help = "\
Examples:
  garrison definitions build definitions/ -o site.gdef
  garrison definitions build mine.yar hashes.hsb -o mine.gdef --revision 7
  garrison definitions build /var/lib/clamav -o clamav.gdef --report unusable.json

Without --key the file is signed by your own build key, which is made at the first use and
which only your agents trust.

A line or rule that can't be used stops nothing: it is counted, and listed with --report.
Every format that is read: docs/definitions-format.md.")]
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
        /// Write what can't be used to this file, as JSON
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        #[command(flatten)]
        options: SourceOptions,
    },
    /// Tell which lines and rules of sources can't be used, and why
    #[command(after_help = "\
Exit codes: 0 when nothing is wrong (what is for other versions, ignored or merely unwanted
is not wrong), 1 when something can't be used, 2 for a bad command line or unreadable source.")]
    Lint {
        /// Source files and folders
        #[arg(required = true, value_name = "SOURCE")]
        sources: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        options: SourceOptions,
    },
    /// Show what a definitions file holds, whoever signed it
    #[command(visible_alias = "inspect")]
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

/// Which of the sources are used.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceOptions {
    /// Also what finds the merely unwanted (.hdu, .hsu, .mdu, .msu, .ndu, .ldu)
    #[arg(long)]
    pua: bool,
    /// Use the container with this SHA-256 although nobody signed it
    #[arg(long, value_name = "SHA256", value_parser = model::Sha256::parse)]
    trust_container: Vec<model::Sha256>,
}

impl From<SourceOptions> for BuildOptions {
    fn from(options: SourceOptions) -> Self {
        Self {
            unwanted: options.pua,
            trusted_containers: options
                .trust_container
                .into_iter()
                .map(|hash| hash.0)
                .collect(),
        }
    }
}

pub(crate) fn run(command: DefinitionsCommand) -> anyhow::Result<ExitCode> {
    match command {
        DefinitionsCommand::Build {
            sources,
            output,
            revision,
            key,
            report,
            options,
        } => build::run(
            &sources,
            &build::Outputs {
                definitions: output,
                report,
            },
            revision,
            key,
            &options.into(),
        ),
        DefinitionsCommand::Lint {
            sources,
            json,
            options,
        } => lint::run(&sources, &options.into(), json),
        DefinitionsCommand::Show { file, json } => show::show(&file, json),
        DefinitionsCommand::Verify { file, trust } => show::verify(&file, &trust),
    }
}
