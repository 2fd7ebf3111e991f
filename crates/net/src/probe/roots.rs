//! Whom this host trusts, and whom the public trusts.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;

use crate::crypto;

/// The host's trust store and the public roots, read once for all probes. Cloning is cheap.
#[derive(Clone)]
pub struct ProbeRoots {
    pub(super) host: Option<Arc<WebPkiServerVerifier>>,
    pub(super) public: Option<Arc<WebPkiServerVerifier>>,
    host_store: Arc<RootCertStore>,
    public_store: Arc<RootCertStore>,
}

impl ProbeRoots {
    /// The host's trust store, and the public roots that this program was built with (Mozilla's).
    /// The former is where OpenSSL's programs look for it: SSL_CERT_FILE and SSL_CERT_DIR, then
    /// the distribution's folders.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let host = rustls_native_certs::load_native_certs();
        for error in &host.errors {
            tracing::debug!(%error, "part of the host's trust store can't be read");
        }
        let public = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        Self::from_stores(store(host.certs), public)
    }

    /// These instead, in DER; certificates that can't be used are passed over.
    #[must_use]
    pub fn of(host: Vec<CertificateDer<'static>>, public: Vec<CertificateDer<'static>>) -> Self {
        Self::from_stores(store(host), store(public))
    }

    /// This host's trust store, with these public roots instead of those that were built in: in a
    /// laboratory the public has other roots.
    #[must_use]
    pub fn with_public(public: Vec<CertificateDer<'static>>) -> Self {
        let host = rustls_native_certs::load_native_certs();
        Self::of(host.certs, public)
    }

    fn from_stores(host: RootCertStore, public: RootCertStore) -> Self {
        let (host, public) = (Arc::new(host), Arc::new(public));
        Self {
            host: verifier(&host),
            public: verifier(&public),
            host_store: host,
            public_store: public,
        }
    }

    /// How many CAs the host trusts; 0 where it has no trust store that could be read.
    #[must_use]
    pub fn host_count(&self) -> usize {
        self.host_store.len()
    }

    pub(super) fn host_store(&self) -> &RootCertStore {
        &self.host_store
    }

    pub(super) fn public_store(&self) -> &RootCertStore {
        &self.public_store
    }
}

fn store(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates);
    store
}

/// `None` without any root.
fn verifier(store: &Arc<RootCertStore>) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::clone(store), crypto::provider())
        .build()
        .ok()
}

impl fmt::Debug for ProbeRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeRoots")
            .field("host", &self.host_store.len())
            .field("public", &self.public_store.len())
            .finish()
    }
}
