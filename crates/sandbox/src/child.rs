//! A worker as its pool holds it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{FileOutcome, ScanFailure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};
use scan::Limits;
use scan::yara::RulePart;

use crate::channel::{ChannelError, receive, send};
use crate::last_words::LastWords;
use crate::message::{Names, Order, Report};
use crate::protection::Protection;
use crate::template::{Ends, Template, TemplateError};

/// Time beyond the limit for a file that a worker has to notice the limit itself, and to load rules
/// that nobody needed before.
const GRACE: Duration = Duration::from_secs(3);
/// Time for the kernel to end a process that it was told to.
const END_TIME: Duration = Duration::from_secs(10);
/// What Rust's runtime says before it aborts for want of memory.
const OUT_OF_MEMORY: &str = "memory allocation of ";

/// A running worker that is ready for files. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    template: Arc<Template>,
    process: i32,
    handle: OwnedFd,
    socket: UnixStream,
    last_words: LastWords,
    ended: bool,
    pub(crate) generation: u64,
    pub(crate) protections: Vec<Protection>,
    /// Parts of the YARA rules that it had to load for files, and has for itself alone.
    pub(crate) late: Vec<RulePart>,
}

/// What came of giving a file to a worker.
pub(crate) enum Scanned {
    /// The worker is ready for the next.
    Outcome(FileOutcome),
    /// The worker is lost, and the file with it.
    Lost(ScanFailure),
    /// The worker was lost before it got the file, or with its template: another may try.
    NotSent,
}

impl Worker {
    /// Makes a worker and waits until it is confined.
    pub(crate) fn start(
        template: Arc<Template>,
        time: Duration,
        generation: u64,
    ) -> Result<Self, TemplateError> {
        let ends = Ends::new()
            .map_err(|error| TemplateError::Refused(format!("making a socket: {error}")))?;
        let forked = template.fork(ends.their_socket.as_fd(), ends.their_words.as_fd())?;
        // Only the worker's own copies may keep these open.
        drop((ends.their_socket, ends.their_words));
        let mut worker = Self {
            template,
            process: forked.process,
            handle: forked.handle,
            socket: ends.socket,
            last_words: ends.last_words,
            ended: false,
            generation,
            protections: Vec::new(),
            late: Vec::new(),
        };
        let deadline = Instant::now() + time;
        match receive::<Report>(worker.socket.as_fd(), Some(deadline)) {
            Ok((Report::Ready { protections }, _)) => {
                worker.protections.clone_from(&worker.template.protections);
                worker.protections.extend(protections);
                Ok(worker)
            }
            Ok((Report::Refused { reason }, _)) => Err(TemplateError::Refused(reason)),
            Ok((Report::Opening { .. } | Report::Outcome { .. }, _)) => Err(
                TemplateError::Refused("a worker answered before it was ready".into()),
            ),
            Err(error) => {
                let (status, words) = worker.end();
                let status = status.map_or_else(|| "no status".to_owned(), |s| s.to_string());
                let reason = format!("{error}; {status}; it said {words:?}");
                Err(TemplateError::Refused(reason))
            }
        }
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.process.unsigned_abs()
    }

    /// Gives a file to the worker and waits for its verdict.
    pub(crate) fn scan(
        &mut self,
        file: BorrowedFd<'_>,
        names: Option<&Names>,
        limits: &Limits,
    ) -> Scanned {
        let order = Order::Scan {
            limits: limits.clone(),
            names: names.cloned(),
        };
        if send(self.socket.as_fd(), &order, &[file]).is_err() {
            return Scanned::NotSent;
        }
        let deadline = Instant::now() + limits.time + GRACE;
        let mut member = Vec::new();
        loop {
            match receive::<Report>(self.socket.as_fd(), Some(deadline)) {
                Ok((Report::Opening { member: next }, _)) => member = next,
                Ok((Report::Outcome { outcome, late }, _)) => {
                    self.late.extend(late);
                    return Scanned::Outcome(*outcome);
                }
                Err(ChannelError::TimedOut) => {
                    self.end();
                    return Scanned::Lost(timed_out(limits, member));
                }
                // Nonsense from a worker means that it is no longer itself.
                Ok((Report::Ready { .. } | Report::Refused { .. }, _))
                | Err(
                    ChannelError::Closed
                    | ChannelError::TooLong(_)
                    | ChannelError::TooManyDescriptors(_)
                    | ChannelError::Form(_)
                    | ChannelError::Io(_),
                ) => return self.post_mortem(limits, member),
            }
        }
    }

    fn post_mortem(&mut self, limits: &Limits, member: Vec<String>) -> Scanned {
        // One that is dying by itself is given the time to, so that the cause is its own.
        self.wait(GRACE);
        let (status, words) = self.end();
        tracing::debug!(?status, words, "a worker was lost");
        // The template is lost, and took its workers with it: no fault of the file's, which can't
        // reach the template.
        let Some(status) = status else {
            return Scanned::NotSent;
        };
        let signal = status.signal();
        Scanned::Lost(if words.contains(OUT_OF_MEMORY) {
            ScanFailure::OutOfMemory { member }
        } else if signal == Some(libc::SIGXCPU) {
            timed_out(limits, member)
        } else {
            ScanFailure::WorkerCrashed { signal, member }
        })
    }

    /// Ends the process, and returns how it ended and what it said last.
    fn end(&mut self) -> (Option<ExitStatus>, String) {
        if self.ended {
            return (None, String::new());
        }
        self.ended = true;
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
        self.wait(END_TIME);
        let status = self.template.reap(self.process).map(ExitStatus::from_raw);
        (status, self.last_words.read())
    }

    /// Waits until the process has ended, or the time is over.
    fn wait(&self, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(left) = Timespec::try_from(left) else {
                return;
            };
            let mut handles = [PollFd::from_borrowed_fd(self.handle.as_fd(), PollFlags::IN)];
            match poll(&mut handles, Some(&left)) {
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return,
            }
        }
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
