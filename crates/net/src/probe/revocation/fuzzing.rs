//! The readers of what issuers say of revocations, for [`crate::fuzzing`].

use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::crl;
use super::issuer::Issuer;
use super::ocsp::Question;
use crate::probe::roots::ProbeRoots;

/// The middle of 2026, in seconds since 1970.
const NOW: u32 = 1_782_000_000;

/// A certificate about which is asked.
pub struct Revocation {
    leaf: Vec<u8>,
    issuer: Issuer,
    question: Question,
}

impl Revocation {
    /// Of a leaf and its issuer's certificate, in DER.
    #[must_use]
    pub fn new(chain: &[Vec<u8>]) -> Option<Self> {
        let issuer = Issuer::find(chain, &ProbeRoots::of(Vec::new(), Vec::new()))?;
        let leaf = chain.first()?.clone();
        let (_, parsed) = X509Certificate::from_der(&leaf).ok()?;
        let question = Question::new(&parsed, &issuer)?;
        Some(Self {
            leaf,
            issuer,
            question,
        })
    }

    /// The CertID (RFC 6960, section 4.1.1) that an answer must name.
    #[must_use]
    pub fn certificate_id(&self) -> &[u8] {
        &self.question.id
    }

    /// Whether the certificate is revoked, as an answer of OCSP says.
    ///
    /// # Errors
    /// Why it does not say.
    pub fn by_ocsp(&self, answer: &[u8]) -> Result<bool, String> {
        let (_, leaf) = X509Certificate::from_der(&self.leaf).map_err(|error| error.to_string())?;
        self.question.read(answer, &leaf, &self.issuer, NOW.into())
    }

    /// Whether the certificate of `name` is revoked, as a list says.
    ///
    /// # Errors
    /// Why it does not say.
    pub fn by_list(&self, list: &[u8], name: &str) -> Result<bool, String> {
        let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW.into()));
        crl::read(list.to_vec(), &self.leaf, &name, &self.issuer, now)
    }
}
