//! The dialer's side: whom to trust.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::pinned::PinnedCa;
use super::{ALPN_HTTP1, ALPN_HTTP2, ClientIdentity, TlsSetupError};
use crate::crypto;

/// Whom a dialer trusts. Nothing else is trusted beside it, the system's store neither.
#[derive(Clone, PartialEq, Eq)]
pub enum TlsTrust {
    /// The CA whose SubjectPublicKeyInfo has this SHA-256; it must be in the server's chain.
    Pinned { ca_pin: [u8; 32] },
    /// A CA whose certificate is known.
    Ca { der: Vec<u8> },
}

/// How a dialer verifies the server and shows itself. Clones share it.
#[derive(Clone)]
pub struct ClientTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) trust: TlsTrust,
}

impl ClientTls {
    /// TLS 1.3 with this trust, showing `identity` when the server asks.
    ///
    /// # Errors
    /// When the CA's certificate can't be used.
    pub fn new(trust: &TlsTrust, identity: &ClientIdentity) -> Result<Self, TlsSetupError> {
        let provider = crypto::provider();
        let verifier: Arc<dyn ServerCertVerifier> = match trust {
            TlsTrust::Pinned { ca_pin } => Arc::new(PinnedCa::new(*ca_pin, Arc::clone(&provider))),
            TlsTrust::Ca { der } => {
                let mut roots = RootCertStore::empty();
                roots
                    .add(CertificateDer::from(der.clone()))
                    .map_err(TlsSetupError::Ca)?;
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                    .build()
                    .map_err(TlsSetupError::Verifier)?
            }
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsSetupError::Versions)?
            // The name is rustls' for any verifier that is not its own; both of ours verify.
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(identity.clone()));
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            trust: trust.clone(),
        })
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

impl fmt::Debug for TlsTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned { ca_pin } => write!(f, "Pinned({})", hex::encode(ca_pin)),
            Self::Ca { der } => write!(f, "Ca({} bytes)", der.len()),
        }
    }
}
