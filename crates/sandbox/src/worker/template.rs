//! The template's life.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, getppid, pidfd_open,
    set_parent_process_death_signal, waitpid,
};
use scan::{Definitions, DefinitionsFile, PublicKey, Scanner, TrustedKeys, VerifyMode};

use super::memory::Memory;
use super::{Hook, Stop, refused, scanning};
use crate::channel::{receive, send};
use crate::confine;
use crate::map::{self, Mapped};
use crate::message::{TemplateOrder, TemplateReport};
use crate::sealed::Sealed;

pub(super) fn serve(socket: BorrowedFd<'static>, hook: &mut Hook<'_>) -> Result<(), Stop> {
    // The first regular expression of a process reads a file in /proc to learn how many processors
    // there are; later that would end the process.
    let _ = regex_automata::meta::Config::new().get_pool_capacity();
    confine::begin(c"garrison-templ").map_err(refused)?;
    let (order, mut attached) = receive::<TemplateOrder>(socket, None)?;
    let (
        TemplateOrder::Open {
            trusted,
            kept,
            memory_bytes,
        },
        Some(definitions),
    ) = (order, attached.pop())
    else {
        return Err(Stop::Refused(
            "expected to be given definitions first".into(),
        ));
    };
    let protections = confine::restrict(memory_bytes).map_err(refused)?;
    confine::restrict_template_calls().map_err(Stop::Refused)?;
    let mapped = map::map(&Sealed::from_pool(definitions, kept)).map_err(refused)?;
    let file = open(mapped.clone(), &trusted)?;
    // All hashes of pages were read for the signature.
    mapped.let_go(mapped.range());
    send(socket, &TemplateReport::Opened { protections }, &[])?;
    let (TemplateOrder::Load, _) = receive::<TemplateOrder>(socket, None)? else {
        return Err(Stop::Refused("expected to load definitions second".into()));
    };
    let definitions = Definitions::load(file).map_err(refused)?;
    let mut memory = Memory::new(mapped, definitions.hot());
    memory.rest();
    definitions
        .load_first(&mut || memory.rest())
        .map_err(refused)?;
    let mut scanner = Scanner::new(&definitions);
    scanner.prepare();
    memory.rest();
    confine::give_back_memory();
    send(socket, &TemplateReport::Loaded, &[])?;
    loop {
        let (order, attached) = receive::<TemplateOrder>(socket, None)?;
        match order {
            TemplateOrder::Open { .. } | TemplateOrder::Load => {
                return Err(Stop::Refused("expected definitions only once".into()));
            }
            TemplateOrder::LoadParts { parts } => {
                let loaded = definitions.load_parts(&parts, &mut || memory.rest());
                scanner.prepare();
                memory.rest();
                confine::give_back_memory();
                let report = match loaded {
                    Ok(()) => TemplateReport::Loaded,
                    Err(error) => TemplateReport::Refused {
                        reason: error.to_string(),
                    },
                };
                send(socket, &report, &[])?;
            }
            TemplateOrder::Fork => {
                let Ok([theirs, words]) = <[OwnedFd; 2]>::try_from(attached) else {
                    return Err(Stop::Refused("expected a socket and a pipe".into()));
                };
                match fork(getpid())? {
                    Side::Template(worker) => {
                        drop((theirs, words));
                        forked(socket, worker)?;
                    }
                    Side::Worker => {
                        become_worker(&theirs, &words)?;
                        drop((theirs, words));
                        return scanning::serve(socket, &mut scanner, &mut memory, hook);
                    }
                }
            }
            TemplateOrder::Reap { process } => {
                let status = Pid::from_raw(process)
                    .and_then(|worker| waitpid(Some(worker), WaitOptions::NOHANG).ok())
                    .flatten()
                    .map(|(_, status)| status.as_raw());
                send(socket, &TemplateReport::Ended { status }, &[])?;
            }
        }
    }
}

/// Checks structure and signature. What is in it is read when it is loaded, once the definitions
/// before have made room.
fn open(mapped: Mapped, trusted: &[String]) -> Result<DefinitionsFile, Stop> {
    let trusted = trusted
        .iter()
        .map(|key| PublicKey::parse(key))
        .collect::<Result<TrustedKeys, _>>()
        .map_err(refused)?;
    // Whoever reads a page first compares it: this process while it loads, each worker afterwards.
    DefinitionsFile::open(mapped, &trusted, VerifyMode::WhenTouched).map_err(refused)
}

/// Which of the two processes this is, after a fork.
enum Side {
    Template(Pid),
    Worker,
}

fn fork(template: Pid) -> Result<Side, Stop> {
    // SAFETY: a copy of a process with one thread has no lock that somebody held and nobody will
    // release. The template starts no thread: it runs nothing but `serve` above.
    #[allow(
        unsafe_code,
        reason = "making a copy of the process is what a template is for"
    )]
    let process = unsafe { libc::fork() };
    if process > 0 {
        let worker = Pid::from_raw(process);
        return worker
            .map(Side::Template)
            .ok_or_else(|| Stop::Refused("a process has no number".into()));
    }
    if process < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Stop::Refused(format!("no process could be made: {error}")));
    }
    // A template ends when its pool closes the socket, and takes its workers with it, whatever
    // they are doing.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(refused)?;
    if getppid() == Some(template) {
        Ok(Side::Worker)
    } else {
        Err(Stop::Closed)
    }
}

fn forked(socket: BorrowedFd<'_>, worker: Pid) -> Result<(), Stop> {
    let process = worker.as_raw_nonzero().get();
    let handle = pidfd_open(worker, PidfdFlags::empty()).map_err(refused)?;
    send(
        socket,
        &TemplateReport::Forked { process },
        &[std::os::fd::AsFd::as_fd(&handle)],
    )?;
    Ok(())
}

/// Puts a worker's own socket and error output in the places of the template's.
fn become_worker(socket: &OwnedFd, words: &OwnedFd) -> Result<(), Stop> {
    for (own, place) in [(socket, 0), (words, 2)] {
        // SAFETY: only standard input and error output change, which nothing in this process owns:
        // the borrow of standard input is of a number that stays open.
        #[allow(unsafe_code, reason = "no object owns a standard stream")]
        let result = unsafe { libc::dup2(own.as_raw_fd(), place) };
        if result < 0 {
            return Err(refused(std::io::Error::last_os_error()));
        }
    }
    Ok(())
}
