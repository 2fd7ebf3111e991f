//! The listener's side: the certificate that it shows, and those that it accepts.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use super::{ALPN_HTTP1, ALPN_HTTP2, ServerIdentity, TlsSetupError};
use crate::crypto;

/// What a listener does about certificates of those who dial.
#[derive(Debug, Clone)]
pub enum ClientAuth {
    /// Never asks.
    None,
    /// Accepts connections without; verifies what is presented against these CAs (DER), validity
    /// included, and refuses the connection when that fails.
    Optional { cas: Vec<CertificateDer<'static>> },
    /// Refuses connections without.
    Required { cas: Vec<CertificateDer<'static>> },
}

/// How a listener speaks TLS. Clones share it.
#[derive(Debug, Clone)]
pub struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
}

impl ServerTls {
    /// TLS 1.3 with this identity.
    ///
    /// # Errors
    /// When a CA's certificate can't be used, or there is none.
    pub fn new(identity: &ServerIdentity, clients: ClientAuth) -> Result<Self, TlsSetupError> {
        let provider = crypto::provider();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsSetupError::Versions)?
            .with_client_cert_verifier(verifier(clients)?)
            .with_cert_resolver(Arc::new(identity.clone()));
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

fn verifier(clients: ClientAuth) -> Result<Arc<dyn ClientCertVerifier>, TlsSetupError> {
    let builder = |cas: Vec<CertificateDer<'static>>| {
        let mut roots = RootCertStore::empty();
        for ca in cas {
            roots.add(ca).map_err(TlsSetupError::Ca)?;
        }
        Ok(WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            crypto::provider(),
        ))
    };
    match clients {
        ClientAuth::None => Ok(Arc::new(NoClientAuth)),
        ClientAuth::Optional { cas } => builder(cas)?
            .allow_unauthenticated()
            .build()
            .map_err(TlsSetupError::Verifier),
        ClientAuth::Required { cas } => builder(cas)?.build().map_err(TlsSetupError::Verifier),
    }
}
