//! A stream that keeps what the other side said first, and the TLS error that ended it.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::MAX_FIRST_BYTES;
use crate::observed::{Observed, Observer};
use crate::tls::TlsError;

/// A stream of which a record is kept.
pub(super) type Recorded<S> = Observed<S, Record>;

/// What was heard. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Record(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    first_bytes: Vec<u8>,
    tls: Option<TlsError>,
}

impl Observer for Record {
    fn heard(&mut self, bytes: &[u8]) {
        self.with(|heard| {
            let room = MAX_FIRST_BYTES.saturating_sub(heard.first_bytes.len());
            heard.first_bytes.extend(bytes.iter().take(room));
        });
    }

    fn failed(&mut self, error: &io::Error) {
        if let Some(error) = TlsError::from_io(error, None) {
            self.with(|heard| {
                heard.tls.get_or_insert(error);
            });
        }
    }
}

impl Record {
    /// The stream, and the record that is kept of it.
    pub(super) fn of<S>(stream: S) -> (Recorded<S>, Self) {
        let record = Self::default();
        (Observed::by(record.clone(), stream), record)
    }

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
