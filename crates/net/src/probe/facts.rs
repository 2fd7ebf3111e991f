//! What a certificate says of itself.

use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::crypto::sha256;

/// More names, addresses or timestamps of one certificate are not kept.
const MAX_ITEMS: usize = 100;
/// The facts of one certificate that explain a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    pub subject: String,
    pub issuer: String,
    /// Hexadecimal.
    pub serial: String,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub key_pin: [u8; 32],
    /// The issuer's key, as the certificate names it (RFC 5280, section 4.2.1.1).
    pub issuer_key_id: Option<Vec<u8>>,
    /// DNS names and addresses that it is for.
    pub names: Vec<String>,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// Signed certificate timestamps (RFC 6962).
    pub scts: usize,
    pub ocsp_urls: Vec<String>,
    pub crl_urls: Vec<String>,
    pub self_issued: bool,
}

impl CertificateFacts {
    /// Reads a certificate; `None` when it is none.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut facts = Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: hex::encode(certificate.raw_serial()),
            key_pin: sha256(certificate.tbs_certificate.subject_pki.raw),
            issuer_key_id: None,
            names: Vec::new(),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            scts: 0,
            ocsp_urls: Vec::new(),
            crl_urls: Vec::new(),
            self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
        };
        for extension in certificate.extensions() {
            facts.note(extension.parsed_extension());
        }
        Some(facts)
    }

    fn note(&mut self, extension: &ParsedExtension<'_>) {
        match extension {
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.issuer_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                let named = names.general_names.iter().filter_map(name);
                self.names = named.take(MAX_ITEMS).collect();
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                let responders = access
                    .accessdescs
                    .iter()
                    .filter(|access| {
                        access.access_method == oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP
                    })
                    .filter_map(|access| url(&access.access_location));
                self.ocsp_urls = responders.take(MAX_ITEMS).collect();
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                let full =
                    points
                        .points
                        .iter()
                        .filter_map(|point| match &point.distribution_point {
                            Some(DistributionPointName::FullName(names)) => Some(names),
                            Some(DistributionPointName::NameRelativeToCRLIssuer(_)) | None => None,
                        });
                self.crl_urls = full.flatten().filter_map(url).take(MAX_ITEMS).collect();
            }
            ParsedExtension::SCT(timestamps) => self.scts = timestamps.len(),
            _ => {}
        }
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    }
}

fn url(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(url) => Some((*url).to_owned()),
        _ => None,
    }
}
