//! The cloud's certificate authority on disk, and its server certificate.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use model::Timestamp;
use trust::ca::CaError;
use trust::keyfile::{self, KeyFileError};
use trust::{CertificateAuthority, ServerCertificate};

use crate::config::Config;
use crate::folder::{CA_CERTIFICATE, CA_KEY, CLOUD_DB, Folder};

/// How long the server's certificate is good for; it is exchanged at half of that.
pub(crate) const SERVER_LIFETIME: Duration = Duration::from_secs(90 * 86_400);
/// Larger certificate files are refused unread.
const MAX_CERTIFICATE: u64 = 64 << 10;

/// The authority can't be made or read.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("the cloud's certificate authority")]
    Authority(#[from] CaError),
    #[error("the key of the cloud's certificate authority")]
    Key(#[from] KeyFileError),
    #[error("{path}: the certificate of the cloud's authority can't be read", path = .path.display())]
    Certificate {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{missing} is missing, but the cloud has worked here before; restore it from a backup, or, if it is lost for good, begin with an empty folder and enrol every site anew",
        missing = .missing.display()
    )]
    Lost { missing: PathBuf },
}

/// The authority of this folder; at the very first start a new one.
pub(crate) fn open_or_create(
    folder: &Folder,
    config: &Config,
    now: Timestamp,
) -> Result<CertificateAuthority, AuthorityError> {
    let is_first_start = !folder.path(CLOUD_DB).exists();
    let is_complete = folder.path(CA_CERTIFICATE).exists() && folder.path(CA_KEY).exists();
    if is_complete || !is_first_start {
        return open(folder);
    }
    let authority = CertificateAuthority::create(&config.name, now)?;
    keyfile::write(&folder.path(CA_KEY), authority.key_pem().as_bytes())?;
    let certificate = authority.certificate_pem();
    keyfile::write(&folder.path(CA_CERTIFICATE), certificate.as_bytes())?;
    Ok(authority)
}

/// The authority of a folder where a cloud has worked.
pub(crate) fn open(folder: &Folder) -> Result<CertificateAuthority, AuthorityError> {
    let path = folder.path(CA_CERTIFICATE);
    let key = match keyfile::read_text(&folder.path(CA_KEY)) {
        Err(KeyFileError::Missing { path }) => return Err(AuthorityError::Lost { missing: path }),
        other => other?,
    };
    let certificate = match read_bounded(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(AuthorityError::Lost { missing: path });
        }
        other => other.map_err(|source| AuthorityError::Certificate { path, source })?,
    };
    Ok(CertificateAuthority::from_pem(&certificate, &key)?)
}

/// A new certificate for the listener.
pub(crate) fn server_certificate(
    authority: &CertificateAuthority,
    config: &Config,
    now: Timestamp,
) -> Result<ServerCertificate, AuthorityError> {
    let names = config.reached_as();
    Ok(authority.issue_server(&names, SERVER_LIFETIME, now)?)
}

fn read_bounded(path: &std::path::Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_CERTIFICATE)
        .read_to_string(&mut text)?;
    Ok(text)
}
