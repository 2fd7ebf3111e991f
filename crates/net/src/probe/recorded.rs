//! A stream that keeps what the other side said first, and the TLS error that ended it.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::MAX_FIRST_BYTES;
use crate::tls::TlsError;

/// A stream under observation.
pub(super) struct Recorded<S> {
    stream: S,
    record: Record,
}

/// What was heard. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Record(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    first_bytes: Vec<u8>,
    tls: Option<TlsError>,
}

impl<S> Recorded<S> {
    pub(super) fn new(stream: S) -> (Self, Record) {
        let record = Record::default();
        let recorded = Self {
            stream,
            record: record.clone(),
        };
        (recorded, record)
    }

    fn note<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled
            && let Some(error) = TlsError::from_io(error, None)
        {
            self.record.with(|heard| {
                heard.tls.get_or_insert(error);
            });
        }
        polled
    }
}

impl Record {
    pub(super) fn first_bytes(&self) -> Vec<u8> {
        self.with(|heard| heard.first_bytes.clone())
    }

    pub(super) fn tls_error(&self) -> Option<TlsError> {
        self.with(|heard| heard.tls.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Heard) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The TLS error somewhere behind an error.
pub(super) fn tls_behind(error: &(dyn Error + 'static)) -> Option<TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && let Some(tls) = TlsError::from_io(io, None)
        {
            return Some(tls);
        }
        next = error.source();
    }
    None
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let new = buffer.filled().get(before..).unwrap_or_default();
        if !new.is_empty() {
            self.record.with(|heard| {
                let room = MAX_FIRST_BYTES.saturating_sub(heard.first_bytes.len());
                heard.first_bytes.extend(new.iter().take(room));
            });
        }
        self.note(polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.note(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
