//! `import`: lists that others keep, as a catalogue.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use flows::import::{self, ImportOptions, Imported};
use flows::{Direction, FlowId};

use crate::file;
use crate::outcome::Answer;
use crate::output::Output;
use crate::table::plain;

/// What `import` takes.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// A table with a line of headings: hosts and ports, and what else there is
    Csv(ImportArguments),
    /// The answer of Microsoft 365's endpoint service, or a list of that shape
    M365(ImportArguments),
    /// A policy of Aerleon (YAML), with its definitions as --with
    Aerleon(ImportArguments),
}

/// What each kind of list takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The catalogue is written as TOML; what was not understood is told on standard error, line by
line, and stays unknown in the catalogue with a caveat.")]
pub struct ImportArguments {
    /// File to read; - is standard input
    #[arg(value_name = "FILE")]
    path: PathBuf,
    /// The catalogue's id
    #[arg(long, value_name = "NAME", default_value = "imported", value_parser = FlowId::parse)]
    id: FlowId,
    /// What the list is called [default: the file's name]
    #[arg(long, value_name = "WORDS")]
    title: Option<String>,
    /// Who makes the product
    #[arg(long, value_name = "WORDS", default_value = "unknown")]
    vendor: String,
    /// The product
    #[arg(long, value_name = "WORDS", default_value = "unknown")]
    product: String,
    /// Language of the list (ISO 639-1)
    #[arg(long, value_name = "CODE", default_value = "en")]
    lang: String,
    /// Which way connections are opened, where the list doesn't say it
    #[arg(long, value_name = "WAY", default_value = "unknown")]
    direction: Way,
    /// A file that belongs to it: definitions (Aerleon), versions and changes (m365)
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// A direction, as a word of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    Inbound,
    Outbound,
    Internal,
    Unknown,
}

pub(crate) fn run(command: &ImportCommand) -> anyhow::Result<Answer> {
    let (arguments, read): (_, fn(&[u8], &ImportOptions) -> _) = match command {
        ImportCommand::Csv(arguments) => (arguments, import::csv),
        ImportCommand::M365(arguments) => (arguments, import::m365),
        ImportCommand::Aerleon(arguments) => (arguments, import::aerleon),
    };
    let bytes = file::bytes(&arguments.path, import::MAX_BYTES)?;
    let options = arguments.options()?;
    let imported: Imported =
        read(&bytes, &options).with_context(|| arguments.path.display().to_string())?;
    arguments.output.write(imported.toml()?)?;
    eprint!("{}", plain(imported.report.text()));
    Ok(Answer::Done)
}

impl ImportArguments {
    fn options(&self) -> anyhow::Result<ImportOptions> {
        let companion = |path: &PathBuf| {
            let bytes = file::bytes(path, import::MAX_BYTES)?;
            anyhow::Ok((name_of(path), bytes))
        };
        Ok(ImportOptions {
            id: self.id.clone(),
            title: self.title.clone().unwrap_or_else(|| name_of(&self.path)),
            vendor: self.vendor.clone(),
            product: self.product.clone(),
            language: self.lang.clone(),
            direction: match self.direction {
                Way::Inbound => Direction::Inbound,
                Way::Outbound => Direction::Outbound,
                Way::Internal => Direction::Internal,
                Way::Unknown => Direction::Unknown,
            },
            companions: self
                .with
                .iter()
                .map(companion)
                .collect::<anyhow::Result<_>>()?,
        })
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
