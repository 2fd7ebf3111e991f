//! Sets of ports.

use crate::endpoint::PortRange;

/// The ranges in ascending order; those that overlap or touch become one.
pub(crate) fn merged(ranges: &[PortRange]) -> Vec<PortRange> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable_by_key(|range| (range.first(), range.last()));
    let mut merged: Vec<PortRange> = Vec::new();
    for range in sorted {
        let joined = merged
            .last()
            .filter(|last| range.first() <= last.last().saturating_add(1))
            .and_then(|last| PortRange::new(last.first(), last.last().max(range.last())).ok());
        match joined {
            Some(joined) => {
                merged.pop();
                merged.push(joined);
            }
            None => merged.push(range),
        }
    }
    merged
}

/// Whether every port of `narrow` is in one of the ranges.
pub(crate) fn include(broad: &[PortRange], narrow: PortRange) -> bool {
    broad
        .iter()
        .any(|range| range.first() <= narrow.first() && narrow.last() <= range.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str) -> Vec<PortRange> {
        text.split(',')
            .map(|range| PortRange::parse(range).unwrap())
            .collect()
    }

    #[test]
    fn ranges_that_touch_become_one() {
        assert_eq!(
            merged(&ranges("443,80,81,8000-8010,8005-8020")),
            ranges("80-81,443,8000-8020")
        );
        assert_eq!(merged(&ranges("1-65535,443")), ranges("1-65535"));
        assert_eq!(merged(&ranges("65535,65534")), ranges("65534-65535"));
        assert_eq!(merged(&[]), []);
    }
}
