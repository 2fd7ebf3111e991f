//! The manager's own server certificate: made anew at each start and before it gets old. Its key
//! lives in memory only.

use std::error::Error;
use std::time::Duration;

use net::ServerIdentity;
use trust::ServerCertificate;

use crate::site::Site;

/// How long a server certificate is good for.
const LIFETIME: Duration = Duration::from_secs(30 * 86_400);
/// How often it is made anew while the manager runs.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(7 * 86_400);

type Failure = Box<dyn Error + Send + Sync>;

/// A fresh identity for all listeners.
pub(super) fn make(site: &Site) -> Result<ServerIdentity, Failure> {
    let certificate = issue(site)?;
    let chain = certificate.chain_der.into_iter().map(Into::into).collect();
    Ok(ServerIdentity::new(chain, key(certificate.key_pkcs8_der))?)
}

/// Gives the listeners a fresh certificate for all handshakes from now on.
pub(super) fn renew(site: &Site, identity: &ServerIdentity) -> Result<(), Failure> {
    let certificate = issue(site)?;
    let chain = certificate.chain_der.into_iter().map(Into::into).collect();
    Ok(identity.replace(chain, key(certificate.key_pkcs8_der))?)
}

fn issue(site: &Site) -> Result<ServerCertificate, Failure> {
    Ok(site
        .keys
        .ca
        .issue_server(&names(site), LIFETIME, site.now())?)
}

fn key(pkcs8_der: Vec<u8>) -> rustls::pki_types::PrivateKeyDer<'static> {
    rustls::pki_types::PrivatePkcs8KeyDer::from(pkcs8_der).into()
}

/// Every name under which the manager may be dialed.
fn names(site: &Site) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let bind = site.config.bind;
    if !bind.is_unspecified() {
        names.push(bind.to_string());
    }
    names.extend(crate::network::hostname());
    names.extend(site.config.names.iter().cloned());
    names.sort();
    names.dedup();
    names
}
