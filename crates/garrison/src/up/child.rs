//! One child process: started, watched, started again when it ends, and ended with its parent.
//!
//! Each child reads from a pipe that only this process can write to and never does: its lifeline.
//! When the pipe closes, by [`Child::stop`] or because this process is gone, the child ends.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::log_file;

/// So many ends within [`LOOP_WINDOW`] are a crash loop.
const LOOP_ENDS: usize = 5;
const LOOP_WINDOW: Duration = Duration::from_secs(60);
/// The pause before the first restart; it doubles up to [`BACKOFF_MAX`].
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(8);
/// How long a child may take to end by itself.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// How to start a child.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) log: PathBuf,
    pub(super) first_end: FirstEnd,
}

/// What an end before [`Child::confirm`] means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstEnd {
    /// It can't work (port taken, wrong configuration): trying again changes nothing.
    IsFatal,
    /// It may work the next time.
    IsRetried,
}

/// A child that no longer runs though it should.
#[derive(Debug, thiserror::Error)]
#[error("{name} {what}{last_lines}")]
pub(super) struct ChildFailure {
    name: &'static str,
    what: String,
    last_lines: String,
}

impl ChildFailure {
    pub(super) fn new(plan: &Plan, what: String) -> Self {
        Self {
            name: plan.name,
            what,
            last_lines: log_file::last_lines(&plan.log),
        }
    }
}

/// A child and the task that looks after it.
#[derive(Debug)]
pub(super) struct Child {
    plan: Plan,
    process: watch::Receiver<Option<u32>>,
    confirmed: watch::Sender<bool>,
    stop: CancellationToken,
    kill: CancellationToken,
    task: JoinHandle<()>,
}

impl Child {
    /// Starts a child and looks after it. Its failure goes to `failures`.
    pub(super) fn start(plan: Plan, failures: mpsc::Sender<ChildFailure>) -> Self {
        let (process_sender, process) = watch::channel(None);
        let (confirmed, confirmed_receiver) = watch::channel(false);
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let keeper = Keeper {
            plan: plan.clone(),
            process: process_sender,
            confirmed: confirmed_receiver,
            stop: stop.clone(),
            kill: kill.clone(),
            ends: VecDeque::new(),
        };
        let task = tokio::spawn(async move {
            if let Err(failure) = keeper.keep().await {
                // A full queue already holds a failure, and one is enough.
                let _ = failures.try_send(failure);
            }
        });
        Self {
            plan,
            process,
            confirmed,
            stop,
            kill,
            task,
        }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The process that runs now.
    pub(super) fn process(&self) -> Option<u32> {
        *self.process.borrow()
    }

    /// Tells when another process runs.
    pub(super) fn processes(&self) -> watch::Receiver<Option<u32>> {
        self.process.clone()
    }

    /// The child has shown that it works; from now on it is started again when it ends.
    pub(super) fn confirm(&self) {
        self.confirmed.send_replace(true);
    }

    /// Lets the child end by itself, and kills it when it takes too long or `force` says so.
    pub(super) async fn stop(self, force: &CancellationToken) {
        self.stop.cancel();
        let kill = self.kill;
        let mut task = self.task;
        tokio::select! {
            _ = &mut task => return,
            () = force.cancelled() => {}
            () = tokio::time::sleep(STOP_LIMIT) => {
                tracing::warn!("{} did not end within {} s and is killed", self.plan.name, STOP_LIMIT.as_secs());
            }
        }
        kill.cancel();
        let _ = task.await;
    }
}

struct Keeper {
    plan: Plan,
    process: watch::Sender<Option<u32>>,
    confirmed: watch::Receiver<bool>,
    stop: CancellationToken,
    kill: CancellationToken,
    ends: VecDeque<Instant>,
}

enum End {
    Wanted,
    ByItself(ExitStatus),
}

impl Keeper {
    async fn keep(mut self) -> Result<(), ChildFailure> {
        let mut restarts = 0_u32;
        loop {
            let status = match self.run_once().await {
                Ok(End::Wanted) => return Ok(()),
                Ok(End::ByItself(status)) => status,
                Err(error) => {
                    let program = self.plan.program.display();
                    let what = format!("can't be started: {program}: {error}");
                    return Err(ChildFailure::new(&self.plan, what));
                }
            };
            if self.plan.first_end == FirstEnd::IsFatal && !*self.confirmed.borrow() {
                let what = format!("ended before it was ready ({status})");
                return Err(ChildFailure::new(&self.plan, what));
            }
            if note_end(&mut self.ends, Instant::now()) {
                let what = format!(
                    "ended {LOOP_ENDS} times within {} s, lastly with {status}",
                    LOOP_WINDOW.as_secs()
                );
                return Err(ChildFailure::new(&self.plan, what));
            }
            let pause = backoff(self.ends.len());
            restarts = restarts.saturating_add(1);
            tracing::warn!(
                "{} ended ({status}); restart {restarts} in {} ms; its log: {}",
                self.plan.name,
                pause.as_millis(),
                self.plan.log.display()
            );
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return Ok(()),
            }
        }
    }

    async fn run_once(&self) -> std::io::Result<End> {
        let mut child = spawn(&self.plan)?;
        self.process.send_replace(child.id());
        let lifeline = child.stdin.take();
        let end = tokio::select! {
            status = child.wait() => End::ByItself(status?),
            () = self.stop.cancelled() => {
                drop(lifeline);
                tokio::select! {
                    status = child.wait() => { status?; }
                    () = self.kill.cancelled() => child.kill().await?,
                }
                End::Wanted
            }
        };
        self.process.send_replace(None);
        Ok(end)
    }
}

fn spawn(plan: &Plan) -> std::io::Result<tokio::process::Child> {
    let log = log_file::open(&plan.log)?;
    Command::new(&plan.program)
        .args(&plan.arguments)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // A group of its own, so that Ctrl-C reaches this process alone and the order of
        // stopping is ours.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Counts an end in and says whether it makes a crash loop.
fn note_end(ends: &mut VecDeque<Instant>, now: Instant) -> bool {
    ends.push_back(now);
    while ends
        .front()
        .is_some_and(|end| now.duration_since(*end) > LOOP_WINDOW)
    {
        ends.pop_front();
    }
    ends.len() >= LOOP_ENDS
}

fn backoff(recent_ends: usize) -> Duration {
    let doublings = u32::try_from(recent_ends.saturating_sub(1)).unwrap_or(u32::MAX);
    BACKOFF_FIRST
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(BACKOFF_MAX)
}

/// The executable of that name beside this one.
///
/// # Errors
/// When there is none.
pub(super) fn beside_own(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.with_file_name(name);
    if found.is_file() {
        return Ok(found);
    }
    let folder = own.parent().unwrap_or(Path::new("/")).display();
    Err(crate::failure::Failure::misuse(format!(
        "expected the program {name} beside this one in {folder}, found none; build or install both"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, folder: &Path, first_end: FirstEnd) -> Plan {
        Plan {
            name: "child",
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            log: folder.join("child.log"),
            first_end,
        }
    }

    async fn failure_of(script: &str, first_end: FirstEnd) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (sender, mut failures) = mpsc::channel(1);
        let child = Child::start(shell(script, folder.path(), first_end), sender);
        let limit = Duration::from_secs(60);
        let failure = tokio::time::timeout(limit, failures.recv()).await.unwrap();
        child.stop(&CancellationToken::new()).await;
        failure.unwrap().to_string()
    }

    #[tokio::test]
    async fn an_end_before_it_was_ready_is_told_with_the_last_lines() {
        let text = failure_of("echo port 443 is taken; exit 3", FirstEnd::IsFatal).await;
        assert!(
            text.contains("exit status: 3") && text.contains("port 443 is taken"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_crash_loop_ends_in_a_failure() {
        let text = failure_of("echo again; exit 1", FirstEnd::IsRetried).await;
        assert!(text.contains("ended 5 times within 60 s"), "{text}");
    }

    #[tokio::test]
    async fn closing_the_lifeline_ends_a_child() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, mut failures) = mpsc::channel(1);
        let plan = shell("cat; echo ended", folder.path(), FirstEnd::IsFatal);
        let log = plan.log.clone();
        let child = Child::start(plan, sender);
        child.processes().wait_for(Option::is_some).await.unwrap();
        child.stop(&CancellationToken::new()).await;
        assert_eq!(std::fs::read_to_string(log).unwrap(), "ended\n");
        assert!(failures.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_child_that_ignores_its_lifeline_is_killed_on_demand() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, _failures) = mpsc::channel(1);
        let plan = shell("exec sleep 600", folder.path(), FirstEnd::IsFatal);
        let child = Child::start(plan, sender);
        child.processes().wait_for(Option::is_some).await.unwrap();
        let force = CancellationToken::new();
        force.cancel();
        tokio::time::timeout(Duration::from_secs(10), child.stop(&force))
            .await
            .unwrap();
    }

    #[test]
    fn the_pause_doubles_up_to_its_cap() {
        assert_eq!(backoff(1), BACKOFF_FIRST);
        assert_eq!(backoff(3), BACKOFF_FIRST * 4);
        assert_eq!(backoff(usize::MAX), BACKOFF_MAX);
    }

    #[test]
    fn ends_long_ago_make_no_crash_loop() {
        let begin = Instant::now();
        let mut ends = VecDeque::new();
        for minute in 0..20 {
            let now = begin + Duration::from_secs(minute * 20);
            assert!(!note_end(&mut ends, now), "{minute}");
        }
        let now = begin + Duration::from_secs(19 * 20);
        assert!(note_end(&mut ends, now));
    }
}
