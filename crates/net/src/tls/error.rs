//! What goes wrong in TLS, told apart by what one would do about it.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use super::pinned::PinNotPresented;

/// A certificate, key or CA that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    #[error("the certificate chain is empty; expected the leaf certificate first")]
    EmptyChain,
    #[error("certificate and private key can't be used together")]
    Identity(#[source] rustls::Error),
    #[error("the CA certificate can't be used as a trust anchor")]
    Ca(#[source] rustls::Error),
    #[error("no verifier can be made of the given CA certificates")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    #[error("the crypto provider does not offer TLS 1.3")]
    Versions(#[source] rustls::Error),
}

/// Why a TLS handshake failed, or a TLS connection broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error(
        "the server did not present the CA that this machine was told to trust (key pin {expected}; it presented {}); either this is another server, or something in between inspects TLS: except this destination from inspection, or enrol again if the site's CA was replaced",
        list(presented)
    )]
    PinMismatch {
        expected: String,
        presented: Vec<String>,
    },
    #[error(
        "the server's certificate is not signed by the trusted CA ({reason}); either this is another server, or something in between inspects TLS: except this destination from inspection"
    )]
    Untrusted { reason: String },
    #[error(
        "the server's certificate is not for {expected} (it is for {}); use one of these names, or add {expected} to the server's names",
        list(presented)
    )]
    NameMismatch {
        expected: String,
        presented: Vec<String>,
    },
    #[error(
        "the certificate expired {} ago; if it is fresh, this machine's clock is ahead",
        span(*seconds)
    )]
    Expired { seconds: u64 },
    #[error(
        "the certificate becomes valid in {} only; this machine's clock is probably behind",
        span(*seconds)
    )]
    NotYetValid { seconds: u64 },
    #[error(
        "the server's certificate is revoked, says its issuer; the server needs a new one, or this is another server with a stolen one"
    )]
    Revoked,
    #[error(
        "expected TLS, got something else; is this the right port, or is a captive portal or proxy in between?"
    )]
    NotTls,
    #[error("the other side speaks no TLS 1.3 that we could agree on ({reason})")]
    Incompatible { reason: String },
    #[error(
        "the connection was closed during the TLS handshake; a firewall or an inspecting proxy may not let this through ({reason})"
    )]
    Closed { reason: String },
    #[error("the server demands a client certificate, and none was presented; enrol first")]
    ClientCertificateRequired,
    #[error(
        "the server refused our client certificate ({reason}); it may have expired, belong to another site, or this machine's clock or the server's may be wrong"
    )]
    ClientCertificateRefused { reason: String },
    #[error("no answer to the TLS handshake within {} s", limit.as_secs_f32())]
    TimedOut { limit: Duration },
    #[error("the other side ended TLS with the alert {alert}")]
    Alert { alert: String },
    #[error("the TLS handshake failed: {reason}")]
    Protocol { reason: String },
}

impl TlsError {
    /// In a few words, without advice; for the log of the side that refused.
    pub(crate) const fn summary(&self) -> &'static str {
        match self {
            Self::PinMismatch { .. } | Self::Untrusted { .. } => "not signed by our CA",
            Self::NameMismatch { .. } => "for another name",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not yet valid",
            Self::Revoked => "revoked",
            Self::NotTls => "not TLS",
            Self::Incompatible { .. } => "no TLS 1.3",
            Self::Closed { .. } => "connection closed",
            Self::ClientCertificateRequired => "no certificate presented",
            Self::ClientCertificateRefused { .. } => "our certificate was refused",
            Self::TimedOut { .. } => "timed out",
            Self::Alert { .. } => "alert",
            Self::Protocol { .. } => "protocol error",
        }
    }

    /// Reads the TLS error inside an I/O error; `None` when it holds none.
    pub(crate) fn from_io(error: &io::Error, pin: Option<&[u8; 32]>) -> Option<Self> {
        let inner = error.get_ref()?;
        inner
            .downcast_ref::<rustls::Error>()
            .map(|error| Self::from_rustls(error, pin))
    }

    /// As [`Self::from_io`]; other I/O errors mean that the handshake was cut.
    pub(crate) fn from_handshake(error: &io::Error, pin: Option<&[u8; 32]>) -> Self {
        Self::from_io(error, pin).unwrap_or_else(|| Self::Closed {
            reason: error.to_string(),
        })
    }

    pub(crate) fn from_rustls(error: &rustls::Error, pin: Option<&[u8; 32]>) -> Self {
        match error {
            rustls::Error::InvalidCertificate(reason) => Self::from_certificate(reason, pin),
            rustls::Error::NoCertificatesPresented => Self::ClientCertificateRequired,
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            rustls::Error::PeerIncompatible(reason) => Self::from_incompatible(reason),
            rustls::Error::AlertReceived(alert) => Self::from_alert(*alert),
            other => Self::Protocol {
                reason: other.to_string(),
            },
        }
    }

    fn from_incompatible(reason: &PeerIncompatible) -> Self {
        Self::Incompatible {
            reason: format!("{reason:?}"),
        }
    }

    fn from_alert(alert: AlertDescription) -> Self {
        let reason = format!("{alert:?}");
        match alert {
            AlertDescription::CertificateRequired => Self::ClientCertificateRequired,
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            // How a signature of a namesake of the CA is refused.
            | AlertDescription::DecryptError => Self::ClientCertificateRefused { reason },
            AlertDescription::ProtocolVersion => Self::Incompatible { reason },
            _ => Self::Alert { alert: reason },
        }
    }

    fn from_certificate(error: &CertificateError, pin: Option<&[u8; 32]>) -> Self {
        match error {
            CertificateError::ExpiredContext { time, not_after } => Self::Expired {
                seconds: time.as_secs().saturating_sub(not_after.as_secs()),
            },
            CertificateError::Expired => Self::Expired { seconds: 0 },
            CertificateError::NotValidYetContext { time, not_before } => Self::NotYetValid {
                seconds: not_before.as_secs().saturating_sub(time.as_secs()),
            },
            CertificateError::NotValidYet => Self::NotYetValid { seconds: 0 },
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => Self::NameMismatch {
                expected: name(expected),
                presented: presented.clone(),
            },
            CertificateError::NotValidForName => Self::NameMismatch {
                expected: "the dialed name".into(),
                presented: Vec::new(),
            },
            CertificateError::Revoked => Self::Revoked,
            CertificateError::Other(other) => match other.0.downcast_ref::<PinNotPresented>() {
                Some(missing) => Self::PinMismatch {
                    expected: pin.map(hex::encode).unwrap_or_default(),
                    presented: missing.presented.iter().map(hex::encode).collect(),
                },
                None => Self::Untrusted {
                    reason: error.to_string(),
                },
            },
            other => Self::Untrusted {
                reason: other.to_string(),
            },
        }
    }
}

fn name(name: &ServerName<'_>) -> String {
    match name {
        ServerName::IpAddress(address) => std::net::IpAddr::from(*address).to_string(),
        other => other.to_str().into_owned(),
    }
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        "nothing".to_owned()
    } else {
        items.join(", ")
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
