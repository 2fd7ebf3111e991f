//! Signed documents: the Dead Simple Signing Envelope (DSSE 1.0, secure-systems-lab/dsse), with
//! exactly one signature.

use serde::{Deserialize, Serialize};

/// A signed document. What is signed is the pre-authentication encoding of type and payload
/// ([`Signed::signed_bytes`]), so that a document of one type can't be passed off as another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Signed {
    /// A media type such as [`Signed::POLICY`].
    pub payload_type: String,
    /// The document: JSON, in standard base64.
    pub payload: String,
    pub signature: Signature,
}

/// An Ed25519 signature and the key that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Signature {
    /// Hexadecimal SHA-256 of the 32-byte public key. A hint only: verification uses the keys
    /// that the verifier trusts.
    pub keyid: String,
    /// 64 bytes in standard base64.
    pub sig: String,
}

impl Signed {
    /// A [`model::policy::PolicyDocument`].
    pub const POLICY: &str = "application/vnd.garrison.policy.v1+json";
    /// A [`model::policy::CommandDocument`].
    pub const COMMAND: &str = "application/vnd.garrison.command.v1+json";

    /// The pre-authentication encoding: `DSSEv1 SP len(type) SP type SP len(payload) SP payload`,
    /// lengths in decimal bytes.
    #[must_use]
    pub fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
        let mut bytes = format!(
            "DSSEv1 {} {payload_type} {} ",
            payload_type.len(),
            payload.len()
        )
        .into_bytes();
        bytes.extend_from_slice(payload);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_that_of_the_specification() {
        let bytes = Signed::signed_bytes("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            bytes,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
