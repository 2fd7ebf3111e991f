//! The tasks in which HTTP/2 runs a connection's handlers.

use hyper::rt::Executor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns the handlers of one connection, so that none outlives it and the server can wait for
/// them all.
#[derive(Clone)]
pub(super) struct Handlers {
    pub(super) tasks: TaskTracker,
    pub(super) end: CancellationToken,
}

impl<F> Executor<F> for Handlers
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, handler: F) {
        let end = self.end.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                _ = handler => {}
                () = end.cancelled() => {}
            }
        });
    }
}
