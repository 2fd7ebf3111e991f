//! Sets of numbers as sorted ranges.

/// Ranges (both ends included), sorted, none touching another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::audit) struct Ranges(Vec<(u128, u128)>);

/// A part of a range, both ends included.
type Part = (u128, u128);
type Parts = Vec<Part>;

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

    /// From where to where parts of a range are in it, and from where to where parts are not.
    pub(in crate::audit) fn hulls(&self, first: u128, last: u128) -> (Option<Part>, Option<Part>) {
        let at = self.0.partition_point(|(_, end)| *end < first);
        let behind = self.0.partition_point(|(start, _)| *start <= last);
        let touching = self.0.get(at..behind).unwrap_or_default();
        let (Some(begin), Some(end)) = (touching.first(), touching.last()) else {
            return (None, Some((first, last)));
        };
        let inside = (begin.0.max(first), end.1.min(last));
        // Behind a range and before one there is always a gap.
        let from = if begin.0 <= first {
            begin.1.checked_add(1)
        } else {
            Some(first)
        };
        let to = if end.1 >= last {
            end.0.checked_sub(1)
        } else {
            Some(last)
        };
        let outside = from.zip(to).filter(|(from, to)| from <= to);
        (Some(inside), outside)
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
            let ends = |parts: &[(u128, u128)]| parts.first().zip(parts.last()).map(|(a, b)| (a.0, b.1));
            prop_assert_eq!(set.hulls(first, last), (ends(&inside), ends(&outside)));
            prop_assert_eq!(set.complement(100).lies(first, last), match expected {
                Lies::Inside => Lies::Outside, Lies::Outside => Lies::Inside, Lies::Across => Lies::Across,
            });
        }
    }
}
