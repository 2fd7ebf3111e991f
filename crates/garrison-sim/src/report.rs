//! What a run came to.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::histogram::Histogram;
use crate::process::Usage;
use crate::tally::Counts;

/// A run that fails more than this part of its check-ins is no measurement.
const TOLERATED_FAILURES: f64 = 0.01;

/// The results of a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) agents: u32,
    pub(crate) check_in_seconds: f64,
    pub(crate) events_per_check_in: u32,
    pub(crate) enrolment: Phase,
    pub(crate) connecting: Phase,
    pub(crate) steady: Steady,
    /// Of all phases.
    pub(crate) errors: BTreeMap<String, Failure>,
}

/// A phase in which each agent does one thing.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Phase {
    pub(crate) done: u64,
    pub(crate) seconds: f64,
    pub(crate) per_second: f64,
    /// Of the manager, for each agent, in milliseconds.
    pub(crate) manager_cpu_ms_each: Option<f64>,
}

/// The measured phase: everybody connected, check-ins on time.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Steady {
    pub(crate) seconds: f64,
    pub(crate) check_ins: u64,
    pub(crate) check_ins_per_second: f64,
    /// From sending to the whole answer, in milliseconds.
    pub(crate) latency_ms: Quantiles,
    /// From being due to being sent, in milliseconds: the simulator's own delay.
    pub(crate) lateness_ms: Quantiles,
    pub(crate) notified: u64,
    pub(crate) events: u64,
    pub(crate) commands: u64,
    pub(crate) renewals_wanted: u64,
    pub(crate) streams_reopened: u64,
    /// What this simulator itself used, in parts of one core.
    pub(crate) simulator_cores: f64,
    pub(crate) manager: Option<ManagerCost>,
}

/// What the manager's process used in the steady phase.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ManagerCost {
    pub(crate) cpu_ms_per_check_in: f64,
    /// Parts of one core.
    pub(crate) cores: f64,
    pub(crate) resident_bytes_before: u64,
    pub(crate) resident_bytes: u64,
    /// What connecting the agents added, for each.
    pub(crate) resident_bytes_per_agent: f64,
}

/// A distribution.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// One kind of error.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    pub(crate) count: u64,
    pub(crate) example: String,
}

impl Phase {
    pub(crate) fn new(done: u64, took: Duration, cpu: Option<Duration>) -> Self {
        let each = |cpu: Duration| millis(cpu) / count(done.max(1));
        Self {
            done,
            seconds: took.as_secs_f64(),
            per_second: count(done) / took.as_secs_f64().max(1e-9),
            manager_cpu_ms_each: cpu.map(each),
        }
    }
}

impl Steady {
    pub(crate) fn new(
        counts: &Counts,
        took: Duration,
        simulator: Duration,
        manager: Option<ManagerCost>,
    ) -> Self {
        Self {
            seconds: took.as_secs_f64(),
            check_ins: counts.latency.count(),
            check_ins_per_second: count(counts.latency.count()) / took.as_secs_f64().max(1e-9),
            latency_ms: Quantiles::of(&counts.latency),
            lateness_ms: Quantiles::of(&counts.lateness),
            notified: counts.notified,
            events: counts.events,
            commands: counts.commands,
            renewals_wanted: counts.renewals_wanted,
            streams_reopened: counts.streams_reopened,
            simulator_cores: simulator.as_secs_f64() / took.as_secs_f64().max(1e-9),
            manager,
        }
    }
}

impl ManagerCost {
    /// `before` is from before anybody connected, `begin` and `end` are those of the phase.
    pub(crate) fn new(
        [before, begin, end]: [Usage; 3],
        agents: u32,
        check_ins: u64,
        took: Duration,
    ) -> Self {
        let cpu = end.cpu.saturating_sub(begin.cpu);
        let grown = end.resident_bytes.saturating_sub(before.resident_bytes);
        Self {
            cpu_ms_per_check_in: millis(cpu) / count(check_ins.max(1)),
            cores: cpu.as_secs_f64() / took.as_secs_f64().max(1e-9),
            resident_bytes_before: before.resident_bytes,
            resident_bytes: end.resident_bytes,
            resident_bytes_per_agent: count(grown) / f64::from(agents.max(1)),
        }
    }
}

impl Quantiles {
    fn of(histogram: &Histogram) -> Self {
        Self {
            p50: millis(histogram.quantile(500)),
            p99: millis(histogram.quantile(990)),
            max: millis(histogram.max()),
        }
    }
}

impl Report {
    /// A few lines for people.
    pub(crate) fn in_words(&self) -> String {
        let steady = &self.steady;
        let mut text = format!(
            "{} agents: enrolled {} in {:.1} s ({:.0}/s), connected {} in {:.1} s ({:.0}/s)\n\
             {} check-ins in {:.1} s: {:.1}/s, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            self.agents,
            self.enrolment.done,
            self.enrolment.seconds,
            self.enrolment.per_second,
            self.connecting.done,
            self.connecting.seconds,
            self.connecting.per_second,
            steady.check_ins,
            steady.seconds,
            steady.check_ins_per_second,
            steady.latency_ms.p50,
            steady.latency_ms.p99,
            steady.latency_ms.max,
        );
        if let Some(manager) = &steady.manager {
            text += &format!(
                "\nmanager: {:.3} ms of CPU a check-in, {:.2} cores, {:.1} MiB resident, {:.1} KiB an agent",
                manager.cpu_ms_per_check_in,
                manager.cores,
                mebibytes(manager.resident_bytes),
                manager.resident_bytes_per_agent / 1024.0,
            );
        }
        for (kind, failure) in &self.errors {
            text += &format!(
                "\nerror {kind}: {} times, first: {}",
                failure.count, failure.example
            );
        }
        text
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("{}: can't be written", path.display()))
    }

    /// An error when the run measured nothing or failed too often.
    pub(crate) fn verdict(&self) -> Result<()> {
        if self.steady.check_ins == 0 {
            bail!("no check-in was answered in the measured time; see the errors above");
        }
        let failures: u64 = self.errors.values().map(|failure| failure.count).sum();
        if count(failures) > count(self.steady.check_ins) * TOLERATED_FAILURES {
            bail!("{failures} errors are too many for a measurement; see above");
        }
        Ok(())
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and bytes of a run stay far below 2^52"
)]
const fn count(number: u64) -> f64 {
    number as f64
}

fn mebibytes(bytes: u64) -> f64 {
    count(bytes) / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(cpu_ms: u64, resident_bytes: u64) -> Usage {
        Usage {
            cpu: Duration::from_millis(cpu_ms),
            resident_bytes,
        }
    }

    #[test]
    fn costs_are_shared_out_over_check_ins_and_agents() {
        let usages = [usage(0, 1000), usage(500, 5000), usage(900, 6000)];
        let cost = ManagerCost::new(usages, 10, 2000, Duration::from_secs(4));
        assert!((cost.cpu_ms_per_check_in - 0.2).abs() < 1e-9);
        assert!((cost.cores - 0.1).abs() < 1e-9);
        assert!((cost.resident_bytes_per_agent - 500.0).abs() < 1e-9);
    }

    #[test]
    fn a_run_that_failed_is_no_measurement() {
        let tally = crate::tally::Tally::new();
        let report = |counts: &Counts| Report {
            agents: 1,
            check_in_seconds: 1.0,
            events_per_check_in: 0,
            enrolment: Phase::default(),
            connecting: Phase::default(),
            steady: Steady::new(counts, Duration::from_secs(1), Duration::ZERO, None),
            errors: counts
                .errors
                .iter()
                .map(|(kind, error)| {
                    let failure = Failure {
                        count: error.count,
                        example: error.example.clone(),
                    };
                    (kind.clone(), failure)
                })
                .collect(),
        };
        assert!(report(&tally.take()).verdict().is_err());
        for _ in 0..100 {
            tally.check_in(Duration::from_millis(1), Duration::ZERO);
        }
        tally.error("dial-tcp", "refused");
        let counts = tally.take();
        report(&counts).verdict().unwrap();
        assert!(report(&counts).in_words().contains("dial-tcp: 1 times"));
        for _ in 0..100 {
            tally.check_in(Duration::from_millis(1), Duration::ZERO);
        }
        tally.error("dial-tcp", "refused");
        tally.error("dial-tcp", "refused");
        assert!(report(&tally.take()).verdict().is_err());
    }
}
