//! What a device's state means. Pure.

use std::time::Duration;

use model::health::{AgentState, HostFacts};
use model::{DefinitionRevision, Timestamp};
use proto::api::device::{DeviceCounts, DeviceStanding};

use super::roster::Live;
use crate::refusal::Refusal;

/// Check-ins that may be missing before a device counts as silent.
const MISSED: u32 = 3;

/// A standing's name in the database and in queries.
#[must_use]
pub const fn standing_name(standing: DeviceStanding) -> &'static str {
    match standing {
        DeviceStanding::Approved => "approved",
        DeviceStanding::AwaitingApproval => "awaiting_approval",
        DeviceStanding::Suspended => "suspended",
        DeviceStanding::Revoked => "revoked",
    }
}

/// Reads a standing's name.
#[must_use]
pub fn standing(name: &str) -> Option<DeviceStanding> {
    [
        DeviceStanding::Approved,
        DeviceStanding::AwaitingApproval,
        DeviceStanding::Suspended,
        DeviceStanding::Revoked,
    ]
    .into_iter()
    .find(|standing| standing_name(*standing) == name)
}

/// Whether a device has been silent for too long.
#[must_use]
pub fn is_silent(last_seen: Timestamp, interval: Duration, now: Timestamp) -> bool {
    now.since(last_seen) > interval * MISSED
}

/// Whether policy and definitions are the newest.
#[must_use]
pub fn is_up_to_date(
    policy_in_force: u64,
    policy_wanted: u64,
    definitions: Option<DefinitionRevision>,
    current: Option<DefinitionRevision>,
) -> bool {
    policy_in_force >= policy_wanted && definitions >= current
}

/// Characters of one text in a device's state.
const MAX_TEXT: usize = 1000;
/// Health issues in one state.
const MAX_ISSUES: usize = 100;

/// What an agent says of itself is shown to people and kept: it has bounds.
///
/// # Errors
/// When a text is longer or there are more issues.
pub fn check_state(state: &AgentState) -> Result<(), Refusal> {
    check_host(&state.host)?;
    if state.issues.len() > MAX_ISSUES {
        return Err(Refusal::invalid(format!(
            "state.issues: expected at most {MAX_ISSUES}, got {}",
            state.issues.len()
        )));
    }
    state.issues.iter().try_for_each(|issue| {
        text("state.issues.kind", &issue.kind)?;
        text("state.issues.message", &issue.message)
    })
}

/// The same for what a machine says when it enrols.
///
/// # Errors
/// When a text is longer.
pub fn check_host(host: &HostFacts) -> Result<(), Refusal> {
    text("host.hostname", &host.hostname)?;
    text("host.os", &host.os)?;
    text("host.kernel", &host.kernel)?;
    text("host.architecture", &host.architecture)?;
    text("host.agent_version", &host.agent_version)
}

/// An attempt is 1 to 128 characters.
///
/// # Errors
/// When it is anything else.
pub fn check_attempt(attempt: &str) -> Result<(), Refusal> {
    if (1..=128).contains(&attempt.len()) {
        Ok(())
    } else {
        Err(Refusal::invalid(format!(
            "attempt: expected 1 to 128 characters, got {}",
            attempt.len()
        )))
    }
}

fn text(field: &str, text: &str) -> Result<(), Refusal> {
    if text.len() <= MAX_TEXT {
        Ok(())
    } else {
        Err(Refusal::invalid(format!(
            "{field}: expected at most {MAX_TEXT} bytes, got {}",
            text.len()
        )))
    }
}

/// Counts one device in.
pub(crate) fn count(counts: &mut DeviceCounts, live: &Live, interval: Duration, now: Timestamp) {
    match live.standing {
        DeviceStanding::Revoked => {
            counts.revoked += 1;
            return;
        }
        DeviceStanding::Suspended => counts.suspended += 1,
        DeviceStanding::AwaitingApproval => counts.awaiting_approval += 1,
        DeviceStanding::Approved => {
            let seen = live.last_seen.unwrap_or(live.enrolled);
            counts.critical += u64::from(live.critical);
            counts.silent += u64::from(is_silent(seen, interval, now));
        }
    }
    counts.total += 1;
    counts.connected += u64::from(live.streams > 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_silent_after_three_missed_check_ins() {
        let seen = Timestamp::from_millis(0);
        let minute = Duration::from_secs(60);
        assert!(!is_silent(seen, minute, seen.plus(minute * 3)));
        assert!(is_silent(
            seen,
            minute,
            seen.plus(minute * 3 + Duration::from_millis(1))
        ));
    }

    #[test]
    fn a_device_without_definitions_is_up_to_date_only_while_the_site_has_none() {
        let one = Some(DefinitionRevision(1));
        assert!(is_up_to_date(3, 3, None, None));
        assert!(!is_up_to_date(3, 3, None, one));
        assert!(is_up_to_date(3, 3, one, one));
        assert!(!is_up_to_date(2, 3, one, one));
    }
}
