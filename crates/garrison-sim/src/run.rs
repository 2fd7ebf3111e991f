//! A run: enrol, connect, measure, end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use net::CancellationToken;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::agent::{Agent, Schedule};
use crate::enrolment::Entrance;
use crate::identity::{Identity, Keep};
use crate::options::Options;
use crate::process::{Process, Usage};
use crate::report::{Failure, ManagerCost, Phase, Report, Steady};
use crate::tally::{Counts, Tally};

/// Descriptors beside those of the connections.
const SPARE_FILES: u64 = 64;
/// How long agents may take to finish what they are at.
const END_LIMIT: Duration = Duration::from_secs(70);
/// Of those that enrol on one connection at once.
const ENROLMENTS_PER_CONNECTION: usize = 16;

/// Runs all phases.
pub(crate) async fn run(options: &Options) -> Result<Report> {
    net::install_crypto();
    raise_limits(options.agents)?;
    let entrance = Arc::new(Entrance::from_file(&options.token_file)?);
    let keep = options.state.as_deref().map(Keep::open).transpose()?;
    let process = options.manager_pid.map(Process::new);
    let usage = || process.map(Process::usage).transpose();
    let tally = Tally::new();
    let mut errors = BTreeMap::new();

    let known = keep.as_ref().map_or(Ok(Vec::new()), Keep::take)?;
    let (began, before) = (Instant::now(), usage()?);
    let identities = enrol(&entrance, known, options, &tally).await;
    let counts = tally.take();
    gather(&mut errors, &counts);
    ensure!(
        !identities.is_empty(),
        "no agent could enrol: {}",
        first_error(&errors)
    );
    let enrolled = usage()?;
    let enrolment = Phase::new(counts.enrolled, began.elapsed(), cpu(before, enrolled));

    let end = CancellationToken::new();
    let (began, unconnected) = (Instant::now(), usage()?);
    let agents = connect(&entrance, identities, options, &tally, &end).await?;
    let counts = tally.take();
    gather(&mut errors, &counts);
    let connected = usage()?;
    let connecting = Phase::new(
        counts.latency.count(),
        began.elapsed(),
        cpu(unconnected, connected),
    );

    let own = Process::new(std::process::id());
    let own_before = own.usage()?.cpu;
    let began = Instant::now();
    let count = u32::try_from(agents.len()).unwrap_or(u32::MAX);
    let working = work(agents, options, began, &end);
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(options.seconds)) => {}
        // Ends the measurement early, and wholly.
        _ = tokio::signal::ctrl_c() => {}
    }
    let (counts, took, at_end) = (tally.take(), began.elapsed(), usage()?);
    let simulator = own.usage()?.cpu.saturating_sub(own_before);
    end.cancel();
    let identities = ended(working).await;
    if let Some(keep) = &keep {
        keep.save(&identities)?;
    }
    gather(&mut errors, &counts);
    let cost = match (unconnected, connected, at_end) {
        (Some(before), Some(begin), Some(end)) => {
            let check_ins = counts.latency.count();
            Some(ManagerCost::new(
                [before, begin, end],
                count,
                check_ins,
                took,
            ))
        }
        _ => None,
    };
    Ok(Report {
        agents: count,
        check_in_seconds: options.check_in_seconds.as_secs_f64(),
        events_per_check_in: options.events_per_check_in,
        enrolment,
        connecting,
        steady: Steady::new(&counts, took, simulator, cost),
        errors,
    })
}

fn raise_limits(agents: u32) -> Result<()> {
    let limit = net::raise_file_limit()?;
    let wanted = u64::from(agents) + SPARE_FILES;
    ensure!(
        limit.soft.is_none_or(|soft| soft >= wanted),
        "{agents} agents need {wanted} open files, and this process may have {}; run \"ulimit -n {wanted}\" before, or take fewer agents",
        limit.soft.unwrap_or_default()
    );
    Ok(())
}

/// As many identities as there are agents: known ones first, the others enrol.
async fn enrol(
    entrance: &Arc<Entrance>,
    mut identities: Vec<Identity>,
    options: &Options,
    tally: &Tally,
) -> Vec<Identity> {
    let wanted = usize::try_from(options.agents).unwrap_or(usize::MAX);
    identities.truncate(wanted);
    let concurrency = usize::try_from(options.concurrency).unwrap_or(1);
    let mut tasks = JoinSet::new();
    let known = u32::try_from(identities.len()).unwrap_or(u32::MAX);
    let next = Arc::new(std::sync::atomic::AtomicU32::new(known));
    let lanes = concurrency.min(wanted - identities.len());
    let mut connection = None;
    for lane in 0..lanes {
        if lane % ENROLMENTS_PER_CONNECTION == 0 {
            connection = entrance.connection().ok().map(Arc::new);
        }
        let Some(connection) = connection.clone() else {
            continue;
        };
        let (entrance, next, tally) = (Arc::clone(entrance), Arc::clone(&next), tally.clone());
        let agents = options.agents;
        tasks.spawn(async move {
            let mut enrolled = Vec::new();
            loop {
                let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if number >= agents {
                    return enrolled;
                }
                match entrance.enrol(&connection, number).await {
                    Ok(identity) => {
                        enrolled.push(identity);
                        tally.count(|counts| counts.enrolled += 1);
                    }
                    Err(error) => {
                        let kind = format!("enrolment-{}", error.kind());
                        tally.error(&kind, &error.to_string());
                    }
                }
            }
        });
    }
    while let Some(enrolled) = tasks.join_next().await {
        identities.extend(enrolled.unwrap_or_default());
    }
    identities
}

type Connected = (Agent, Arc<Notify>);

async fn connect(
    entrance: &Entrance,
    identities: Vec<Identity>,
    options: &Options,
    tally: &Tally,
    end: &CancellationToken,
) -> Result<Vec<Connected>> {
    let places = Arc::new(Semaphore::new(
        usize::try_from(options.concurrency).unwrap_or(1),
    ));
    let mut tasks = JoinSet::new();
    for (number, identity) in (0..).zip(identities) {
        let place = Arc::clone(&places).acquire_owned().await?;
        let mut agent = Agent::new(number, &entrance.endpoint, identity, tally.clone())?;
        let end = end.clone();
        tasks.spawn(async move {
            let wake = agent.connect(&end).await;
            drop(place);
            (agent, wake)
        });
    }
    let mut agents = Vec::new();
    while let Some(connected) = tasks.join_next().await {
        agents.push(connected.context("an agent broke")?);
    }
    Ok(agents)
}

/// Check-ins are spread evenly over the interval.
fn work(
    agents: Vec<Connected>,
    options: &Options,
    began: Instant,
    end: &CancellationToken,
) -> JoinSet<Identity> {
    let count = u32::try_from(agents.len()).unwrap_or(u32::MAX).max(1);
    let mut tasks = JoinSet::new();
    for (number, (mut agent, wake)) in (0u32..).zip(agents) {
        let share = f64::from(number) / f64::from(count);
        let schedule = Schedule {
            first: began + options.check_in_seconds.mul_f64(share),
            every: options.check_in_seconds,
            events: options.events_per_check_in,
        };
        let end = end.clone();
        tasks.spawn(async move {
            agent.work(schedule, &wake, &end).await;
            agent.into_identity()
        });
    }
    tasks
}

/// The identities of all agents, once each has finished what it is at.
async fn ended(mut tasks: JoinSet<Identity>) -> Vec<Identity> {
    let mut identities = Vec::new();
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            identities.extend(ended);
        }
    };
    if tokio::time::timeout(END_LIMIT, all).await.is_err() {
        eprintln!("some agents did not end in time; their identities are not kept");
    }
    identities
}

fn cpu(before: Option<Usage>, after: Option<Usage>) -> Option<Duration> {
    Some(after?.cpu.saturating_sub(before?.cpu))
}

fn gather(errors: &mut BTreeMap<String, Failure>, counts: &Counts) {
    for (kind, error) in &counts.errors {
        let failure = errors.entry(kind.clone()).or_insert_with(|| Failure {
            count: 0,
            example: error.example.clone(),
        });
        failure.count += error.count;
    }
}

fn first_error(errors: &BTreeMap<String, Failure>) -> String {
    errors.values().next().map_or_else(
        || "no reason is known".to_owned(),
        |first| first.example.clone(),
    )
}
