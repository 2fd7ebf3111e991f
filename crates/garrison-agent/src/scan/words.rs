//! One line for each file that a person should know of.

use model::ScanFailure;
use model::verdict::{FileOutcome, FileReport, LimitHit};

/// Limits that one line names.
const LIMITS_SHOWN: usize = 5;

/// What a person wants to see of a file: nothing, when it is clean or passed over.
pub(super) fn line(report: &FileReport) -> Option<String> {
    let path = &report.path;
    match &report.outcome {
        FileOutcome::Judged { verdict } => {
            let rules: Vec<String> = verdict
                .detections()
                .map(|found| match found.member.as_slice() {
                    [] => found.rule.clone(),
                    member => format!("{} in {}", found.rule, member.join(" / ")),
                })
                .collect();
            if !rules.is_empty() {
                return Some(format!("{path}: FOUND {}", rules.join(", ")));
            }
            if verdict.is_whole() {
                return None;
            }
            Some(if verdict.limits.is_empty() {
                format!(
                    "{path}: not scanned wholly, the definitions are damaged; copy or build them again"
                )
            } else {
                format!(
                    "{path}: not scanned wholly, limit {}",
                    limits(&verdict.limits)
                )
            })
        }
        FileOutcome::Failed { failure } => Some(format!("{path}: not scanned, {}", words(failure))),
        FileOutcome::Skipped { .. } => None,
    }
}

/// The first limits that were reached, by which rule and where.
fn limits(hits: &[LimitHit]) -> String {
    let mut words: Vec<String> = hits
        .iter()
        .take(LIMITS_SHOWN)
        .map(|hit| {
            let rule = hit.rule.as_deref().unwrap_or_default();
            let by = if rule.is_empty() { "" } else { " of " };
            format!("{}{by}{rule}{}", hit.limit.name(), within(&hit.member))
        })
        .collect();
    if let Some(more) = hits
        .len()
        .checked_sub(LIMITS_SHOWN)
        .filter(|more| *more > 0)
    {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}

fn within(member: &[String]) -> String {
    match member {
        [] => String::new(),
        member => format!(" in {}", member.join(" / ")),
    }
}

fn words(failure: &ScanFailure) -> String {
    match failure {
        ScanFailure::Unreadable { reason } => reason.clone(),
        ScanFailure::Changed => "it changed while it was read".to_owned(),
        ScanFailure::WorkerCrashed { signal, member } => format!(
            "the worker crashed{}{}; treat the file as suspect",
            signal.map_or_else(String::new, |signal| format!(" (signal {signal})")),
            within(member)
        ),
        ScanFailure::TimedOut { limit_ms, member } => {
            format!("it took longer than {limit_ms} ms{}", within(member))
        }
        ScanFailure::OutOfMemory { member } => {
            format!(
                "it needs more memory than a worker may have{}",
                within(member)
            )
        }
        ScanFailure::NoWorker { reason } => format!("no worker could be had: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use model::Limit;

    use super::*;

    fn hit(limit: Limit, member: &[&str], rule: Option<&str>) -> LimitHit {
        LimitHit {
            limit,
            member: member.iter().map(ToString::to_string).collect(),
            rule: rule.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn limits_are_named_with_their_rule_and_their_member() {
        let hits = [
            hit(Limit::Expression, &["a.zip", "b"], Some("Test.Slow")),
            hit(Limit::Depth, &["c"], None),
            hit(Limit::Time, &[], None),
        ];
        assert_eq!(
            limits(&hits),
            "expression of Test.Slow in a.zip / b, depth in c, time"
        );
    }

    #[test]
    fn many_limits_are_counted() {
        let hits: Vec<LimitHit> = (0..7).map(|_| hit(Limit::Ratio, &[], None)).collect();
        assert_eq!(
            limits(&hits),
            "ratio, ratio, ratio, ratio, ratio, and 2 more"
        );
    }
}
