//! How durations are distributed, in bounded memory.

use std::time::Duration;

/// Each power of two is divided into this many buckets: a value is known to 1.6 %.
const STEPS: u64 = 64;
/// Powers of two of microseconds; the last holds 2^40 µs, twelve days.
const POWERS: u64 = 41;

/// A log-linear histogram of durations, by microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        let buckets = usize::try_from(STEPS * POWERS).unwrap_or(0);
        Self {
            counts: vec![0; buckets],
            total: 0,
            max: Duration::ZERO,
        }
    }

    pub(crate) fn add(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let last = self.counts.len().saturating_sub(1);
        if let Some(count) = self.counts.get_mut(bucket(micros).min(last)) {
            *count += 1;
            self.total += 1;
            self.max = self.max.max(duration);
        }
    }

    pub(crate) const fn count(&self) -> u64 {
        self.total
    }

    pub(crate) const fn max(&self) -> Duration {
        self.max
    }

    /// The least duration that `per_mille` of all don't exceed (nearest rank), to the upper edge
    /// of its bucket. Zero when there are none.
    pub(crate) fn quantile(&self, per_mille: u64) -> Duration {
        let rank = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, count) in (0u64..).zip(&self.counts) {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(upper_edge(index)).min(self.max);
            }
        }
        Duration::ZERO
    }
}

/// Values below [`STEPS`] have a bucket each; above, each power of two has [`STEPS`].
fn bucket(micros: u64) -> usize {
    let index = if micros < STEPS {
        micros
    } else {
        let power = u64::from(micros.ilog2()) - u64::from(STEPS.ilog2());
        (power + 1) * STEPS + (micros >> power) - STEPS
    };
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn upper_edge(index: u64) -> u64 {
    if index < STEPS {
        return index;
    }
    let power = index / STEPS - 1;
    let step = index % STEPS;
    ((STEPS + step + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_its_bucket() {
        for micros in (0..100_000).chain((17..40).map(|power| (1 << power) + 1)) {
            let index = bucket(micros);
            let edge = upper_edge(u64::try_from(index).unwrap());
            assert!(edge >= micros, "{micros}: {edge}");
            assert!(edge - micros <= micros / STEPS, "{micros}: {edge}");
            assert!(bucket(micros + 1) >= index, "{micros}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(990), Duration::ZERO);
        for millis in 1..=1000 {
            histogram.add(Duration::from_millis(millis));
        }
        assert_eq!(histogram.count(), 1000);
        for (per_mille, millis) in [(500, 500), (990, 990), (1, 1), (1000, 1000)] {
            let found = histogram.quantile(per_mille).as_micros();
            let exact = u128::from(millis * 1000u64);
            assert!(
                found >= exact && found <= exact + exact / 60,
                "{per_mille}: {found}"
            );
        }
        assert_eq!(histogram.max(), Duration::from_secs(1));
    }

    #[test]
    fn absurd_durations_have_a_place() {
        let mut histogram = Histogram::new();
        histogram.add(Duration::MAX);
        assert_eq!(histogram.count(), 1);
        assert!(histogram.quantile(500) > Duration::from_secs(86_400));
    }
}
