//! Signed documents: policies and commands in an envelope with one Ed25519 signature.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proto::Signed;
use proto::envelope::Signature;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::spki::sha256;

/// Larger documents are refused unread, bytes of JSON.
pub const MAX_PAYLOAD: usize = 4 << 20;
/// The secret text begins with this; the number is the version of the format.
const SECRET_PREFIX: &str = "garrison-ed25519-secret-1.";

/// An Ed25519 signing key. Its debug output shows the public half alone.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    seed: [u8; 32],
    public: VerifyingKey,
}

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerifyingKey([u8; 32]);

/// A signing or verifying key can't be made or read. Never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the system's randomness failed")]
    Randomness,
    #[error(
        "expected a signing key (one line that begins with {SECRET_PREFIX:?}) and got something else or a damaged one; restore the key file from a backup"
    )]
    Secret,
    #[error("expected an Ed25519 public key (64 hexadecimal digits), got {0:?}")]
    Public(String),
}

/// A document can't be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("the document can't be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("the document has {0} bytes; at most {MAX_PAYLOAD} can be signed")]
    TooLarge(usize),
}

/// A signed document is refused.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error("expected a document of the type {expected:?}, got {got:?}")]
    WrongType { expected: String, got: String },
    #[error("the document is larger than {MAX_PAYLOAD} bytes")]
    TooLarge,
    #[error("the {0} of the document is not base64; it was damaged on its way")]
    NotBase64(&'static str),
    #[error(
        "the document is signed by the key {keyid}, which is not trusted here (trusted: {trusted}); if the manager's signing key was replaced, enrol anew"
    )]
    Stranger { keyid: String, trusted: String },
    #[error(
        "the document names the trusted key {keyid}, but its signature is wrong: it was altered"
    )]
    BadSignature { keyid: String },
    #[error(
        "the document is signed as it should be, but its content is not what this version expects"
    )]
    Content(#[source] serde_json::Error),
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system's randomness fails.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).map_err(|_| KeyError::Randomness)?;
        Self::from_seed(&seed)
    }

    /// The key of a 32-byte seed (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// When the library refuses the seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Secret)?;
        let mut public = [0; 32];
        let bytes = pair.public_key().as_ref();
        if bytes.len() != public.len() {
            return Err(KeyError::Secret);
        }
        public.copy_from_slice(bytes);
        Ok(Self {
            pair,
            seed: *seed,
            public: VerifyingKey(public),
        })
    }

    /// Reads what [`SigningKey::to_secret_text`] wrote; white space around it doesn't matter.
    ///
    /// # Errors
    /// When the text is anything else. The error never repeats the text.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        let body = text
            .trim()
            .strip_prefix(SECRET_PREFIX)
            .ok_or(KeyError::Secret)?;
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| KeyError::Secret)?;
        let seed: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Secret)?;
        Self::from_seed(&seed)
    }

    /// One line: a secret, for a [`crate::keyfile`] only.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        format!("{SECRET_PREFIX}{}\n", URL_SAFE_NO_PAD.encode(self.seed))
    }

    /// The public half.
    #[must_use]
    pub const fn verifying_key(&self) -> VerifyingKey {
        self.public
    }

    /// The public half as 64 hexadecimal digits.
    #[must_use]
    pub fn public_hex(&self) -> String {
        self.public.to_string()
    }

    /// Signs bytes as they are. Whoever calls separates the domains: no two kinds of message may
    /// begin alike.
    #[must_use]
    pub fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("public", &self.public_hex())
            .finish_non_exhaustive()
    }
}

impl VerifyingKey {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes)
            .map_err(|_| KeyError::Public(text.chars().take(80).collect()))?;
        Ok(Self(bytes))
    }

    /// Wraps the 32 bytes of a public key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Hexadecimal SHA-256 of the 32 bytes: the `keyid` of envelopes.
    #[must_use]
    pub fn key_id(&self) -> String {
        hex::encode(sha256(&self.0))
    }

    /// Whether this key signed exactly these bytes.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

/// Puts a document into an envelope and signs it.
///
/// # Errors
/// When the document can't be written as JSON or is larger than [`MAX_PAYLOAD`].
pub fn sign(
    key: &SigningKey,
    payload_type: &str,
    document: &impl Serialize,
) -> Result<Signed, SignError> {
    let payload = serde_json::to_vec(document)?;
    if payload.len() > MAX_PAYLOAD {
        return Err(SignError::TooLarge(payload.len()));
    }
    let signature = key.sign_bytes(&Signed::signed_bytes(payload_type, &payload));
    Ok(Signed {
        payload_type: payload_type.to_owned(),
        payload: STANDARD.encode(&payload),
        signature: Signature {
            keyid: key.public.key_id(),
            sig: STANDARD.encode(signature),
        },
    })
}

/// Opens an envelope: the document of the expected type that one of the trusted keys signed.
/// Nothing of the content is looked at before the signature is verified.
///
/// # Errors
/// When the type is another, the signature is none of a trusted key, or the content is not what
/// `T` expects.
pub fn verify<T: DeserializeOwned>(
    signed: &Signed,
    payload_type: &str,
    trusted: &[VerifyingKey],
) -> Result<T, EnvelopeError> {
    if signed.payload_type != payload_type {
        return Err(EnvelopeError::WrongType {
            expected: payload_type.to_owned(),
            got: signed.payload_type.chars().take(80).collect(),
        });
    }
    if signed.payload.len() / 4 > MAX_PAYLOAD.div_ceil(3) {
        return Err(EnvelopeError::TooLarge);
    }
    let payload = STANDARD
        .decode(&signed.payload)
        .map_err(|_| EnvelopeError::NotBase64("payload"))?;
    let signature = STANDARD
        .decode(&signed.signature.sig)
        .map_err(|_| EnvelopeError::NotBase64("signature"))?;
    let message = Signed::signed_bytes(payload_type, &payload);
    if !trusted.iter().any(|key| key.verifies(&message, &signature)) {
        return Err(refusal(&signed.signature.keyid, trusted));
    }
    serde_json::from_slice(&payload).map_err(EnvelopeError::Content)
}

/// The key id is a hint by whoever sent the envelope; it serves to explain, not to decide.
fn refusal(hint: &str, trusted: &[VerifyingKey]) -> EnvelopeError {
    let ids: Vec<String> = trusted.iter().map(VerifyingKey::key_id).collect();
    let keyid: String = hint.chars().take(64).collect();
    if ids.contains(&keyid) {
        return EnvelopeError::BadSignature { keyid };
    }
    let trusted = if ids.is_empty() {
        "none".to_owned()
    } else {
        ids.join(", ")
    };
    EnvelopeError::Stranger { keyid, trusted }
}

#[cfg(test)]
mod tests;
