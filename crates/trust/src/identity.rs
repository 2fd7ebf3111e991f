//! The key that an agent or a manager is: made where it is used, never sent.

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateSigningRequestDer, PrivatePkcs8KeyDer};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use crate::spki;

/// Longer requests are refused unread.
const MAX_REQUEST: usize = 16 << 10;

/// An ECDSA P-256 key pair. Its debug output shows the public half alone.
pub struct KeyPair(rcgen::KeyPair);

/// Something is wrong with a key or with a request for a certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("no key could be made; the system's randomness or memory failed")]
    Generate(#[source] rcgen::Error),
    #[error(
        "expected a private key (ECDSA P-256, PKCS#8, in PEM) and got something else or a damaged one; restore the key file, or remove the identity folder and enrol anew"
    )]
    Key,
    #[error("the request for a certificate could not be written")]
    WriteRequest(#[source] rcgen::Error),
    #[error(
        "expected a request for a certificate (PKCS#10 in PEM, at most {MAX_REQUEST} bytes), got {0}"
    )]
    Request(&'static str),
    #[error(
        "the request for a certificate holds a key of another kind; expected ECDSA on P-256 with SHA-256"
    )]
    KeyKind,
    #[error(
        "the signature of the request for a certificate is wrong: whoever sent it does not hold the key; make the request anew on the machine that has the key"
    )]
    Signature,
}

impl KeyPair {
    /// A new key.
    ///
    /// # Errors
    /// When the system's randomness fails.
    pub fn generate() -> Result<Self, IdentityError> {
        rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(IdentityError::Generate)
    }

    /// Reads what [`KeyPair::to_pem`] wrote.
    ///
    /// # Errors
    /// When the text is no P-256 key in PKCS#8. The error never repeats the text.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let der =
            PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| IdentityError::Key)?;
        rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(|_| IdentityError::Key)
    }

    /// PKCS#8 in PEM: a secret, for a [`crate::keyfile`] only.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// PKCS#8 in DER: a secret, for the TLS library only.
    #[must_use]
    pub fn pkcs8_der(&self) -> Vec<u8> {
        self.0.serialize_der()
    }

    /// The public key as a DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    /// SHA-256 of [`KeyPair::spki_der`]: the name of the identity.
    #[must_use]
    pub fn key_sha256(&self) -> [u8; 32] {
        spki::sha256(&self.spki_der())
    }

    /// A request for a certificate (PKCS#10 in PEM) that proves possession of the key and asks
    /// for nothing else: the issuer decides on the name.
    ///
    /// # Errors
    /// When signing fails.
    pub fn certificate_request(&self) -> Result<String, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .serialize_request(&self.0)
            .and_then(|request| request.pem())
            .map_err(IdentityError::WriteRequest)
    }

    pub(crate) const fn signer(&self) -> &rcgen::KeyPair {
        &self.0
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("key_sha256", &hex::encode(self.key_sha256()))
            .finish_non_exhaustive()
    }
}

/// SHA-256 of the public key (SubjectPublicKeyInfo) in a request for a certificate, after its
/// self-signature was verified.
///
/// # Errors
/// When the text is no request, its key is not on P-256, or the self-signature is wrong.
pub fn request_key_sha256(request_pem: &str) -> Result<[u8; 32], IdentityError> {
    verified_request_spki(request_pem).map(|spki_der| spki::sha256(&spki_der))
}

/// The SubjectPublicKeyInfo of a request, after its self-signature was verified.
pub(crate) fn verified_request_spki(request_pem: &str) -> Result<Vec<u8>, IdentityError> {
    if request_pem.len() > MAX_REQUEST {
        return Err(IdentityError::Request("more than that"));
    }
    let der = CertificateSigningRequestDer::from_pem_slice(request_pem.as_bytes())
        .map_err(|_| IdentityError::Request("text that is no PEM"))?;
    let (rest, request) = X509CertificationRequest::from_der(&der)
        .map_err(|_| IdentityError::Request("PEM that holds no request"))?;
    if !rest.is_empty() {
        return Err(IdentityError::Request("a request with bytes behind it"));
    }
    let info = &request.certification_request_info;
    let spki_der = info.subject_pki.raw;
    let point = spki::p256_point(spki_der).ok_or(IdentityError::KeyKind)?;
    if request.signature_algorithm.algorithm != x509_parser::oid_registry::OID_SIG_ECDSA_WITH_SHA256
    {
        return Err(IdentityError::KeyKind);
    }
    if spki::p256_signed(point, info.raw, &request.signature_value.data) {
        Ok(spki_der.to_vec())
    } else {
        Err(IdentityError::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    fn request_der(key: &KeyPair) -> Vec<u8> {
        let text = key.certificate_request().unwrap();
        CertificateSigningRequestDer::from_pem_slice(text.as_bytes())
            .unwrap()
            .to_vec()
    }

    #[test]
    fn a_key_reads_back_and_keeps_its_name() {
        let key = KeyPair::generate().unwrap();
        let read = KeyPair::from_pem(&key.to_pem()).unwrap();
        assert_eq!(read.key_sha256(), key.key_sha256());
        assert_ne!(KeyPair::generate().unwrap().key_sha256(), key.key_sha256());
    }

    #[test]
    fn a_request_names_the_key_that_made_it() {
        let key = KeyPair::generate().unwrap();
        let request = key.certificate_request().unwrap();
        assert_eq!(request_key_sha256(&request).unwrap(), key.key_sha256());
    }

    #[test]
    fn a_request_with_a_wrong_self_signature_is_refused() {
        let (own, stranger) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let der = request_der(&own);
        let (from, to) = (own.spki_der(), stranger.spki_der());
        let at = der
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        let mut swapped = der.clone();
        swapped[at..at + to.len()].copy_from_slice(&to);
        let error = request_key_sha256(&pem("CERTIFICATE REQUEST", &swapped)).unwrap_err();
        assert!(matches!(error, IdentityError::Signature), "{error}");
    }

    #[test]
    fn no_single_byte_of_what_a_request_says_can_be_altered() {
        let key = KeyPair::generate().unwrap();
        let der = request_der(&key);
        let (_, request) = X509CertificationRequest::from_der(&der).unwrap();
        let says = request.certification_request_info.raw;
        let begin = der
            .windows(says.len())
            .position(|part| part == says)
            .unwrap();
        for index in 0..der.len() {
            let mut altered = der.clone();
            altered[index] ^= 0x01;
            if let Ok(name) = request_key_sha256(&pem("CERTIFICATE REQUEST", &altered)) {
                assert!(
                    !(begin..begin + says.len()).contains(&index),
                    "byte {index}"
                );
                assert_eq!(name, key.key_sha256(), "byte {index}");
            }
        }
    }

    #[test]
    fn requests_with_keys_of_other_kinds_are_refused() {
        for algorithm in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P384_SHA384] {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let request = CertificateParams::default()
                .serialize_request(&key)
                .unwrap();
            let error = request_key_sha256(&request.pem().unwrap()).unwrap_err();
            assert!(matches!(error, IdentityError::KeyKind), "{error}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let key = KeyPair::generate().unwrap();
        let mut longer = request_der(&key);
        longer.push(0);
        for text in [
            String::new(),
            "hello".to_owned(),
            key.to_pem(),
            pem("CERTIFICATE REQUEST", b"hello"),
            pem("CERTIFICATE REQUEST", &longer),
            "x".repeat(MAX_REQUEST + 1),
        ] {
            let error = request_key_sha256(&text).unwrap_err();
            assert!(matches!(error, IdentityError::Request(_)), "{error}");
        }
    }

    #[test]
    fn a_damaged_key_is_refused_without_being_repeated() {
        let text = KeyPair::generate().unwrap().to_pem();
        let cut: String = text.chars().take(80).collect();
        let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        for bad in [cut.as_str(), "hello", &p384.serialize_pem()] {
            let error = KeyPair::from_pem(bad).unwrap_err();
            assert!(matches!(error, IdentityError::Key), "{error}");
            assert!(!format!("{error} {error:?}").contains("MIG"), "{error:?}");
        }
    }

    #[test]
    fn debug_output_keeps_the_key() {
        let key = KeyPair::generate().unwrap();
        let debug = format!("{key:?}");
        assert!(
            debug.contains(&hex::encode(key.key_sha256())) && debug.len() < 110,
            "{debug}"
        );
    }
}
