//! Seconds from `garrison up` to a console that answers, and to a machine that is protected.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::Bench;
use super::figure::Figure;

const REPEATS: usize = 5;
/// From `garrison up` to the console's first answer, seconds.
const CONSOLE_AIM: f64 = 3.0;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let (mut first, mut again) = (Times::default(), Times::default());
    for repeat in 0..REPEATS {
        let data = bench.scratch(&format!("start-{repeat}"));
        first.add(start(bench, &data)?);
        again.add(start(bench, &data)?);
        println!("start {} of {REPEATS} measured", repeat + 1);
    }
    Ok(vec![
        first.console("first start: console answers"),
        first.all("first start: definitions compiled and in force, machine enrolled"),
        again.console("second start: console answers"),
        again.all("second start: all up"),
    ])
}

/// Until the console answers, and until all is up; seconds.
#[derive(Debug, Default)]
struct Times {
    console: Vec<f64>,
    all: Vec<f64>,
}

impl Times {
    fn add(&mut self, (console, all): (f64, f64)) {
        self.console.push(console);
        self.all.push(all);
    }

    fn console(&self, what: &str) -> Figure {
        Figure::new(what, "s", self.console.clone()).at_most(CONSOLE_AIM, None)
    }

    fn all(&self, what: &str) -> Figure {
        Figure::new(what, "s", self.all.clone())
    }
}

fn start(bench: &Bench, data: &Path) -> anyhow::Result<(f64, f64)> {
    let ready = data.with_extension("ready.json");
    let _ = std::fs::remove_file(&ready);
    let mut up = bench.start_up(data)?;
    let manager = up.await_json(&data.join("manager/ready.json"))?;
    let console = manager
        .pointer("/addresses/console")
        .and_then(serde_json::Value::as_str)
        .context("the manager's ready file names no console")?
        .to_owned();
    up.until(|| answers(&console, data).then_some(()))?;
    let answered = up.started.elapsed().as_secs_f64();
    bench.await_up(&mut up, data)?;
    // The console's page took a moment, in which `up` may have come to its end: the file's age tells.
    let written = std::fs::metadata(&ready)?.modified()?.elapsed()?;
    let all = up.started.elapsed().saturating_sub(written).as_secs_f64();
    up.stop()?;
    Ok((answered, all))
}

/// Whether the console gives a page of HTML to a client that verifies its certificate.
fn answers(console: &str, data: &Path) -> bool {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--location",
            "--noproxy",
            "*",
            "--max-time",
            "5",
        ])
        .arg("--cacert")
        .arg(data.join("manager/ca.pem"))
        .arg(format!("https://{console}/"))
        .stdin(Stdio::null())
        .output();
    output.is_ok_and(|output| {
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("<html")
    })
}
