//! What servers show and issuers say: certificates, answers of OCSP, and lists of revoked
//! certificates. Keys are the same each time, so that inputs that were kept stay good.

use std::sync::LazyLock;

use net::fuzzing::Revocation;
use net::probe::CertificateFacts;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, SigningKey as _, date_time_ymd,
};

use crate::Target;
use crate::der::{der, numbered};

const NAME: &str = "a.test";
/// id-pkix-ocsp-basic.
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];
/// Ed25519 as an AlgorithmIdentifier.
const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
/// More names of one certificate are not kept.
const MOST_NAMES: usize = 100;

struct Authority {
    key: KeyPair,
    params: CertificateParams,
    /// A leaf, and the authority's own.
    chain: Vec<Vec<u8>>,
    revocation: Revocation,
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::new);

/// The certificate about which the seeds of answers and lists are.
#[must_use]
pub fn revocation() -> &'static Revocation {
    &AUTHORITY.revocation
}

/// A key that follows from a byte.
fn key(byte: u8) -> KeyPair {
    // PKCS #8 of Ed25519 (RFC 8410, section 7).
    const HEAD: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let whole = [HEAD.as_slice(), &[byte; 32]].concat();
    KeyPair::try_from(whole).expect("a key is 32 bytes")
}

impl Authority {
    fn new() -> Self {
        let key = key(1);
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let own = params.self_signed(&key).expect("an authority signs itself");
        let mut leaf = CertificateParams::new(vec![NAME.to_owned(), "192.0.2.1".to_owned()])
            .expect("names are names");
        leaf.serial_number = Some(SerialNumber::from(77));
        leaf.use_authority_key_identifier_extension = true;
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.crl_distribution_points = vec![CrlDistributionPoint {
            uris: vec!["http://crl.test/a.crl".to_owned()],
        }];
        // Where OCSP is spoken (RFC 5280, section 4.2.2.1).
        let access = der(
            0x30,
            &[
                &der(6, &[&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01]]),
                &der(0x86, &[b"http://ocsp.test/"]),
            ],
        );
        leaf.custom_extensions = vec![CustomExtension::from_oid_content(
            &[1, 3, 6, 1, 5, 5, 7, 1, 1],
            der(0x30, &[&access]),
        )];
        let issuer = Issuer::from_params(&params, &key);
        let signed = leaf
            .signed_by(&self::key(2), &issuer)
            .expect("an authority signs");
        let chain = vec![signed.der().to_vec(), own.der().to_vec()];
        drop(issuer);
        let revocation = Revocation::new(&chain).expect("the leaf has an issuer");
        Self {
            key,
            params,
            chain,
            revocation,
        }
    }

    /// What is signed when a status is told (RFC 6960, section 4.2.1).
    fn data(&self, status: &[u8]) -> Vec<u8> {
        let time = |text: &str| der(0x18, &[text.as_bytes()]);
        let (from, until) = (time("20260101000000Z"), time("20270101000000Z"));
        let single = der(
            0x30,
            &[
                self.revocation.certificate_id(),
                status,
                &from,
                &numbered(0, &until),
            ],
        );
        let who = numbered(2, &der(4, &[&[0; 20]]));
        der(0x30, &[&who, &from, &der(0x30, &[&single])])
    }

    /// An answer with this signed part.
    fn answer(&self, data: &[u8]) -> Vec<u8> {
        let signature = self.key.sign(data).expect("a key signs");
        let basic = der(0x30, &[data, ED25519, &der(3, &[&[0], &signature])]);
        let bytes = der(0x30, &[&der(6, &[BASIC]), &der(4, &[&basic])]);
        der(0x30, &[&der(10, &[&[0]]), &numbered(0, &bytes)])
    }

    fn list(&self, serial: u64) -> Vec<u8> {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2027, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: date_time_ymd(2026, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = Issuer::from_params(&self.params, &self.key);
        list.signed_by(&issuer)
            .expect("an authority signs lists")
            .der()
            .to_vec()
    }
}

fn revoked() -> Vec<u8> {
    numbered(1, &der(0x18, &[b"20260101000000Z"]))
}

pub(crate) const CERTIFICATE: Target = Target {
    name: "certificates",
    run: |bytes| {
        if let Some(facts) = CertificateFacts::read(bytes) {
            assert!(facts.names.len() <= MOST_NAMES);
        }
        let _ = Revocation::new(&[bytes.to_vec(), AUTHORITY.chain[1].clone()]);
        let _ = Revocation::new(&[AUTHORITY.chain[0].clone(), bytes.to_vec()]);
    },
    seeds: || AUTHORITY.chain.clone(),
    words: &["a.test", "http://", "\x06\x03\x55\x1d"],
    most_bytes: 4 << 10,
    short: 400,
};

/// Nobody but the issuer can say that it is good: no seed says so.
pub(crate) const OCSP: Target = Target {
    name: "ocsp-answers",
    run: |bytes| assert_ne!(AUTHORITY.revocation.by_ocsp(bytes), Ok(false)),
    seeds: || {
        let unknown = der(0x82, &[]);
        let refused = der(0x30, &[&der(10, &[&[6]])]);
        vec![
            AUTHORITY.answer(&AUTHORITY.data(&revoked())),
            AUTHORITY.answer(&AUTHORITY.data(&unknown)),
            refused,
        ]
    },
    words: &["20260101000000Z", "\x06\x09"],
    most_bytes: 4 << 10,
    short: 600,
};

/// Behind the signature.
pub(crate) const OCSP_SIGNED: Target = Target {
    name: "ocsp-signed",
    run: |bytes| {
        let _ = AUTHORITY.revocation.by_ocsp(&AUTHORITY.answer(bytes));
    },
    seeds: || vec![AUTHORITY.data(&revoked()), AUTHORITY.data(&der(0x80, &[]))],
    words: &["20260101000000Z"],
    most_bytes: 4 << 10,
    short: 400,
};

/// Nobody but the issuer can say that it is good: no seed says so.
pub(crate) const CRL: Target = Target {
    name: "revocation-lists",
    run: |bytes| assert_ne!(AUTHORITY.revocation.by_list(bytes, NAME), Ok(false)),
    seeds: || vec![AUTHORITY.list(77)],
    words: &["\x06\x03\x55\x1d"],
    most_bytes: 4 << 10,
    short: 400,
};
