//! A worker as its parent holds it.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use model::{FileOutcome, ScanFailure};
use rustix::pipe::{PipeFlags, pipe_with};
use scan::{Limits, TrustedKeys};

use crate::channel::{ChannelError, receive, send};
use crate::message::{Order, Report};
use crate::pool::WorkerCommand;
use crate::protection::Protection;
use crate::sealed::Sealed;

/// Time beyond the limit for a file that a worker has to notice the limit itself.
const GRACE: Duration = Duration::from_secs(3);
/// Last words of a worker that are read.
const LAST_WORDS_BYTES: usize = 4096;
/// What Rust's runtime says before it aborts for want of memory.
const OUT_OF_MEMORY: &str = "memory allocation of ";

/// A running worker that is ready for files. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    process: Child,
    socket: UnixStream,
    last_words: std::fs::File,
    pub(crate) generation: u64,
    pub(crate) protections: Vec<Protection>,
}

/// What came of giving a file to a worker.
pub(crate) enum Scanned {
    /// The worker is ready for the next.
    Outcome(FileOutcome),
    /// The worker is lost, and the file with it.
    Lost(ScanFailure),
    /// The worker was lost before it got the file: another may try.
    NotSent,
}

impl Worker {
    /// Starts a worker and waits until it is confined and has loaded the definitions.
    pub(crate) fn start(
        command: &WorkerCommand,
        definitions: &Sealed,
        trusted: &TrustedKeys,
        memory_bytes: u64,
        time: Duration,
        generation: u64,
    ) -> Result<Self, String> {
        let text = |step: &str, error: io::Error| format!("{step}: {error}");
        let (socket, theirs) = UnixStream::pair().map_err(|e| text("making a socket", e))?;
        // Never blocking, so that a worker can't be stopped by what it says.
        let (last_words, their_words) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|error| text("making a pipe", error.into()))?;
        let process = Command::new(&command.program)
            .args(&command.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::from(their_words))
            .spawn()
            .map_err(|error| text(&format!("starting {}", command.program.display()), error))?;
        let mut worker = Self {
            process,
            socket,
            last_words: last_words.into(),
            generation,
            protections: Vec::new(),
        };
        let order = Order::Start {
            trusted: trusted.iter().map(ToString::to_string).collect(),
            memory_bytes,
        };
        let deadline = Instant::now() + time;
        let ready = send(worker.socket.as_fd(), &order, Some(definitions.as_fd()))
            .and_then(|()| receive::<Report>(worker.socket.as_fd(), Some(deadline)));
        match ready {
            Ok((Report::Ready { protections }, _)) => {
                worker.protections = protections;
                Ok(worker)
            }
            Ok((Report::Refused { reason }, _)) => Err(reason),
            Ok((Report::Opening { .. } | Report::Outcome { .. }, _)) => {
                Err("it answered before it was ready".into())
            }
            Err(error) => {
                let (status, words) = worker.end();
                let status = status.map_or_else(|| "no status".to_owned(), |s| s.to_string());
                Err(format!("{error}; {status}; it said {words:?}"))
            }
        }
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Gives a file to the worker and waits for its verdict.
    pub(crate) fn scan(&mut self, file: BorrowedFd<'_>, limits: &Limits) -> Scanned {
        let order = Order::Scan {
            limits: limits.clone(),
        };
        if send(self.socket.as_fd(), &order, Some(file)).is_err() {
            return Scanned::NotSent;
        }
        let deadline = Instant::now() + limits.time + GRACE;
        let mut member = Vec::new();
        loop {
            match receive::<Report>(self.socket.as_fd(), Some(deadline)) {
                Ok((Report::Opening { member: next }, _)) => member = next,
                Ok((Report::Outcome { outcome }, _)) => return Scanned::Outcome(outcome),
                Err(ChannelError::TimedOut) => {
                    self.end();
                    return Scanned::Lost(timed_out(limits, member));
                }
                // Nonsense from a worker means that it is no longer itself.
                Ok((Report::Ready { .. } | Report::Refused { .. }, _))
                | Err(
                    ChannelError::Closed
                    | ChannelError::TooLong(_)
                    | ChannelError::Form(_)
                    | ChannelError::Io(_),
                ) => return Scanned::Lost(self.post_mortem(limits, member)),
            }
        }
    }

    fn post_mortem(&mut self, limits: &Limits, member: Vec<String>) -> ScanFailure {
        // One that is dying by itself is given the time to, so that the cause is its own.
        let until = Instant::now() + GRACE;
        while Instant::now() < until && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let (status, words) = self.end();
        tracing::debug!(?status, words, "a worker was lost");
        let signal = status.and_then(|status| status.signal());
        if words.contains(OUT_OF_MEMORY) {
            ScanFailure::OutOfMemory { member }
        } else if signal == Some(libc::SIGXCPU) {
            timed_out(limits, member)
        } else {
            ScanFailure::WorkerCrashed { signal, member }
        }
    }

    /// Ends the process, and returns how it ended and what it said last.
    fn end(&mut self) -> (Option<ExitStatus>, String) {
        let _ = self.process.kill();
        let status = self.process.wait().ok();
        let mut words = vec![0; LAST_WORDS_BYTES];
        let read = self.last_words.read(&mut words).unwrap_or(0);
        words.truncate(read);
        (status, String::from_utf8_lossy(&words).into_owned())
    }
}

fn timed_out(limits: &Limits, member: Vec<String>) -> ScanFailure {
    ScanFailure::TimedOut {
        limit_ms: u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX),
        member,
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}
