//! The local command's side.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::local::{Answer, Request};

use super::frame;
use crate::registry::{self, Entry};

/// The agent may copy a large file into quarantine before it answers.
const ANSWER_TIME: Duration = Duration::from_secs(600);

/// Why no agent answered.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(
        "no agent runs on this machine that this user may talk to; start one with \"garrison-agent run\""
    )]
    NoAgent,
    #[error("no agent runs with the folder {path}; start it with \"garrison-agent run --data {path}\", or leave --data away to find another", path = .path.display())]
    NoAgentThere { path: PathBuf },
    #[error("the agent did not answer ({0}); see its log")]
    Broken(#[from] io::Error),
    #[error("{reason}")]
    Refused { reason: String },
    #[error(
        "the agent answered something else than was asked; are command and agent of the same version?"
    )]
    Unexpected,
}

/// A connection to a running agent.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    entry: Entry,
}

impl Client {
    /// Connects to the agent of the folder `data`, or to the first of this machine. `folder` names
    /// another registry than the usual.
    ///
    /// # Errors
    /// When no agent answers.
    pub fn connect(data: Option<&Path>, folder: Option<&Path>) -> Result<Self, ClientError> {
        let uid = rustix::process::geteuid().as_raw();
        for entry in registry::find(data, folder) {
            let Ok(stream) = UnixStream::connect(&entry.socket) else {
                continue;
            };
            let peer = rustix::net::sockopt::socket_peercred(&stream).map_err(io::Error::from)?;
            if ![0, uid].contains(&peer.uid.as_raw()) {
                continue;
            }
            stream.set_read_timeout(Some(ANSWER_TIME))?;
            stream.set_write_timeout(Some(ANSWER_TIME))?;
            return Ok(Self { stream, entry });
        }
        match data {
            Some(data) => Err(ClientError::NoAgentThere {
                path: data.to_owned(),
            }),
            None => Err(ClientError::NoAgent),
        }
    }

    /// Which agent this is.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Asks, with a descriptor beside the question, and waits for the answer and the one beside it.
    ///
    /// # Errors
    /// When the agent refuses or does not answer.
    pub fn ask(
        &mut self,
        question: &Request,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<(Answer, Option<OwnedFd>), ClientError> {
        frame::send(&self.stream, question, descriptor)?;
        let answered = frame::receive::<Answer>(&self.stream)?;
        match answered {
            None => Err(ClientError::Broken(io::ErrorKind::UnexpectedEof.into())),
            Some((Answer::Refused { reason }, _)) => Err(ClientError::Refused { reason }),
            Some(answer) => Ok(answer),
        }
    }
}
