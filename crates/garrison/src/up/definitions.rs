//! The definitions that come with Garrison: compiled when their sources changed, and published
//! over the API.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use model::{DefinitionRevision, Timestamp};
use proto::api::definition::DefinitionsInfo;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::definition::progress::Shown;
use crate::definition::{key, write_whole};

/// Names a checkout, or a copy of one; goes before all others.
const VARIABLE: &str = "GARRISON_SOURCE_DIR";
/// Where a package puts them.
const INSTALLED: &str = "/usr/share/garrison/definitions";
/// What was published last, in the folder of definitions.
const PUBLISHED: &str = "published.json";

/// Where sources were looked for.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    places: Vec<PathBuf>,
}

impl Sources {
    /// That of the environment's checkout, that of the checkout which this program was built in, and the
    /// installed one, in this order.
    pub(super) fn find() -> Self {
        let named = std::env::var_os(VARIABLE).map(PathBuf::from);
        if let Some(named) = named {
            return Self {
                places: vec![named.join("definitions")],
            };
        }
        let own = std::env::current_exe().ok();
        let checkout = own
            .as_deref()
            .into_iter()
            .flat_map(|program| program.ancestors().skip(1).take(4))
            .filter(|folder| folder.join("Cargo.toml").is_file())
            .map(|folder| folder.join("definitions"));
        let here = std::env::current_dir()
            .ok()
            .filter(|folder| folder.join("Cargo.toml").is_file())
            .map(|folder| folder.join("definitions"));
        let places = checkout.chain(here).chain([INSTALLED.into()]).collect();
        Self { places }
    }

    fn folder(&self) -> Option<&Path> {
        self.places
            .iter()
            .map(PathBuf::as_path)
            .find(|place| place.is_dir())
    }
}

/// What was published last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Published {
    /// SHA-256 over the names and bytes of the sources.
    sources: String,
    revision: DefinitionRevision,
}

/// Sources that were looked at, and compiled if they changed.
#[derive(Debug)]
pub(super) struct Prepared {
    folder: PathBuf,
    loaded: Vec<definitions::Source>,
    digest: String,
    last: Option<Published>,
    compiled: Option<definitions::Compiled>,
}

/// Begins to compile, beside everything else.
pub(super) fn begin(
    sources: Sources,
    folder: PathBuf,
) -> JoinHandle<anyhow::Result<Option<Prepared>>> {
    tokio::task::spawn_blocking(move || {
        let Some(source) = sources.folder() else {
            let places: Vec<String> = sources
                .places
                .iter()
                .map(|place| place.display().to_string())
                .collect();
            tracing::warn!(
                "no definitions found in {}; nothing is detected until you publish some, or name a checkout in {VARIABLE}",
                places.join(", ")
            );
            return Ok(None);
        };
        prepare(source, folder).map(Some)
    })
}

fn prepare(source: &Path, folder: PathBuf) -> anyhow::Result<Prepared> {
    let loaded = definitions::load(&[source.to_owned()])?;
    let mut prepared = Prepared {
        digest: digest(&loaded),
        last: last_published(&folder),
        folder,
        loaded,
        compiled: None,
    };
    let unchanged = prepared
        .last
        .as_ref()
        .is_some_and(|last| last.sources == prepared.digest);
    if !unchanged {
        prepared.compile(DefinitionRevision(0))?;
    }
    Ok(prepared)
}

fn last_published(folder: &Path) -> Option<Published> {
    serde_json::from_slice(&std::fs::read(folder.join(PUBLISHED)).ok()?).ok()
}

fn digest(sources: &[definitions::Source]) -> String {
    let mut hasher = Sha256::new();
    // Another version may compile the same sources to something else.
    hasher.update(env!("CARGO_PKG_VERSION"));
    for source in sources {
        for part in [source.name.as_bytes(), source.bytes.as_slice()] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hex::encode(hasher.finalize())
}

impl Prepared {
    /// Compiles with a revision above `above` and everything before.
    fn compile(&mut self, above: DefinitionRevision) -> anyhow::Result<()> {
        let clock = u64::try_from(Timestamp::now().seconds()).unwrap_or_default();
        let last = self.last.as_ref().map_or(0, |last| last.revision.0);
        let revision = clock
            .max(last.saturating_add(1))
            .max(above.0.saturating_add(1));
        let mut shown = Shown::new();
        let built = definitions::build(
            &self.loaded,
            DefinitionRevision(revision),
            &mut |progress| {
                shown.tell(progress);
            },
        );
        shown.end();
        let compiled = built?;
        for unusable in &compiled.report().unusable {
            tracing::warn!("not used: {unusable}");
        }
        self.compiled = Some(compiled);
        Ok(())
    }

    /// Whether the site has these very sources already.
    fn is_published(&self, current: Option<DefinitionRevision>) -> bool {
        self.compiled.is_none()
            && current.is_some()
            && self.last.as_ref().map(|last| last.revision) == current
    }

    fn signed(mut self, current: Option<DefinitionRevision>) -> anyhow::Result<(Self, Vec<u8>)> {
        let above = current.unwrap_or(DefinitionRevision(0));
        let too_old = self
            .compiled
            .as_ref()
            .is_none_or(|compiled| compiled.revision() <= above);
        if too_old {
            self.compile(above)?;
        }
        let compiled = self.compiled.as_ref().context("nothing was compiled")?;
        let file = definitions::sign(compiled, &key::own(&self.folder)?);
        Ok((self, file))
    }
}

/// Publishes what was compiled, and tells which revision agents should have; none when there is
/// none to be had.
///
/// # Errors
/// When the sources can't be compiled, or the manager refuses the result.
pub(super) async fn publish(
    api: &Api,
    compiling: JoinHandle<anyhow::Result<Option<Prepared>>>,
) -> anyhow::Result<Option<DefinitionRevision>> {
    let prepared = compiling.await.context("compiling definitions")??;
    let overview: proto::api::Overview = api.read("/api/v1/overview").await?;
    let current = overview.definitions.map(|info| info.revision);
    let Some(prepared) = prepared else {
        return Ok(current);
    };
    if prepared.is_published(current) {
        tracing::debug!("definitions are unchanged since they were published");
        return Ok(current);
    }
    let (prepared, file) = tokio::task::spawn_blocking(move || prepared.signed(current)).await??;
    let answer = api
        .upload("/api/v1/definitions", file)
        .await
        .context("publishing definitions")?;
    let info: DefinitionsInfo = serde_json::from_value(answer)?;
    let published = Published {
        sources: prepared.digest,
        revision: info.revision,
    };
    write_whole(
        &prepared.folder.join(PUBLISHED),
        &serde_json::to_vec_pretty(&published)?,
    )?;
    eprintln!(
        "definitions: revision {}, {} hashes, {} YARA rules",
        info.revision, info.hashes, info.yara_rules
    );
    Ok(Some(info.revision))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(folder: &Path, line: &str) -> PathBuf {
        let place = folder.join("sources");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("a.hsb"), line).unwrap();
        place
    }

    #[test]
    fn unchanged_sources_are_not_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("{}:*:Test.One:73\n", "ab".repeat(32));
        let place = sources(folder.path(), &line);
        let first = prepare(&place, folder.path().to_owned()).unwrap();
        let revision = first.compiled.as_ref().unwrap().revision();
        assert!(!first.is_published(None));
        let published = Published {
            sources: first.digest,
            revision,
        };
        let text = serde_json::to_vec(&published).unwrap();
        std::fs::write(folder.path().join(PUBLISHED), text).unwrap();

        let second = prepare(&place, folder.path().to_owned()).unwrap();
        assert!(second.compiled.is_none());
        assert!(second.is_published(Some(revision)));
        assert!(!second.is_published(None), "the manager lost them");

        let line = format!("{}:*:Test.Two:73\n", "cd".repeat(32));
        sources(folder.path(), &line);
        let third = prepare(&place, folder.path().to_owned()).unwrap();
        assert!(third.compiled.unwrap().revision() > revision);
    }

    #[test]
    fn a_manager_that_is_ahead_gets_a_higher_revision() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("{}:*:Test.One:73\n", "ab".repeat(32));
        let place = sources(folder.path(), &line);
        let prepared = prepare(&place, folder.path().to_owned()).unwrap();
        let ahead = DefinitionRevision(u64::MAX / 2);
        let (prepared, _) = prepared.signed(Some(ahead)).unwrap();
        assert!(prepared.compiled.unwrap().revision() > ahead);
    }
}
