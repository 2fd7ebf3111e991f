//! How much one user may report.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Reports at once.
const BURST: f64 = 2000.0;
/// Reports a second, after that.
const PER_SECOND: f64 = 50.0;
/// Users remembered at most; a user who is forgotten begins with a full allowance.
const MOST_USERS: usize = 256;

/// An allowance for each user.
#[derive(Debug, Default)]
pub(super) struct Rate(HashMap<u32, (f64, Instant)>);

impl Rate {
    /// Whether `uid` may report once more now.
    pub(super) fn allow(&mut self, uid: u32, now: Instant) -> bool {
        if self.0.len() >= MOST_USERS && !self.0.contains_key(&uid) {
            self.0
                .retain(|_, (_, seen)| now.duration_since(*seen) < Duration::from_secs(60));
            if self.0.len() >= MOST_USERS {
                return false;
            }
        }
        let (left, seen) = self.0.entry(uid).or_insert((BURST, now));
        let earned = now.duration_since(*seen).as_secs_f64() * PER_SECOND;
        *left = (*left + earned).min(BURST);
        *seen = now;
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_runs_out_and_earns_again_and_others_are_not_touched() {
        let mut rate = Rate::default();
        let now = Instant::now();
        let allowed = (0..10_000).filter(|_| rate.allow(1, now)).count();
        assert_eq!(allowed, 2000);
        assert!(rate.allow(2, now));
        let later = now + Duration::from_secs(1);
        let allowed = (0..10_000).filter(|_| rate.allow(1, later)).count();
        assert_eq!(allowed, 50);
    }
}
