//! A template as its pool holds it: a confined process that has loaded one set of definitions and
//! does nothing but make workers, each a copy of itself.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};
use scan::TrustedKeys;
use scan::yara::RulePart;

use crate::channel::{ChannelError, receive, send};
use crate::last_words::LastWords;
use crate::message::{TemplateOrder, TemplateReport};
use crate::pool::WorkerCommand;
use crate::protection::Protection;
use crate::sealed::Sealed;

/// Time for anything but loading.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// Why a template did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// It lives, and says why.
    #[error("{0}")]
    Refused(String),
    /// It is lost, and with it all its workers.
    #[error("{0}")]
    Gone(String),
}

/// A running template. It ends when this is dropped, and its workers with it.
#[derive(Debug)]
pub(crate) struct Template {
    process: Mutex<Process>,
    pub(crate) protections: Vec<Protection>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    socket: UnixStream,
    last_words: LastWords,
    /// Parts of the YARA rules that it was told to load besides those that it begins with.
    told: BTreeSet<RulePart>,
}

/// A new worker's process.
pub(crate) struct Forked {
    pub(crate) process: i32,
    /// Refers to the process and to no other, whatever becomes of its number.
    pub(crate) handle: OwnedFd,
}

/// A socket to a new process and a pipe for what it says last; its own ends of both.
pub(crate) struct Ends {
    pub(crate) socket: UnixStream,
    pub(crate) last_words: LastWords,
    pub(crate) their_socket: OwnedFd,
    pub(crate) their_words: OwnedFd,
}

impl Ends {
    pub(crate) fn new() -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        // Never blocking, so that a process can't be stopped by what it says.
        let (last_words, their_words) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self {
            socket,
            last_words: LastWords::new(last_words),
            their_socket: theirs.into(),
            their_words,
        })
    }
}

impl Template {
    /// Starts a template and waits until it is confined and has opened the definitions. It loads
    /// them when it is told to: two that are loaded need twice the memory.
    pub(crate) fn start(
        command: &WorkerCommand,
        definitions: &Sealed,
        trusted: &TrustedKeys,
        memory_bytes: u64,
        time: Duration,
    ) -> Result<Self, TemplateError> {
        let gone = |step: &str, error: io::Error| TemplateError::Gone(format!("{step}: {error}"));
        let ends = Ends::new().map_err(|error| gone("making a socket", error))?;
        let child = Command::new(&command.program)
            .args(&command.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(ends.their_socket))
            .stdout(Stdio::null())
            .stderr(Stdio::from(ends.their_words))
            .spawn()
            .map_err(|error| gone(&format!("starting {}", command.program.display()), error))?;
        let mut process = Process {
            child,
            socket: ends.socket,
            last_words: ends.last_words,
            told: BTreeSet::new(),
        };
        let order = TemplateOrder::Open {
            trusted: trusted.iter().map(ToString::to_string).collect(),
            kept: definitions.kept(),
            memory_bytes,
        };
        match process.ask(&order, &[definitions.as_fd()], time)? {
            (TemplateReport::Opened { protections }, _) => Ok(Self {
                process: Mutex::new(process),
                protections,
            }),
            (report, _) => Err(process.nonsense(&report)),
        }
    }

    /// Loads what most files need.
    pub(crate) fn load(&self, time: Duration) -> Result<(), TemplateError> {
        let mut process = self.process();
        match process.ask(&TemplateOrder::Load, &[], time)? {
            (TemplateReport::Loaded, _) => Ok(()),
            (report, _) => Err(process.nonsense(&report)),
        }
    }

    /// Loads parts of the YARA rules besides, each once.
    pub(crate) fn load_parts(
        &self,
        parts: &BTreeSet<RulePart>,
        time: Duration,
    ) -> Result<(), TemplateError> {
        let mut process = self.process();
        let parts: Vec<RulePart> = parts.difference(&process.told).copied().collect();
        if parts.is_empty() {
            return Ok(());
        }
        process.told.extend(&parts);
        match process.ask(&TemplateOrder::LoadParts { parts }, &[], time)? {
            (TemplateReport::Loaded, _) => Ok(()),
            (report, _) => Err(process.nonsense(&report)),
        }
    }

    /// Makes a worker with these ends of its socket and its pipe.
    pub(crate) fn fork(
        &self,
        socket: BorrowedFd<'_>,
        last_words: BorrowedFd<'_>,
    ) -> Result<Forked, TemplateError> {
        let mut process = self.process();
        let attached = [socket, last_words];
        match process.ask(&TemplateOrder::Fork, &attached, ANSWER_TIME)? {
            (TemplateReport::Forked { process }, Some(handle)) => Ok(Forked { process, handle }),
            (report, _) => Err(process.nonsense(&report)),
        }
    }

    /// How a worker that has ended did so, as `wait(2)` tells it.
    pub(crate) fn reap(&self, worker: i32) -> Option<i32> {
        let mut process = self.process();
        let order = TemplateOrder::Reap { process: worker };
        match process.ask(&order, &[], ANSWER_TIME) {
            Ok((TemplateReport::Ended { status }, _)) => status,
            Ok(_) | Err(_) => None,
        }
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.process().child.id()
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    fn ask(
        &mut self,
        order: &TemplateOrder,
        attached: &[BorrowedFd<'_>],
        time: Duration,
    ) -> Result<(TemplateReport, Option<OwnedFd>), TemplateError> {
        let deadline = Instant::now() + time;
        let answer = send(self.socket.as_fd(), order, attached)
            .and_then(|()| receive::<TemplateReport>(self.socket.as_fd(), Some(deadline)));
        match answer {
            Ok((TemplateReport::Refused { reason }, _)) => Err(TemplateError::Refused(reason)),
            Ok((report, mut descriptors)) => Ok((report, descriptors.pop())),
            Err(error) => Err(self.lost(&error)),
        }
    }

    fn nonsense(&mut self, report: &TemplateReport) -> TemplateError {
        let _ = self.child.kill();
        TemplateError::Gone(format!("it answered out of turn: {report:?}"))
    }

    fn lost(&mut self, error: &ChannelError) -> TemplateError {
        let _ = self.child.kill();
        let status = self.child.wait().ok();
        let status = status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
        let words = self.last_words.read();
        TemplateError::Gone(format!("{error}; {status}; it said {words:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
