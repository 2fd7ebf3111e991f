//! When a service is to end: a signal, or the end of its lifeline.

use std::io::Read as _;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Completes when standard input is closed, however its other end went.
pub(crate) fn closed() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    // A thread and not a task: a read from a pipe can't be cancelled.
    let spawned = std::thread::Builder::new()
        .name("lifeline".to_owned())
        .spawn(move || {
            let mut ignored = [0_u8; 64];
            let mut input = std::io::stdin().lock();
            loop {
                match input.read(&mut ignored) {
                    Ok(0) => break,
                    Err(error) if error.kind() != std::io::ErrorKind::Interrupted => break,
                    Ok(_) | Err(_) => {}
                }
            }
            let _ = sender.send(());
        });
    if let Err(error) = spawned {
        // The sender is gone, which reads as a closed lifeline: without a watcher this process
        // could outlive its parent.
        tracing::error!("the lifeline can't be watched: {error}");
    }
    receiver
}

/// The signals that ask a process to end.
#[derive(Debug)]
pub(crate) struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl EndSignals {
    /// From now on these signals are kept for [`Self::next`].
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn watch() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal's name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
