//! A TLS stream that tells when the other side first spoke, and keeps the TLS error that ended
//! it: HTTP libraries pass such errors on as text, and with TLS 1.3 a refused client certificate
//! only shows as an error while reading.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::client::TlsStream;

use crate::tls::TlsError;

/// The TLS error that ended a connection, once there is one.
pub(super) type TlsFailure = Arc<OnceLock<TlsError>>;

pub(super) struct Watched {
    stream: TlsStream<TcpStream>,
    first_byte: Option<oneshot::Sender<()>>,
    failure: TlsFailure,
    pin: Option<[u8; 32]>,
}

impl Watched {
    /// The receiver gets word with the first byte; it fails when the stream ends before.
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        pin: Option<[u8; 32]>,
    ) -> (Self, oneshot::Receiver<()>, TlsFailure) {
        let (sender, receiver) = oneshot::channel();
        let failure = TlsFailure::default();
        let watched = Self {
            stream,
            first_byte: Some(sender),
            failure: Arc::clone(&failure),
            pin,
        };
        (watched, receiver, failure)
    }

    fn note<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled
            && let Some(error) = TlsError::from_io(error, self.pin.as_ref())
        {
            // Only the first counts.
            let _ = self.failure.set(error);
        }
        polled
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before
            && let Some(first_byte) = self.first_byte.take()
        {
            // Nobody may be waiting for it any more.
            let _ = first_byte.send(());
        }
        self.note(polled)
    }
}

impl AsyncWrite for Watched {
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
