//! Which events of a batch are new, and what was lost before them. Pure.

use std::time::Duration;

use model::event::{Gap, Sequence};
use model::{Event, Timestamp};
use proto::agent::{EventBatch, batch_limits};

use crate::refusal::Refusal;

/// What of a batch is new.
#[derive(Debug, PartialEq, Eq)]
pub struct Sorted {
    /// Places of the new events in the batch.
    pub new: Vec<usize>,
    /// Runs that nobody will ever see, reported by the agent or missing without a report.
    pub lost: Vec<Gap>,
    /// The last sequence that is accounted for.
    pub through: Sequence,
}

/// One thing in a batch: an event, or a run that was evicted.
enum Item {
    Event(usize, u64),
    Gap(Gap),
}

/// Sorts a batch by what is stored already.
///
/// # Errors
/// When the batch is larger than a batch may be, out of order, or has a gap that ends before it
/// begins.
pub fn sort(batch: &EventBatch, stored_through: Sequence) -> Result<Sorted, Refusal> {
    let items = batch.events.len() + batch.gaps.len();
    if items > batch_limits::ITEMS {
        return Err(Refusal::invalid(format!(
            "expected at most {} events and gaps in a batch, got {items}",
            batch_limits::ITEMS
        )));
    }
    if !(1..=128).contains(&batch.spool.0.len()) {
        return Err(Refusal::invalid("spool: expected 1 to 128 characters"));
    }
    let mut sorted = Sorted {
        new: Vec::new(),
        lost: Vec::new(),
        through: stored_through,
    };
    let mut previous = 0;
    for item in in_order(&batch.events, &batch.gaps)? {
        let (first, last) = match &item {
            Item::Event(_, sequence) => (*sequence, *sequence),
            Item::Gap(gap) => (gap.first.0, gap.last.0),
        };
        if first <= previous {
            return Err(Refusal::invalid(format!(
                "expected each sequence once and in order, got {first} after {previous}"
            )));
        }
        previous = last;
        if last <= sorted.through.0 {
            continue;
        }
        let next = sorted.through.0 + 1;
        if first > next {
            sorted.lost.push(gap(next, first - 1));
        }
        match item {
            Item::Event(place, _) => sorted.new.push(place),
            Item::Gap(_) => sorted.lost.push(gap(first.max(next), last)),
        }
        sorted.through = Sequence(last);
    }
    Ok(sorted)
}

const fn gap(first: u64, last: u64) -> Gap {
    Gap {
        first: Sequence(first),
        last: Sequence(last),
    }
}

fn in_order(events: &[Event], gaps: &[Gap]) -> Result<Vec<Item>, Refusal> {
    let mut items: Vec<Item> = Vec::with_capacity(events.len() + gaps.len());
    for (place, event) in events.iter().enumerate() {
        items.push(Item::Event(place, event.sequence.0));
    }
    for gap in gaps {
        if gap.first > gap.last || gap.last.0 >= 1 << 62 {
            return Err(Refusal::invalid(format!(
                "gaps: expected the first sequence before the last, got {} to {}",
                gap.first.0, gap.last.0
            )));
        }
        items.push(Item::Gap(*gap));
    }
    if events
        .iter()
        .any(|event| event.sequence.0 == 0 || event.sequence.0 >= 1 << 62)
    {
        return Err(Refusal::invalid("events: sequences begin with 1"));
    }
    items.sort_by_key(|item| match item {
        Item::Event(_, sequence) => *sequence,
        Item::Gap(gap) => gap.first.0,
    });
    Ok(items)
}

/// How many events a run has.
#[must_use]
pub const fn length(gap: &Gap) -> u64 {
    gap.last.0.saturating_sub(gap.first.0).saturating_add(1)
}

/// When an event happened by the manager's clock: the device's clock may be off, and nothing that
/// is here already happens later.
#[must_use]
pub fn moment(by_device: Timestamp, skew_ms: i64, received: Timestamp) -> Timestamp {
    let step = Duration::from_millis(skew_ms.unsigned_abs());
    let corrected = if skew_ms >= 0 {
        by_device.minus(step)
    } else {
        by_device.plus(step)
    };
    corrected.min(received)
}

#[cfg(test)]
mod tests {
    use model::event::EventBody;
    use model::{Event, SpoolId};

    use super::*;

    fn batch(sequences: &[u64], gaps: &[(u64, u64)]) -> EventBatch {
        EventBatch {
            spool: SpoolId("s".to_owned()),
            events: sequences
                .iter()
                .map(|sequence| Event {
                    sequence: Sequence(*sequence),
                    time: Timestamp::EPOCH,
                    body: EventBody::AgentStarted {
                        agent_version: String::new(),
                    },
                })
                .collect(),
            gaps: gaps
                .iter()
                .map(|(first, last)| gap(*first, *last))
                .collect(),
        }
    }

    #[test]
    fn what_is_stored_is_not_new() {
        let sorted = sort(&batch(&[1, 2, 3], &[]), Sequence(2)).unwrap();
        assert_eq!(sorted.new, [2]);
        assert_eq!(sorted.through, Sequence(3));
        let again = sort(&batch(&[1, 2, 3], &[]), Sequence(3)).unwrap();
        assert!(again.new.is_empty() && again.lost.is_empty());
        assert_eq!(again.through, Sequence(3));
    }

    #[test]
    fn a_reported_gap_and_a_hole_are_both_lost_and_counted_once() {
        let sorted = sort(&batch(&[4, 9], &[(1, 3)]), Sequence(2)).unwrap();
        assert_eq!(sorted.new, [0, 1]);
        assert_eq!(sorted.lost, [gap(3, 3), gap(5, 8)]);
        assert_eq!(sorted.lost.iter().map(length).sum::<u64>(), 5);
        assert_eq!(sorted.through, Sequence(9));
    }

    #[test]
    fn disorder_is_refused() {
        for (sequences, gaps) in [
            (vec![1, 1], vec![]),
            (vec![0], vec![]),
            (vec![2], vec![(1, 2)]),
            (vec![], vec![(5, 4)]),
            (vec![u64::MAX], vec![]),
        ] {
            assert!(
                sort(&batch(&sequences, &gaps), Sequence(0)).is_err(),
                "{sequences:?} {gaps:?}"
            );
        }
    }

    #[test]
    fn a_clock_that_is_an_hour_off_is_corrected() {
        let received = Timestamp::from_millis(10_000_000_000);
        let hour = 3_600_000;
        let happened = received.minus(Duration::from_secs(60));
        let ahead = Timestamp::from_millis(happened.millis() + hour);
        assert_eq!(moment(ahead, hour, received), happened);
        let behind = Timestamp::from_millis(happened.millis() - hour);
        assert_eq!(moment(behind, -hour, received), happened);
        assert_eq!(moment(ahead, 0, received), received);
    }
}
