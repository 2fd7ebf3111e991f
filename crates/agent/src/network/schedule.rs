//! When the network is checked next. Pure: time and randomness are arguments.

use std::time::{Duration, Instant};

use model::network::Trigger;

use crate::link::backoff::jittered;

/// A network that changes is left alone until nothing happened for this long …
const SETTLE: Duration = Duration::from_secs(5);
/// … but no longer than this after the first change.
const LONGEST_SETTLE: Duration = Duration::from_secs(30);
/// Check-ins that fail in a row before the network is asked why.
const FAILURES: u32 = 3;
/// While something is lost a check comes at least this often, so that mending it is noticed.
const WHILE_LOST: Duration = Duration::from_secs(600);
/// Checks that may follow one another at once …
const BURST: u32 = 3;
/// … and how long it takes until there may be one more.
const REFILL: Duration = Duration::from_secs(60);

/// Whether the next check is due, and why.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// Absent: switched off.
    interval: Option<Duration>,
    /// When the schedule calls for a check.
    next: Option<Instant>,
    /// A reason beside the schedule, and when it is to be followed.
    called: Option<Call>,
    /// Failed check-ins in a row.
    failures: u32,
    running: bool,
    /// Checks that may be made now, and when one was last added.
    left: u32,
    filled: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    trigger: Trigger,
    first: Instant,
    at: Instant,
}

impl Schedule {
    /// Begins with a check once the network had time to settle.
    pub(crate) fn new(interval: Option<Duration>, now: Instant) -> Self {
        Self {
            interval,
            next: None,
            called: Some(Call {
                trigger: Trigger::Start,
                first: now,
                at: now + SETTLE,
            }),
            failures: 0,
            running: false,
            left: BURST,
            filled: now,
        }
    }

    /// The interval that the policy says; `None` switches checks off.
    pub(crate) fn set_interval(&mut self, interval: Option<Duration>, now: Instant, random: u32) {
        if self.interval != interval {
            self.interval = interval;
            self.next = interval.map(|interval| now + jittered(interval, random));
        }
    }

    /// The network changed.
    pub(crate) fn changed(&mut self, now: Instant) {
        // Switched off, only what somebody asks for counts, and it must not be forgotten over this.
        if self.interval.is_none() {
            return;
        }
        let first = match self.called {
            Some(Call {
                trigger: Trigger::NetworkChange,
                first,
                ..
            }) => first,
            Some(_) | None => now,
        };
        let at = (now + SETTLE).min(first + LONGEST_SETTLE);
        self.called = Some(Call {
            trigger: Trigger::NetworkChange,
            first,
            at,
        });
    }

    /// The manager answered a check-in.
    pub(crate) fn check_in_worked(&mut self, now: Instant) {
        if std::mem::take(&mut self.failures) >= FAILURES {
            self.call(Trigger::ManagerReachable, now);
        }
    }

    /// The manager did not answer a check-in.
    pub(crate) fn check_in_failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures == FAILURES {
            self.call(Trigger::ManagerUnreachable, now);
        }
    }

    /// Somebody asked.
    pub(crate) fn asked(&mut self, now: Instant) {
        self.called = Some(Call {
            trigger: Trigger::Asked,
            first: now,
            at: now,
        });
    }

    /// When [`Self::begin`] is worth asking again; `None` while nothing is planned.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.running {
            return None;
        }
        let (at, _) = self.planned()?;
        let allowed = match self.left_at(now) {
            0 => self.filled + REFILL,
            _ => now,
        };
        Some(at.max(allowed))
    }

    /// Begins a check if one is due.
    pub(crate) fn begin(&mut self, now: Instant) -> Option<Trigger> {
        if self.deadline(now)? > now {
            return None;
        }
        let (_, trigger) = self.planned()?;
        self.refill(now);
        if self.left == BURST {
            self.filled = now;
        }
        self.left = self.left.saturating_sub(1);
        self.called = None;
        self.next = None;
        self.running = true;
        Some(trigger)
    }

    /// The check ended. What happened meanwhile is followed by another.
    pub(crate) fn ended(&mut self, lost: Lost, now: Instant, random: u32) {
        self.running = false;
        self.next = self.interval.map(|interval| {
            let interval = match lost {
                Lost::Nothing => interval,
                Lost::Something => interval.min(WHILE_LOST),
            };
            now + jittered(interval, random)
        });
    }

    fn call(&mut self, trigger: Trigger, now: Instant) {
        // A network that settles is checked when it has.
        if self.called.is_none() {
            self.called = Some(Call {
                trigger,
                first: now,
                at: now,
            });
        }
    }

    /// What comes first. Where checks are off, only what somebody asked for.
    fn planned(&self) -> Option<(Instant, Trigger)> {
        let called = self.called.map(|call| (call.at, call.trigger));
        if self.interval.is_none() {
            return called.filter(|(_, trigger)| *trigger == Trigger::Asked);
        }
        let next = self.next.map(|at| (at, Trigger::Schedule));
        match (called, next) {
            (Some(called), Some(next)) if next.0 < called.0 => Some(next),
            (Some(called), _) => Some(called),
            (None, next) => next,
        }
    }

    fn left_at(&self, now: Instant) -> u32 {
        self.left.saturating_add(self.added(now)).min(BURST)
    }

    fn added(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.filled);
        u32::try_from(since.as_secs() / REFILL.as_secs()).unwrap_or(u32::MAX)
    }

    fn refill(&mut self, now: Instant) {
        let added = self.added(now);
        self.left = self.left.saturating_add(added).min(BURST);
        if let Some(step) = REFILL.checked_mul(added) {
            self.filled += step;
        }
    }
}

/// Whether a check found that something is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Nothing,
    Something,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);
    /// Neither shorter nor longer by jitter.
    const MIDDLE: u32 = u32::MAX / 2;

    /// A schedule, its clock, and when which checks began.
    struct Bench {
        schedule: Schedule,
        begin: Instant,
        now: Instant,
    }

    impl Bench {
        fn new(interval: Option<Duration>) -> Self {
            let now = Instant::now();
            Self {
                schedule: Schedule::new(interval, now),
                begin: now,
                now,
            }
        }

        /// One whose first check has been made.
        fn running() -> Self {
            let mut bench = Self::new(Some(HOUR));
            assert_eq!(bench.next(), Some((5, Trigger::Start)));
            bench.now += HOUR / 2;
            bench
        }

        /// Lets time pass until the next check, which finds nothing; in seconds since the
        /// beginning.
        fn next(&mut self) -> Option<(u64, Trigger)> {
            self.next_that_finds(Lost::Nothing)
        }

        fn next_that_finds(&mut self, lost: Lost) -> Option<(u64, Trigger)> {
            let begun = self.begin_next()?;
            self.schedule.ended(lost, self.now, MIDDLE);
            Some(begun)
        }

        fn begin_next(&mut self) -> Option<(u64, Trigger)> {
            self.now = self.now.max(self.schedule.deadline(self.now)?);
            let trigger = self.schedule.begin(self.now).expect("it is due");
            Some(((self.now - self.begin).as_secs(), trigger))
        }
    }

    #[test]
    fn checks_come_at_the_start_and_then_at_the_interval_with_jitter() {
        let mut bench = Bench::new(Some(HOUR));
        assert_eq!(bench.next(), Some((5, Trigger::Start)));
        for random in [0, u32::MAX] {
            bench.schedule.ended(Lost::Nothing, bench.now, random);
            let wait = bench.schedule.deadline(bench.now).unwrap() - bench.now;
            assert!(wait >= HOUR * 9 / 10 && wait <= HOUR * 11 / 10, "{wait:?}");
        }
        let (at, trigger) = bench.next().unwrap();
        assert_eq!(trigger, Trigger::Schedule);
        assert!((3245..=3965).contains(&at), "{at}");
    }

    #[test]
    fn switched_off_it_checks_only_what_somebody_asks_for() {
        let mut bench = Bench::new(None);
        bench.schedule.changed(bench.now);
        for _ in 0..10 {
            bench.schedule.check_in_failed(bench.now);
        }
        bench.schedule.check_in_worked(bench.now);
        assert_eq!(bench.next(), None);
        bench.schedule.asked(bench.now);
        assert_eq!(bench.next(), Some((0, Trigger::Asked)));
        assert_eq!(bench.next(), None);
        bench.schedule.asked(bench.now);
        bench.schedule.changed(bench.now);
        assert!(matches!(bench.next(), Some((_, Trigger::Asked))));
        // Switched on by a new policy.
        bench.schedule.set_interval(Some(HOUR), bench.now, MIDDLE);
        assert!(matches!(bench.next(), Some((_, Trigger::Schedule))));
        bench.schedule.set_interval(None, bench.now, MIDDLE);
        assert_eq!(bench.next(), None);
    }

    #[test]
    fn a_network_that_changes_is_checked_when_it_has_settled() {
        let mut bench = Bench::running();
        let begin = bench.now;
        for _ in 0..3 {
            bench.now += SECOND;
            bench.schedule.changed(bench.now);
        }
        bench.next().unwrap();
        assert_eq!(bench.now - begin, 3 * SECOND + SETTLE);
    }

    #[test]
    fn a_network_that_never_settles_is_checked_all_the_same() {
        let mut bench = Bench::running();
        let begin = bench.now;
        bench.schedule.changed(bench.now);
        while bench
            .schedule
            .deadline(bench.now)
            .is_some_and(|at| at > bench.now)
        {
            bench.now += SECOND;
            bench.schedule.changed(bench.now);
            assert!(bench.now - begin <= LONGEST_SETTLE);
        }
        assert_eq!(bench.now - begin, LONGEST_SETTLE);
        assert_eq!(
            bench.schedule.begin(bench.now),
            Some(Trigger::NetworkChange)
        );
    }

    #[test]
    fn three_failed_check_ins_in_a_row_call_for_a_check_once_and_the_next_that_works_too() {
        let mut bench = Bench::running();
        bench.schedule.check_in_failed(bench.now);
        bench.schedule.check_in_failed(bench.now);
        bench.schedule.check_in_worked(bench.now);
        bench.schedule.check_in_failed(bench.now);
        bench.schedule.check_in_failed(bench.now);
        let waits = |bench: &Bench| bench.schedule.deadline(bench.now).unwrap() > bench.now;
        assert!(waits(&bench));
        bench.schedule.check_in_failed(bench.now);
        let (_, trigger) = bench.next_that_finds(Lost::Something).unwrap();
        assert_eq!(trigger, Trigger::ManagerUnreachable);
        for _ in 0..10 {
            bench.schedule.check_in_failed(bench.now);
        }
        assert!(waits(&bench));
        bench.schedule.check_in_worked(bench.now);
        let (_, trigger) = bench.next().unwrap();
        assert_eq!(trigger, Trigger::ManagerReachable);
        bench.schedule.check_in_worked(bench.now);
        assert!(waits(&bench));
    }

    #[test]
    fn what_is_lost_is_looked_at_more_often() {
        let mut bench = Bench::running();
        bench.next_that_finds(Lost::Something).unwrap();
        let before = bench.now;
        bench.next_that_finds(Lost::Nothing).unwrap();
        assert!(bench.now - before <= WHILE_LOST * 11 / 10);
        let before = bench.now;
        bench.next().unwrap();
        assert!(bench.now - before >= HOUR * 9 / 10);
    }

    #[test]
    fn no_more_than_one_check_a_minute_is_made_for_long_whatever_happens() {
        let mut bench = Bench::running();
        let begin = bench.now;
        let mut checks = 0;
        while bench.now - begin < HOUR {
            bench.schedule.changed(bench.now);
            bench.schedule.asked(bench.now);
            bench.next().unwrap();
            checks += 1;
        }
        assert!((55..=60 + BURST).contains(&checks), "{checks}");
    }

    #[test]
    fn what_happens_during_a_check_is_followed_by_another() {
        let mut bench = Bench::running();
        bench.schedule.changed(bench.now);
        bench.begin_next().unwrap();
        assert_eq!(bench.schedule.deadline(bench.now), None);
        assert_eq!(bench.schedule.begin(bench.now), None);
        bench.schedule.changed(bench.now);
        bench.now += SECOND;
        bench.schedule.ended(Lost::Nothing, bench.now, MIDDLE);
        let ended = bench.now;
        let (_, trigger) = bench.next().unwrap();
        assert_eq!(trigger, Trigger::NetworkChange);
        assert!(bench.now - ended <= SETTLE);
    }
}
