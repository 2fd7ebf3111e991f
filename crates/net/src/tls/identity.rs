//! Certificates and keys that can be exchanged while they are in use.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::TlsSetupError;
use crate::crypto;

/// A listener's certificate and key. Clones share them: [`ServerIdentity::replace`] on one counts
/// for every handshake after it.
#[derive(Clone)]
pub struct ServerIdentity(Arc<RwLock<Arc<CertifiedKey>>>);

/// A dialer's certificate and key, or none yet. Clones share them.
#[derive(Clone, Default)]
pub struct ClientIdentity(Arc<RwLock<Option<Arc<CertifiedKey>>>>);

impl ServerIdentity {
    /// `chain` in DER, the leaf first. For peers that pin the CA's key the chain must include the
    /// CA's certificate.
    ///
    /// # Errors
    /// When the key can't be read, or is not the leaf's.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsSetupError> {
        Ok(Self(Arc::new(RwLock::new(certified(chain, key)?))))
    }

    /// Takes another certificate and key for all handshakes from now on.
    ///
    /// # Errors
    /// When the key can't be read, or is not the leaf's; the old ones then stay.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), TlsSetupError> {
        let new = certified(chain, key)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}

impl ClientIdentity {
    /// No certificate: connections are anonymous until [`ClientIdentity::replace`].
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// `chain` in DER, the leaf first.
    ///
    /// # Errors
    /// When the key can't be read, or is not the leaf's.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsSetupError> {
        Ok(Self(Arc::new(RwLock::new(Some(certified(chain, key)?)))))
    }

    /// Takes another certificate and key for all connections from now on; open ones go on with
    /// what they began with.
    ///
    /// # Errors
    /// When the key can't be read, or is not the leaf's; the old ones then stay.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), TlsSetupError> {
        let new = certified(chain, key)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(new);
        Ok(())
    }

    /// Forgets certificate and key: connections from now on are anonymous.
    pub fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn current(&self) -> Option<Arc<CertifiedKey>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, TlsSetupError> {
    if chain.is_empty() {
        return Err(TlsSetupError::EmptyChain);
    }
    CertifiedKey::from_der(chain, key, &crypto::provider())
        .map(Arc::new)
        .map_err(TlsSetupError::Identity)
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(
            &self.0.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

impl ResolvesClientCert for ClientIdentity {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.current()
    }

    fn has_certs(&self) -> bool {
        self.current().is_some()
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerIdentity")
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity")
            .field("present", &self.current().is_some())
            .finish()
    }
}
