//! What is known of the network: the last check against those before it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doctor::{Finding, Report};
use model::network::{
    Counts, FindingKey, NetworkFinding, NetworkReport, NetworkState, Outcome, Trigger,
};
use model::{DeviceId, Timestamp};
use serde::{Deserialize, Serialize};

/// A report that nothing changed since is sent again after this long: one that was lost on its
/// way is not missed for longer.
const REPEATED: Duration = Duration::from_secs(24 * 3600);

/// What the last check came to, and what the manager was told. It is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Knowledge {
    /// Whom the manager knows it of.
    device: DeviceId,
    /// As the last check left it; its times reach back.
    pub(crate) last: NetworkReport,
    /// [`NetworkReport::checked`] of the last report that was sent.
    pub(crate) reported: Timestamp,
    /// What that report said.
    said: Said,
}

/// What of a report makes a difference to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    result: Outcome,
    covered: Vec<String>,
    findings: BTreeMap<FindingKey, (Outcome, BTreeSet<String>, BTreeSet<String>)>,
}

/// What a check came to.
#[derive(Debug)]
pub(crate) struct Learned {
    pub(crate) knowledge: Knowledge,
    /// Whether the manager is to be told.
    pub(crate) news: News,
}

/// Whether there is anything to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    Changed,
    /// It was long ago.
    Repeated,
    /// The manager asked.
    Asked,
    None,
}

/// Puts a check beside what was known.
pub(crate) fn learn(
    known: Option<&Knowledge>,
    device: DeviceId,
    report: Report,
    trigger: Trigger,
    checked: Timestamp,
) -> Learned {
    let undetermined = undetermined(&report);
    let before = known.map(|known| &known.last);
    let counts = counts(&report);
    let covered = covered(&report, &undetermined, before);
    let mut findings: Vec<NetworkFinding> = report
        .findings
        .into_iter()
        .map(|finding| taken(finding, before, checked))
        .collect();
    // Nobody could tell whether these are over.
    for old in before.map_or(&[][..], |before| &before.findings) {
        let again = findings.iter().any(|finding| finding.key == old.key);
        let is_open = old.flows.iter().all(|flow| undetermined.contains(flow));
        if !again && is_open && old.result > Outcome::Unknown && !old.flows.is_empty() {
            findings.push(old.clone());
        }
    }
    // Of several addresses of the manager the one that was reached furthest tells most.
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.result, finding.stage)));
    let worst = findings.iter().map(|finding| finding.result).max();
    let mut last = NetworkReport {
        checked,
        trigger,
        result: worst.map_or(report.result, |worst| worst.max(report.result)),
        counts,
        covered,
        findings,
        omitted: 0,
    };
    last.bound();
    let said = Said::of(&last);
    let (news, reported) = match known {
        Some(known) if known.device == device && known.said == said => {
            let age = checked.since(known.reported);
            // A clock that was set back must not silence the device.
            if age >= REPEATED || known.reported > checked {
                (News::Repeated, checked)
            } else {
                (News::None, known.reported)
            }
        }
        Some(_) | None => (News::Changed, checked),
    };
    Learned {
        knowledge: Knowledge {
            device,
            last,
            reported,
            said,
        },
        news,
    }
}

impl Learned {
    /// The same, told whether or not it is news.
    pub(crate) fn told_anyway(mut self) -> Self {
        match self.news {
            News::Changed | News::Repeated | News::Asked => {}
            News::None => {
                self.news = News::Asked;
                self.knowledge.reported = self.knowledge.last.checked;
            }
        }
        self
    }
}

impl Knowledge {
    /// What a check-in says.
    pub(crate) const fn state(&self) -> NetworkState {
        NetworkState {
            result: self.last.result,
            checked: self.last.checked,
            reported: self.reported,
        }
    }

    /// The same, when the report could not be stored for delivery: the next check tries again.
    pub(crate) fn untold(mut self) -> Self {
        self.said.findings.clear();
        self.said.result = Outcome::Skipped;
        self
    }
}

impl Said {
    fn of(report: &NetworkReport) -> Self {
        let findings = report.findings.iter().map(|finding| {
            let features = finding.features.iter().map(|one| one.feature.clone());
            let flows = finding.flows.iter().cloned();
            let what = (finding.result, flows.collect(), features.collect());
            (finding.key.clone(), what)
        });
        Self {
            result: report.result,
            covered: report.covered.clone(),
            findings: findings.collect(),
        }
    }
}

/// A finding of the doctor's, with the times of the one that was known by the same key.
fn taken(finding: Finding, before: Option<&NetworkReport>, checked: Timestamp) -> NetworkFinding {
    let known = before.and_then(|before| {
        let mut all = before.findings.iter();
        all.find(|known| known.key == finding.key)
    });
    let lost_before = before.map(NetworkReport::lost).unwrap_or_default();
    let since = known.map_or(checked, |known| known.since.min(checked));
    finding.reported(since, |feature| {
        let known = lost_before.iter().find(|lost| lost.feature == feature);
        known.map_or(checked, |lost| lost.since.min(checked))
    })
}

/// Flows of which this check says nothing: all of their checks came to no verdict.
fn undetermined(report: &Report) -> BTreeSet<String> {
    let mut told: BTreeMap<&str, bool> = BTreeMap::new();
    for check in &report.checks {
        if check.result == Outcome::Skipped {
            continue;
        }
        let nothing = check.result == Outcome::Unknown && check.verdict.is_none();
        let known = told.entry(&check.flow).or_insert(true);
        *known = *known && nothing;
    }
    told.into_iter()
        .filter(|(_, nothing)| *nothing)
        .map(|(flow, _)| flow.to_owned())
        .collect()
}

/// Flows of which something is known: those that were told of now, and those that nobody could
/// tell of now and was told of before.
fn covered(
    report: &Report,
    undetermined: &BTreeSet<String>,
    before: Option<&NetworkReport>,
) -> Vec<String> {
    let told = report.checks.iter().filter(|check| {
        matches!(
            check.result,
            Outcome::Ok | Outcome::Degraded | Outcome::Broken
        )
    });
    let mut covered: BTreeSet<String> = told.map(|check| check.flow.clone()).collect();
    let earlier = before.map_or(&[][..], |before| &before.covered);
    covered.extend(
        earlier
            .iter()
            .filter(|flow| undetermined.contains(*flow))
            .cloned(),
    );
    covered.into_iter().collect()
}

fn counts(report: &Report) -> Counts {
    let mut counts = Counts::default();
    for check in &report.checks {
        let count = match check.result {
            Outcome::Ok => &mut counts.ok,
            Outcome::Degraded => &mut counts.degraded,
            Outcome::Broken => &mut counts.broken,
            Outcome::Unknown => &mut counts.unknown,
            Outcome::Skipped => &mut counts.skipped,
        };
        *count = count.saturating_add(1);
    }
    counts
}

#[cfg(test)]
mod tests;
