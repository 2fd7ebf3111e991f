//! The child's side: one thread that reads orders, and two that only wait (for the parent to be
//! gone, and yara-x's clock).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use model::{FileOutcome, ScanFailure};
use rustix::event::{PollFd, PollFlags, poll};
use scan::{Definitions, Input, Limits, PublicKey, Scanner, TrustedKeys, VerifyMode, Watch};

use crate::channel::{ChannelError, receive, send};
use crate::message::{Order, Report};
use crate::protection::Protection;
use crate::sealed::Sealed;
use crate::{confine, content, map};

/// Processor time beyond the time for a file, before the kernel ends the worker: the parent,
/// while there is one, ends it sooner.
const PROCESSOR_GRACE_SECONDS: u64 = 10;
/// Exit code of a worker whose parent is gone.
const PARENT_GONE: i32 = 3;

/// Called with the path of each member about to be read (empty for the file itself) and, for the
/// file itself, its bytes.
type Hook<'h> = dyn FnMut(&[String], &[u8]) + 'h;

/// The whole life of a worker: the hidden `worker` subcommand calls this at once, before it starts
/// a thread or opens a file. Standard input is the socket to the parent, standard error a pipe to
/// it.
#[must_use]
pub fn run() -> ExitCode {
    run_hooked(&mut |_, _| {})
}

/// As [`run`], with code of the caller's inside the confinement. It lets tests do there what a
/// captured parser would.
#[doc(hidden)]
#[must_use]
pub fn run_hooked(hook: &mut Hook<'_>) -> ExitCode {
    // For the rest of the process's life, as a thread holds it too.
    let input: &'static std::io::Stdin = Box::leak(Box::new(std::io::stdin()));
    let socket = input.as_fd();
    match serve(socket, hook) {
        Ok(()) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Refused(reason)) => {
            let _ = send(socket, &Report::Refused { reason }, None);
            ExitCode::FAILURE
        }
    }
}

/// Why a worker ends.
enum Stop {
    /// The parent closed the socket.
    Closed,
    Refused(String),
}

impl From<ChannelError> for Stop {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Closed => Self::Closed,
            ChannelError::TimedOut
            | ChannelError::TooLong(_)
            | ChannelError::Form(_)
            | ChannelError::Io(_) => Self::Refused(error.to_string()),
        }
    }
}

fn refused(error: impl std::error::Error) -> Stop {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason.push_str(": ");
        reason.push_str(&cause.to_string());
        source = cause.source();
    }
    Stop::Refused(reason)
}

fn serve(socket: BorrowedFd<'static>, hook: &mut Hook<'_>) -> Result<(), Stop> {
    confine::begin().map_err(refused)?;
    let (order, attached) = receive::<Order>(socket, None)?;
    let (
        Order::Start {
            trusted,
            memory_bytes,
        },
        Some(attached),
    ) = (order, attached)
    else {
        return Err(Stop::Refused("expected to be started first".into()));
    };
    let mut protections = confine::restrict(memory_bytes).map_err(refused)?;
    let definitions = load(attached, &trusted)?;
    let mut scanner = Scanner::new(&definitions);
    warm_up(&mut scanner)?;
    watch_parent(socket)?;
    confine::end_threads().map_err(refused)?;
    // Never without: a worker that can't be kept from calling the kernel reads no file.
    confine::restrict_system_calls().map_err(Stop::Refused)?;
    protections.push(Protection::active("seccomp"));
    send(socket, &Report::Ready { protections }, None)?;
    loop {
        let (order, attached) = receive::<Order>(socket, None)?;
        let (Order::Scan { limits }, Some(file)) = (order, attached) else {
            return Err(Stop::Refused("expected a file to scan".into()));
        };
        let outcome = scan(socket, &mut scanner, file.as_fd(), &limits, hook);
        drop(file);
        send(socket, &Report::Outcome { outcome }, None)?;
    }
}

fn load(attached: OwnedFd, trusted: &[String]) -> Result<Definitions, Stop> {
    let sealed = Sealed::from_fd(attached).map_err(refused)?;
    let mapped = map::map(&sealed).map_err(refused)?;
    let trusted = trusted
        .iter()
        .map(|key| PublicKey::parse(key))
        .collect::<Result<TrustedKeys, _>>()
        .map_err(refused)?;
    // The parent has checked every page of this very memory.
    Definitions::open(mapped, &trusted, VerifyMode::HeaderPage).map_err(refused)
}

/// The first time sets up what may not be set up later: threads, signal handlers, and what
/// rustix asks the kernel about the process.
fn warm_up(scanner: &mut Scanner<'_>) -> Result<(), Stop> {
    let mut watch = Clock::new(|_| {});
    let limits = Limits::default();
    scanner.scan(Input::whole(b"warm-up"), &limits, &mut watch);
    let seconds = limits
        .time
        .as_secs()
        .saturating_add(PROCESSOR_GRACE_SECONDS);
    confine::limit_processor_seconds(seconds).map_err(refused)
}

/// Ends the process when the parent is gone, whatever the scanning thread is doing.
fn watch_parent(socket: BorrowedFd<'static>) -> Result<(), Stop> {
    let (started, has_started) = sync_channel(1);
    thread::Builder::new()
        .name("parent".into())
        .spawn(move || {
            let _ = started.send(());
            loop {
                let mut sockets = [PollFd::from_borrowed_fd(socket, PollFlags::RDHUP)];
                if poll(&mut sockets, None).is_ok() {
                    std::process::exit(PARENT_GONE);
                }
            }
        })
        .map_err(refused)?;
    // What a thread calls while it starts is denied afterwards.
    has_started.recv().map_err(refused)
}

fn scan(
    socket: BorrowedFd<'_>,
    scanner: &mut Scanner<'_>,
    file: BorrowedFd<'_>,
    limits: &Limits,
    hook: &mut Hook<'_>,
) -> FileOutcome {
    let seconds = limits
        .time
        .as_secs()
        .saturating_add(PROCESSOR_GRACE_SECONDS);
    if let Err(error) = confine::limit_processor_seconds(seconds) {
        let reason = error.to_string();
        return FileOutcome::Failed {
            failure: ScanFailure::NoWorker { reason },
        };
    }
    let content = match content::read(file, limits.file_bytes) {
        Ok(content) => content,
        Err(failure) => return FileOutcome::Failed { failure },
    };
    hook(&[], &content.bytes);
    let mut watch = Clock::new(|member: &[String]| {
        let report = Report::Opening {
            member: member.to_vec(),
        };
        // If the parent is gone, the next order will tell.
        let _ = send(socket, &report, None);
        hook(member, &[]);
    });
    let input = Input::prefix(&content.bytes, content.size);
    let verdict = scanner.scan(input, limits, &mut watch);
    FileOutcome::Judged { verdict }
}

struct Clock<F> {
    started: Instant,
    opening: F,
}

impl<F: FnMut(&[String])> Clock<F> {
    fn new(opening: F) -> Self {
        Self {
            started: Instant::now(),
            opening,
        }
    }
}

impl<F: FnMut(&[String])> Watch for Clock<F> {
    fn now(&mut self) -> Duration {
        self.started.elapsed()
    }

    fn opening(&mut self, member: &[String]) {
        (self.opening)(member);
    }
}
