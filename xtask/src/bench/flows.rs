//! Milliseconds of a whole process for each rendering of each built-in catalogue, seconds of an
//! audit, and the program's size.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use super::Bench;
use super::figure::Figure;
use super::process::cpu_of_family;

const PROGRAM: &str = "garrison-flows";
/// Where `make static` puts it, beside the folder of released programs.
const STATIC: &str = "static";
const CATALOGUES: [&str; 4] = [
    "garrison",
    "symantec-endpoint-protection",
    "symantec-web-security-service",
    "sangfor-endpoint-secure",
];
const FORMATS: [&str; 16] = [
    "markdown",
    "html",
    "csv",
    "xlsx",
    "json",
    "m365",
    "nftables",
    "iptables",
    "powershell",
    "fortigate",
    "pan-os",
    "squid-allow",
    "squid-bypass",
    "pac",
    "plain",
    "terraform",
];
const REPEATS: usize = 11;
/// A rendering as a whole process, milliseconds.
const RENDER_AIM: f64 = 20.0;
/// Rules of the audited ruleset.
const RULES: u32 = 10_000;
/// Chains that they stand in.
const CHAINS: u32 = 10;
/// An audit as a whole process, seconds.
const AUDIT_AIM: f64 = 1.0;
/// The program, megabytes.
const SIZE_AIM: f64 = 12.0;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let program = program(bench);
    let mut figures = Vec::new();
    for catalogue in CATALOGUES {
        figures.extend(slowest_rendering(&program, catalogue)?);
        println!("flows: {catalogue} measured");
    }
    figures.extend(audit(bench, &program)?);
    let bytes = std::fs::metadata(&program)
        .with_context(|| program.display().to_string())?
        .len();
    #[expect(clippy::cast_precision_loss, reason = "a size in megabytes")]
    let megabytes = bytes as f64 / 1e6;
    let what = if program
        .parent()
        .is_some_and(|folder| folder.ends_with(STATIC))
    {
        "garrison-flows as one static file"
    } else {
        "garrison-flows, linked with the system's libraries"
    };
    figures.push(Figure::new(what, "MB", vec![megabytes]).at_most(SIZE_AIM, None));
    Ok(figures)
}

/// The static program where `make static` has built it.
fn program(bench: &Bench) -> PathBuf {
    let released = bench.environment.programs.join(PROGRAM);
    let built = bench.environment.programs.parent();
    built
        .map(|folder| folder.join(STATIC).join(PROGRAM))
        .filter(|program| program.exists())
        .unwrap_or(released)
}

/// What repeated runs of the program took.
struct Runs {
    /// From start to end, seconds, each.
    seconds: Vec<f64>,
    /// CPU of one of them on average, seconds.
    cpu: f64,
}

impl Runs {
    fn of(program: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let own = std::process::id();
        let before = cpu_of_family(own)?;
        let seconds = (0..REPEATS)
            .map(|_| run(program, arguments))
            .collect::<anyhow::Result<Vec<f64>>>()?;
        #[expect(clippy::cast_precision_loss, reason = "a dozen")]
        let cpu = (cpu_of_family(own)? - before) / REPEATS as f64;
        Ok(Self { seconds, cpu })
    }

    fn middle(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(REPEATS / 2).copied().unwrap_or_default()
    }

    /// From start to end, and CPU, times a factor for the unit.
    fn figures(&self, what: &str, unit: &str, factor: f64, aim: f64) -> [Figure; 2] {
        let values = self
            .seconds
            .iter()
            .map(|seconds| seconds * factor)
            .collect();
        [
            Figure::new(what, unit, values).at_most(aim, None),
            Figure::new(format!("{what}: CPU"), unit, vec![self.cpu * factor]),
        ]
    }
}

/// The format whose middle value is the largest.
fn slowest_rendering(program: &Path, catalogue: &str) -> anyhow::Result<[Figure; 2]> {
    let mut slowest: Option<(&str, Runs)> = None;
    for format in FORMATS {
        let runs = Runs::of(program, &["render", format, "--catalog", catalogue])?;
        if slowest
            .as_ref()
            .is_none_or(|(_, most)| most.middle() < runs.middle())
        {
            slowest = Some((format, runs));
        }
    }
    let (format, runs) = slowest.context("no format")?;
    let what = format!("slowest rendering of {catalogue} ({format})");
    Ok(runs.figures(&what, "ms", 1000.0, RENDER_AIM))
}

/// The catalogue whose audit takes longest.
fn audit(bench: &Bench, program: &Path) -> anyhow::Result<[Figure; 2]> {
    let rules = bench.scratch("rules.nft");
    std::fs::write(&rules, ruleset()).with_context(|| rules.display().to_string())?;
    let path = rules.to_str().context("a path in UTF-8")?;
    let mut slowest: Option<(&str, Runs)> = None;
    for catalogue in CATALOGUES {
        let runs = Runs::of(program, &["audit", path, "--catalog", catalogue])?;
        if slowest
            .as_ref()
            .is_none_or(|(_, most)| most.middle() < runs.middle())
        {
            slowest = Some((catalogue, runs));
        }
    }
    let (catalogue, runs) = slowest.context("no catalogue")?;
    let what = format!("slowest audit of {RULES} rules ({catalogue})");
    Ok(runs.figures(&what, "s", 1.0, AUDIT_AIM))
}

/// Rules of several kinds: addresses, sets, interfaces, ranges of ports, jumps.
fn ruleset() -> String {
    let mut text = String::from(
        "table inet filter {\n set listed {\n  type ipv4_addr; flags interval\n  elements = { ",
    );
    for net in 0..1_000 {
        let _ = write!(text, "10.{}.{}.0/24, ", net / 250, net % 250);
    }
    text.push_str("10.9.9.0/24 }\n }\n");
    for chain in 0..CHAINS {
        let _ = writeln!(text, " chain part-{chain} {{");
        for rule in 0..(RULES - CHAINS) / CHAINS {
            let number = chain * RULES / CHAINS + rule;
            let (high, low) = (number / 250, number % 250 + 1);
            let port = 1024 + number;
            let _ = match number % 6 {
                0 => writeln!(
                    text,
                    "  ip daddr 198.51.{high}.{low} tcp dport {port} accept"
                ),
                1 => writeln!(text, "  ip saddr @listed tcp dport {port} drop"),
                2 => writeln!(
                    text,
                    "  iifname \"lan{low}\" ip daddr 198.18.{high}.0/24 accept"
                ),
                3 => writeln!(
                    text,
                    "  ip saddr 172.20.0.0/16 udp dport {port}-{} accept",
                    port + 9
                ),
                4 => writeln!(text, "  meta l4proto udp ip daddr 198.19.{high}.0/24 drop"),
                _ => writeln!(
                    text,
                    "  ip daddr {{ 203.0.113.{low}, 192.0.2.{low} }} tcp dport {{ 80, {port} }} accept"
                ),
            };
        }
        text.push_str(" }\n");
    }
    text.push_str(
        " chain forward {\n  type filter hook forward priority 0; policy drop;\n  ct state established,related accept\n",
    );
    for chain in 0..CHAINS {
        let _ = writeln!(text, "  tcp dport != {} jump part-{chain}", chain + 1);
    }
    text.push_str(" }\n}\n");
    text
}

/// Seconds from start to end of the program.
fn run(program: &Path, arguments: &[&str]) -> anyhow::Result<f64> {
    let started = Instant::now();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.display().to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(
        matches!(output.status.code(), Some(0 | 1)),
        "{PROGRAM} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(seconds)
}
