//! Enrolment: with a token and a new key, this machine becomes a device of a site.
//!
//! It may be repeated at any point: the key is stored before it is shown, and the same key and
//! token give the same device again.

use std::path::Path;

use model::Timestamp;
use model::health::HostFacts;
use net::{ClientIdentity, ProxySetting, TlsTrust};
use proto::EnrolmentToken;
use proto::agent::{EnrolAnswer, EnrolRequest};
use proto::problem::ProblemKind;
use proto::token::TokenError;

use crate::identity::{IdentityError, IdentityFolder};
use crate::link::manager::{LinkError, Manager, SetupError};

/// Why this machine was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error(transparent)]
    TokenFile(#[from] trust::keyfile::KeyFileError),
    #[error("{path}: {source}")]
    Token {
        path: String,
        #[source]
        source: TokenError,
    },
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("{source}{advice}")]
    Link {
        #[source]
        source: Box<LinkError>,
        advice: String,
    },
    #[error(
        "the manager sent another CA than the one that the token pins; the token may be for another site: make a new one with \"garrison ctl tokens create\""
    )]
    OtherCa,
    #[error(
        "this folder is enrolled already as device {device}; to enrol it anew, stop the agent, move {folder} away and enrol again"
    )]
    Already { device: String, folder: String },
}

impl EnrolError {
    /// Whether another try may succeed with nothing changed but time.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        let Self::Link { source, .. } = self else {
            return false;
        };
        match source.as_ref() {
            LinkError::Unreachable(_) | LinkError::Cut(_) => true,
            LinkError::Refused(problem) => matches!(
                problem.kind(),
                Some(ProblemKind::Unavailable | ProblemKind::Internal | ProblemKind::TooMany)
            ),
            LinkError::Foreign(_) | LinkError::Request(_) => false,
        }
    }
}

/// Reads an enrolment token from a file that only its owner may read.
///
/// # Errors
/// When the file is missing, open to others, or holds no token.
pub fn read_token(path: &Path) -> Result<EnrolmentToken, EnrolError> {
    let text = trust::keyfile::read_text(path)?;
    EnrolmentToken::parse(&text).map_err(|source| EnrolError::Token {
        path: path.display().to_string(),
        source,
    })
}

/// Enrols once.
///
/// # Errors
/// When the manager can't be reached or refuses; [`EnrolError::is_passing`] says whether to try
/// again.
pub async fn enrol(
    identity: &IdentityFolder,
    host: &HostFacts,
    token: &EnrolmentToken,
    proxy: &ProxySetting,
) -> Result<EnrolAnswer, EnrolError> {
    if let Some(present) = identity.load()? {
        return Err(EnrolError::Already {
            device: present.site.device.to_string(),
            folder: identity.folder().display().to_string(),
        });
    }
    let key = identity.enrolment_key()?;
    let mut ca_pin = [0; 32];
    // The token's reader made sure of 64 digits.
    hex::decode_to_slice(&token.ca_pin, &mut ca_pin).map_err(|_| EnrolError::OtherCa)?;
    let trust = TlsTrust::Pinned { ca_pin };
    let manager = Manager::new(&token.addresses, &trust, &ClientIdentity::none(), proxy)?;
    let request = EnrolRequest {
        secret: token.secret.clone(),
        certificate_request: key.certificate_request().map_err(IdentityError::from)?,
        host: host.clone(),
    };
    let mut last = None;
    let mut answer = None;
    for _ in &token.addresses {
        match manager
            .post::<EnrolAnswer>("/agent/v1/enrol", &request)
            .await
        {
            Ok(answered) => {
                answer = Some(answered);
                break;
            }
            Err(error @ (LinkError::Unreachable(_) | LinkError::Cut(_))) => last = Some(error),
            Err(error) => {
                last = Some(error);
                break;
            }
        }
    }
    let Some(answer) = answer else {
        let source = last.unwrap_or_else(|| LinkError::Request("no address".to_owned()));
        let advice = advice(&source, token, Timestamp::now());
        let source = Box::new(source);
        return Err(EnrolError::Link { source, advice });
    };
    let ca = trust::certificate::der_from_pem(&answer.ca_certificate)
        .ok()
        .and_then(|der| net::spki_sha256(&der));
    if ca != Some(ca_pin) {
        return Err(EnrolError::OtherCa);
    }
    identity.store_enrolment(&key, &answer, &token.addresses)?;
    Ok(answer)
}

/// What to do, where the error doesn't say it yet.
fn advice(error: &LinkError, token: &EnrolmentToken, now: Timestamp) -> String {
    let expired = token.expires <= now;
    match error.kind() {
        Some(
            ProblemKind::TokenUnknown
            | ProblemKind::TokenExpired
            | ProblemKind::TokenUsedUp
            | ProblemKind::TokenRevoked,
        ) => "; make a new token with \"garrison ctl tokens create\" or in the console, and enrol with that".to_owned(),
        _ if expired => format!(
            "; by this machine's clock ({now}) the token expired at {}: check the clock, or make a new token",
            token.expires
        ),
        _ => format!(
            "; check that the manager runs and that this machine's clock ({now}) is right, then try again"
        ),
    }
}
