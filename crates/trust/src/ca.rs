//! The certificate authority of a site, and of a cloud.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::rand;
use model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, SanType, SerialNumber, SubjectPublicKeyInfo,
};

pub use crate::certificate::Subject;
use crate::certificate::{self, CertificateError};
use crate::identity::{self, IdentityError, KeyPair};
use crate::{moment, spki};

/// How long a CA lives.
const CA_LIFETIME: Duration = Duration::from_secs(3652 * 86_400);
/// How far certificates begin in the past, so that a peer whose clock is behind takes them.
const BACKDATING: Duration = Duration::from_secs(86_400);
/// Names in one server certificate.
const MAX_NAMES: usize = 64;

/// A certificate authority: an ECDSA P-256 key and its self-signed certificate. Its debug output
/// doesn't show the key.
pub struct CertificateAuthority {
    certificate_der: Vec<u8>,
    certificate_pem: String,
    key: KeyPair,
    not_after: Timestamp,
    pin: [u8; 32],
}

/// A server's certificate and its key, for the TLS library. The key is made here and lives in
/// memory only.
pub struct ServerCertificate {
    /// DER: the server's own certificate, then the CA's.
    pub chain_der: Vec<Vec<u8>>,
    /// PKCS#8 in DER: a secret.
    pub key_pkcs8_der: Vec<u8>,
    pub expires: Timestamp,
}

/// A certificate made from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    pub pem: String,
    /// Lower-case hexadecimal, without leading zeros.
    pub serial_hex: String,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub key_sha256: [u8; 32],
    pub issued: Timestamp,
    pub expires: Timestamp,
}

/// The CA can't be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    #[error("the CA's key")]
    Key(#[source] IdentityError),
    #[error("the CA's certificate")]
    Certificate(#[source] CertificateError),
    #[error(
        "the CA's certificate and the CA's key don't belong together; restore both files from the same backup"
    )]
    Mismatch,
    #[error("the certificate in the CA's file is not a CA's; restore it from a backup")]
    NotACa,
    #[error(
        "{name:?} is neither an IP address nor a DNS name; a server certificate can't carry it"
    )]
    ServerName { name: String },
    #[error("expected 1 to {MAX_NAMES} names for a server certificate, got {0}")]
    NameCount(usize),
    #[error("the request for a certificate is refused")]
    Request(#[from] IdentityError),
    #[error("the CA's certificate expired at {0}; make a new CA and enrol anew")]
    Expired(Timestamp),
    #[error("the system's randomness failed")]
    Randomness,
    #[error("the certificate could not be made")]
    Issue(#[from] rcgen::Error),
}

impl CertificateAuthority {
    /// A new authority: valid for ten years, for certificates of ends only (path length 0).
    ///
    /// # Errors
    /// When the system's randomness fails or the name can't stand in a certificate.
    pub fn create(name: &str, now: Timestamp) -> Result<Self, CaError> {
        let key = KeyPair::generate().map_err(CaError::Key)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(random_serial()?);
        params.not_before = moment::to_certificate_time(now.minus(BACKDATING));
        params.not_after = moment::to_certificate_time(now.plus(CA_LIFETIME));
        let certificate = params.self_signed(key.signer())?;
        Self::assemble(certificate.der().to_vec(), certificate.pem(), key)
    }

    /// Reads an authority from its two files.
    ///
    /// # Errors
    /// When either is damaged, the certificate is not a CA's, or they don't belong together.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, CaError> {
        let key = KeyPair::from_pem(key_pem).map_err(CaError::Key)?;
        let der = certificate::der_from_pem(certificate_pem).map_err(CaError::Certificate)?;
        Self::assemble(der, certificate_pem.to_owned(), key)
    }

    fn assemble(der: Vec<u8>, pem: String, key: KeyPair) -> Result<Self, CaError> {
        let parsed = certificate::parse_x509(&der).map_err(CaError::Certificate)?;
        if !parsed.is_ca() {
            return Err(CaError::NotACa);
        }
        if parsed.public_key().raw != key.spki_der() {
            return Err(CaError::Mismatch);
        }
        let not_after = moment::from_unix_seconds(parsed.validity().not_after.timestamp());
        let pin = spki::sha256(parsed.public_key().raw);
        Ok(Self {
            certificate_der: der,
            certificate_pem: pem,
            key,
            not_after,
            pin,
        })
    }

    /// The CA's certificate in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The CA's certificate in DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// The CA's key, PKCS#8 in PEM: a secret, for a [`crate::keyfile`] only.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.to_pem()
    }

    /// SHA-256 of the CA's SubjectPublicKeyInfo; enrolment tokens carry it.
    #[must_use]
    pub const fn pin(&self) -> [u8; 32] {
        self.pin
    }

    /// [`CertificateAuthority::pin`] as 64 hexadecimal digits.
    #[must_use]
    pub fn pin_hex(&self) -> String {
        hex::encode(self.pin)
    }

    /// When the CA's own certificate ends.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.not_after
    }

    /// A certificate and a new key for a server that is reached under these IP addresses and DNS
    /// names. It begins a day in the past and never outlives the CA.
    ///
    /// # Errors
    /// When a name can't stand in a certificate, or the CA has expired.
    pub fn issue_server(
        &self,
        names: &[String],
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<ServerCertificate, CaError> {
        if names.is_empty() || names.len() > MAX_NAMES {
            return Err(CaError::NameCount(names.len()));
        }
        let key = KeyPair::generate().map_err(CaError::Key)?;
        let mut params = self.leaf(lifetime, now)?;
        params.distinguished_name = named("Garrison server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = names
            .iter()
            .map(|name| server_name(name))
            .collect::<Result<_, _>>()?;
        let expires = self.end(lifetime, now);
        let leaf = params.signed_by(key.signer(), &self.issuer()?)?;
        Ok(ServerCertificate {
            chain_der: vec![leaf.der().to_vec(), self.certificate_der.clone()],
            key_pkcs8_der: key.pkcs8_der(),
            expires,
        })
    }

    /// A client certificate for the key in a request (PKCS#10 in PEM). The request's
    /// self-signature is verified; of its content nothing but the public key is taken over.
    ///
    /// # Errors
    /// When the request is malformed, not signed by its own key or of another kind of key, or the
    /// CA has expired.
    pub fn issue_client(
        &self,
        request_pem: &str,
        subject: Subject,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<IssuedCertificate, CaError> {
        let spki_der = identity::verified_request_spki(request_pem)?;
        let public_key = SubjectPublicKeyInfo::from_der(&spki_der)?;
        let mut params = self.leaf(lifetime, now)?;
        let serial_hex = params
            .serial_number
            .as_ref()
            .map(|serial| hex::encode(serial.to_bytes()))
            .unwrap_or_default();
        params.distinguished_name = named(match subject {
            Subject::Device(_) => "Garrison device",
            Subject::Site(_) => "Garrison site",
        });
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = vec![SanType::URI(subject.to_string().try_into()?)];
        let leaf = params.signed_by(&public_key, &self.issuer()?)?;
        Ok(IssuedCertificate {
            pem: leaf.pem(),
            serial_hex,
            key_sha256: spki::sha256(&spki_der),
            issued: now,
            expires: self.end(lifetime, now),
        })
    }

    fn leaf(&self, lifetime: Duration, now: Timestamp) -> Result<CertificateParams, CaError> {
        if now >= self.not_after {
            return Err(CaError::Expired(self.not_after));
        }
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(random_serial()?);
        params.not_before = moment::to_certificate_time(now.minus(BACKDATING));
        params.not_after = moment::to_certificate_time(self.end(lifetime, now));
        Ok(params)
    }

    /// Whole seconds, as certificates have them; not after the CA's own end.
    fn end(&self, lifetime: Duration, now: Timestamp) -> Timestamp {
        moment::from_unix_seconds(now.plus(lifetime).seconds()).min(self.not_after)
    }

    fn issuer(&self) -> Result<Issuer<'static, &rcgen::KeyPair>, CaError> {
        let der = self.certificate_der.as_slice().into();
        Ok(Issuer::from_ca_cert_der(&der, self.key.signer())?)
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("pin", &self.pin_hex())
            .field("expires", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}

fn server_name(name: &str) -> Result<SanType, CaError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let refused = || CaError::ServerName {
        name: name.chars().take(80).collect(),
    };
    let plausible = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        });
    if !plausible {
        return Err(refused());
    }
    name.to_owned()
        .try_into()
        .map(SanType::DnsName)
        .map_err(|_| refused())
}

/// 128 random bits but for the first two, which are 01: positive, and without leading zeros.
fn random_serial() -> Result<SerialNumber, CaError> {
    let mut bytes = [0u8; 16];
    rand::fill(&mut bytes).map_err(|_| CaError::Randomness)?;
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

#[cfg(test)]
mod tests;
