//! The build key: one Ed25519 key of one user, made at its first use.
//!
//! `build.key` is the private key (PKCS#8, DER, mode 0600), `build.pub` beside it the public one
//! as 64 hexadecimal digits, for programs that are to trust it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use definitions::SigningKey;
use scan::PublicKey;
use trust::keyfile::{self, KeyFileError};

use crate::failure::Failure;
use crate::folder::make_private;

const PRIVATE: &str = "build.key";
const PUBLIC: &str = "build.pub";

/// Where the user's build key stands.
///
/// # Errors
/// When the environment names no home folder.
pub(crate) fn own_folder() -> anyhow::Result<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("garrison"))
        .ok_or_else(|| {
            Failure::misuse(
                "expected a home folder in HOME or XDG_CONFIG_HOME, found none; name a key with --key",
            )
        })
}

/// Whether a folder has a key.
pub(crate) fn exists(folder: &Path) -> bool {
    folder.join(PRIVATE).exists()
}

/// The key in a folder, made if it isn't there yet.
///
/// # Errors
/// When it can't be read or made, or others may read it.
pub(crate) fn own(folder: &Path) -> anyhow::Result<SigningKey> {
    let path = folder.join(PRIVATE);
    match keyfile::read(&path) {
        Ok(bytes) => parse(&path, &bytes),
        Err(KeyFileError::Missing { .. }) => {
            make_private(folder)?;
            let key = SigningKey::generate()?;
            keyfile::write(&path, &key.to_pkcs8()?)?;
            let public = folder.join(PUBLIC);
            std::fs::write(&public, format!("{}\n", key.public_key()))
                .with_context(|| public.display().to_string())?;
            tracing::debug!(
                "made the build key {} (public: {})",
                path.display(),
                key.public_key()
            );
            Ok(key)
        }
        Err(error) => Err(error.into()),
    }
}

/// A key that was named.
///
/// # Errors
/// When it can't be read, or others may read it.
pub(crate) fn named(path: &Path) -> anyhow::Result<SigningKey> {
    parse(path, &keyfile::read(path).map_err(Failure::usage)?)
}

fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<SigningKey> {
    SigningKey::from_pkcs8(bytes)
        .map_err(Failure::usage)
        .with_context(|| path.display().to_string())
}

/// The public half of the user's build key, where there is one.
pub(crate) fn own_public() -> Option<PublicKey> {
    let path = own_folder().ok()?.join(PUBLIC);
    let text = std::fs::read_to_string(path).ok()?;
    PublicKey::parse(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("garrison");
        let first = own(&folder).unwrap().public_key();
        assert_eq!(own(&folder).unwrap().public_key(), first);
        let path = folder.join(PRIVATE);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let public = std::fs::read_to_string(folder.join(PUBLIC)).unwrap();
        assert_eq!(PublicKey::parse(&public), Ok(first));
        assert_eq!(named(&path).unwrap().public_key(), first);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        own(home.path()).unwrap();
        let path = home.path().join(PRIVATE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = own(home.path()).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
