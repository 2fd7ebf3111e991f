//! Where a command's answer goes: standard output, or the file that `-o` names.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

/// Where the answer goes.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Output {
    /// Writes the whole answer.
    pub(crate) fn write(&self, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
        match &self.output {
            Some(path) => {
                std::fs::write(path, bytes).with_context(|| format!("{}", path.display()))
            }
            None => {
                let mut output = std::io::stdout().lock();
                output.write_all(bytes.as_ref())?;
                Ok(output.flush()?)
            }
        }
    }

    /// Writes a value as JSON.
    pub(crate) fn json(&self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(value)?;
        text.push('\n');
        self.write(text)
    }
}
