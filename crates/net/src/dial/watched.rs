//! A TLS stream that tells when the other side first spoke, and keeps the TLS error that ended
//! it: HTTP libraries pass such errors on as text, and with TLS 1.3 a refused client certificate
//! only shows as an error while reading.

use std::io;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::client::TlsStream;

use crate::observed::{Observed, Observer};
use crate::tls::TlsError;

/// The TLS error that ended a connection, once there is one.
pub(super) type TlsFailure = Arc<OnceLock<TlsError>>;

pub(super) type Watched = Observed<TlsStream<TcpStream>, Watcher>;

pub(super) struct Watcher {
    first_byte: Option<oneshot::Sender<()>>,
    failure: TlsFailure,
    pin: Option<[u8; 32]>,
}

/// The receiver gets word with the first byte; it fails when the stream ends before.
pub(super) fn watched(
    stream: TlsStream<TcpStream>,
    pin: Option<[u8; 32]>,
) -> (Watched, oneshot::Receiver<()>, TlsFailure) {
    let (sender, receiver) = oneshot::channel();
    let failure = TlsFailure::default();
    let watcher = Watcher {
        first_byte: Some(sender),
        failure: Arc::clone(&failure),
        pin,
    };
    (Observed::by(watcher, stream), receiver, failure)
}

impl Observer for Watcher {
    fn heard(&mut self, _bytes: &[u8]) {
        if let Some(first_byte) = self.first_byte.take() {
            // Nobody may be waiting for it any more.
            let _ = first_byte.send(());
        }
    }

    fn failed(&mut self, error: &io::Error) {
        if let Some(error) = TlsError::from_io(error, self.pin.as_ref()) {
            // Only the first counts.
            let _ = self.failure.set(error);
        }
    }
}
