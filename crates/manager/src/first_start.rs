//! What the first start makes: the site's keys, the default group and policy, the first
//! administrator, the local operator's token. Later starts find it.

use std::path::{Path, PathBuf};

use ::store::Database;
use model::{PolicyId, Timestamp};
use trust::keyfile::{self, KeyFileError};
use trust::{CertificateAuthority, SigningKey};

use crate::access;
use crate::refusal::Refusal;
use crate::site::{Keys, Site, next_revision};

/// The site's keys can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error(
        "{path}: missing, while other keys of the site are there; restore it from the backup (a new one would lock out every device)",
        path = path.display()
    )]
    Lost { path: PathBuf },
    #[error("{path}: {reason}; restore it from the backup", path = path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("making the site's keys failed: {0}")]
    Make(String),
}

const CA_CERTIFICATE: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
const SITE_KEY: &str = "site.key";
const CHAIN_KEY: &str = "chain.key";
/// The first administrator's password.
pub(crate) const FIRST_PASSWORD: &str = "first-password";
/// The API token of whoever may read the manager's folder.
pub(crate) const LOCAL_TOKEN: &str = "local-api-token";

/// Reads the site's keys; makes them where there is none of them and no database.
pub(crate) fn keys(folder: &Path, name: &str, now: Timestamp) -> Result<Keys, KeysError> {
    let files = [CA_KEY, SITE_KEY, CHAIN_KEY].map(|file| folder.join(file));
    let is_first = !folder.join("garrison.db").exists() && files.iter().all(|file| !file.exists());
    if is_first {
        make_keys(folder, name, now)?;
    }
    let [ca_key, site_key, chain_key] = &files;
    let ca_certificate = folder.join(CA_CERTIFICATE);
    let certificate = std::fs::read_to_string(&ca_certificate)
        .map_err(|error| damaged_or_lost(&ca_certificate, &error))?;
    let ca = CertificateAuthority::from_pem(&certificate, &secret(ca_key)?)
        .map_err(|error| damaged(ca_key, error))?;
    let signing = SigningKey::from_secret_text(secret(site_key)?.trim())
        .map_err(|error| damaged(site_key, error))?;
    let mut chain = [0; 32];
    hex::decode_to_slice(secret(chain_key)?.trim(), &mut chain)
        .map_err(|_| damaged(chain_key, "expected 64 hexadecimal digits"))?;
    Ok(Keys { ca, signing, chain })
}

fn make_keys(folder: &Path, name: &str, now: Timestamp) -> Result<(), KeysError> {
    let make = |error: &dyn std::fmt::Display| KeysError::Make(error.to_string());
    let ca = CertificateAuthority::create(&format!("{name} site CA"), now)
        .map_err(|error| make(&error))?;
    let signing = SigningKey::generate().map_err(|error| make(&error))?;
    let chain = trust::secret::random_bytes().map_err(|error| make(&error))?;
    // The CA's key comes last: a start that broke off half way makes all of them again.
    std::fs::write(folder.join(CA_CERTIFICATE), ca.certificate_pem())
        .map_err(|error| make(&error))?;
    keyfile::write(&folder.join(SITE_KEY), signing.to_secret_text().as_bytes())?;
    keyfile::write(&folder.join(CHAIN_KEY), hex::encode(chain).as_bytes())?;
    keyfile::write(&folder.join(CA_KEY), ca.key_pem().as_bytes())?;
    Ok(())
}

fn secret(path: &Path) -> Result<String, KeysError> {
    keyfile::read_text(path).map_err(|error| match error {
        KeyFileError::Missing { path } => KeysError::Lost { path },
        other => other.into(),
    })
}

fn damaged(path: &Path, reason: impl std::fmt::Display) -> KeysError {
    KeysError::Damaged {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn damaged_or_lost(path: &Path, error: &std::io::Error) -> KeysError {
    if error.kind() == std::io::ErrorKind::NotFound {
        KeysError::Lost {
            path: path.to_owned(),
        }
    } else {
        damaged(path, error)
    }
}

/// Makes the default policy and group where there is no group.
pub(crate) async fn defaults(database: &Database, now: Timestamp) -> Result<(), Refusal> {
    let groups: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM device_group")
        .fetch_one(database.read())
        .await?;
    if groups > 0 {
        return Ok(());
    }
    database
        .write(|tx| {
            Box::pin(async move {
                let revision = next_revision(tx).await?;
                let policy = PolicyId::generate();
                crate::policies::insert_default(tx, policy, revision, now).await?;
                crate::groups::insert_default(tx, policy, revision, now).await
            })
        })
        .await
}

/// Makes the first administrator and the local token where they are missing.
pub(crate) async fn accounts(site: &Site) -> Result<(), AccountsError> {
    if let Some(password) = access::first_administrator(site).await? {
        // The file comes first: an account whose password nobody knows would lock everyone out.
        keyfile::write(&site.folder().join(FIRST_PASSWORD), password.as_bytes())?;
        access::insert_first_administrator(site, password).await?;
    }
    let path = site.folder().join(LOCAL_TOKEN);
    let good = match keyfile::read_text(&path) {
        Ok(text) => access::is_good(site, &text).await,
        Err(KeyFileError::Missing { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    if !good {
        let created = access::create_local(site).await?;
        keyfile::write(&path, created.text.as_bytes())?;
    }
    Ok(())
}

/// The first accounts can't be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error(transparent)]
    Refusal(#[from] Refusal),
}
