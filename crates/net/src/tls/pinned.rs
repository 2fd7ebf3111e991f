//! Verifies a server by the hash of its CA's key.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use crate::crypto::spki_sha256;

/// Finds in the presented chain the CA whose key has the pinned hash, and verifies the leaf
/// (signature, name, validity, purpose) with that CA as the only trust anchor.
///
/// What else the presented CA certificate says (its name, its dates) is not vouched for by the
/// pin; it can't widen anything, because only the holder of the pinned key can have signed the
/// leaf.
#[derive(Debug)]
pub(crate) struct PinnedCa {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

/// No certificate of the presented chain has the pinned key.
#[derive(Debug, thiserror::Error)]
#[error("no CA certificate with the pinned key was presented")]
pub(super) struct PinNotPresented {
    /// Hashes of the keys that were presented, the leaf's first.
    pub(super) presented: Vec<[u8; 32]>,
}

impl PinnedCa {
    pub(crate) fn new(pin: [u8; 32], provider: Arc<CryptoProvider>) -> Self {
        Self { pin, provider }
    }
}

impl ServerCertVerifier for PinnedCa {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let anchor = intermediates
            .iter()
            .find(|certificate| spki_sha256(certificate) == Some(self.pin));
        let Some(anchor) = anchor else {
            let chain = std::iter::once(end_entity).chain(intermediates);
            let presented = chain
                .filter_map(|certificate| spki_sha256(certificate))
                .collect();
            let error = OtherError(Arc::new(PinNotPresented { presented }));
            return Err(CertificateError::Other(error).into());
        };
        let mut roots = RootCertStore::empty();
        roots.add(anchor.clone().into_owned())?;
        let leaf = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &leaf,
            &roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        verify_server_name(&leaf, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
