//! Whether a connection has requests under way, and since when not.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

/// The requests of one connection. Clones count together.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<State>>);

struct State {
    under_way: usize,
    /// When the last one ended; when the connection was opened, if there was none.
    since: Instant,
    had_any: bool,
}

/// What a connection is at.
pub(super) enum Now {
    Busy,
    /// Waiting for the first request since then.
    Unused(Instant),
    /// Without a request since then.
    Idle(Instant),
}

/// A request that is under way until this is dropped.
pub(super) struct UnderWay(Activity);

/// A response's body that keeps its request under way until it is sent or given up.
pub(super) struct TrackedBody {
    body: Body,
    _under_way: UnderWay,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            under_way: 0,
            since: Instant::now(),
            had_any: false,
        })))
    }

    pub(super) fn begin(&self) -> UnderWay {
        self.with(|state| {
            state.under_way += 1;
            state.had_any = true;
        });
        UnderWay(self.clone())
    }

    pub(super) fn now(&self) -> Now {
        self.with(|state| match (state.under_way, state.had_any) {
            (0, false) => Now::Unused(state.since),
            (0, true) => Now::Idle(state.since),
            _ => Now::Busy,
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl UnderWay {
    pub(super) fn track(self, body: Body) -> TrackedBody {
        TrackedBody {
            body,
            _under_way: self,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.with(|state| {
            state.under_way = state.under_way.saturating_sub(1);
            state.since = Instant::now();
        });
    }
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
