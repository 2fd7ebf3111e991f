//! Whether anybody can tell how a device's connections are. Pure.

use std::time::Duration;

use model::Timestamp;
use model::network::{NetworkState, Outcome};
use proto::api::connection::ConnectionUnknown;

use super::book::Report;

/// Checks that may be missing before the last one says nothing about now.
const MISSED: u32 = 3;

/// What is known of a reporter beside its report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// How often it checks; absent where it does not.
    pub(super) interval: Option<Duration>,
    /// What its last check-in said of the network.
    pub(super) state: Option<NetworkState>,
    /// When that check-in was.
    pub(super) last_seen: Option<Timestamp>,
    /// The reporter's clock less ours, in milliseconds.
    pub(super) clock_skew: i64,
    pub(super) silent: bool,
}

/// How it is, why nobody can tell where that is so, and when it last checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) state: Outcome,
    pub(super) because: Option<ConnectionUnknown>,
    pub(super) checked: Option<Timestamp>,
}

impl Judged {
    /// Whether it was heard of, and could not tell of everything.
    pub(super) fn is_undetermined(&self) -> bool {
        self.because == Some(ConnectionUnknown::Undetermined)
    }
}

/// Judges a reporter. What has not been heard of lately is unknown, whatever was said before.
pub(super) fn judge(report: Option<&Report>, seen: &Seen, now: Timestamp) -> Judged {
    let by_check_in = seen
        .state
        .map(|state| crate::events::rules::moment(state.checked, seen.clock_skew, now));
    let checked = by_check_in.max(report.map(|report| report.checked));
    let unknown = |because| Judged {
        state: Outcome::Unknown,
        because: Some(because),
        checked,
    };
    let Some(interval) = seen.interval else {
        return unknown(ConnectionUnknown::Off);
    };
    let Some(at) = checked else {
        return unknown(ConnectionUnknown::NotChecked);
    };
    if seen.silent {
        return unknown(ConnectionUnknown::Silent);
    }
    if now.since(at) > interval * MISSED {
        return unknown(ConnectionUnknown::NotLately);
    }
    let Some(report) = report else {
        return unknown(ConnectionUnknown::ReportUnderWay);
    };
    let later = seen.last_seen > Some(report.received);
    let another = seen
        .state
        .is_some_and(|state| state.reported != report.named);
    if later && another {
        return unknown(ConnectionUnknown::ReportUnderWay);
    }
    let worst = report.held.iter().map(|held| held.result).max();
    match worst.unwrap_or(report.result).max(report.result) {
        Outcome::Unknown | Outcome::Skipped => unknown(ConnectionUnknown::Undetermined),
        state @ (Outcome::Ok | Outcome::Degraded | Outcome::Broken) => Judged {
            state,
            because: None,
            checked,
        },
    }
}

#[cfg(test)]
mod tests {
    use model::network::Trigger;

    use super::*;
    use crate::connections::feature::Marks;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn report(checked: Timestamp, result: Outcome) -> Report {
        Report {
            number: 1,
            named: checked,
            checked,
            received: checked,
            result,
            trigger: Trigger::Schedule,
            omitted: 0,
            covered: Marks::default(),
            held: Vec::new(),
        }
    }

    fn seen(reported: Timestamp, checked: Timestamp) -> Seen {
        Seen {
            interval: Some(HOUR),
            state: Some(NetworkState {
                result: Outcome::Ok,
                checked,
                reported,
            }),
            last_seen: Some(NOW),
            clock_skew: 0,
            silent: false,
        }
    }

    #[test]
    fn an_old_report_holds_while_check_ins_confirm_it() {
        let old = NOW.minus(HOUR * 20);
        let report = report(old, Outcome::Ok);
        let confirmed = judge(Some(&report), &seen(old, NOW.minus(HOUR)), NOW);
        assert_eq!(confirmed.state, Outcome::Ok);
        assert_eq!(confirmed.checked, Some(NOW.minus(HOUR)));
        let forgotten = judge(Some(&report), &seen(old, old), NOW);
        assert_eq!(forgotten.because, Some(ConnectionUnknown::NotLately));
    }

    #[test]
    fn nothing_but_a_fresh_report_that_says_so_is_ok() {
        let fresh = NOW.minus(HOUR);
        let ok = report(fresh, Outcome::Ok);
        let good = seen(fresh, fresh);
        assert_eq!(judge(Some(&ok), &good, NOW).state, Outcome::Ok);
        let cases = [
            (None, good, ConnectionUnknown::ReportUnderWay),
            (
                Some(&ok),
                seen(NOW, fresh),
                ConnectionUnknown::ReportUnderWay,
            ),
            (
                Some(&ok),
                Seen {
                    silent: true,
                    ..good
                },
                ConnectionUnknown::Silent,
            ),
            (
                Some(&ok),
                Seen {
                    interval: None,
                    ..good
                },
                ConnectionUnknown::Off,
            ),
            (
                None,
                Seen {
                    state: None,
                    ..good
                },
                ConnectionUnknown::NotChecked,
            ),
        ];
        for (report, seen, because) in cases {
            let judged = judge(report, &seen, NOW);
            assert_eq!(judged.state, Outcome::Unknown);
            assert_eq!(judged.because, Some(because));
        }
        let dark = report(fresh, Outcome::Unknown);
        let judged = judge(Some(&dark), &good, NOW);
        assert_eq!(judged.because, Some(ConnectionUnknown::Undetermined));
    }

    #[test]
    fn a_report_that_overtook_its_check_in_counts() {
        let mut newer = report(NOW.minus(Duration::from_secs(1)), Outcome::Broken);
        newer.received = NOW;
        let before = seen(NOW.minus(HOUR), NOW.minus(HOUR));
        assert_eq!(judge(Some(&newer), &before, NOW).state, Outcome::Broken);
    }

    #[test]
    fn a_clock_that_is_a_day_off_makes_no_check_old() {
        let skew = 86_400_000;
        let theirs = NOW.minus(Duration::from_secs(86_400));
        let mut report = report(theirs, Outcome::Ok);
        report.checked = NOW;
        let seen = Seen {
            clock_skew: -skew,
            ..seen(theirs, theirs)
        };
        assert_eq!(judge(Some(&report), &seen, NOW).state, Outcome::Ok);
    }
}
