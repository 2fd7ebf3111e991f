//! The agent's side: a thread that accepts, and one for each client while it is there.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use proto::local::{Answer, Request};
use rustix::event::{PollFd, PollFlags};

use super::frame;
use super::rate::Rate;
use super::request;
use crate::core::Core;
use crate::registry::{Registered, RegistryError};

/// Clients at one time; more are turned away.
const MOST_CLIENTS: usize = 32;
/// A client that sends or takes nothing for so long is let go of. A scan of one huge file may be
/// silent for long.
const SILENCE: Duration = Duration::from_secs(3600);
/// A client must take an answer within this time.
const TAKING: Duration = Duration::from_secs(10);

/// Why local commands can't be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("the control socket: {0}")]
    Socket(#[from] io::Error),
}

/// The served socket.
pub(crate) struct Server {
    end: UnixStream,
    thread: JoinHandle<()>,
}

impl Server {
    /// Serves in a thread of its own, and enters the agent in the registry.
    pub(crate) fn start(core: Arc<Core>, registry: Option<&Path>) -> Result<Self, ServerError> {
        let registered = Registered::enter(core.folder.root(), registry)?;
        // The folder's lock is held, so whoever served this name before is gone.
        match std::fs::remove_file(registered.socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let listener = UnixListener::bind(registered.socket())?;
        let everybody = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(registered.socket(), everybody)?;
        listener.set_nonblocking(true)?;
        registered.publish()?;
        let (end, ended) = UnixStream::pair()?;
        let thread = std::thread::Builder::new()
            .name("local".to_owned())
            .spawn(move || {
                accept(&core, &listener, &ended);
                drop(registered);
            })?;
        Ok(Self { end, thread })
    }

    /// Accepts no more, and leaves the registry. Clients that are there are not waited for.
    pub(crate) fn stop(self) {
        drop(self.end);
        if self.thread.join().is_err() {
            tracing::error!("the thread for local commands failed");
        }
    }
}

fn accept(core: &Arc<Core>, listener: &UnixListener, ended: &UnixStream) {
    let clients = Arc::new(AtomicUsize::new(0));
    let rate = Arc::new(Mutex::new(Rate::default()));
    loop {
        let mut waiting = [
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(ended, PollFlags::IN),
        ];
        if let Err(error) = rustix::event::poll(&mut waiting, None)
            && error != rustix::io::Errno::INTR
        {
            tracing::error!("waiting for local commands failed: {error}");
            return;
        }
        let [incoming, end] = waiting;
        if !end.revents().is_empty() {
            return;
        }
        if incoming.revents().is_empty() {
            continue;
        }
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => {
                // Out of descriptors, most likely: not in a busy loop.
                tracing::warn!("accepting a local command failed: {error}");
                std::thread::sleep(Duration::from_millis(200));
                continue;
            }
        };
        if clients.fetch_add(1, Ordering::Relaxed) >= MOST_CLIENTS {
            clients.fetch_sub(1, Ordering::Relaxed);
            turn_away(&stream);
            continue;
        }
        let place = Place(Arc::clone(&clients));
        let core = Arc::clone(core);
        let rate = Arc::clone(&rate);
        let spawned = std::thread::Builder::new()
            .name("local client".to_owned())
            .spawn(move || {
                let _place = place;
                if let Err(error) = serve(&core, &rate, &stream) {
                    tracing::debug!("a local command ended: {error}");
                }
            });
        if let Err(error) = spawned {
            tracing::warn!("no thread for a local command: {error}");
        }
    }
}

fn serve(core: &Arc<Core>, rate: &Mutex<Rate>, stream: &UnixStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(TAKING))?;
    let peer = rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw();
    while let Some((question, descriptor)) = frame::receive::<Request>(stream)? {
        let (answer, beside) = request::answer(core, rate, peer, question, descriptor);
        frame::send(stream, &answer, beside.as_ref().map(|fd| fd.as_fd()))?;
    }
    Ok(())
}

fn turn_away(stream: &UnixStream) {
    let reason = format!("{MOST_CLIENTS} local commands are under way; try again later");
    let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
    let _ = frame::send(stream, &Answer::Refused { reason }, None);
}

/// One client's place.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
