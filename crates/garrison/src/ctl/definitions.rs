//! `garrison ctl definitions`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use proto::api::definition::DefinitionsInfo;

use super::session::{Query, Session};
use super::{Limit, moment};

/// A manager takes files up to this size.
const MAX_BYTES: u64 = 256 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum DefinitionsCommand {
    /// List published definitions, the newest first
    List {
        #[command(flatten)]
        limit: Limit,
    },
    /// Publish a definitions file to the site's agents
    #[command(after_help = "\
Example:
  garrison definitions build definitions/ -o site.gdef
  garrison ctl definitions publish site.gdef")]
    Publish {
        /// The definitions file
        file: PathBuf,
    },
}

pub(super) async fn run(session: &Session, command: DefinitionsCommand) -> anyhow::Result<()> {
    match command {
        DefinitionsCommand::List { limit } => {
            let headings = [
                "REVISION",
                "PUBLISHED",
                "BY",
                "HASHES",
                "YARA",
                "SIZE",
                "DEVICES",
                "",
            ];
            session
                .list(
                    &Query::of("/api/v1/definitions"),
                    limit,
                    headings,
                    |info: &DefinitionsInfo, clock| {
                        [
                            info.revision.to_string(),
                            clock.tell(info.published),
                            info.published_by.clone(),
                            info.hashes.to_string(),
                            info.yara_rules.to_string(),
                            moment::bytes(info.bytes),
                            info.devices.to_string(),
                            if info.current { "current" } else { "" }.to_owned(),
                        ]
                    },
                )
                .await
        }
        DefinitionsCommand::Publish { file } => {
            let bytes = read(&file).with_context(|| file.display().to_string())?;
            let answer = session.api().upload("/api/v1/definitions", bytes).await?;
            session.tell(answer, |info: DefinitionsInfo| {
                format!(
                    "revision {} is published; agents fetch it now",
                    info.revision
                )
            })
        }
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte too many is enough for the manager to refuse the rest.
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
