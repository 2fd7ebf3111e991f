//! Who is let in.

use model::{SiteId, Timestamp};
use proto::problem::ProblemKind;
use trust::enrolment::{TokenStanding, admit};

use super::store::{KnownSite, StoredToken};
use crate::refusal::Refusal;

/// Longer names are refused, characters.
const MAX_NAME: usize = 100;

/// An enrolment that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) token: String,
    pub(super) site: SiteId,
    /// Whether the token's use is a new one.
    pub(super) use_: Use,
}

/// Whether an enrolment uses its token up by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    New,
    /// The answer was lost, and is asked for again.
    Again,
}

/// A name without white space around it.
pub(super) fn site_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let length = name.chars().count();
    if (1..=MAX_NAME).contains(&length) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(Refusal::invalid(format!(
            "name: expected 1 to {MAX_NAME} characters on one line, got {length}"
        )))
    }
}

/// Judges an enrolment by what is stored.
pub(super) fn entry(
    token: Option<StoredToken>,
    known: Option<KnownSite>,
    key_holder: Option<SiteId>,
    site: SiteId,
    key: &[u8; 32],
    now: Timestamp,
) -> Result<Entry, Refusal> {
    let Some(token) = token else {
        return Err(Refusal::new(
            ProblemKind::TokenUnknown,
            "this cloud has no token with that secret; make one with \"garrison cloud new-token\" on the cloud's machine",
        ));
    };
    if key_holder.is_some_and(|holder| holder != site) {
        return Err(key_of_another());
    }
    let used_before = token.keys.contains(key);
    if !used_before {
        let standing = TokenStanding {
            expires: token.expires,
            uses: u64::try_from(token.keys.len()).unwrap_or(u64::MAX),
            max_uses: token.max_uses,
            revoked: false,
        };
        admit(standing, now)
            .map_err(|refusal| Refusal::new(refusal.problem(), refusal.to_string()))?;
        let other_key = known.is_some_and(|known| known.key != *key);
        if other_key && token.replaces != Some(site) {
            return Err(Refusal::new(
                ProblemKind::Conflict,
                format!(
                    "site {site} is enrolled here with another key; if that key is lost, make a token that replaces it (\"garrison cloud new-token --replaces {site}\")"
                ),
            ));
        }
    } else if key_holder.is_none() {
        return Err(Refusal::new(
            ProblemKind::Conflict,
            "this key enrolled here and was replaced since; enrol with a new key and a new token",
        ));
    }
    Ok(Entry {
        token: token.id,
        site,
        use_: if used_before { Use::Again } else { Use::New },
    })
}

pub(super) fn key_of_another() -> Refusal {
    Refusal::new(
        ProblemKind::Conflict,
        "this key belongs to another site; each site makes a key of its own",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEY: [u8; 32] = [1; 32];
    const OTHER: [u8; 32] = [2; 32];
    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn token(keys: &[[u8; 32]]) -> StoredToken {
        StoredToken {
            id: "t".to_owned(),
            expires: NOW.plus(Duration::from_secs(60)),
            max_uses: 2,
            replaces: None,
            keys: keys.to_vec(),
        }
    }

    fn kind(outcome: Result<Entry, Refusal>) -> ProblemKind {
        outcome.unwrap_err().kind()
    }

    #[test]
    fn a_new_site_with_a_good_token_is_let_in() {
        let site = SiteId::generate();
        let entry = entry(Some(token(&[])), None, None, site, &KEY, NOW).unwrap();
        assert_eq!((entry.site, entry.use_), (site, Use::New));
    }

    #[test]
    fn the_same_token_and_key_are_let_in_again_even_when_used_up_and_expired() {
        let site = SiteId::generate();
        let used_up = token(&[KEY, OTHER]);
        let late = NOW.plus(Duration::from_secs(3600));
        let known = Some(KnownSite { key: KEY });
        let entry = entry(Some(used_up), known, Some(site), site, &KEY, late).unwrap();
        assert_eq!(entry.use_, Use::Again);
    }

    #[test]
    fn unknown_expired_and_used_up_tokens_are_told_apart() {
        let site = SiteId::generate();
        let late = NOW.plus(Duration::from_secs(3600));
        assert_eq!(
            kind(entry(None, None, None, site, &KEY, NOW)),
            ProblemKind::TokenUnknown
        );
        let expired = entry(Some(token(&[])), None, None, site, &KEY, late);
        assert_eq!(kind(expired), ProblemKind::TokenExpired);
        let used_up = entry(Some(token(&[OTHER, [3; 32]])), None, None, site, &KEY, NOW);
        assert_eq!(kind(used_up), ProblemKind::TokenUsedUp);
    }

    #[test]
    fn a_site_is_not_taken_over_by_another_key_without_a_token_for_that() {
        let site = SiteId::generate();
        let known = || Some(KnownSite { key: OTHER });
        let taken_over = entry(Some(token(&[])), known(), None, site, &KEY, NOW);
        assert_eq!(kind(taken_over), ProblemKind::Conflict);
        let for_another = StoredToken {
            replaces: Some(SiteId::generate()),
            ..token(&[])
        };
        let taken_over = entry(Some(for_another), known(), None, site, &KEY, NOW);
        assert_eq!(kind(taken_over), ProblemKind::Conflict);
        let for_this = StoredToken {
            replaces: Some(site),
            ..token(&[])
        };
        assert!(entry(Some(for_this), known(), None, site, &KEY, NOW).is_ok());
    }

    #[test]
    fn a_replaced_key_does_not_come_back_by_its_old_token() {
        let site = SiteId::generate();
        let known = Some(KnownSite { key: OTHER });
        let back = entry(Some(token(&[KEY])), known, None, site, &KEY, NOW);
        assert_eq!(kind(back), ProblemKind::Conflict);
    }

    #[test]
    fn one_key_is_one_site() {
        let holder = Some(SiteId::generate());
        let outcome = entry(
            Some(token(&[])),
            None,
            holder,
            SiteId::generate(),
            &KEY,
            NOW,
        );
        assert_eq!(kind(outcome), ProblemKind::Conflict);
    }

    #[test]
    fn names_are_one_line_of_text() {
        assert_eq!(site_name("  Lyon ").unwrap(), "Lyon");
        for bad in ["", "   ", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert_eq!(site_name(bad).unwrap_err().kind(), ProblemKind::Invalid);
        }
    }
}
