//! Signing.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use scan::PublicKey;
use scan::layout::{signed_message, trailer};

use crate::build::Compiled;

/// An Ed25519 key that signs definitions. Where it is kept is its owner's affair.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    #[error("expected an Ed25519 private key (PKCS#8, DER), got something else")]
    NotAKey,
    #[error("the system has no randomness for a new key")]
    NoRandomness,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, SigningKeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| SigningKeyError::NoRandomness)?;
        Self::from_pair(pair)
    }

    /// Reads a PKCS#8 document (RFC 8410), with or without the public key in it.
    ///
    /// # Errors
    /// When it is none, or not of Ed25519.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|_| SigningKeyError::NotAKey)?;
        Self::from_pair(pair)
    }

    /// From the 32 bytes that RFC 8032 calls the private key.
    ///
    /// # Errors
    /// When they can't be used.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, SigningKeyError> {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SigningKeyError::NotAKey)?;
        Self::from_pair(pair)
    }

    fn from_pair(pair: Ed25519KeyPair) -> Result<Self, SigningKeyError> {
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref())
            .map_err(|_| SigningKeyError::NotAKey)?;
        Ok(Self {
            pair,
            public: PublicKey::from_bytes(public),
        })
    }

    /// The private key as PKCS#8, to be kept where only its owner reads it (mode 0600).
    ///
    /// # Errors
    /// When it can't be written.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, SigningKeyError> {
        let document = self.pair.to_pkcs8().map_err(|_| SigningKeyError::NotAKey)?;
        Ok(document.as_ref().to_vec())
    }

    /// The signature over a message.
    #[must_use]
    pub fn sign_message(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.pair.sign(message);
        let mut fixed = [0u8; 64];
        for (place, byte) in fixed.iter_mut().zip(signature.as_ref()) {
            *place = *byte;
        }
        fixed
    }

    /// The public key, which others may trust.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.public)
    }
}

/// The definitions file: what was compiled, and the signature over its root.
#[must_use]
pub fn sign(compiled: &Compiled, key: &SigningKey) -> Vec<u8> {
    let signature = key.sign_message(&signed_message(compiled.root()));
    [compiled.unsigned(), &trailer(&key.public_key(), &signature)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_pkcs8_and_never_shows_itself() {
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(key.public_key(), again.public_key());
        assert!(!format!("{key:?}").contains("0707"), "{key:?}");
        assert_eq!(
            SigningKey::from_pkcs8(b"-----BEGIN").unwrap_err(),
            SigningKeyError::NotAKey
        );
    }
}
