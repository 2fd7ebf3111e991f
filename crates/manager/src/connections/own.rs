//! The manager's own connections.

use std::time::Duration;

use super::rules::Seen;

/// How often the manager checks its own.
const EVERY: Duration = Duration::from_secs(3600);

/// What is known of the manager beside its report.
pub(super) const fn seen() -> Seen {
    Seen {
        interval: Some(EVERY),
        state: None,
        last_seen: None,
        clock_skew: 0,
        silent: false,
    }
}
