//! When the manager checks its own connections. Pure.

use std::time::{Duration, Instant};

use super::own::Destination;

/// How often the manager checks its own while nothing is wrong.
pub(crate) const EVERY: Duration = Duration::from_secs(3600);
/// How soon it checks again while something is wrong, and how often at most it checks because
/// delivery to the cloud took a turn.
const AGAIN: Duration = Duration::from_secs(300);

/// How the last delivery to the cloud went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Also where none was tried yet.
    Works,
    Fails,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// All is well, or there is nothing to check.
    Well,
    /// Something doesn't work, nobody can tell, or the check could not be made.
    Badly,
}

/// What a check would be made of now.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) now: Instant,
    /// Where the cloud is; absent where the site is in none.
    pub(crate) destination: Option<Destination>,
    pub(crate) delivery: Delivery,
}

/// When the manager's own connections were checked, and when they are to be again.
#[derive(Debug, Default)]
pub(crate) struct OwnSchedule {
    last: Option<(Look, Checked)>,
    /// The last check that a turn of the delivery called for.
    turned: Option<Instant>,
}

impl OwnSchedule {
    /// Whether it is time for a check: at first, where the cloud is another one, an hour after the
    /// last, 5 minutes after the last while something is wrong, and at once when delivery begins
    /// or ceases to fail, unless that called for a check less than 5 minutes ago.
    pub(crate) fn is_due(&self, look: &Look) -> bool {
        let Some((last, checked)) = &self.last else {
            return true;
        };
        let age = look.now.saturating_duration_since(last.now);
        let wrong = *checked == Checked::Badly || look.delivery == Delivery::Fails;
        let rested = |turned| look.now.saturating_duration_since(turned) >= AGAIN;
        last.destination != look.destination
            || age >= EVERY
            || (wrong && age >= AGAIN)
            || (last.delivery != look.delivery && self.turned.is_none_or(rested))
    }

    /// A check that began with `look` is over.
    pub(crate) fn checked(&mut self, look: Look, checked: Checked) {
        if let Some((last, _)) = &self.last
            && last.delivery != look.delivery
        {
            self.turned = Some(look.now);
        }
        self.last = Some((look, checked));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that stands still until it is moved, a link, and what checks come to.
    struct Bench {
        schedule: OwnSchedule,
        start: Instant,
        look: Look,
        checked: Checked,
    }

    impl Bench {
        fn new() -> Self {
            let start = Instant::now();
            let mut bench = Self {
                schedule: OwnSchedule::default(),
                start,
                look: Look {
                    now: start,
                    destination: Some(cloud("one")),
                    delivery: Delivery::Works,
                },
                checked: Checked::Well,
            };
            assert_eq!(bench.until(0), [0], "the first look is a check");
            bench
        }

        /// Seconds after the start at which checks were made, looking each second until `end`.
        fn until(&mut self, end: u64) -> Vec<u64> {
            let mut made = Vec::new();
            let from = self.look.now.duration_since(self.start).as_secs();
            for second in from..=end {
                self.look.now = self.start + Duration::from_secs(second);
                if self.schedule.is_due(&self.look) {
                    self.schedule.checked(self.look.clone(), self.checked);
                    made.push(second);
                }
            }
            made
        }
    }

    fn cloud(name: &str) -> Destination {
        Destination {
            cloud: format!("{name}.example:443"),
            ca_pin: "00".repeat(32),
        }
    }

    #[test]
    fn while_all_is_well_it_is_once_an_hour_and_when_the_cloud_is_another() {
        let mut bench = Bench::new();
        assert_eq!(bench.until(8000), [3600, 7200]);
        bench.look.destination = Some(cloud("two"));
        assert_eq!(bench.until(9000), [8000]);
        bench.look.destination = None;
        assert_eq!(bench.until(12_000), [9000]);
    }

    #[test]
    fn what_is_wrong_is_checked_every_five_minutes_until_it_is_not() {
        let mut bench = Bench::new();
        bench.checked = Checked::Badly;
        assert_eq!(bench.until(4300), [3600, 3900, 4200]);
        bench.checked = Checked::Well;
        assert_eq!(bench.until(8300), [4500, 8100]);
    }

    #[test]
    fn a_delivery_that_fails_or_works_again_is_followed_by_a_check_at_once() {
        let mut bench = Bench::new();
        assert!(bench.until(99).is_empty());
        bench.look.delivery = Delivery::Fails;
        bench.checked = Checked::Badly;
        assert_eq!(bench.until(1000), [99, 399, 699, 999]);
        bench.look.delivery = Delivery::Works;
        bench.checked = Checked::Well;
        assert_eq!(bench.until(4599), [1000]);
    }

    #[test]
    fn a_delivery_that_comes_and_goes_calls_for_a_check_in_five_minutes_at_most() {
        let mut bench = Bench::new();
        let mut made = Vec::new();
        for second in 1..=1200 {
            bench.look.delivery = match bench.look.delivery {
                Delivery::Works => Delivery::Fails,
                Delivery::Fails => Delivery::Works,
            };
            made.extend(bench.until(second));
        }
        assert!(made.len() >= 4, "{made:?}");
        let close = made.windows(2).find(|pair| pair[1] - pair[0] < 300);
        assert_eq!(close, None, "{made:?}");
    }

    #[test]
    fn a_failure_that_the_check_does_not_see_is_looked_at_again() {
        let mut bench = Bench::new();
        bench.look.delivery = Delivery::Fails;
        assert_eq!(bench.until(700), [0, 300, 600]);
    }
}
