//! Certificates of peers: whose they are and until when.
//!
//! Reading a certificate proves nothing. Whether the site CA issued it is verified by TLS before
//! anything here is called.

use std::fmt;
use std::time::Duration;

use model::{DeviceId, SiteId, Timestamp};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::{moment, spki};

const DEVICE: &str = "urn:garrison:device:";
const SITE: &str = "urn:garrison:site:";

/// Whom a client certificate names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An enrolled device.
    Device(DeviceId),
    /// A site, towards a cloud.
    Site(SiteId),
}

impl Subject {
    /// Reads the form that certificates carry: `urn:garrison:device:UUID` or
    /// `urn:garrison:site:UUID`.
    #[must_use]
    pub fn parse(uri: &str) -> Option<Self> {
        let (subject, text) = if let Some(text) = uri.strip_prefix(DEVICE) {
            (DeviceId::parse(text).map(Self::Device).ok()?, text)
        } else {
            let text = uri.strip_prefix(SITE)?;
            (SiteId::parse(text).map(Self::Site).ok()?, text)
        };
        // One subject has one spelling: the hyphenated lower-case form.
        subject
            .to_string()
            .ends_with(text)
            .then_some(subject)
            .filter(|_| text.len() == 36)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(id) => write!(f, "{DEVICE}{id}"),
            Self::Site(id) => write!(f, "{SITE}{id}"),
        }
    }
}

/// What a peer's certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    pub subject: Subject,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub key_sha256: [u8; 32],
    /// Lower-case hexadecimal, without leading zeros.
    pub serial_hex: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// A certificate that can't be a peer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("expected an X.509 certificate, got {0}")]
    NotACertificate(&'static str),
    #[error("the certificate's key is of another kind; expected ECDSA on P-256")]
    KeyKind,
    #[error(
        "expected a certificate with exactly one name of the form {DEVICE}UUID or {SITE}UUID, got {got}; enrol to get one"
    )]
    Subject { got: String },
}

impl PeerCertificate {
    /// Reads the certificate that a peer presented (DER). It must have been verified against the
    /// CA already.
    ///
    /// # Errors
    /// When it is no certificate, its key is not on P-256, or it doesn't name exactly one device
    /// or site.
    pub fn parse(leaf_der: &[u8]) -> Result<Self, CertificateError> {
        let certificate = parse_x509(leaf_der)?;
        let spki_der = certificate.public_key().raw;
        if spki::p256_point(spki_der).is_none() {
            return Err(CertificateError::KeyKind);
        }
        let validity = certificate.validity();
        Ok(Self {
            subject: subject_of(&certificate)?,
            key_sha256: spki::sha256(spki_der),
            serial_hex: serial_hex(certificate.raw_serial()),
            not_before: moment::from_unix_seconds(validity.not_before.timestamp()),
            not_after: moment::from_unix_seconds(validity.not_after.timestamp()),
        })
    }

    /// Reads a certificate in PEM, as [`PeerCertificate::parse`] does; for a holder that looks at
    /// its own.
    ///
    /// # Errors
    /// Those of [`PeerCertificate::parse`].
    pub fn parse_pem(pem: &str) -> Result<Self, CertificateError> {
        Self::parse(&der_from_pem(pem)?)
    }
}

/// Whether a certificate should be renewed: once half of its life is over, so that a device that
/// is off for weeks still comes back with a valid one. `issued` is the issuer's record, and not
/// [`PeerCertificate::not_before`], which lies in its past.
#[must_use]
pub fn renewal_is_due(issued: Timestamp, expires: Timestamp, now: Timestamp) -> bool {
    let life: Duration = expires.since(issued);
    now >= issued.plus(life / 2)
}

/// The DER of the first certificate in a PEM text.
///
/// # Errors
/// When there is none.
pub fn der_from_pem(pem: &str) -> Result<Vec<u8>, CertificateError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map(|der| der.to_vec())
        .map_err(|_| CertificateError::NotACertificate("text that is no PEM"))
}

/// SHA-256 of the SubjectPublicKeyInfo of any certificate (DER): what a CA pin is compared with.
///
/// # Errors
/// When the bytes are no certificate.
pub fn spki_sha256(certificate_der: &[u8]) -> Result<[u8; 32], CertificateError> {
    parse_x509(certificate_der).map(|certificate| spki::sha256(certificate.public_key().raw))
}

pub(crate) fn parse_x509(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    let (rest, certificate) = X509Certificate::from_der(der)
        .map_err(|_| CertificateError::NotACertificate("bytes of another form"))?;
    if rest.is_empty() {
        Ok(certificate)
    } else {
        Err(CertificateError::NotACertificate(
            "one with bytes behind it",
        ))
    }
}

fn subject_of(certificate: &X509Certificate<'_>) -> Result<Subject, CertificateError> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|_| CertificateError::NotACertificate("one with damaged names"))?
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default();
    match names {
        [GeneralName::URI(uri)] => Subject::parse(uri).ok_or_else(|| CertificateError::Subject {
            got: format!("{:?}", uri.chars().take(80).collect::<String>()),
        }),
        [_] => Err(CertificateError::Subject {
            got: "a name of another form".to_owned(),
        }),
        several => Err(CertificateError::Subject {
            got: format!("{} names", several.len()),
        }),
    }
}

fn serial_hex(raw: &[u8]) -> String {
    let text = hex::encode(raw);
    let trimmed = text.trim_start_matches('0');
    if trimmed.is_empty() {
        "0".to_owned()
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CertificateAuthority, KeyPair};

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> Timestamp {
        Timestamp::from_millis(1_790_000_000_123)
    }

    #[test]
    fn an_issued_certificate_names_its_subject_key_serial_and_time() {
        let ca = CertificateAuthority::create("Lyon", now()).unwrap();
        for subject in [
            Subject::Device(DeviceId::generate()),
            Subject::Site(SiteId::generate()),
        ] {
            let key = KeyPair::generate().unwrap();
            let request = key.certificate_request().unwrap();
            let issued = ca.issue_client(&request, subject, HOUR, now()).unwrap();
            let peer = PeerCertificate::parse_pem(&issued.pem).unwrap();
            assert_eq!(peer.subject, subject);
            assert_eq!(peer.key_sha256, key.key_sha256());
            assert_eq!(peer.key_sha256, issued.key_sha256);
            assert_eq!(peer.serial_hex, issued.serial_hex);
            assert_eq!(peer.not_after, issued.expires);
            assert!(peer.not_before <= now().minus(HOUR), "{peer:?}");
        }
    }

    #[test]
    fn a_server_certificate_is_no_peer() {
        let ca = CertificateAuthority::create("Lyon", now()).unwrap();
        let names = ["127.0.0.1".to_owned()];
        let server = ca.issue_server(&names, HOUR, now()).unwrap();
        for der in &server.chain_der {
            let error = PeerCertificate::parse(der).unwrap_err();
            assert!(matches!(error, CertificateError::Subject { .. }), "{error}");
        }
    }

    #[test]
    fn a_certificate_with_two_names_is_no_peer() {
        let key = rcgen::KeyPair::generate().unwrap();
        let uri = |text: String| rcgen::SanType::URI(text.try_into().unwrap());
        let name = || uri(Subject::Device(DeviceId::generate()).to_string());
        let parsed = |names: Vec<rcgen::SanType>| {
            let mut params = rcgen::CertificateParams::default();
            params.subject_alt_names = names;
            PeerCertificate::parse(params.self_signed(&key).unwrap().der())
        };
        assert!(parsed(vec![name()]).is_ok());
        for names in [
            vec![],
            vec![name(), name()],
            vec![uri("urn:garrison:gateway:1".to_owned())],
            vec![rcgen::SanType::DnsName(
                "urn:garrison:device".try_into().unwrap(),
            )],
        ] {
            let error = parsed(names).unwrap_err();
            assert!(matches!(error, CertificateError::Subject { .. }), "{error}");
        }
    }

    #[test]
    fn a_key_that_is_not_on_p256_is_refused() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let mut params = rcgen::CertificateParams::default();
        let uri = Subject::Device(DeviceId::generate()).to_string();
        params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().unwrap())];
        let der = params.self_signed(&key).unwrap();
        assert_eq!(
            PeerCertificate::parse(der.der()),
            Err(CertificateError::KeyKind)
        );
    }

    #[test]
    fn subjects_have_one_spelling() {
        let id = DeviceId::generate();
        let text = Subject::Device(id).to_string();
        assert_eq!(Subject::parse(&text), Some(Subject::Device(id)));
        let bare = id.uuid().simple().to_string();
        for other in [
            text.to_uppercase(),
            format!("{DEVICE}{}", id.to_string().to_uppercase()),
            format!("{DEVICE}{bare}"),
            format!("{DEVICE}{{{id}}}"),
            format!("{DEVICE}urn:uuid:{id}"),
            format!("{text} "),
            DEVICE.to_owned(),
            format!("urn:garrison:gateway:{id}"),
            String::new(),
        ] {
            assert_eq!(Subject::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_are_refused() {
        let ca = CertificateAuthority::create("Lyon", now()).unwrap();
        let der = ca.certificate_der();
        for length in 0..der.len() {
            assert!(PeerCertificate::parse(&der[..length]).is_err(), "{length}");
        }
        let mut longer = der.to_vec();
        longer.push(0);
        assert!(matches!(
            PeerCertificate::parse(&longer),
            Err(CertificateError::NotACertificate(_))
        ));
        assert!(PeerCertificate::parse_pem("hello").is_err());
    }

    #[test]
    fn renewal_is_due_in_the_second_half_of_a_life() {
        let expires = now().plus(HOUR);
        let due = |minutes| renewal_is_due(now(), expires, now().plus(HOUR / 60 * minutes));
        assert_eq!(
            [0, 29, 30, 60, 90].map(due),
            [false, false, true, true, true]
        );
    }
}
