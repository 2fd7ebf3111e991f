//! How a ticket is wrapped for Negotiate (RFC 4121, section 4.1; RFC 4178, section 4.2).

use crate::der::{OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, application, element, explicit};

/// 1.2.840.113554.1.2.2.
const KERBEROS: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
/// 1.3.6.1.5.5.2.
const SPNEGO: [u8; 6] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
/// Before an AP-REQ.
const AP_REQUEST: [u8; 2] = [1, 0];

/// Offers Kerberos alone, with its first and only message.
pub(super) fn wrapped(presentation: &[u8]) -> Vec<u8> {
    let kerberos = element(OBJECT_IDENTIFIER, &[&KERBEROS]);
    let token = element(application(0), &[&kerberos, &AP_REQUEST, presentation]);
    let fields = element(
        SEQUENCE,
        &[
            &element(explicit(0), &[&element(SEQUENCE, &[&kerberos])]),
            &element(explicit(2), &[&element(OCTET_STRING, &[&token])]),
        ],
    );
    let spnego = element(OBJECT_IDENTIFIER, &[&SPNEGO]);
    element(
        application(0),
        &[&spnego, &element(explicit(0), &[&fields])],
    )
}
