//! Which pings are counted.

use std::time::Duration;

use model::Timestamp;
use proto::site::{MAX_PINGS, Ping, PingBatch};

use crate::refusal::Refusal;

/// Longer names are refused, bytes.
const MAX_RULE: usize = 256;
/// More hits of one rule in one hour are refused: sums of a full table stay below 2^63.
pub(super) const MAX_HITS: i64 = 1_000_000_000_000;
const HOUR_MILLIS: i64 = 3_600_000;
/// How far a site's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(2 * 3600);

/// The batch's sequence, when all of it can be counted.
pub(super) fn check(batch: &PingBatch, now: Timestamp) -> Result<i64, Refusal> {
    if batch.pings.len() > MAX_PINGS {
        return Err(Refusal::invalid(format!(
            "pings: expected at most {MAX_PINGS} in a batch, got {}; send several batches",
            batch.pings.len()
        )));
    }
    for (index, ping) in batch.pings.iter().enumerate() {
        if let Some(fault) = fault(ping, now) {
            return Err(Refusal::invalid(format!("pings[{index}].{fault}")));
        }
    }
    i64::try_from(batch.sequence)
        .ok()
        .filter(|sequence| *sequence > 0)
        .ok_or_else(|| {
            Refusal::invalid(format!(
                "sequence: expected 1 to {}, got {}",
                i64::MAX,
                batch.sequence
            ))
        })
}

fn fault(ping: &Ping, now: Timestamp) -> Option<String> {
    let rule_is_text = !ping.rule.is_empty()
        && ping.rule.len() <= MAX_RULE
        && !ping.rule.chars().any(char::is_control);
    if !rule_is_text {
        return Some(format!(
            "rule: expected a rule's name of 1 to {MAX_RULE} bytes, got one of {}",
            ping.rule.len()
        ));
    }
    if ping.hits > MAX_HITS.unsigned_abs() || ping.devices > ping.hits {
        return Some(format!(
            "hits: expected at most {MAX_HITS}, and no fewer than devices ({}), got {}",
            ping.devices, ping.hits
        ));
    }
    if i64::try_from(ping.definitions.0).is_err() {
        return Some(format!("definitions: {} is no revision", ping.definitions));
    }
    if ping.hour.millis().rem_euclid(HOUR_MILLIS) != 0 {
        return Some(format!(
            "hour: expected the beginning of an hour, got {}",
            ping.hour
        ));
    }
    if ping.hour > now.plus(AHEAD) {
        return Some(format!(
            "hour: {} is in the future, it is {now} here; set the clock of the manager's machine",
            ping.hour
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use model::{DefinitionRevision, DefinitionType, Maturity};
    use proto::problem::ProblemKind;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(HOUR_MILLIS * 497_222 + 1234);

    fn ping() -> Ping {
        Ping {
            rule: "Garrison.Test.Rule".to_owned(),
            definition_type: DefinitionType::Av,
            maturity: Maturity::Silent,
            definitions: DefinitionRevision(7),
            hour: Timestamp::from_millis(HOUR_MILLIS * 497_222),
            hits: 5,
            devices: 2,
        }
    }

    fn checked(sequence: u64, pings: Vec<Ping>) -> Result<i64, Refusal> {
        check(&PingBatch { sequence, pings }, NOW)
    }

    #[test]
    fn a_batch_that_is_as_it_should_be_is_counted() {
        assert_eq!(checked(3, vec![ping(); MAX_PINGS]).unwrap(), 3);
        assert_eq!(checked(1, vec![]).unwrap(), 1);
    }

    #[test]
    fn each_malformed_ping_is_named() {
        let hour = Duration::from_secs(3600);
        for (field, bad) in [
            (
                "rule",
                Ping {
                    rule: String::new(),
                    ..ping()
                },
            ),
            (
                "rule",
                Ping {
                    rule: "x".repeat(257),
                    ..ping()
                },
            ),
            (
                "rule",
                Ping {
                    rule: "a\nb".to_owned(),
                    ..ping()
                },
            ),
            (
                "hits",
                Ping {
                    hits: MAX_HITS.unsigned_abs() + 1,
                    ..ping()
                },
            ),
            (
                "hits",
                Ping {
                    devices: 6,
                    ..ping()
                },
            ),
            (
                "definitions",
                Ping {
                    definitions: DefinitionRevision(u64::MAX),
                    ..ping()
                },
            ),
            (
                "hour",
                Ping {
                    hour: NOW,
                    ..ping()
                },
            ),
            (
                "hour",
                Ping {
                    hour: ping().hour.plus(hour * 3),
                    ..ping()
                },
            ),
        ] {
            let refusal = checked(1, vec![ping(), bad]).unwrap_err();
            assert_eq!(refusal.kind(), ProblemKind::Invalid);
            let text = refusal.to_string();
            assert!(text.contains(&format!("pings[1].{field}:")), "{text}");
        }
    }

    #[test]
    fn a_site_whose_clock_is_an_hour_ahead_is_counted() {
        let ahead = ping().hour.plus(Duration::from_secs(3600));
        assert!(
            checked(
                1,
                vec![Ping {
                    hour: ahead,
                    ..ping()
                }]
            )
            .is_ok()
        );
    }

    #[test]
    fn too_many_pings_and_senseless_sequences_are_refused() {
        assert!(checked(1, vec![ping(); MAX_PINGS + 1]).is_err());
        assert!(checked(0, vec![]).is_err());
        assert!(checked(u64::MAX, vec![]).is_err());
    }
}
