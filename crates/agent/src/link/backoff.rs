//! How long to wait before the next try.

use std::time::Duration;

/// The first wait after a failure.
const FIRST: Duration = Duration::from_secs(1);

/// Waits that double up to a cap, each shortened by a random share of up to a half, so that a fleet
/// doesn't come back at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
    cap: Duration,
}

impl Backoff {
    pub(crate) const fn new(cap: Duration) -> Self {
        Self { next: FIRST, cap }
    }

    /// The next wait. `random` is evenly spread over all its values.
    pub(crate) fn wait(&mut self, random: u32) -> Duration {
        let wait = self.next.min(self.cap);
        self.next = (self.next * 2).min(self.cap);
        wait.mul_f64(1.0 - share(random) / 2.0)
    }

    /// Something worked.
    pub(crate) const fn reset(&mut self) {
        self.next = FIRST;
    }
}

/// An interval, a tenth shorter or longer.
pub(crate) fn jittered(interval: Duration, random: u32) -> Duration {
    interval.mul_f64(0.9 + share(random) / 5.0)
}

/// The system's randomness, or none when there is none: a wait without jitter is better than none.
pub(crate) fn random() -> u32 {
    let bytes = trust::secret::random_bytes().unwrap_or_default();
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(bytes) {
        *to = from;
    }
    u32::from_le_bytes(four)
}

fn share(random: u32) -> f64 {
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(10));
        let longest: Vec<u64> = (0..6).map(|_| backoff.wait(0).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 10, 10]);
        backoff.reset();
        assert_eq!(backoff.wait(u32::MAX), Duration::from_millis(500));
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        let minute = Duration::from_secs(60);
        assert_eq!(jittered(minute, 0), Duration::from_secs(54));
        assert_eq!(jittered(minute, u32::MAX), Duration::from_secs(66));
    }
}
