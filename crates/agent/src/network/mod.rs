//! Checks the network by itself and when asked, and reports what changed.
//!
//! [`schedule`] says when (on a schedule, when the network changes, when the manager is out of
//! reach), [`doctor::child`] has a process without rights do it, and [`knowledge`] tells whether anything
//! changed. The last result is on disk, so that a restart reports nothing anew; a report is an
//! event like others, and waits in the spool while the manager is out of reach.

mod addresses;
mod knowledge;
pub mod order;
mod schedule;
pub mod time_servers;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::event::{CommandOutcome, EventBody};
use model::health::Severity;
use model::network::{NetworkReport, NetworkState, Outcome, Trigger};
use model::{CommandId, Policy, Timestamp};
use net::change::ChangeWatch;
use net::{CancellationToken, Endpoint};
use tokio::sync::Notify;

use crate::command;
use crate::core::Core;
use crate::file;
use crate::lane::Full;
use crate::link::backoff::random;
pub use doctor::child::CheckCommand;

use addresses::any_is_enough;
use doctor::child::{CheckEnvironment, CheckError, check};
use knowledge::{Knowledge, Learned, News, learn};
use order::Order;
use schedule::{Lost, Schedule};

/// For a whole check; what is not known by then is unknown.
const CHECK_TIME: Duration = Duration::from_secs(40);
/// For the child to start and to write what it knows, beyond its time.
const GRACE: Duration = Duration::from_secs(20);
/// Where nothing is planned the policy is looked at again after this long.
const IDLE: Duration = Duration::from_secs(60);
/// Commands of the manager that wait for a check at most. One check answers all of them.
const MAX_ASKED: usize = 32;
/// The flow that check-ins take.
const AGENT_CHANNEL: &str = "agent-channel";

/// What the other parts of the agent tell and ask.
pub(crate) struct Network {
    path: PathBuf,
    schedule: Mutex<Schedule>,
    known: Mutex<Option<Knowledge>>,
    /// Commands that the next check answers.
    asked: Mutex<Vec<CommandId>>,
    /// Something may have become due.
    wake: Notify,
}

/// What a check is to be made of.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) addresses: Vec<String>,
    pub(crate) ca_certificate: String,
    /// As in `agent.toml`.
    pub(crate) proxy: String,
}

impl Network {
    /// Takes over what an earlier run of the agent left in the file at `path`.
    pub(crate) fn load(path: PathBuf, policy: &Policy) -> Self {
        let known = file::read_json(&path).unwrap_or_else(|error| {
            tracing::warn!("{error}; what is lost of the network is reported anew");
            None
        });
        Self {
            schedule: Mutex::new(Schedule::new(interval(policy), Instant::now())),
            known: Mutex::new(known),
            asked: Mutex::default(),
            path,
            wake: Notify::new(),
        }
    }

    /// The manager answered a check-in, if only to refuse it.
    pub(crate) fn check_in_answered(&self) {
        self.schedule().check_in_worked(Instant::now());
        self.wake.notify_one();
    }

    /// Nobody answered a check-in.
    pub(crate) fn check_in_unanswered(&self) {
        self.schedule().check_in_failed(Instant::now());
        self.wake.notify_one();
    }

    /// Somebody wants to know now.
    pub(crate) fn check_now(&self) {
        self.schedule().asked(Instant::now());
        self.wake.notify_one();
    }

    /// The manager wants to know now, by a command, which ends with the check.
    ///
    /// # Errors
    /// When too many wait already.
    pub(crate) fn check_for(&self, command: CommandId) -> Result<(), Full> {
        {
            let mut asked = self.asked();
            if asked.len() >= MAX_ASKED {
                return Err(Full);
            }
            asked.push(command);
        }
        self.check_now();
        Ok(())
    }

    /// What a check-in says.
    pub(crate) fn state(&self) -> Option<NetworkState> {
        self.known().as_ref().map(Knowledge::state)
    }

    /// What the last check found.
    pub(crate) fn report(&self) -> Option<NetworkReport> {
        self.known().as_ref().map(|known| known.last.clone())
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Vec<CommandId>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Option<Knowledge>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks until `stop` is cancelled.
pub(crate) async fn run(
    core: &Core,
    surroundings: &Surroundings,
    command: &CheckCommand,
    stop: &CancellationToken,
) {
    let mut watch = ChangeWatch::begin();
    if !watch.missing().is_empty() {
        core.board.set(
            "network_unwatched",
            Severity::Informative,
            format!(
                "Changes of the network are noticed late, as this host doesn't tell of {}.",
                watch.missing().join("; ")
            ),
        );
    }
    loop {
        let now = Instant::now();
        let (due, trigger) = {
            let mut schedule = core.network.schedule();
            schedule.set_interval(interval(&core.policy.current().policy), now, random());
            (schedule.deadline(now), schedule.begin(now))
        };
        if let Some(trigger) = trigger {
            // Those that come from here on are answered by a check of their own.
            let asked = std::mem::take(&mut *core.network.asked());
            let trigger = match asked.is_empty() {
                true => trigger,
                false => Trigger::Asked,
            };
            // When the agent is stopped, its next run says that these were interrupted.
            let examined = tokio::select! {
                () = stop.cancelled() => return,
                examined = examine(core, surroundings, command, trigger, wanted(&asked)) => examined,
            };
            for id in asked {
                command::end(core, id, examined.outcome.clone());
            }
            core.network
                .schedule()
                .ended(examined.lost, Instant::now(), random());
            continue;
        }
        let wait = due.map_or(IDLE, |due| due.saturating_duration_since(now).min(IDLE));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            () = core.network.wake.notified() => {}
            change = watch.changed() => {
                tracing::debug!(?change, "the network changed");
                core.network.schedule().changed(Instant::now());
            }
        }
    }
}

/// Whether the manager is told what a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// When there is something new.
    News,
    /// In any case, as it asked.
    Anyway,
}

fn wanted(asked: &[CommandId]) -> Wanted {
    if asked.is_empty() {
        Wanted::News
    } else {
        Wanted::Anyway
    }
}

/// How a check ended.
struct Examined {
    lost: Lost,
    /// For those who asked for it.
    outcome: CommandOutcome,
}

impl Examined {
    fn failed(lost: Lost, reason: impl Into<String>) -> Self {
        Self {
            lost,
            outcome: CommandOutcome::Failed {
                reason: reason.into(),
            },
        }
    }
}

/// Makes a check, and notes and reports what it came to.
async fn examine(
    core: &Core,
    surroundings: &Surroundings,
    command: &CheckCommand,
    trigger: Trigger,
    wanted: Wanted,
) -> Examined {
    let order = Order {
        parent: std::process::id(),
        addresses: surroundings.addresses.clone(),
        ca_certificate: surroundings.ca_certificate.clone(),
        proxy: surroundings.proxy.clone(),
        seconds: CHECK_TIME.as_secs(),
    };
    let environment = if order.proxy == "environment" {
        CheckEnvironment::Proxies
    } else {
        CheckEnvironment::Empty
    };
    let outcome = match serde_json::to_vec(&order) {
        Ok(order) => check(command, environment, &order, CHECK_TIME + GRACE).await,
        Err(error) => Err(CheckError::Io(error.into())),
    };
    let report = match outcome {
        Ok(report) => report,
        Err(error) => {
            let reason = format!("The network could not be checked: {error}");
            core.board
                .set("network_unchecked", Severity::Warning, reason.clone());
            return Examined::failed(Lost::Something, reason);
        }
    };
    core.board.clear("network_unchecked");
    let Some(device) = core.device() else {
        return Examined::failed(Lost::Nothing, "this agent has no identity");
    };
    let report = any_is_enough(report, &hosts(&surroundings.addresses));
    let known = core.network.known().clone();
    let mut learned = learn(known.as_ref(), device, report, trigger, Timestamp::now());
    if wanted == Wanted::Anyway {
        learned = learned.told_anyway();
    }
    let last = &learned.knowledge.last;
    let lost = if last.result > Outcome::Ok {
        Lost::Something
    } else {
        Lost::Nothing
    };
    // The way is open again, and the next check-in may be minutes away.
    let reachable = !last
        .findings
        .iter()
        .any(|finding| finding.flows.iter().any(|flow| flow == AGENT_CHANNEL));
    if reachable && !core.link().connected {
        core.wake.notify_one();
    }
    let outcome = note(core, learned);
    Examined { lost, outcome }
}

/// Names and addresses without their ports, as the doctor names them.
fn hosts(addresses: &[String]) -> Vec<String> {
    let endpoints = addresses.iter().filter_map(|one| Endpoint::parse(one).ok());
    endpoints.map(|one| one.host.to_string()).collect()
}

/// Tells the manager what is new, and keeps what is known.
fn note(core: &Core, learned: Learned) -> CommandOutcome {
    let Learned {
        mut knowledge,
        news,
    } = learned;
    let mut outcome = CommandOutcome::Done;
    if news != News::None {
        tracing::info!(
            result = knowledge.last.result.as_str(),
            findings = knowledge.last.findings.len(),
            ?news,
            "the network was checked"
        );
        let body = EventBody::NetworkReport {
            report: Box::new(knowledge.last.clone()),
        };
        if core.journal.try_record(body).is_err() {
            knowledge = knowledge.untold();
            let reason = "the network was checked, and the report could not be stored".to_owned();
            outcome = CommandOutcome::Failed { reason };
        }
    }
    if let Err(error) = file::replace_json(&core.network.path, &knowledge) {
        tracing::warn!("{error}");
    }
    *core.network.known() = Some(knowledge);
    outcome
}

fn interval(policy: &Policy) -> Option<Duration> {
    match policy.network_check_minutes {
        0 => None,
        minutes => Some(Duration::from_secs(u64::from(minutes) * 60)),
    }
}
