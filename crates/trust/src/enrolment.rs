//! Whether an enrolment token still lets somebody in.

use model::Timestamp;
use proto::problem::ProblemKind;

/// What is known of a token besides its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenStanding {
    pub expires: Timestamp,
    /// How many keys it has let in.
    pub uses: u64,
    pub max_uses: u64,
    pub revoked: bool,
}

/// Why a known token lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    #[error("this token was revoked; ask for a new one")]
    Revoked,
    #[error(
        "this token expired at {expires}, and it is {now} by the server's clock; ask for a new one"
    )]
    Expired { expires: Timestamp, now: Timestamp },
    #[error("this token was good for {max_uses} uses and has had them; ask for a new one")]
    UsedUp { max_uses: u64 },
}

impl TokenRefusal {
    /// The kind of problem that the caller is told.
    #[must_use]
    pub const fn problem(self) -> ProblemKind {
        match self {
            Self::Revoked => ProblemKind::TokenRevoked,
            Self::Expired { .. } => ProblemKind::TokenExpired,
            Self::UsedUp { .. } => ProblemKind::TokenUsedUp,
        }
    }
}

/// Whether the token lets one more key in. A key that it already let in is not judged: it gets
/// its answer again.
///
/// # Errors
/// When the token is revoked, expired or used up.
pub fn admit(token: TokenStanding, now: Timestamp) -> Result<(), TokenRefusal> {
    if token.revoked {
        Err(TokenRefusal::Revoked)
    } else if now >= token.expires {
        Err(TokenRefusal::Expired {
            expires: token.expires,
            now,
        })
    } else if token.uses >= token.max_uses {
        Err(TokenRefusal::UsedUp {
            max_uses: token.max_uses,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EXPIRES: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn token() -> TokenStanding {
        TokenStanding {
            expires: EXPIRES,
            uses: 2,
            max_uses: 3,
            revoked: false,
        }
    }

    #[test]
    fn a_token_lets_in_until_its_end() {
        let second = Duration::from_secs(1);
        assert_eq!(admit(token(), EXPIRES.minus(second)), Ok(()));
        for now in [EXPIRES, EXPIRES.plus(second)] {
            let refusal = admit(token(), now).unwrap_err();
            assert_eq!(refusal.problem(), ProblemKind::TokenExpired);
        }
    }

    #[test]
    fn a_token_lets_in_as_often_as_it_says() {
        let refused = |uses| {
            let refusal = admit(TokenStanding { uses, ..token() }, Timestamp::EPOCH);
            refusal.err().map(TokenRefusal::problem)
        };
        let used_up = Some(ProblemKind::TokenUsedUp);
        assert_eq!([0, 2, 3, 4].map(refused), [None, None, used_up, used_up]);
    }

    #[test]
    fn a_revoked_token_lets_nobody_in() {
        let revoked = TokenStanding {
            revoked: true,
            ..token()
        };
        let refusal = admit(revoked, Timestamp::EPOCH).unwrap_err();
        assert_eq!(refusal.problem(), ProblemKind::TokenRevoked);
    }
}
