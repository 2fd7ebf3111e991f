//! One target under libFuzzer, until it has had its share of CPU time or stops by itself.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use super::Target;

/// Resident memory at which libFuzzer calls an input too much, in MiB.
const MOST_MEMORY: u32 = 2048;
/// Seconds of the clock for one input. The machine may be busy with something else, so they are
/// many; slow inputs are seen in what libFuzzer says of units that took more than ten.
const MOST_SECONDS: u32 = 120;
/// What libFuzzer ends with when it is interrupted.
const INTERRUPTED: i32 = 72;
/// How long it may take to end then.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Session<'s> {
    pub(super) program: &'s Path,
    /// target/fuzz.
    pub(super) folder: &'s Path,
    pub(super) target: &'s Target,
    pub(super) share: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) cpu: Duration,
    pub(super) runs: u64,
    /// Inputs kept, each of which does something that no other does.
    pub(super) kept: usize,
    pub(super) ending: Ending,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The share was used up, and nothing was found.
    Whole,
    /// It stopped before: a crash, a hang, too much memory. Says which input does it.
    Found(String),
}

/// The words for libFuzzer, which takes an empty file of them for a mistake.
fn dictionary(words: &Path) -> Option<String> {
    let has_some = std::fs::metadata(words).is_ok_and(|file| file.len() > 0);
    has_some.then(|| format!("-dict={}", words.display()))
}

fn last_line(said: &str) -> &str {
    let mut lines = said.lines().rev();
    lines.find(|line| !line.trim().is_empty()).unwrap_or("")
}

impl Session<'_> {
    pub(super) fn run(&self) -> anyhow::Result<Outcome> {
        let kept = self.place("corpus")?;
        let found = self.place("found")?;
        let made = self.place("seeds")?;
        self.seed(&made)?;
        let log = self
            .folder
            .join("logs")
            .join(format!("{}.log", self.target.name));
        std::fs::create_dir_all(self.folder.join("logs")).context("target/fuzz/logs")?;
        let known = files(&found)?;
        let (status, cpu) = {
            let mut child = self
                .libfuzzer(&log)?
                .arg(&kept)
                .arg(made.join("seeds"))
                .args(dictionary(&made.join("words")))
                .arg(format!("-artifact_prefix={}/", found.display()))
                .args(["-reload=0", "-print_final_stats=1", "-use_value_profile=0"])
                .spawn()
                .with_context(|| self.program.display().to_string())?;
            watch(&mut child, self.share)?
        };
        let said = std::fs::read(&log).with_context(|| log.display().to_string())?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let ending = if status.success() || status.code() == Some(INTERRUPTED) {
            Ending::Whole
        } else {
            let new: Vec<String> = files(&found)?
                .into_iter()
                .filter(|path| !known.contains(path))
                .map(|path| path.display().to_string())
                .collect();
            anyhow::ensure!(
                !new.is_empty(),
                "{}: expected libFuzzer to run, or to keep an input that ends it; it ended with \
                 {status}: {} (see {})",
                self.target.name,
                last_line(&said),
                log.display()
            );
            Ending::Found(format!(
                "{status}, {}, see {}",
                new.join(" "),
                log.display()
            ))
        };
        if ending == Ending::Whole {
            self.minimise(&kept, &made)?;
        }
        Ok(Outcome {
            cpu,
            runs: runs(&said),
            kept: files(&kept)?.len(),
            ending,
        })
    }

    fn place(&self, what: &str) -> anyhow::Result<PathBuf> {
        let place = self.folder.join(what).join(&self.target.name);
        std::fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
        Ok(place)
    }

    /// The target's own seeds and words, made anew.
    fn seed(&self, made: &Path) -> anyhow::Result<()> {
        std::fs::remove_dir_all(made).with_context(|| made.display().to_string())?;
        let status = Command::new(self.program)
            .env("GARRISON_FUZZ_TARGET", &self.target.name)
            .env("GARRISON_FUZZ_SEEDS", made)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .with_context(|| self.program.display().to_string())?;
        anyhow::ensure!(
            status.success(),
            "the seeds of {}: {status}",
            self.target.name
        );
        Ok(())
    }

    fn libfuzzer(&self, log: &Path) -> anyhow::Result<Command> {
        let output = File::create(log).with_context(|| log.display().to_string())?;
        let errors = output.try_clone().context("a log")?;
        let mut command = Command::new(self.program);
        command
            .env("GARRISON_FUZZ_TARGET", &self.target.name)
            .env("RUST_BACKTRACE", "1")
            .arg(format!("-max_len={}", self.target.most_bytes))
            .arg(format!("-rss_limit_mb={MOST_MEMORY}"))
            .arg(format!("-timeout={MOST_SECONDS}"))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        Ok(command)
    }

    /// Leaves out of the corpus what others in it do as well.
    fn minimise(&self, kept: &Path, made: &Path) -> anyhow::Result<()> {
        let fewer = self.folder.join(format!("corpus/{}.new", self.target.name));
        if fewer.exists() {
            std::fs::remove_dir_all(&fewer).with_context(|| fewer.display().to_string())?;
        }
        std::fs::create_dir_all(&fewer).with_context(|| fewer.display().to_string())?;
        let log = self
            .folder
            .join(format!("logs/{}.merge.log", self.target.name));
        let status = self
            .libfuzzer(&log)?
            .arg("-merge=1")
            .args([fewer.as_path(), kept, &made.join("seeds")])
            .status()
            .context("libFuzzer")?;
        if status.success() {
            std::fs::remove_dir_all(kept).with_context(|| kept.display().to_string())?;
            std::fs::rename(&fewer, kept).with_context(|| kept.display().to_string())?;
        }
        Ok(())
    }
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        files.push(entry.with_context(|| folder.display().to_string())?.path());
    }
    files.sort();
    Ok(files)
}

/// Interrupts the child once it has used its share; how it ended, and what it used.
fn watch(child: &mut Child, share: Duration) -> anyhow::Result<(ExitStatus, Duration)> {
    let mut used = Duration::ZERO;
    let mut asked: Option<Instant> = None;
    loop {
        // Before it is waited for, while its account is still there.
        used = used.max(cpu_time(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait().context("libFuzzer")? {
            return Ok((status, used));
        }
        match asked {
            None if used >= share => {
                interrupt(child)?;
                asked = Some(Instant::now());
            }
            Some(since) if since.elapsed() > PATIENCE => child.kill().context("libFuzzer")?,
            None | Some(_) => {}
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn interrupt(child: &Child) -> anyhow::Result<()> {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let id = id.context("the number of a process")?;
    kill_process(id, Signal::INT).context("libFuzzer")
}

/// CPU time of a process, as proc(5) tells it in its stat.
fn cpu_time(process: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let ticks = rustix::param::clock_ticks_per_second();
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / ticks.max(1)))
}

/// How many inputs were run: the last number that libFuzzer names.
fn runs(said: &str) -> u64 {
    let number = |line: &str| {
        let rest = line
            .strip_prefix("stat::number_of_executed_units:")
            .or_else(|| line.strip_prefix('#'))?;
        rest.split_ascii_whitespace().next()?.parse().ok()
    };
    said.lines().filter_map(number).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_what_libfuzzer_says_last() {
        let said = "#2\tINITED cov: 5\n#512\tpulse  cov: 5\n";
        assert_eq!(runs(said), 512);
        let whole = format!(
            "{said}==1== libFuzzer: run interrupted; exiting\nstat::number_of_executed_units: 600\n"
        );
        assert_eq!(runs(&whole), 600);
        assert_eq!(runs("no such target"), 0);
    }

    #[test]
    fn an_empty_file_of_words_is_not_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        let words = folder.path().join("words");
        assert_eq!(dictionary(&words), None);
        std::fs::write(&words, "").unwrap();
        assert_eq!(dictionary(&words), None);
        std::fs::write(&words, "\"MZ\"\n").unwrap();
        assert_eq!(
            dictionary(&words),
            Some(format!("-dict={}", words.display()))
        );
    }

    #[test]
    fn a_child_is_interrupted_when_its_share_is_used_up() {
        let mut child = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .unwrap();
        let (status, used) = watch(&mut child, Duration::from_millis(50)).unwrap();
        assert!(!status.success());
        assert!(used >= Duration::from_millis(50));
    }
}
