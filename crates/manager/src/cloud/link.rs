//! What is known of the link, in memory and in its files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::store::Database;
use model::Timestamp;
use net::HttpClient;
use trust::keyfile::{self, KeyFileError};

use super::store;
use crate::connections::Delivery;
use crate::refusal::Refusal;

/// The link to the cloud, when there is one.
#[derive(Debug)]
pub struct CloudLink {
    folder: PathBuf,
    seen: Mutex<Option<Seen>>,
    client: Mutex<Option<Arc<HttpClient>>>,
    /// Deliveries that failed one after another.
    failures: AtomicU32,
    /// One enrolment or delivery at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

/// How the link was last.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) address: String,
    pub(super) certificate_expires: Timestamp,
    pub(super) last_delivery: Option<Timestamp>,
    pub(super) failure: Option<String>,
}

/// What the cloud gave, as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Enrolled {
    pub(super) address: String,
    pub(super) name: String,
    pub(super) certificate: String,
    pub(super) ca_certificate: String,
    pub(super) expires: Timestamp,
}

impl CloudLink {
    /// Reads whether the site is enrolled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(database: &Database, folder: &Path) -> Result<Self, Refusal> {
        let seen = store::enrolled(database).await?.map(|enrolled| Seen {
            address: enrolled.address,
            certificate_expires: enrolled.expires,
            last_delivery: None,
            failure: Some("not tried yet since the manager started".to_owned()),
        });
        Ok(Self {
            folder: folder.to_owned(),
            seen: Mutex::new(seen),
            client: Mutex::new(None),
            failures: AtomicU32::new(0),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    /// Whether the site is enrolled with a cloud.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        self.seen().is_some()
    }

    /// How long to wait for the next delivery: some minutes, longer after each failure, and not
    /// the same for all sites.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let failures = self.failures.load(Ordering::Relaxed);
        let seconds = (60u64 << failures.min(5)).min(1800);
        // The time of day is random enough to spread sites.
        let jitter = (Timestamp::now().millis().unsigned_abs() % 256) * seconds / 1024;
        Duration::from_secs(seconds + jitter)
    }

    /// How the last delivery went.
    pub(crate) fn delivery(&self) -> Delivery {
        match self.failures.load(Ordering::Relaxed) {
            0 => Delivery::Works,
            _ => Delivery::Fails,
        }
    }

    /// `host:port` of the cloud, when the site is enrolled.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        self.seen().map(|seen| seen.address)
    }

    pub(super) fn seen(&self) -> Option<Seen> {
        lock(&self.seen).clone()
    }

    pub(super) fn set_seen(&self, seen: Seen) {
        *lock(&self.seen) = Some(seen);
    }

    /// Notes how the cloud answered, and when it took a delivery; true when that is news.
    pub(super) fn note(&self, outcome: Result<Option<Timestamp>, String>) -> bool {
        let mut seen = lock(&self.seen);
        let Some(seen) = seen.as_mut() else {
            return false;
        };
        let was_good = seen.failure.is_none();
        match outcome {
            Ok(delivered) => {
                seen.last_delivery = delivered.or(seen.last_delivery);
                seen.failure = None;
                self.failures.store(0, Ordering::Relaxed);
            }
            Err(failure) => {
                seen.failure = Some(failure);
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        was_good != seen.failure.is_none()
    }

    pub(super) fn client(&self) -> Option<Arc<HttpClient>> {
        lock(&self.client).clone()
    }

    pub(super) fn set_client(&self, client: Option<Arc<HttpClient>>) {
        *lock(&self.client) = client;
    }

    /// The key that the site is to the cloud.
    pub(super) fn key_file(&self) -> PathBuf {
        self.folder.join("cloud.key")
    }

    /// The token's text: with the same key it gets a new certificate.
    pub(super) fn token_file(&self) -> PathBuf {
        self.folder.join("cloud.token")
    }

    pub(super) fn read_secret(&self, path: &Path) -> Result<Option<String>, Refusal> {
        match keyfile::read_text(path) {
            Ok(text) => Ok(Some(text)),
            Err(KeyFileError::Missing { .. }) => Ok(None),
            Err(error) => Err(Refusal::internal("reading the cloud's key")(error)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
