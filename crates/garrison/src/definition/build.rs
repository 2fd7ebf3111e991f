//! `garrison definitions build`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use definitions::BuildOptions;
use model::{DefinitionRevision, Timestamp};

use super::progress::Shown;
use super::{key, lint};
use crate::ctl::moment;
use crate::failure::Failure;
use crate::output;

/// Where the results go.
pub(super) struct Outputs {
    pub(super) definitions: PathBuf,
    /// What can't be used, as JSON.
    pub(super) report: Option<PathBuf>,
}

pub(super) fn run(
    sources: &[PathBuf],
    outputs: &Outputs,
    revision: Option<u64>,
    key: Option<PathBuf>,
    options: &BuildOptions,
) -> anyhow::Result<ExitCode> {
    let sources = definitions::load(sources).map_err(Failure::usage)?;
    let now = u64::try_from(Timestamp::now().seconds()).unwrap_or_default();
    let revision = DefinitionRevision(revision.unwrap_or(now));
    let key = match key {
        Some(path) => key::named(&path)?,
        None => {
            let folder = key::own_folder()?;
            let is_new = !key::exists(&folder);
            let key = key::own(&folder)?;
            if is_new {
                eprintln!("made your build key in {}", folder.display());
            }
            key
        }
    };
    let mut shown = Shown::new();
    let built = definitions::build_with(options, &sources, revision, &mut |progress| {
        shown.tell(progress);
    });
    shown.end();
    let compiled = built?;
    drop(sources);
    if let Some(path) = &outputs.report {
        lint::write(compiled.report(), path)?;
    }
    if let Some(summary) = lint::summary(compiled.report()) {
        eprintln!("not used: {summary}; see which with --report");
    }
    let file = definitions::sign(&compiled, &key);
    let output = &outputs.definitions;
    write_whole(output, &file)?;
    let counts = compiled.counts();
    output::line(format_args!(
        "{}: revision {revision}, {} hashes, {} YARA rules, {}, signed by {}",
        output.display(),
        counts.hashes(),
        counts.yara,
        moment::bytes(u64::try_from(file.len()).unwrap_or(u64::MAX)),
        key.public_key()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a file so that its name never stands for half of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        let mut draft = tempfile::Builder::new()
            .prefix(".garrison-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder)?;
        draft.write_all(bytes)?;
        draft.as_file().sync_all()?;
        draft.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("{}: can't be written", path.display()))
}
