//! The Online Certificate Status Protocol (RFC 6960).

use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::issuer::{Issuer, Key, algorithm};
use crate::der::{
    BIT_STRING, ENUMERATED, Element, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING,
    Reader, SEQUENCE, element, explicit, implicit,
};

/// A clock may be off by as many seconds.
const TOLERANCE: i64 = 300;
/// SHA-1 as an AlgorithmIdentifier, with which all responders find a certificate.
const SHA1: [u8; 11] = [
    0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,
];
/// id-pkix-ocsp-basic.
const BASIC: [u8; 9] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];

/// A question about one certificate.
pub(super) struct Question {
    pub(super) request: Vec<u8>,
    /// The CertID that the answer must name.
    pub(super) id: Vec<u8>,
}

impl Question {
    pub(super) fn new(leaf: &X509Certificate<'_>, issuer: &Issuer) -> Option<Self> {
        let name_hash = sha1(leaf.issuer().as_raw());
        let key_hash = sha1(issuer.key()?.bits());
        let id = element(
            SEQUENCE,
            &[
                &SHA1,
                &element(OCTET_STRING, &[&name_hash]),
                &element(OCTET_STRING, &[&key_hash]),
                &element(INTEGER, &[leaf.raw_serial()]),
            ],
        );
        let list = element(SEQUENCE, &[&element(SEQUENCE, &[&id])]);
        let request = element(SEQUENCE, &[&element(SEQUENCE, &[&list])]);
        Some(Self { request, id })
    }

    /// Whether the certificate is revoked, as an answer says that the issuer, or somebody whom
    /// the issuer appointed, signed.
    pub(super) fn read(
        &self,
        answer: &[u8],
        leaf: &X509Certificate<'_>,
        issuer: &Issuer,
        now: i64,
    ) -> Result<bool, String> {
        let basic = basic(answer)?;
        let malformed = || "its answer is malformed".to_owned();
        let mut reader = Reader::new(basic);
        let data = reader.next().ok_or_else(malformed)?;
        let algorithm = reader.take(SEQUENCE).ok_or_else(malformed)?;
        let signature = reader.take(BIT_STRING).ok_or_else(malformed)?;
        let (_, signature) = signature.split_first().ok_or_else(malformed)?;
        let certificates = reader.take_if(explicit(0));

        let signed = |key: &Key<'_>| key.has_signed(data.whole, algorithm, signature);
        let by_issuer = issuer.key().is_some_and(|key| signed(&key));
        if !by_issuer && !appointed(certificates, leaf, issuer, now, &signed) {
            return Err("its answer is not signed by the issuer".to_owned());
        }
        self.status(&data, now)
    }

    fn status(&self, data: &Element<'_>, now: i64) -> Result<bool, String> {
        let malformed = || "its answer is malformed".to_owned();
        let mut reader = Reader::new(data.content);
        // Version, and who answers.
        let _ = reader.take_if(explicit(0));
        reader.next().ok_or_else(malformed)?;
        reader.take(GENERALIZED_TIME).ok_or_else(malformed)?;
        let mut responses = Reader::new(reader.take(SEQUENCE).ok_or_else(malformed)?);
        while let Some(response) = responses.take(SEQUENCE) {
            let mut response = Reader::new(response);
            let id = response.next().ok_or_else(malformed)?;
            if id.whole != self.id {
                continue;
            }
            let status = response.next().ok_or_else(malformed)?;
            let from = response.next().and_then(time).ok_or_else(malformed)?;
            let until = response
                .take_if(explicit(0))
                .and_then(|until| Reader::new(until).next().and_then(time));
            if from > now.saturating_add(TOLERANCE) {
                return Err("its answer is of the future; check this machine's clock".to_owned());
            }
            if until.is_some_and(|until| until < now.saturating_sub(TOLERANCE)) {
                return Err("its answer is out of date".to_owned());
            }
            return match status.tag {
                tag if tag == implicit(0) => Ok(false),
                tag if tag == explicit(1) => Ok(true),
                _ => Err("it does not know the certificate".to_owned()),
            };
        }
        Err("its answer is about another certificate".to_owned())
    }
}

/// The BasicOCSPResponse within an answer.
fn basic(answer: &[u8]) -> Result<&[u8], String> {
    let malformed = || "its answer is not OCSP".to_owned();
    let mut reader = Reader::new(Reader::new(answer).take(SEQUENCE).ok_or_else(malformed)?);
    match reader.take(ENUMERATED).ok_or_else(malformed)? {
        [0] => {}
        [1] => return Err("it answers that the request is malformed".to_owned()),
        [2] => return Err("it answers that it has an internal error".to_owned()),
        [3] => return Err("it answers that it is busy".to_owned()),
        [5 | 6] => return Err("it answers that we may not ask".to_owned()),
        _ => return Err("it answers with an unknown error".to_owned()),
    }
    let bytes = reader.take(explicit(0)).ok_or_else(malformed)?;
    let mut bytes = Reader::new(Reader::new(bytes).take(SEQUENCE).ok_or_else(malformed)?);
    if bytes.take(OBJECT_IDENTIFIER) != Some(&BASIC) {
        return Err("its answer is of an unknown kind".to_owned());
    }
    let basic = bytes.take(OCTET_STRING).ok_or_else(malformed)?;
    Reader::new(basic).take(SEQUENCE).ok_or_else(malformed)
}

/// Whether somebody signed whom the issuer appointed for it (section 4.2.2.2).
fn appointed(
    certificates: Option<&[u8]>,
    leaf: &X509Certificate<'_>,
    issuer: &Issuer,
    now: i64,
    signed: &dyn Fn(&Key<'_>) -> bool,
) -> bool {
    let Some(certificates) = certificates.and_then(|bytes| Reader::new(bytes).take(SEQUENCE))
    else {
        return false;
    };
    let mut reader = Reader::new(certificates);
    while let Some(element) = reader.next() {
        let Ok((_, certificate)) = X509Certificate::from_der(element.whole) else {
            continue;
        };
        let purpose = certificate.extended_key_usage().ok().flatten();
        let validity = certificate.validity();
        let is_appointed = purpose.is_some_and(|purpose| purpose.value.ocsp_signing)
            && certificate.issuer().as_raw() == leaf.issuer().as_raw()
            && validity.not_before.timestamp() <= now.saturating_add(TOLERANCE)
            && validity.not_after.timestamp() >= now.saturating_sub(TOLERANCE);
        let by_issuer = || {
            issuer.key().is_some_and(|key| {
                key.has_signed(
                    certificate.tbs_certificate.as_ref(),
                    algorithm(&certificate),
                    &certificate.signature_value.data,
                )
            })
        };
        let key = Key::read(certificate.tbs_certificate.subject_pki.raw);
        if is_appointed && key.is_some_and(|key| signed(&key)) && by_issuer() {
            return true;
        }
    }
    false
}

/// Seconds since 1970.
fn time(element: Element<'_>) -> Option<i64> {
    let (_, time) = ASN1Time::from_der(element.whole).ok()?;
    Some(time.timestamp())
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::roots::ProbeRoots;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, SigningKey as _};

    /// The middle of 2026.
    const NOW: i64 = 1_782_000_000;
    /// ecdsa-with-SHA256 as an AlgorithmIdentifier.
    const ECDSA: [u8; 12] = [
        0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
    ];

    struct Stand {
        key: KeyPair,
        leaf: Vec<u8>,
        issuer: Issuer,
    }

    fn stand() -> Stand {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap();
        let issuing = rcgen::Issuer::new(params, &key);
        let leaf = CertificateParams::new(vec!["a.test".to_owned()])
            .unwrap()
            .signed_by(&KeyPair::generate().unwrap(), &issuing)
            .unwrap();
        let chain = [leaf.der().to_vec(), ca.der().to_vec()];
        let roots = ProbeRoots::of(Vec::new(), Vec::new());
        let issuer = Issuer::find(&chain, &roots).unwrap();
        let [leaf, _] = chain;
        Stand { key, leaf, issuer }
    }

    fn answer(stand: &Stand, question: &Question, status: &[u8], times: [&str; 2]) -> Vec<u8> {
        let [from, until] = times.map(|time| element(GENERALIZED_TIME, &[time.as_bytes()]));
        let until = element(explicit(0), &[&until]);
        let single = element(SEQUENCE, &[&question.id, status, &from, &until]);
        let who = element(explicit(2), &[&element(OCTET_STRING, &[&[0; 20]])]);
        let data = element(SEQUENCE, &[&who, &from, &element(SEQUENCE, &[&single])]);
        let signature = stand.key.sign(&data).unwrap();
        let signature = element(BIT_STRING, &[&[0], &signature]);
        let basic = element(SEQUENCE, &[&data, &ECDSA, &signature]);
        let kind = element(OBJECT_IDENTIFIER, &[&BASIC]);
        let bytes = element(SEQUENCE, &[&kind, &element(OCTET_STRING, &[&basic])]);
        element(
            SEQUENCE,
            &[
                &element(ENUMERATED, &[&[0]]),
                &element(explicit(0), &[&bytes]),
            ],
        )
    }

    const YEAR: [&str; 2] = ["20260101000000Z", "20270101000000Z"];

    #[test]
    fn no_bent_or_cut_answer_turns_revoked_into_good_or_does_harm() {
        let stand = stand();
        let (_, leaf) = X509Certificate::from_der(&stand.leaf).unwrap();
        let question = Question::new(&leaf, &stand.issuer).unwrap();
        let time = element(GENERALIZED_TIME, &[YEAR[0].as_bytes()]);
        let revoked = element(explicit(1), &[&time]);
        let whole = answer(&stand, &question, &revoked, YEAR);
        let read = |bytes: &[u8]| question.read(bytes, &leaf, &stand.issuer, NOW);
        assert_eq!(read(&whole), Ok(true));
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err());
        }
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut bent = whole.clone();
                bent[place] ^= 1 << bit;
                assert_ne!(read(&bent), Ok(false), "byte {place}, bit {bit}");
            }
        }
    }

    #[test]
    fn an_answer_counts_for_its_certificate_and_its_time_alone() {
        let stand = stand();
        let (_, leaf) = X509Certificate::from_der(&stand.leaf).unwrap();
        let question = Question::new(&leaf, &stand.issuer).unwrap();
        let good = element(implicit(0), &[]);
        let read = |bytes: &[u8]| question.read(bytes, &leaf, &stand.issuer, NOW);
        assert_eq!(read(&answer(&stand, &question, &good, YEAR)), Ok(false));

        let old = ["20250101000000Z", "20250201000000Z"];
        let late = ["20270101000000Z", "20280101000000Z"];
        for (times, reason) in [(old, "out of date"), (late, "of the future")] {
            let error = read(&answer(&stand, &question, &good, times)).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let unknown = element(implicit(2), &[]);
        let error = read(&answer(&stand, &question, &unknown, YEAR)).unwrap_err();
        assert!(error.contains("does not know"), "{error}");
        let other = Question {
            request: Vec::new(),
            id: element(SEQUENCE, &[&SHA1]),
        };
        let error = read(&answer(&stand, &other, &good, YEAR)).unwrap_err();
        assert!(error.contains("another certificate"), "{error}");
    }
}
