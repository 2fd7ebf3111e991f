//! Secrets that are compared, and passwords that are verified.

use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use aws_lc_rs::{constant_time, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::spki::sha256;

/// Longer passwords are refused, bytes.
pub const MAX_PASSWORD: usize = 1024;
/// Longer secrets match nothing, bytes.
const MAX_SECRET: usize = 4096;

/// Argon2id with the first of the parameter sets that OWASP's password storage cheat sheet
/// recommends for it: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A stored hash that asks for more than this is not verified: it isn't ours.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 8;

/// A secret or a password can't be made into what is stored. Never repeats it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("the system's randomness failed")]
    Randomness,
    #[error("expected a password of 1 to {MAX_PASSWORD} bytes, got one of {0} bytes")]
    PasswordLength(usize),
    #[error("the password could not be hashed ({0}); {MEMORY_KIB} KiB of memory are needed for it")]
    Hash(String),
}

/// 32 random bytes as 43 characters of base64url.
///
/// # Errors
/// When the system's randomness fails.
pub fn random_text() -> Result<String, SecretError> {
    random_bytes().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// 32 random bytes.
///
/// # Errors
/// When the system's randomness fails.
pub fn random_bytes() -> Result<[u8; 32], SecretError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| SecretError::Randomness)?;
    Ok(bytes)
}

/// SHA-256 of a secret, to be stored in its place. For secrets of [`random_text`] only: what a
/// person could guess goes through [`hash_password`].
#[must_use]
pub fn digest(text: &str) -> [u8; 32] {
    sha256(text.as_bytes())
}

/// Whether the text is the secret of that digest, in a time that doesn't depend on where they
/// differ.
#[must_use]
pub fn matches(text: &str, stored: &[u8; 32]) -> bool {
    text.len() <= MAX_SECRET
        && constant_time::verify_slices_are_equal(&digest(text), stored).is_ok()
}

/// Hashes a password (Argon2id, a random salt) into a PHC string. Takes some tens of milliseconds
/// and 19 MiB: not for an async thread.
///
/// # Errors
/// When the password is empty or longer than [`MAX_PASSWORD`].
pub fn hash_password(password: &str) -> Result<String, SecretError> {
    if password.is_empty() || password.len() > MAX_PASSWORD {
        return Err(SecretError::PasswordLength(password.len()));
    }
    hash(password)
}

/// Whether the password is that of the PHC string. A PHC string that is damaged or asks for
/// absurd resources matches nothing.
#[must_use]
pub fn verify_password(password: &str, phc: &str) -> bool {
    if password.is_empty() || password.len() > MAX_PASSWORD {
        dummy_verify();
        return false;
    }
    let Ok(parsed) = PasswordHash::new(phc) else {
        return false;
    };
    is_bounded(&parsed)
        && hasher().is_ok_and(|hasher| hasher.verify_password(password.as_bytes(), &parsed).is_ok())
}

/// Takes as long as [`verify_password`], for users that don't exist: an answer's delay doesn't
/// tell which names do.
pub fn dummy_verify() {
    static DUMMY: LazyLock<Option<String>> =
        LazyLock::new(|| hash("no password has this hash, it only takes its time").ok());
    if let Some(phc) = DUMMY.as_deref() {
        std::hint::black_box(verify_password("wrong", phc));
    }
}

fn hash(password: &str) -> Result<String, SecretError> {
    let salt = random_bytes()?;
    let salt = salt.get(..16).unwrap_or_default();
    hasher()
        .map_err(|error| SecretError::Hash(error.to_string()))?
        .hash_password_with_salt(password.as_bytes(), salt)
        .map(|hash: PasswordHash| hash.to_string())
        .map_err(|error| SecretError::Hash(error.to_string()))
}

fn hasher() -> Result<Argon2<'static>, argon2::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn is_bounded(hash: &PasswordHash) -> bool {
    Params::try_from(hash).is_ok_and(|params| {
        params.m_cost() <= MAX_MEMORY_KIB
            && params.t_cost() <= MAX_PASSES
            && params.p_cost() <= MAX_LANES
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn random_texts_are_long_and_differ() {
        let (one, other) = (random_text().unwrap(), random_text().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
    }

    #[test]
    fn a_secret_matches_its_own_digest_alone() {
        let secret = random_text().unwrap();
        assert!(matches(&secret, &digest(&secret)));
        assert!(!matches(&random_text().unwrap(), &digest(&secret)));
        assert!(!matches("", &digest(&secret)));
        let long = "x".repeat(MAX_SECRET + 1);
        assert!(!matches(&long, &digest(&long)));
    }

    #[test]
    fn a_password_is_verified_by_its_hash() {
        let phc = hash_password("correct horse").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify_password("correct horse", &phc));
        for wrong in ["correct hors", "correct horse ", "", "Correct horse"] {
            assert!(!verify_password(wrong, &phc), "{wrong:?}");
        }
        assert_ne!(hash_password("correct horse").unwrap(), phc, "salts differ");
    }

    #[test]
    fn passwords_are_bounded() {
        assert!(hash_password(&"x".repeat(MAX_PASSWORD)).is_ok());
        for length in [0, MAX_PASSWORD + 1] {
            let error = hash_password(&"x".repeat(length)).unwrap_err();
            assert_eq!(error, SecretError::PasswordLength(length));
        }
        let phc = hash_password("x").unwrap();
        assert!(!verify_password(&"x".repeat(1 << 20), &phc));
    }

    #[test]
    fn a_hash_that_is_damaged_or_asks_for_too_much_matches_nothing() {
        let phc = hash_password("x").unwrap();
        for bad in [
            "",
            "plain",
            &phc[..40],
            &phc.replace("m=19456", "m=4194304"),
            &phc.replace("t=2", "t=1000000"),
            &phc.replace("p=1", "p=200"),
            &phc.replace("argon2id", "scrypt"),
        ] {
            assert!(!verify_password("x", bad), "{bad}");
        }
    }

    #[test]
    fn an_unknown_user_costs_the_work_of_a_known_one() {
        let phc = hash_password("x").unwrap();
        dummy_verify();
        let timed = |work: &dyn Fn()| {
            let begin = Instant::now();
            (0..5).for_each(|_| work());
            begin.elapsed()
        };
        let known = timed(&|| assert!(!verify_password("y", &phc)));
        let unknown = timed(&dummy_verify);
        // Not a figure of speed: a version that skips the work is a thousand times faster.
        assert!(unknown > known / 20, "{unknown:?} against {known:?}");
    }
}
