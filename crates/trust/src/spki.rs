//! The one form of public key that identities have: ECDSA on P-256, uncompressed.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

/// DER of a SubjectPublicKeyInfo up to the point: id-ecPublicKey, prime256v1, a bit string of 65
/// bytes that begins with 4 (RFC 5480, section 2). Only this form is taken, so that one key has
/// one hash.
const PREFIX: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
const LENGTH: usize = PREFIX.len() + 64;

/// The point of a P-256 key, or `None` for a key of any other form.
pub(crate) fn p256_point(spki_der: &[u8]) -> Option<&[u8]> {
    if spki_der.len() != LENGTH || !spki_der.starts_with(&PREFIX) {
        return None;
    }
    spki_der.get(PREFIX.len() - 1..)
}

/// Whether the key made that signature (ECDSA with SHA-256, in DER).
pub(crate) fn p256_signed(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(message, signature)
        .is_ok()
}

/// SHA-256 of any bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
