//! The other side: the template that a pool starts, and the workers that the template makes.
//!
//! A template opens and loads definitions and then forks a worker whenever it is told to, so that
//! a worker costs no loading and shares what was loaded. It has one thread, and reads nothing but
//! signed definitions and its pool's orders. A worker reads orders and files; a second thread of
//! its own is yara-x's clock.

mod memory;
mod scanning;
mod template;

use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;

use crate::channel::{ChannelError, send};
use crate::message::TemplateReport;

/// Called with the path of each member about to be read (empty for the file itself) and, for the
/// file itself, its bytes.
type Hook<'h> = dyn FnMut(&[String], &[u8]) + 'h;

/// The whole life of a template and of its workers: the hidden `worker` subcommand calls this at
/// once, before it starts a thread or opens a file. Standard input is the socket to the pool,
/// standard error a pipe to it.
#[must_use]
pub fn run() -> ExitCode {
    run_hooked(&mut |_, _| {})
}

/// As [`run`], with code of the caller's inside the workers' confinement. It lets tests do there
/// what a captured parser would.
#[doc(hidden)]
#[must_use]
pub fn run_hooked(hook: &mut Hook<'_>) -> ExitCode {
    // For the rest of the process's life; in a worker the same number is the worker's own socket.
    let input: &'static std::io::Stdin = Box::leak(Box::new(std::io::stdin()));
    let socket: BorrowedFd<'static> = input.as_fd();
    match template::serve(socket, hook) {
        Ok(()) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Refused(reason)) => {
            let _ = send(socket, &TemplateReport::Refused { reason }, &[]);
            ExitCode::FAILURE
        }
    }
}

/// Why a process ends.
enum Stop {
    /// The pool closed the socket.
    Closed,
    Refused(String),
}

impl From<ChannelError> for Stop {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Closed => Self::Closed,
            ChannelError::TimedOut
            | ChannelError::TooLong(_)
            | ChannelError::TooManyDescriptors(_)
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
