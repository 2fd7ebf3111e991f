//! A worker's life.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use model::{FileOutcome, ScanFailure};
use scan::yara::FileNames;
use scan::{Input, Limits, Scanner, Watch};

use super::memory::Memory;
use super::{Hook, Stop, refused};
use crate::channel::{has_come, receive, send};
use crate::message::{Names, Order, Report};
use crate::protection::Protection;
use crate::{confine, content};

/// Processor time beyond the time for a file, before the kernel ends the worker: the pool, while
/// there is one, ends it sooner.
const PROCESSOR_GRACE_SECONDS: u64 = 10;
/// Time for the scan that a worker begins with, before it is confined; a rule that never ends must
/// not keep it from the rest.
const WARM_UP_TIME: Duration = Duration::from_secs(1);
/// A worker without work for so long gives back what it does not need to wait.
const REST: Duration = Duration::from_secs(1);

pub(super) fn serve(
    socket: BorrowedFd<'_>,
    scanner: &mut Scanner<'_>,
    memory: &mut Memory,
    hook: &mut Hook<'_>,
) -> Result<(), Stop> {
    let begun = begin(scanner);
    memory.rest();
    match begun {
        Ok(protections) => send(socket, &Report::Ready { protections }, &[])?,
        Err(Stop::Closed) => return Err(Stop::Closed),
        Err(Stop::Refused(reason)) => {
            send(socket, &Report::Refused { reason }, &[])?;
            return Err(Stop::Closed);
        }
    }
    loop {
        if !has_come(socket, Instant::now() + REST)? {
            memory.rest();
            confine::give_back_memory();
        }
        let (order, mut attached) = receive::<Order>(socket, None)?;
        let (Order::Scan { limits, names }, Some(file)) = (order, attached.pop()) else {
            return Err(Stop::Closed);
        };
        let outcome = scan(socket, scanner, file.as_fd(), names.as_ref(), &limits, hook);
        drop(file);
        let (files, bytes) = size(&outcome);
        memory.scanned(files, bytes);
        let report = Report::Outcome {
            outcome: Box::new(outcome),
            late: scanner.take_late_parts(),
        };
        send(socket, &report, &[])?;
    }
}

/// How many files and members were looked at for an outcome, and how many bytes of them.
fn size(outcome: &FileOutcome) -> (u64, u64) {
    match outcome {
        FileOutcome::Judged { verdict } => {
            (verdict.members.saturating_add(1), verdict.scanned_bytes)
        }
        FileOutcome::Failed { .. } | FileOutcome::Skipped { .. } => (1, 0),
    }
}

fn begin(scanner: &mut Scanner<'_>) -> Result<Vec<Protection>, Stop> {
    confine::rename_worker().map_err(refused)?;
    confine::close_inherited().map_err(refused)?;
    // Afterwards no thread can be made.
    scanner.start_clock();
    // Of nothing, so that it reads next to nothing of the definitions.
    let limits = Limits {
        time: WARM_UP_TIME,
        ..Limits::default()
    };
    scanner.scan(Input::whole(b""), &limits, &mut Clock::new(|_| {}));
    limit_processor_time(&Limits::default())?;
    confine::end_threads().map_err(refused)?;
    // Never without: a worker that can't be kept from calling the kernel reads no file.
    confine::restrict_system_calls().map_err(Stop::Refused)?;
    Ok(vec![Protection::active("seccomp")])
}

fn limit_processor_time(limits: &Limits) -> Result<(), Stop> {
    let seconds = limits
        .time
        .as_secs()
        .saturating_add(PROCESSOR_GRACE_SECONDS);
    confine::limit_processor_seconds(seconds).map_err(refused)
}

fn scan(
    socket: BorrowedFd<'_>,
    scanner: &mut Scanner<'_>,
    file: BorrowedFd<'_>,
    names: Option<&Names>,
    limits: &Limits,
    hook: &mut Hook<'_>,
) -> FileOutcome {
    if let Err(Stop::Refused(reason)) = limit_processor_time(limits) {
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
        // If the pool is gone, the next order will tell.
        let _ = send(socket, &report, &[]);
        hook(member, &[]);
    });
    let names = names.map(|names| FileNames {
        owner: names.owner.clone(),
        ..FileNames::of_path(&names.path)
    });
    let mut input = Input::prefix(&content.bytes, content.size);
    if let Some(names) = &names {
        input = input.named(names);
    }
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
