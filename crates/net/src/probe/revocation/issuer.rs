//! Who issued a certificate, and whether something is signed by them.

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::crypto;
use crate::der::{BIT_STRING, Reader, SEQUENCE};
use crate::probe::roots::ProbeRoots;

/// The issuer of a leaf.
pub(super) struct Issuer {
    pub(super) anchor: TrustAnchor<'static>,
}

/// A public key with its algorithm.
pub(super) struct Key<'a> {
    algorithm: &'a [u8],
    bits: &'a [u8],
}

impl Issuer {
    /// Looks among what the server showed, and then among the roots.
    pub(super) fn find(chain: &[Vec<u8>], roots: &ProbeRoots) -> Option<Self> {
        let (leaf, others) = chain.split_first()?;
        let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
        let wanted = content(leaf.issuer().as_raw())?;
        let mut shown = RootCertStore::empty();
        for other in others {
            // Those that can't be issuers are passed over.
            let _ = shown.add(CertificateDer::from(other.clone()));
        }
        let stores = [&shown, roots.host_store(), roots.public_store()];
        let anchors = stores.into_iter().flat_map(|store| &store.roots);
        let mut named = anchors.filter(|anchor| anchor.subject.as_ref() == wanted);
        // Of several keys under one name, the one that signed the leaf.
        let anchor = named.find(|anchor| {
            key(anchor).is_some_and(|key| {
                key.has_signed(
                    leaf.tbs_certificate.as_ref(),
                    algorithm(&leaf),
                    &leaf.signature_value.data,
                )
            })
        })?;
        Some(Self {
            anchor: anchor.to_owned(),
        })
    }

    pub(super) fn key(&self) -> Option<Key<'_>> {
        key(&self.anchor)
    }
}

impl<'a> Key<'a> {
    /// Reads a whole SubjectPublicKeyInfo.
    pub(super) fn read(spki: &'a [u8]) -> Option<Self> {
        Self::read_content(content(spki)?)
    }

    fn read_content(spki: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(spki);
        let algorithm = reader.take(SEQUENCE)?;
        // The first byte counts bits that are left over: none, in a key.
        let (_, bits) = reader.take(BIT_STRING)?.split_first()?;
        Some(Self { algorithm, bits })
    }

    /// What RFC 6960 hashes.
    pub(super) const fn bits(&self) -> &[u8] {
        self.bits
    }

    /// `algorithm` is the content of an AlgorithmIdentifier.
    pub(super) fn has_signed(&self, message: &[u8], algorithm: &[u8], signature: &[u8]) -> bool {
        let provider = crypto::provider();
        provider
            .signature_verification_algorithms
            .all
            .iter()
            .filter(|known| {
                known.signature_alg_id().as_ref() == algorithm
                    && known.public_key_alg_id().as_ref() == self.algorithm
            })
            .any(|known| {
                known
                    .verify_signature(self.bits, message, signature)
                    .is_ok()
            })
    }
}

fn key<'a>(anchor: &'a TrustAnchor<'_>) -> Option<Key<'a>> {
    Key::read_content(anchor.subject_public_key_info.as_ref())
}

/// The content of the AlgorithmIdentifier that a certificate is signed with: in DER it stands
/// right behind the part that is signed.
pub(super) fn algorithm<'a>(certificate: &X509Certificate<'a>) -> &'a [u8] {
    let after = || {
        let mut reader = Reader::new(content(certificate.as_raw())?);
        reader.take(SEQUENCE)?;
        reader.take(SEQUENCE)
    };
    after().unwrap_or_default()
}

fn content(whole: &[u8]) -> Option<&[u8]> {
    Reader::new(whole).take(SEQUENCE)
}
