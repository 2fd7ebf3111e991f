//! Lists of revoked certificates (RFC 5280, section 5), judged by rustls' own verifier.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};

use super::issuer::Issuer;
use crate::crypto;

/// Whether the list, if it is the issuer's and in date, names the leaf.
pub(super) fn read(
    list: Vec<u8>,
    leaf: &[u8],
    name: &ServerName<'_>,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<bool, String> {
    let roots = RootCertStore {
        roots: vec![issuer.anchor.clone()],
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto::provider())
        .with_crls([CertificateRevocationListDer::from(list)])
        .only_check_end_entity_revocation()
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| format!("its list can't be used: {error}"))?;
    let leaf = CertificateDer::from(leaf);
    match verifier.verify_server_cert(&leaf, &[], name, &[], now) {
        Ok(_) => Ok(false),
        Err(rustls::Error::InvalidCertificate(CertificateError::Revoked)) => Ok(true),
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownRevocationStatus)) => {
            Err("its list is not about this certificate".to_owned())
        }
        Err(error) => Err(format!("its list can't be used: {error}")),
    }
}
