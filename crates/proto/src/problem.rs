//! Errors of every API: problem details (RFC 9457).

use serde::{Deserialize, Serialize};

/// `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// One of [`ProblemKind`]'s names, as `urn:garrison:problem:NAME`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words.
    pub title: String,
    pub status: u16,
    /// What was expected, what came and what to do.
    pub detail: String,
    /// Names this occurrence in the manager's log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<String>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        /// The kinds of problems that a caller can tell apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemKind { $($(#[$doc])* $variant,)* }

        impl ProblemKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name behind `urn:garrison:problem:`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The kind in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

kinds! {
    /// No credential, or one that is unknown, expired or malformed.
    Unauthenticated = "unauthenticated", 401, "Sign-in is required";
    /// The credential's role or scope is too small.
    Forbidden = "forbidden", 403, "The role is too small for this";
    /// A browser's form came without the token of its page.
    CrossSite = "cross-site", 403, "The request did not come from this console's own page";
    NotFound = "not-found", 404, "Nothing is here";
    /// The object is not in the state that the request needs.
    Conflict = "conflict", 409, "The state does not allow this";
    /// An idempotency key came again with another body.
    IdempotencyMismatch = "idempotency-mismatch", 409, "The idempotency key was used for something else";
    Invalid = "invalid", 422, "The request is not valid";
    TooLarge = "too-large", 413, "The request is too large";
    TooMany = "too-many", 429, "Too many requests";
    /// Enrolment token: wrong secret, or none such.
    TokenUnknown = "token-unknown", 403, "The enrolment token is not known";
    TokenExpired = "token-expired", 403, "The enrolment token has expired";
    TokenUsedUp = "token-used-up", 403, "The enrolment token is used up";
    TokenRevoked = "token-revoked", 403, "The enrolment token was revoked";
    /// The device was revoked; it must be enrolled anew.
    DeviceRevoked = "device-revoked", 403, "The device is revoked";
    /// Two hold this identity; each must re-key.
    IdentitySuspended = "identity-suspended", 409, "The identity is held twice and suspended";
    /// A fork that nobody approved yet.
    AwaitingApproval = "awaiting-approval", 403, "The device awaits approval";
    /// The path exists, the method does not.
    MethodNotAllowed = "method-not-allowed", 405, "The method is not possible here";
    /// The body is of a type that the route does not read.
    UnsupportedMedia = "unsupported-media-type", 415, "The body has another type than is read here";
    /// The manager can't store (disk full, database gone); try again later.
    Unavailable = "unavailable", 503, "The service can't do this now";
    Internal = "internal", 500, "The service failed";
}

impl Problem {
    /// A problem of a kind, with what to do about it.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:garrison:problem:{}", kind.name()),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            instance: None,
        }
    }

    /// The kind, when it is one that this version knows.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        let name = self.kind.strip_prefix("urn:garrison:problem:")?;
        ProblemKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.name() == name)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back() {
        for kind in ProblemKind::ALL {
            assert_eq!(Problem::new(*kind, "x").kind(), Some(*kind));
        }
    }
}
