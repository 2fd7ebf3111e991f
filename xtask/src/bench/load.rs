//! Many agents on one manager: `garrison-sim` on the same machine, so both share its cores.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::Bench;
use super::figure::{Figure, number};
use super::process::{Memory, cpu_of_family};
use super::system::Running;

/// CPU of the manager for one check-in, milliseconds.
const CPU_AIM: f64 = 0.2;
const CPU_LIMIT: f64 = 1.0;
/// Agents that one manager with two cores is to hold.
const AGENTS_AIM: f64 = 10_000.0;
/// Enrolments and first connections at the same time.
const CONCURRENCY: &str = "32";

/// One way to load the manager.
struct Scenario {
    name: &'static str,
    agents: u32,
    /// Each agent checks in this often, seconds.
    every: &'static str,
    seconds: &'static str,
    events: &'static str,
    repeats: usize,
    is_judged: bool,
}

impl Scenario {
    const fn new(name: &'static str, agents: u32, every: &'static str) -> Scenario {
        Scenario {
            name,
            agents,
            every,
            seconds: "20",
            events: "0",
            repeats: 3,
            is_judged: true,
        }
    }
}

const SCENARIOS: [Scenario; 5] = [
    Scenario::new("1,000 agents, each every 1 s", 1000, "1"),
    Scenario {
        events: "1",
        is_judged: false,
        ..Scenario::new("1,000 agents, each every 1 s with 1 event", 1000, "1")
    },
    Scenario {
        is_judged: false,
        ..Scenario::new("1,000 agents, as fast as it goes", 1000, "0.05")
    },
    Scenario {
        seconds: "60",
        repeats: 1,
        ..Scenario::new("10,000 agents, each every 60 s", 10_000, "60")
    },
    Scenario::new("10,000 agents, each every 10 s", 10_000, "10"),
];
const MOST_AGENTS: u32 = 10_000;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let data = bench.scratch("load");
    let manager = bench.start_manager(&data)?;
    let token = bench.enrolment_token(&data, MOST_AGENTS)?;
    let resident_at_start = Memory::of(manager.process())?.resident;
    let mut figures = vec![Figure::new(
        "manager before the first agent: resident",
        "MiB",
        vec![resident_at_start],
    )];
    for scenario in &SCENARIOS {
        let mut reports = Vec::new();
        for repeat in 0..scenario.repeats {
            reports.push(run(bench, &data, &token, &manager, scenario)?);
            println!("{}: {} of {}", scenario.name, repeat + 1, scenario.repeats);
        }
        let file = format!("sim-{}-{}.json", scenario.agents, scenario.every);
        let file = if scenario.events == "0" {
            file
        } else {
            format!("events-{file}")
        };
        std::fs::write(
            bench.folder.join(file),
            serde_json::to_string_pretty(&reports)?,
        )?;
        figures.extend(once(scenario, &reports)?);
        figures.extend(steady(scenario, &reports, resident_at_start)?);
    }
    manager.stop()?;
    Ok(figures)
}

fn run(
    bench: &Bench,
    data: &Path,
    token: &Path,
    manager: &Running,
    scenario: &Scenario,
) -> anyhow::Result<Value> {
    let report = data.join("report.json");
    let mut command = bench.command("garrison-sim", "sim")?;
    command.arg("--token-file").arg(token);
    command.arg("--agents").arg(scenario.agents.to_string());
    command.args(["--check-in-seconds", scenario.every]);
    command.args(["--seconds", scenario.seconds]);
    command.args(["--events-per-check-in", scenario.events]);
    command.args(["--concurrency", CONCURRENCY]);
    command
        .arg("--manager-pid")
        .arg(manager.process().to_string());
    command.arg("--state").arg(data.join("agents"));
    command.arg("--report").arg(&report);
    let status = command.status().context("garrison-sim")?;
    ensure!(
        status.success(),
        "{}: garrison-sim: {status}",
        scenario.name
    );
    // The manager must have come through it.
    cpu_of_family(manager.process()).context("the manager has ended")?;
    Ok(serde_json::from_slice(&std::fs::read(&report)?)?)
}

fn values(reports: &[Value], pointer: &str) -> anyhow::Result<Vec<f64>> {
    reports
        .iter()
        .map(|report| {
            report
                .pointer(pointer)
                .and_then(Value::as_f64)
                .with_context(|| format!("the simulator's report has no number at {pointer}"))
        })
        .collect()
}

/// What every agent does once: shown for the run in which the agents enrolled.
fn once(scenario: &Scenario, reports: &[Value]) -> anyhow::Result<Vec<Figure>> {
    let enrolled = values(reports, "/enrolment/done")?;
    // Identities are kept from run to run: most runs enrol nobody.
    let Some(first) = enrolled.iter().position(|done| *done > 0.0) else {
        return Ok(Vec::new());
    };
    let (agents, report) = (
        scenario.agents,
        reports.get(first..=first).unwrap_or_default(),
    );
    let mut figures = Vec::new();
    for (phase, what) in [
        ("enrolment", "enrol"),
        ("connecting", "connect and check in"),
    ] {
        figures.push(Figure::new(
            format!(
                "up to {} agents {what}, {CONCURRENCY} at a time",
                number(agents.into())
            ),
            "/s",
            values(report, &format!("/{phase}/per_second"))?,
        ));
        figures.push(Figure::new(
            format!(
                "up to {} agents {what}: manager's CPU for each",
                number(agents.into())
            ),
            "ms",
            values(report, &format!("/{phase}/manager_cpu_ms_each"))?,
        ));
    }
    Ok(figures)
}

fn steady(
    scenario: &Scenario,
    reports: &[Value],
    resident_at_start: f64,
) -> anyhow::Result<Vec<Figure>> {
    let name = scenario.name;
    let of = |what: &str, unit: &str, pointer: &str| -> anyhow::Result<Figure> {
        let values = values(reports, pointer)?;
        Ok(Figure::new(format!("{name}: {what}"), unit, values))
    };
    let mut cpu = of(
        "manager's CPU for a check-in",
        "ms",
        "/steady/manager/cpu_ms_per_check_in",
    )?;
    let mut connected = of("agents connected", "", "/agents")?;
    if scenario.is_judged {
        cpu = cpu.at_most(CPU_AIM, Some(CPU_LIMIT));
    }
    if scenario.agents == MOST_AGENTS {
        connected = connected.at_least(AGENTS_AIM);
    }
    let memory = values(reports, "/steady/manager/resident_bytes")?
        .into_iter()
        .map(|bytes| (bytes / 1024.0 - resident_at_start * 1024.0) / f64::from(scenario.agents))
        .collect();
    let errors = reports.iter().map(errors).collect();
    Ok(vec![
        connected,
        of("check-ins", "/s", "/steady/check_ins_per_second")?,
        of("answer, p50", "ms", "/steady/latency_ms/p50")?,
        of("answer, p99", "ms", "/steady/latency_ms/p99")?,
        cpu,
        of("manager", "cores", "/steady/manager/cores")?,
        of("simulator", "cores", "/steady/simulator_cores")?,
        Figure::new(
            format!("{name}: manager's memory for an agent"),
            "KiB",
            memory,
        ),
        Figure::new(format!("{name}: errors"), "", errors),
    ])
}

fn errors(report: &Value) -> f64 {
    let kinds = report.get("errors").and_then(Value::as_object);
    kinds
        .into_iter()
        .flat_map(|kinds| kinds.values())
        .filter_map(|kind| kind.get("count")?.as_f64())
        .fold(0.0, std::ops::Add::add)
}
