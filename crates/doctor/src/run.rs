//! Probing, side by side and within limits.

use std::collections::HashSet;
use std::time::Duration;

use net::probe::{ProbePlan, ProbeReport, ProbeRoute, Prober};
use net::{CancellationToken, Host};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Names that are looked up before a probe wants them.
const AHEAD: usize = 256;

/// How often the progress is told while nothing comes to its end.
const PACE: Duration = Duration::from_millis(200);

/// How much a run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// Probes at the same time.
    pub parallel: usize,
    /// For one probe.
    pub each: Duration,
    /// For all of them.
    pub whole: Duration,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            parallel: 256,
            each: Duration::from_secs(20),
            whole: Duration::from_secs(60),
        }
    }
}

/// What became of a probe.
#[derive(Debug)]
pub enum Observed {
    Seen(Box<ProbeReport>),
    /// It took longer than one may.
    TooLong(Duration),
    /// The run ended before it did.
    Stopped,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: usize,
    pub all: usize,
    /// Of those that are done: where a stage failed.
    pub failed: usize,
}

/// Makes the probes and gives what became of each, in their order. It ends early when `stop` says
/// so or the whole time has passed; what was not seen by then is [`Observed::Stopped`].
pub async fn run(
    probes: &[ProbePlan],
    prober: &Prober,
    limits: RunLimits,
    stop: &CancellationToken,
    mut progress: impl FnMut(Progress),
) -> Vec<Observed> {
    let mut observed: Vec<Observed> = probes.iter().map(|_| Observed::Stopped).collect();
    let mut now = Progress {
        done: 0,
        all: probes.len(),
        failed: 0,
    };
    progress(now);
    let end = Instant::now() + limits.whole;
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut waiting = probes.iter().enumerate();
    let mut under_way = JoinSet::new();
    // Ends with the run, which waits for nothing of it.
    let mut names = JoinSet::new();
    names.spawn(ahead(names_of(probes), prober.clone()));
    loop {
        while under_way.len() < limits.parallel.max(1) {
            let Some((at, probe)) = waiting.next() else {
                break;
            };
            let (prober, probe, limit) = (prober.clone(), probe.clone(), limits.each);
            under_way.spawn(async move {
                let seen = tokio::time::timeout(limit, prober.probe(&probe)).await;
                let one = match seen {
                    Ok(report) => Observed::Seen(Box::new(report)),
                    Err(_) => Observed::TooLong(limit),
                };
                (at, one)
            });
        }
        let joined = tokio::select! {
            joined = under_way.join_next() => joined,
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(end) => break,
            _ = pace.tick() => {
                progress(now);
                continue;
            }
        };
        let Some(joined) = joined else {
            break;
        };
        // A probe that broke down is one that was not seen.
        if let Ok((at, one)) = joined {
            let failed = match &one {
                Observed::Seen(report) => report.failure.is_some(),
                Observed::TooLong(_) | Observed::Stopped => true,
            };
            now.failed = now.failed.saturating_add(usize::from(failed));
            if let Some(place) = observed.get_mut(at) {
                *place = one;
            }
        }
        now.done = now.done.saturating_add(1);
        progress(now);
    }
    observed
}

/// The names that the probes will ask for, in their order, each with the time that it may take.
fn names_of(probes: &[ProbePlan]) -> Vec<(String, Duration)> {
    let mut known = HashSet::new();
    let hosts = probes.iter().map(|probe| {
        let endpoint = match &probe.route {
            ProbeRoute::Direct => &probe.endpoint,
            ProbeRoute::Proxy(proxy) => &proxy.endpoint,
        };
        (&endpoint.host, probe.timeouts.resolve)
    });
    hosts
        .filter_map(|(host, limit)| match host {
            Host::Name(name) if known.insert(name.as_str()) => Some((name.clone(), limit)),
            Host::Name(_) | Host::Address(_) => None,
        })
        .collect()
}

/// Looks names up before their probes want them. The resolver keeps what it finds, and bounds how
/// many it asks for at once.
async fn ahead(names: Vec<(String, Duration)>, prober: Prober) {
    let mut under_way = JoinSet::new();
    for (name, limit) in names {
        while under_way.len() >= AHEAD {
            under_way.join_next().await;
        }
        let resolver = prober.resolver().clone();
        under_way.spawn(async move {
            // Its probe finds it, or why it can't be found, with the resolver.
            drop(resolver.lookup(&name, limit).await);
        });
    }
    while under_way.join_next().await.is_some() {}
}
