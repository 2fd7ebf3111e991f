//! What the agent, and the services beside it, use while nothing happens.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::Bench;
use super::figure::Figure;
use super::process::{Memory, cpu_of_family, family};
use super::system::Running;

/// After the start, until what it took is given back.
const SETTLE: Duration = Duration::from_secs(20);
/// One check-in with the default policy falls into each.
const MINUTE: Duration = Duration::from_secs(60);
const MINUTES: usize = 2;
/// Resident, MiB, without definitions.
const MEMORY_AIM: f64 = 25.0;
const MEMORY_LIMIT: f64 = 60.0;
/// Percent of one core.
const CPU_AIM: f64 = 0.5;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let data = bench.scratch("idle");
    let mut up = bench.start_up(&data)?;
    let ready = bench.await_up(&mut up, &data)?;
    let process = |name: &str| {
        ready
            .pointer(&format!("/pids/{name}"))
            .and_then(Value::as_u64)
            .and_then(|process| u32::try_from(process).ok())
            .with_context(|| format!("the ready file names no process of {name}"))
    };
    let bare = bench.scratch("bare");
    let manager = bench.start_manager(&bare)?;
    let agent = bare_agent(bench, &bare)?;

    let mut watched = [
        Watched::new("agent without definitions", agent.process()),
        Watched::new("agent with the built-in definitions", process("agent")?),
        Watched::new("manager", process("manager")?),
        Watched::new("cloud", process("cloud")?),
    ];
    std::thread::sleep(SETTLE);
    for minute in 0..MINUTES {
        for one in &mut watched {
            one.begin()?;
        }
        std::thread::sleep(MINUTE);
        for one in &mut watched {
            one.end()?;
        }
        println!("minute {} of {MINUTES} measured", minute + 1);
    }
    agent.stop()?;
    manager.stop()?;
    up.stop()?;
    Ok(watched.iter().flat_map(Watched::figures).collect())
}

/// An agent of a manager that has no definitions, once it is enrolled and has checked in.
fn bare_agent(bench: &Bench, data: &std::path::Path) -> anyhow::Result<Running> {
    let token = bench.enrolment_token(data, 1)?;
    let folder = data.join("agent");
    let mut command = bench.command("garrison-agent", "agent")?;
    command.arg("run").arg("--data").arg(&folder);
    command.arg("--token-file").arg(token);
    command.arg("--lifeline").stdin(Stdio::piped());
    let mut agent = Running::start("garrison-agent run", command)?;
    agent.until(|| {
        let mut status = bench.command("garrison-agent", "status").ok()?;
        status.args(["status", "--json", "--data"]).arg(&folder);
        let output = status.stdout(Stdio::piped()).output().ok()?;
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        let is_connected = status.get("connected")?.as_bool()?;
        is_connected.then_some(())
    })?;
    Ok(agent)
}

/// A process with its children, under observation.
struct Watched {
    name: &'static str,
    process: u32,
    began: Instant,
    cpu_before: f64,
    /// Percent of one core.
    cpu: Vec<f64>,
    memory: Vec<Memory>,
    children: Vec<f64>,
}

impl Watched {
    fn new(name: &'static str, process: u32) -> Watched {
        Watched {
            name,
            process,
            began: Instant::now(),
            cpu_before: 0.0,
            cpu: Vec::new(),
            memory: Vec::new(),
            children: Vec::new(),
        }
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        self.began = Instant::now();
        self.cpu_before = cpu_of_family(self.process).with_context(|| self.name)?;
        self.look()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let used = cpu_of_family(self.process)? - self.cpu_before;
        self.cpu
            .push(100.0 * used / self.began.elapsed().as_secs_f64());
        self.look()
    }

    fn look(&mut self) -> anyhow::Result<()> {
        let family = family(self.process)?;
        let children = u32::try_from(family.len().saturating_sub(1))?;
        self.children.push(f64::from(children));
        self.memory.push(Memory::of_all(&family)?);
        Ok(())
    }

    fn figures(&self) -> Vec<Figure> {
        let name = self.name;
        let memory = |of: fn(&Memory) -> f64| self.memory.iter().map(of).collect::<Vec<f64>>();
        let mut resident = Figure::new(
            format!("{name}: resident (RSS)"),
            "MiB",
            memory(|memory| memory.resident),
        );
        let mut cpu = Figure::new(format!("{name}: CPU"), "% of a core", self.cpu.clone());
        if name.starts_with("agent") {
            cpu = cpu.at_most(CPU_AIM, None);
            resident = if name.contains("without") {
                resident.at_most(MEMORY_AIM, Some(MEMORY_LIMIT))
            } else {
                resident.at_most(MEMORY_LIMIT, None)
            };
        }
        let proportional = memory(|memory| memory.proportional);
        let private = memory(|memory| memory.private);
        vec![
            resident,
            Figure::new(format!("{name}: proportional (PSS)"), "MiB", proportional),
            Figure::new(format!("{name}: private"), "MiB", private),
            cpu,
            Figure::new(
                format!("{name}: child processes, counted in"),
                "",
                self.children.clone(),
            ),
        ]
    }
}
