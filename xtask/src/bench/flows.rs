//! Milliseconds of a whole process for each rendering of each built-in catalogue, seconds of an
//! audit, and the program's size.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use super::Bench;
use super::figure::Figure;

const PROGRAM: &str = "garrison-flows";
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
/// An audit as a whole process, seconds.
const AUDIT_AIM: f64 = 1.0;
/// The program, megabytes.
const SIZE_AIM: f64 = 12.0;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for catalogue in CATALOGUES {
        figures.push(slowest_rendering(bench, catalogue)?);
        println!("flows: {catalogue} measured");
    }
    figures.push(audit(bench)?);
    let program = bench.environment.programs.join(PROGRAM);
    let bytes = std::fs::metadata(&program)
        .with_context(|| program.display().to_string())?
        .len();
    #[expect(clippy::cast_precision_loss, reason = "a size in megabytes")]
    let megabytes = bytes as f64 / 1e6;
    figures.push(Figure::new("garrison-flows", "MB", vec![megabytes]).at_most(SIZE_AIM, None));
    Ok(figures)
}

/// The format whose middle value is the largest.
fn slowest_rendering(bench: &Bench, catalogue: &str) -> anyhow::Result<Figure> {
    let mut slowest: Option<(f64, Figure)> = None;
    for format in FORMATS {
        let arguments = ["render", format, "--catalog", catalogue];
        let values = (0..REPEATS)
            .map(|_| Ok(run(bench, &arguments)? * 1000.0))
            .collect::<anyhow::Result<Vec<f64>>>()?;
        let what = format!("slowest rendering of {catalogue} ({format})");
        let figure = Figure::new(what, "ms", values).at_most(RENDER_AIM, None);
        let middle = figure.spread().context("no value")?[1];
        if slowest.as_ref().is_none_or(|(most, _)| *most < middle) {
            slowest = Some((middle, figure));
        }
    }
    slowest.map(|(_, figure)| figure).context("no format")
}

fn audit(bench: &Bench) -> anyhow::Result<Figure> {
    let rules = bench.scratch("rules.nft");
    let mut text = String::from(
        "table inet filter {\n chain forward {\n  type filter hook forward priority 0; policy drop;\n",
    );
    for rule in 0..RULES {
        let (high, low) = (rule / 250, rule % 250 + 1);
        let _ = writeln!(
            text,
            "  ip daddr 198.51.{high}.{low} tcp dport {} accept",
            1024 + rule
        );
    }
    text.push_str(" }\n}\n");
    std::fs::write(&rules, text).with_context(|| rules.display().to_string())?;
    let path = rules.to_str().context("a path in UTF-8")?;
    let arguments = [
        "audit",
        path,
        "--catalog",
        "symantec-endpoint-protection",
        "--set",
        "manager=192.0.2.10",
    ];
    let values = (0..REPEATS)
        .map(|_| run(bench, &arguments))
        .collect::<anyhow::Result<Vec<f64>>>()?;
    let what = format!("audit of {RULES} rules");
    Ok(Figure::new(what, "s", values).at_most(AUDIT_AIM, None))
}

/// Seconds from start to end of the program.
fn run(bench: &Bench, arguments: &[&str]) -> anyhow::Result<f64> {
    let started = Instant::now();
    let output = Command::new(bench.environment.programs.join(PROGRAM))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context(PROGRAM)?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(
        matches!(output.status.code(), Some(0 | 1)),
        "{PROGRAM} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(seconds)
}
