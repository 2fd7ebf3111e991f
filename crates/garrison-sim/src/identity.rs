//! What an agent keeps: its key, its certificates, and its place in the chain of check-ins.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use model::DeviceId;
use serde::{Deserialize, Serialize};

const FILE: &str = "agents.json";
const DRAFT: &str = "agents.json.draft";
/// An identity is about 2 KiB.
const MAX_BYTES: u64 = 512 << 20;

/// One simulated agent at rest.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) device: DeviceId,
    pub(crate) key_pem: String,
    pub(crate) certificate: String,
    pub(crate) ca_certificate: String,
    pub(crate) site_key: String,
    /// The last check-in that was answered.
    pub(crate) counter: u64,
    pub(crate) nonce: String,
    /// Of a check-in that was sent and not answered.
    pub(crate) pending: Option<String>,
    pub(crate) spool: String,
    pub(crate) delivered: u64,
}

/// The folder that keeps identities between runs.
#[derive(Debug)]
pub(crate) struct Keep(PathBuf);

impl Keep {
    /// Makes the folder, for its owner alone.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("{}: can't be made", folder.display()))?;
        Ok(Self(folder.to_owned()))
    }

    /// What the last run left; nothing before the first. It is gone from the folder then: a run
    /// that is killed leaves none, because a manager would take identities that fell behind for
    /// copies, and suspend them.
    pub(crate) fn take(&self) -> Result<Vec<Identity>> {
        let path = self.0.join(FILE);
        let length = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).context(path.display().to_string()),
        };
        ensure!(length <= MAX_BYTES, "{}: too large", path.display());
        let text = std::fs::read(&path)?;
        let identities = serde_json::from_slice(&text).with_context(|| {
            format!(
                "{}: damaged; delete it, and the agents enrol anew",
                path.display()
            )
        })?;
        std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
        Ok(identities)
    }

    pub(crate) fn save(&self, agents: &[Identity]) -> Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let draft = self.0.join(DRAFT);
        let _ = std::fs::remove_file(&draft);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .with_context(|| format!("{}: can't be written", draft.display()))?;
        file.write_all(&serde_json::to_vec(agents)?)?;
        file.sync_all()?;
        std::fs::rename(&draft, self.0.join(FILE))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn identities_read_back_and_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::open(&folder.path().join("state")).unwrap();
        assert!(keep.take().unwrap().is_empty());
        let identity = Identity {
            device: DeviceId::generate(),
            key_pem: "k".to_owned(),
            certificate: "c".to_owned(),
            ca_certificate: "a".to_owned(),
            site_key: "s".to_owned(),
            counter: 3,
            nonce: "n".to_owned(),
            pending: Some("p".to_owned()),
            spool: "x".to_owned(),
            delivered: 9,
        };
        for _ in 0..2 {
            keep.save(std::slice::from_ref(&identity)).unwrap();
        }
        let mode = std::fs::metadata(folder.path().join("state").join(FILE))
            .unwrap()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let loaded = keep.take().unwrap();
        assert!(keep.take().unwrap().is_empty(), "taken once");
        assert_eq!(loaded.len(), 1);
        assert_eq!(loaded[0].device, identity.device);
        assert_eq!(loaded[0].pending, identity.pending);
    }

    #[test]
    fn damaged_identities_are_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "[{").unwrap();
        let error = Keep::open(folder.path()).unwrap().take().err().unwrap();
        assert!(error.to_string().contains("agents.json"), "{error}");
    }
}
