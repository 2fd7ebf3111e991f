//! The messages that a client of Kerberos sends (RFC 4120, section 5).

use time::OffsetDateTime;

use super::crypto::{Key, Kind};
use crate::der::{
    BIT_STRING, GENERAL_STRING, GENERALIZED_TIME, OCTET_STRING, SEQUENCE, application, element,
    explicit, integer,
};

const VERSION: u32 = 5;
const TIMESTAMP: u32 = 2;
const TGS_REQUEST: u32 = 1;
pub(super) const KEY_INFORMATION: u32 = 19;
/// Uses of keys (section 7.5.1).
const USE_TIMESTAMP: u32 = 1;
const USE_TGS_CHECKSUM: u32 = 6;
const USE_TGS_AUTHENTICATOR: u32 = 7;
const USE_AUTHENTICATOR: u32 = 11;
/// Lets the domain controller correct names (RFC 6806): bit 15.
const CANONICALIZE: [u8; 5] = [0, 0, 1, 0, 0];
/// The checksum that carries what GSS-API says (RFC 4121, section 4.1.1).
const GSS_CHECKSUM: u32 = 0x8003;

/// Kinds of names (section 6.2).
pub(super) const USER: u32 = 1;
pub(super) const SERVICE: u32 = 2;
pub(super) const HOST_SERVICE: u32 = 3;

/// A ticket with what its owner needs to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credential {
    /// The owner's realm and name, as DER.
    pub(super) realm: Vec<u8>,
    pub(super) name: Vec<u8>,
    /// As DER.
    pub(super) ticket: Vec<u8>,
    pub(super) key: Key,
    /// Seconds since 1970.
    pub(super) ends: u64,
}

/// A moment, and what makes a message unlike any other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fresh {
    /// Seconds since 1970.
    pub(super) now: u64,
    pub(super) microseconds: u32,
    /// At most 31 bits.
    pub(super) nonce: u32,
}

/// Asks for a ticket with which other tickets are had (AS-REQ); `key` proves the password.
pub(super) fn first_request(
    user: &str,
    realm: &str,
    fresh: &Fresh,
    key: Option<&Key>,
) -> Option<Vec<u8>> {
    let padata = match key {
        None => Vec::new(),
        Some(key) => {
            let stamp = element(
                SEQUENCE,
                &[
                    &element(explicit(0), &[&time_of(fresh.now)]),
                    &element(explicit(1), &[&integer(fresh.microseconds)]),
                ],
            );
            let cipher = key.encrypt(USE_TIMESTAMP, &stamp)?;
            pre_authentication(TIMESTAMP, &encrypted(key, &cipher))
        }
    };
    let name = name_of(USER, &[user]);
    let body = body(
        Some(&name),
        realm,
        &name_of(SERVICE, &["krbtgt", realm]),
        fresh,
    );
    Some(request(10, &padata, &body))
}

/// Asks for a service's ticket (TGS-REQ).
pub(super) fn service_request(
    credential: &Credential,
    realm: &str,
    service: &[&str],
    fresh: &Fresh,
) -> Option<Vec<u8>> {
    let body = body(None, realm, &name_of(HOST_SERVICE, service), fresh);
    let checksum = checksum(
        credential.key.kind().checksum_number(),
        &credential.key.checksum(USE_TGS_CHECKSUM, &body)?,
    );
    let proof = presented(credential, USE_TGS_AUTHENTICATOR, &checksum, fresh)?;
    let padata = pre_authentication(TGS_REQUEST, &proof);
    Some(request(12, &padata, &body))
}

/// Presents a ticket to its service by GSS-API, without asking for a proof in return (AP-REQ).
pub(super) fn presentation(credential: &Credential, fresh: &Fresh) -> Option<Vec<u8>> {
    // No binding to a channel, and no flags.
    let mut content = 16u32.to_le_bytes().to_vec();
    content.extend([0u8; 20]);
    let checksum = checksum(GSS_CHECKSUM, &content);
    presented(credential, USE_AUTHENTICATOR, &checksum, fresh)
}

/// A name as DER (PrincipalName).
pub(super) fn name_of(kind: u32, parts: &[&str]) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = parts.iter().map(|part| string(part.as_bytes())).collect();
    element(
        SEQUENCE,
        &[
            &element(explicit(0), &[&integer(kind)]),
            &element(explicit(1), &[&element(SEQUENCE, &[&parts.concat()])]),
        ],
    )
}

/// A text as DER (KerberosString).
pub(super) fn string(bytes: &[u8]) -> Vec<u8> {
    element(GENERAL_STRING, &[bytes])
}

fn request(kind: u8, padata: &[u8], body: &[u8]) -> Vec<u8> {
    let padata = if padata.is_empty() {
        Vec::new()
    } else {
        element(explicit(3), &[&element(SEQUENCE, &[padata])])
    };
    let fields = element(
        SEQUENCE,
        &[
            &element(explicit(1), &[&integer(VERSION)]),
            &element(explicit(2), &[&integer(kind.into())]),
            &padata,
            &element(explicit(4), &[body]),
        ],
    );
    element(application(kind), &[&fields])
}

fn body(name: Option<&[u8]>, realm: &str, service: &[u8], fresh: &Fresh) -> Vec<u8> {
    let name = name.map_or_else(Vec::new, |name| element(explicit(1), &[name]));
    let kinds = Kind::ALL.map(|kind| integer(kind.number())).concat();
    element(
        SEQUENCE,
        &[
            &element(explicit(0), &[&element(BIT_STRING, &[&CANONICALIZE])]),
            &name,
            &element(explicit(2), &[&string(realm.as_bytes())]),
            &element(explicit(3), &[service]),
            // As long as it may be.
            &element(
                explicit(5),
                &[&element(GENERALIZED_TIME, &[b"20370913024805Z"])],
            ),
            &element(explicit(7), &[&integer(fresh.nonce)]),
            &element(explicit(8), &[&element(SEQUENCE, &[&kinds])]),
        ],
    )
}

pub(super) fn pre_authentication(kind: u32, value: &[u8]) -> Vec<u8> {
    element(
        SEQUENCE,
        &[
            &element(explicit(1), &[&integer(kind)]),
            &element(explicit(2), &[&element(OCTET_STRING, &[value])]),
        ],
    )
}

pub(super) fn encrypted(key: &Key, cipher: &[u8]) -> Vec<u8> {
    element(
        SEQUENCE,
        &[
            &element(explicit(0), &[&integer(key.kind().number())]),
            &element(explicit(2), &[&element(OCTET_STRING, &[cipher])]),
        ],
    )
}

fn checksum(kind: u32, value: &[u8]) -> Vec<u8> {
    element(
        SEQUENCE,
        &[
            &element(explicit(0), &[&integer(kind)]),
            &element(explicit(1), &[&element(OCTET_STRING, &[value])]),
        ],
    )
}

/// A ticket with its Authenticator.
fn presented(
    credential: &Credential,
    usage: u32,
    checksum: &[u8],
    fresh: &Fresh,
) -> Option<Vec<u8>> {
    let fields = element(
        SEQUENCE,
        &[
            &element(explicit(0), &[&integer(VERSION)]),
            &element(explicit(1), &[&credential.realm]),
            &element(explicit(2), &[&credential.name]),
            &element(explicit(3), &[checksum]),
            &element(explicit(4), &[&integer(fresh.microseconds)]),
            &element(explicit(5), &[&time_of(fresh.now)]),
            &element(explicit(7), &[&integer(fresh.nonce)]),
        ],
    );
    let cipher = credential
        .key
        .encrypt(usage, &element(application(2), &[&fields]))?;
    let fields = element(
        SEQUENCE,
        &[
            &element(explicit(0), &[&integer(VERSION)]),
            &element(explicit(1), &[&integer(14)]),
            &element(explicit(2), &[&element(BIT_STRING, &[&[0; 5]])]),
            &element(explicit(3), &[&credential.ticket]),
            &element(explicit(4), &[&encrypted(&credential.key, &cipher)]),
        ],
    );
    Some(element(application(14), &[&fields]))
}

pub(super) fn time_of(seconds: u64) -> Vec<u8> {
    let moment = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second()
    );
    element(GENERALIZED_TIME, &[text.as_bytes()])
}
