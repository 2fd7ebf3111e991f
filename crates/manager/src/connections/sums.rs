//! One cause, one line, over the whole site; one feature, one line.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::network::{FindingKey, Outcome};
use model::{GroupId, Timestamp};
use proto::api::connection::{
    CauseName, ConnectionCause, ConnectionCounts, ConnectionFeature, LinesBy,
};
use proto::api::device::DeviceStanding;

use super::account::{Held, Told};
use super::book::{Report, Reporter};
use super::feature::{Marks, features};
use super::rules::{self, Judged, Seen};
use crate::devices::Live;
use crate::site::Site;

/// Causes that a feature names.
const NAMED: usize = 8;

/// Everything that the last reports say together.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) devices: ConnectionCounts,
    pub(super) manager: Option<Judged>,
    causes: HashMap<FindingKey, CauseSum>,
    features: Vec<FeatureSum>,
    /// Devices that can be told about.
    heard: u64,
}

/// A cause over those who report it.
#[derive(Debug)]
struct CauseSum {
    /// Of those that were heard of lately; of the others where there are none.
    result: Outcome,
    since: Timestamp,
    last_seen: Timestamp,
    devices: u64,
    unheard: u64,
    manager: bool,
    accounts: Vec<AccountSum>,
}

/// Those who describe a cause alike.
#[derive(Debug)]
struct AccountSum {
    told: Arc<Told>,
    devices: u64,
    unheard: u64,
    manager: bool,
}

#[derive(Debug, Clone, Default)]
struct FeatureSum {
    devices: ConnectionCounts,
    manager: Option<Outcome>,
    since: Option<Timestamp>,
}

/// Who holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Device,
    /// A device of which nobody can tell how it is now.
    Unheard,
    Manager,
}

/// What is known of a device beside its report.
pub(super) fn seen(site: &Site, live: &Live, now: Timestamp) -> Seen {
    let group = site.groups.group(live.group);
    let policy = group.as_ref().map(|group| group.policy());
    let minutes = policy.map_or(60, |policy| policy.network_check_minutes);
    let check_in = policy.map_or(60, |policy| policy.check_in_seconds);
    Seen {
        interval: (minutes > 0).then(|| Duration::from_secs(u64::from(minutes) * 60)),
        state: live.network,
        last_seen: live.last_seen,
        clock_skew: live.clock_skew,
        silent: crate::devices::rules::is_silent(
            live.last_seen.unwrap_or(live.enrolled),
            Duration::from_secs(u64::from(check_in)),
            now,
        ),
    }
}

/// Sums up the approved devices of a group, or of the site with the manager itself.
pub(super) fn sum(site: &Site, group: Option<GroupId>) -> Sums {
    let now = site.now();
    let mut sums = Sums {
        features: vec![FeatureSum::default(); features().len()],
        ..Sums::default()
    };
    let entries = site.roster.all();
    site.connections.with(|reports| {
        for entry in &entries {
            let wanted = entry.with(|live| {
                let counts = live.standing == DeviceStanding::Approved
                    && group.is_none_or(|group| live.group == group);
                counts.then(|| seen(site, live, now))
            });
            if let Some(seen) = wanted {
                let report = reports.get(&Reporter::Device(entry.id)).map(Arc::as_ref);
                sums.add_device(report, rules::judge(report, &seen, now));
            }
        }
        if group.is_none()
            && let Some(report) = reports.get(&Reporter::Manager)
        {
            sums.add_manager(report, rules::judge(Some(report), &super::own::seen(), now));
        }
    });
    sums
}

impl Sums {
    fn add_device(&mut self, report: Option<&Report>, judged: Judged) {
        count(&mut self.devices, judged.state);
        // One that could not tell of something has told of the rest all the same.
        let heard = judged.state != Outcome::Unknown || judged.is_undetermined();
        self.heard += u64::from(heard);
        let holder = if heard {
            Holder::Device
        } else {
            Holder::Unheard
        };
        let mut left = report.map_or(Marks::all(), |report| report.covered);
        for held in report
            .map(|report| report.held.as_slice())
            .unwrap_or_default()
        {
            self.add_held(held, holder, judged.checked);
            if heard {
                left = left.without(held.account.marks);
            }
        }
        let held = report
            .map(|report| report.held.as_slice())
            .unwrap_or_default();
        for (at, (feature, sum)) in features().iter().zip(&mut self.features).enumerate() {
            if !feature.by_agents {
                continue;
            }
            if !heard {
                if left.has(at) {
                    count(&mut sum.devices, Outcome::Unknown);
                }
            } else if let Some(worst) = worst(held, at) {
                count(&mut sum.devices, worst);
            } else if left.has(at) {
                count(&mut sum.devices, Outcome::Ok);
            }
        }
    }

    fn add_manager(&mut self, report: &Report, judged: Judged) {
        self.manager = Some(judged);
        let heard = judged.state != Outcome::Unknown || judged.is_undetermined();
        for held in &report.held {
            self.add_held(held, Holder::Manager, judged.checked);
        }
        for (at, (feature, sum)) in features().iter().zip(&mut self.features).enumerate() {
            if feature.by_manager && (report.covered.has(at) || worst(&report.held, at).is_some()) {
                let state = worst(&report.held, at).unwrap_or(Outcome::Ok);
                sum.manager = Some(if heard { state } else { Outcome::Unknown });
            }
        }
    }

    fn add_held(&mut self, held: &Held, holder: Holder, checked: Option<Timestamp>) {
        let checked = checked.unwrap_or(held.since);
        let heard = holder != Holder::Unheard;
        let sum = self
            .causes
            .entry(held.account.account.key.clone())
            .or_insert_with(|| CauseSum {
                result: held.result,
                since: held.since,
                last_seen: checked,
                devices: 0,
                unheard: 0,
                manager: false,
                accounts: Vec::new(),
            });
        if heard && sum.devices == 0 && !sum.manager {
            sum.result = held.result;
            sum.since = held.since;
        } else if heard || (sum.devices == 0 && !sum.manager) {
            sum.result = sum.result.max(held.result);
            sum.since = sum.since.min(held.since);
        }
        sum.last_seen = sum.last_seen.max(checked);
        let at = sum
            .accounts
            .iter()
            .position(|known| Arc::ptr_eq(&known.told, &held.account))
            .unwrap_or(sum.accounts.len());
        if at == sum.accounts.len() {
            sum.accounts.push(AccountSum {
                told: Arc::clone(&held.account),
                devices: 0,
                unheard: 0,
                manager: false,
            });
        }
        let account = sum.accounts.get_mut(at);
        match holder {
            Holder::Device => {
                sum.devices += 1;
                if let Some(account) = account {
                    account.devices += 1;
                }
            }
            Holder::Unheard => {
                sum.unheard += 1;
                if let Some(account) = account {
                    account.unheard += 1;
                }
            }
            Holder::Manager => {
                sum.manager = true;
                if let Some(account) = account {
                    account.manager = true;
                }
            }
        }
        if heard && costs(held.result) {
            for (place, since) in &held.lost {
                if let Some(feature) = self.features.get_mut(usize::from(*place)) {
                    let known = feature.since.unwrap_or(*since);
                    feature.since = Some(known.min(*since));
                }
            }
        }
    }

    /// Every cause: the worst first, then those that most devices have, then the oldest.
    pub(super) fn causes(&self) -> Vec<ConnectionCause> {
        let mut causes: Vec<ConnectionCause> = self
            .causes
            .iter()
            .filter_map(|(key, sum)| cause(key, sum))
            .collect();
        causes.sort_by(|a, b| (order(a), &a.id).cmp(&(order(b), &b.id)));
        causes
    }

    /// One cause.
    pub(super) fn cause(&self, key: &FindingKey) -> Option<ConnectionCause> {
        self.causes.get(key).and_then(|sum| cause(key, sum))
    }

    /// How many causes cost something now.
    pub(super) fn costly(&self) -> u64 {
        let costly = self
            .causes
            .values()
            .filter(|sum| costs(sum.result) && (sum.devices > 0 || sum.manager));
        u64::try_from(costly.count()).unwrap_or(u64::MAX)
    }

    /// How many features are lost or not whole somewhere.
    pub(super) fn features_lost(&self) -> u64 {
        let lost = self
            .features
            .iter()
            .filter(|sum| costs(sum.state(self.heard)));
        u64::try_from(lost.count()).unwrap_or(u64::MAX)
    }

    /// Since when something has been lost.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.causes
            .values()
            .filter(|sum| costs(sum.result) && (sum.devices > 0 || sum.manager))
            .map(|sum| sum.since)
            .min()
    }

    /// Every feature of the catalogue, those first that most is lost of.
    pub(super) fn features(&self) -> Vec<ConnectionFeature> {
        let mut rows: Vec<ConnectionFeature> = features()
            .iter()
            .zip(&self.features)
            .enumerate()
            .map(|(at, (feature, sum))| ConnectionFeature {
                feature: feature.lost.feature.as_str().to_owned(),
                severity: feature.severity,
                symptom: feature.lost.symptom.as_str().to_owned(),
                fallback: feature
                    .lost
                    .fallback
                    .as_ref()
                    .map(|text| text.as_str().to_owned()),
                flows: feature
                    .flows
                    .iter()
                    .map(|flow| (*flow).to_owned())
                    .collect(),
                state: sum.state(self.heard),
                devices: sum.devices,
                manager: sum.manager,
                since: sum.since,
                causes: self.why(at),
            })
            .collect();
        rows.sort_by_key(|row| (Reverse(row.state), Reverse(row.severity)));
        rows
    }

    /// The causes that cost a feature.
    fn why(&self, feature: usize) -> Vec<CauseName> {
        let mut named: Vec<CauseName> = self
            .causes
            .iter()
            .filter_map(|(key, sum)| {
                let costing = sum
                    .accounts
                    .iter()
                    .filter(|account| account.told.marks.has(feature));
                let (devices, manager) = costing.fold((0, false), |(devices, manager), one| {
                    (devices + one.devices, manager || one.manager)
                });
                (devices > 0 || manager).then(|| CauseName {
                    id: key.to_string(),
                    cause: common(sum)
                        .map_or_else(String::new, |common| common.told.account.cause.clone()),
                    devices,
                    manager,
                })
            })
            .collect();
        named.sort_by(|a, b| (b.devices, &a.id).cmp(&(a.devices, &b.id)));
        named.truncate(NAMED);
        named
    }
}

impl FeatureSum {
    fn state(&self, heard: u64) -> Outcome {
        let counts = &self.devices;
        let devices = if counts.broken > 0 {
            Some(Outcome::Broken)
        } else if counts.degraded > 0 {
            Some(Outcome::Degraded)
        } else if counts.ok > 0 {
            Some(Outcome::Ok)
        } else if counts.unknown > 0 {
            Some(Outcome::Unknown)
        } else {
            None
        };
        match (devices, self.manager) {
            (Some(devices), Some(manager)) if costs(devices) || costs(manager) => {
                devices.max(manager)
            }
            // One that works says nothing of one that can't be told about.
            (Some(devices), Some(manager)) => devices.min(manager).max(Outcome::Ok),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) if heard > 0 => Outcome::Skipped,
            (None, None) => Outcome::Unknown,
        }
    }
}

/// Whether something doesn't work, or not wholly.
pub(super) const fn costs(result: Outcome) -> bool {
    match result {
        Outcome::Degraded | Outcome::Broken => true,
        Outcome::Skipped | Outcome::Ok | Outcome::Unknown => false,
    }
}

fn count(counts: &mut ConnectionCounts, state: Outcome) {
    counts.total += 1;
    match state {
        Outcome::Ok => counts.ok += 1,
        Outcome::Degraded => counts.degraded += 1,
        Outcome::Broken => counts.broken += 1,
        Outcome::Unknown | Outcome::Skipped => counts.unknown += 1,
    }
}

fn worst(held: &[Held], feature: usize) -> Option<Outcome> {
    held.iter()
        .filter(|held| held.account.marks.has(feature))
        .map(|held| held.result)
        .max()
}

/// The account that the manager gives itself, else the one that most devices give. A few that say
/// something else can't put words into the mouths of the others.
fn common(sum: &CauseSum) -> Option<&AccountSum> {
    sum.accounts.iter().max_by_key(|account| {
        (
            account.manager,
            account.devices,
            account.unheard,
            Reverse(&account.told.id),
        )
    })
}

/// Where a cause stands in the list, smaller first: its result, holders, devices unheard of, age.
pub(super) type Order = (Reverse<Outcome>, Reverse<u64>, Reverse<u64>, i64);

/// Where a cause stands in the list.
pub(super) fn order(cause: &ConnectionCause) -> Order {
    let holders = cause.devices + u64::from(cause.manager);
    let result = if holders > 0 {
        cause.result
    } else {
        Outcome::Unknown
    };
    (
        Reverse(result),
        Reverse(holders),
        Reverse(cause.devices_unheard),
        cause.since.millis(),
    )
}

fn cause(key: &FindingKey, sum: &CauseSum) -> Option<ConnectionCause> {
    let common = common(sum)?;
    let others = sum
        .accounts
        .iter()
        .filter(|account| !Arc::ptr_eq(&common.told, &account.told));
    let others = others.map(|one| one.devices + one.unheard + u64::from(one.manager));
    Some(ConnectionCause {
        result: sum.result,
        devices: sum.devices,
        devices_unheard: sum.unheard,
        manager: sum.manager,
        described_otherwise: others.sum(),
        since: sum.since,
        last_seen: sum.last_seen,
        lines_by: if common.manager {
            LinesBy::Manager
        } else {
            LinesBy::Devices
        },
        ..super::wire::cause(key, &common.told.account)
    })
}
