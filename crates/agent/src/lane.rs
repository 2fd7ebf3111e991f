//! Work that takes long, one piece after the other, on a thread that exists while there is some.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Piece = Box<dyn FnOnce() + Send>;

/// A bounded queue of work and the thread that does it.
pub(crate) struct Lane {
    shared: Arc<Shared>,
    name: &'static str,
    most: usize,
}

/// The lane is full, or closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Piece>,
    running: bool,
    closed: bool,
}

impl Lane {
    /// A lane in which at most `most` pieces wait.
    pub(crate) fn new(name: &'static str, most: usize) -> Self {
        Self {
            shared: Arc::default(),
            name,
            most,
        }
    }

    /// Has `piece` done when its turn comes.
    pub(crate) fn push(&self, piece: impl FnOnce() + Send + 'static) -> Result<(), Full> {
        let mut state = self.shared.lock();
        if state.closed || state.waiting.len() >= self.most {
            return Err(Full);
        }
        state.waiting.push_back(Box::new(piece));
        if state.running {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(self.name.to_owned());
        let started = thread.spawn(move || {
            let _running = Running(&shared);
            while let Some(piece) = shared.next() {
                piece();
            }
        });
        match started {
            Ok(_) => state.running = true,
            Err(error) => {
                tracing::error!("no thread for {}: {error}", self.name);
                state.waiting.pop_back();
                return Err(Full);
            }
        }
        Ok(())
    }

    /// Takes no more, forgets what waits, and waits for what runs, at most as long as `limit`.
    pub(crate) fn close(&self, limit: Duration) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.waiting.clear();
        let waited = self
            .shared
            .ended
            .wait_timeout_while(state, limit, |state| state.running);
        drop(waited);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Piece> {
        let mut state = self.lock();
        let piece = state.waiting.pop_front();
        // Under the same lock as the look: what is pushed after it finds nobody running.
        if piece.is_none() {
            state.running = false;
        }
        piece
    }
}

/// Says that the thread ended, also when the work panicked.
struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().running = false;
        }
        self.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn pieces_are_done_in_order_and_a_full_lane_refuses() {
        let lane = Lane::new("test", 2);
        let (done, results) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let (begun, started) = mpsc::channel();
        let first = done.clone();
        lane.push(move || {
            begun.send(()).unwrap();
            gate.recv().unwrap();
            first.send(1).unwrap();
        })
        .unwrap();
        started.recv().unwrap();
        for number in [2, 3] {
            let done = done.clone();
            lane.push(move || done.send(number).unwrap()).unwrap();
        }
        assert_eq!(lane.push(|| ()), Err(Full));
        go.send(()).unwrap();
        assert_eq!(results.iter().take(3).collect::<Vec<u32>>(), [1, 2, 3]);
        lane.close(Duration::from_secs(10));
        assert_eq!(lane.push(|| ()), Err(Full));
    }
}
