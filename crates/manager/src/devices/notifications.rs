//! The stream that only says "check in now".

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use proto::agent::Notification;
use proto::api::Changed;
use tokio::sync::watch;

use super::holder::{Holder, require_active};
use super::roster::{Entry, Signal};
use crate::refusal::Refusal;
use crate::site::Site;

/// A line goes out at least this often.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// Counts a device as connected while it lives.
struct Connected {
    site: Arc<Site>,
    entry: Arc<Entry>,
}

impl Connected {
    fn new(site: &Arc<Site>, entry: &Arc<Entry>) -> Self {
        let first = entry.change(|live| {
            live.streams += 1;
            live.streams == 1
        });
        if first {
            site.tell(Changed::Device, entry.id);
        }
        Self {
            site: Arc::clone(site),
            entry: Arc::clone(entry),
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let last = self.entry.change(|live| {
            live.streams = live.streams.saturating_sub(1);
            live.streams == 0
        });
        if last {
            self.site.tell(Changed::Device, self.entry.id);
        }
    }
}

/// One open stream.
struct Stream {
    connected: Connected,
    signal: watch::Receiver<Signal>,
    seen: Signal,
    greeted: bool,
}

/// Opens the stream. Its first line comes at once, so that the device knows it is heard.
///
/// # Errors
/// When the device was revoked or suspended meanwhile.
pub(super) fn open(site: &Arc<Site>, holder: &Holder) -> Result<Response, Refusal> {
    let signal = holder.entry.watch();
    let seen = *signal.borrow();
    // Only now: a revocation before this is seen here, one after it ends the stream.
    require_active(holder.entry.standing())?;
    let stream = Stream {
        connected: Connected::new(site, &holder.entry),
        signal,
        seen,
        greeted: false,
    };
    let lines = stream::unfold(stream, |mut stream| async move {
        let line = next(&mut stream).await?;
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        Some((Ok::<_, Infallible>(Bytes::from(bytes)), stream))
    });
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/jsonlines"),
    );
    Ok(response)
}

/// The next line; `None` at the end. Whatever was asked while the stream was busy is one line.
async fn next(stream: &mut Stream) -> Option<Notification> {
    if !stream.greeted {
        stream.greeted = true;
        return Some(Notification::StillHere);
    }
    let end = stream.connected.site.shutdown.clone();
    tokio::select! {
        () = end.cancelled() => None,
        changed = stream.signal.changed() => {
            changed.ok()?;
            let signal = *stream.signal.borrow_and_update();
            let ended = signal.ended != stream.seen.ended;
            stream.seen = signal;
            (!ended).then_some(Notification::CheckIn)
        }
        () = tokio::time::sleep(KEEP_ALIVE) => Some(Notification::StillHere),
    }
}
