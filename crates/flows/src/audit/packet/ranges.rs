//! Sets of numbers as sorted ranges.

/// Ranges (both ends included), sorted, none touching another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::audit) struct Ranges(Vec<(u128, u128)>);

/// Parts of a range.
type Parts = Vec<(u128, u128)>;

/// How a range lies to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audit) enum Lies {
    Inside,
    Outside,
    Across,
}

impl Ranges {
    pub(in crate::audit) fn new(mut ranges: Vec<(u128, u128)>) -> Self {
        ranges.retain(|(first, last)| first <= last);
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last)
                }
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    pub(in crate::audit) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What isn't in it, up to the largest number.
    pub(in crate::audit) fn complement(&self, largest: u128) -> Self {
        Self(self.cut(0, largest).1)
    }

    pub(in crate::audit) fn lies(&self, first: u128, last: u128) -> Lies {
        let at = self.0.partition_point(|(_, end)| *end < first);
        match self.0.get(at) {
            Some((start, end)) if *start <= first && last <= *end => Lies::Inside,
            Some((start, _)) if *start <= last => Lies::Across,
            Some(_) | None => Lies::Outside,
        }
    }

    /// The parts of a range that are in it, and those that are not.
    pub(in crate::audit) fn cut(&self, first: u128, last: u128) -> (Parts, Parts) {
        let mut inside = Vec::new();
        let mut outside = Vec::new();
        let mut next = first;
        let at = self.0.partition_point(|(_, end)| *end < first);
        for (start, end) in self.0.iter().skip(at) {
            if *start > last {
                break;
            }
            let (start, end) = ((*start).max(first), (*end).min(last));
            if next < start {
                outside.push((next, start - 1));
            }
            inside.push((start, end));
            match end.checked_add(1) {
                Some(following) if end < last => next = following,
                _ => return (inside, outside),
            }
        }
        outside.push((next, last));
        (inside, outside)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cutting_agrees_with_counting(
            ranges in prop::collection::vec((0_u128..40, 0_u128..40), 0..6), first in 0_u128..40, more in 0_u128..20
        ) {
            let set = Ranges::new(ranges.clone());
            let last = first + more;
            let holds = |n: u128| ranges.iter().any(|(a, b)| (*a..=*b).contains(&n));
            let (inside, outside) = set.cut(first, last);
            for n in first..=last {
                let is_in = |parts: &[(u128, u128)]| parts.iter().any(|(a, b)| (*a..=*b).contains(&n));
                prop_assert_eq!(is_in(&inside), holds(n));
                prop_assert_eq!(is_in(&outside), !holds(n));
            }
            let expected = if (first..=last).all(holds) { Lies::Inside }
                else if (first..=last).any(holds) { Lies::Across } else { Lies::Outside };
            prop_assert_eq!(set.lies(first, last), expected);
            prop_assert_eq!(set.complement(100).lies(first, last), match expected {
                Lies::Inside => Lies::Outside, Lies::Outside => Lies::Inside, Lies::Across => Lies::Across,
            });
        }
    }
}
