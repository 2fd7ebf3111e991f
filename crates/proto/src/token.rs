//! Enrolment tokens: what a machine needs to become a device of a site. Handed over in a file
//! that only its owner reads, never on a command line.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// The text begins with this; the number is the version of the format.
const PREFIX: &str = "garrison-enrol-1.";
/// Longer text is no token.
const MAX_TEXT: usize = 8192;

/// An enrolment token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentToken {
    /// `host:port` of the manager's agent channel, in the order to try.
    pub addresses: Vec<String>,
    /// Hexadecimal SHA-256 of the site CA's SubjectPublicKeyInfo.
    pub ca_pin: String,
    /// Limited in uses and time. Base64url of 32 random bytes.
    pub secret: String,
    /// The group's name, to be shown to people; the manager decides by the secret.
    pub group: String,
    pub expires: Timestamp,
}

/// Text that was expected to be an enrolment token. Never repeats the text: it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error(
        "expected an enrolment token (one line that begins with {PREFIX:?}); make one with \"garrison ctl tokens create\""
    )]
    Prefix,
    #[error("the enrolment token is damaged ({0}); copy the whole line again, or make a new token")]
    Damaged(&'static str),
}

impl EnrolmentToken {
    /// The one-line text form, with the secret in it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json))
    }

    /// Reads the text form; white space around it doesn't matter.
    ///
    /// # Errors
    /// When the text is no token, or a damaged one.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let body = text.trim().strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        if body.len() > MAX_TEXT {
            return Err(TokenError::Damaged("it is too long"));
        }
        let json = URL_SAFE_NO_PAD
            .decode(body)
            .map_err(|_| TokenError::Damaged("it is not base64url"))?;
        let token: Self = serde_json::from_slice(&json)
            .map_err(|_| TokenError::Damaged("its content is cut or altered"))?;
        if token.addresses.is_empty() || token.addresses.len() > 16 {
            return Err(TokenError::Damaged("it names no address, or too many"));
        }
        let pin_is_hash =
            token.ca_pin.len() == 64 && token.ca_pin.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !pin_is_hash {
            return Err(TokenError::Damaged("its CA pin is no SHA-256"));
        }
        Ok(token)
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolmentToken")
            .field("addresses", &self.addresses)
            .field("ca_pin", &self.ca_pin)
            .field("group", &self.group)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> EnrolmentToken {
        EnrolmentToken {
            addresses: vec!["127.0.0.1:443".into()],
            ca_pin: "ab".repeat(32),
            secret: "c2VjcmV0".into(),
            group: "Default".into(),
            expires: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn text_form_reads_back() {
        let text = format!("  {}\n", token().to_text());
        assert_eq!(EnrolmentToken::parse(&text), Ok(token()));
    }

    #[test]
    fn debug_output_and_errors_keep_the_secret() {
        assert!(!format!("{:?}", token()).contains("c2VjcmV0"));
        let mut text = token().to_text();
        text.truncate(text.len() - 9);
        let error = EnrolmentToken::parse(&text).unwrap_err();
        assert!(!error.to_string().contains("c2Vj"), "{error}");
    }

    #[test]
    fn what_is_no_token_is_told_apart_from_a_damaged_one() {
        assert_eq!(EnrolmentToken::parse("hello"), Err(TokenError::Prefix));
        assert!(matches!(
            EnrolmentToken::parse("garrison-enrol-1.%%%"),
            Err(TokenError::Damaged(_))
        ));
    }
}
