//! The crypto provider, and the hash of a certificate's key.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Makes aws-lc-rs the process's crypto provider. Calling it again does nothing.
pub fn install_crypto() {
    // The error means that a provider is installed already; everything here names its provider
    // explicitly, so that the process-wide one only serves libraries.
    if CryptoProvider::get_default().is_none() {
        let _ = CryptoProvider::install_default(rustls::crypto::aws_lc_rs::default_provider());
    }
}

/// The provider that every TLS configuration of this crate uses.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// The certificates (DER) of a PEM file; what else it holds is passed over.
///
/// # Errors
/// When a certificate in it is malformed.
pub fn certificates_of_pem(pem: &[u8]) -> Result<Vec<Vec<u8>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem)
        .map(|one| one.map(|der| der.to_vec()))
        .collect()
}

/// SHA-256 of the SubjectPublicKeyInfo of a DER certificate; `None` when it is no certificate.
#[must_use]
pub fn spki_sha256(certificate_der: &[u8]) -> Option<[u8; 32]> {
    let (_, certificate) = X509Certificate::from_der(certificate_der).ok()?;
    Some(sha256(certificate.tbs_certificate.subject_pki.raw))
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut out = [0u8; 32];
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::PublicKeyData as _;

    #[test]
    fn installing_twice_is_fine() {
        install_crypto();
        install_crypto();
        assert!(CryptoProvider::get_default().is_some());
    }

    #[test]
    fn the_pin_is_the_hash_of_the_whole_subject_public_key_info() {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["a.test".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        assert_eq!(
            spki_sha256(certificate.der()),
            Some(sha256(&key.subject_public_key_info()))
        );
        assert_eq!(spki_sha256(b"no certificate"), None);
    }
}
