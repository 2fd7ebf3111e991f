//! One simulated agent.

use std::sync::Arc;
use std::time::Duration;

use model::policy::PolicyDocument;
use model::{DefinitionRevision, Timestamp};
use net::{CancellationToken, Endpoint};
use proto::Signed;
use proto::agent::{CheckInAnswer, CheckInRequest, Notification, Standing};
use tokio::sync::Notify;
use tokio::time::Instant;
use trust::VerifyingKey;

use crate::identity::Identity;
use crate::manager::{self, Manager, RequestError};
use crate::tally::Tally;

/// Before a stream that ended is opened again; agents are spread over this time.
const REOPEN_AFTER: Duration = Duration::from_secs(2);
/// Longer lines are no notifications, bytes.
const MAX_LINE: usize = 4096;

/// An agent with its connection.
#[derive(Debug)]
pub(crate) struct Agent {
    number: u32,
    manager: Arc<Manager>,
    identity: Kept,
    trusted: Option<VerifyingKey>,
    policy_revision: u64,
    definitions: Option<DefinitionRevision>,
    tally: Tally,
}

/// Not printed: it holds the key.
struct Kept(Identity);

/// When, and how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// The first check-in of this agent.
    pub(crate) first: Instant,
    pub(crate) every: Duration,
    pub(crate) events: u32,
}

impl Agent {
    pub(crate) fn new(
        number: u32,
        endpoint: &Endpoint,
        identity: Identity,
        tally: Tally,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            number,
            manager: Arc::new(Manager::device(endpoint, &identity)?),
            trusted: VerifyingKey::parse(&identity.site_key).ok(),
            identity: Kept(identity),
            policy_revision: 0,
            definitions: None,
            tally,
        })
    }

    pub(crate) fn into_identity(self) -> Identity {
        self.identity.0
    }

    /// Connects, opens the notification stream, and checks in as agents do when they start.
    pub(crate) async fn connect(&mut self, end: &CancellationToken) -> Arc<Notify> {
        let wake = Arc::new(Notify::new());
        let stream = Stream {
            manager: Arc::clone(&self.manager),
            wake: Arc::clone(&wake),
            tally: self.tally.clone(),
            reopen_after: REOPEN_AFTER + Duration::from_millis(u64::from(self.number % 997) * 4),
        };
        if let Err(error) = self.check_in(Duration::ZERO).await {
            self.tally.error(&error.kind(), &error.to_string());
        }
        tokio::spawn(stream.follow(end.clone()));
        wake
    }

    /// Checks in on time until the end; a check-in under way is finished first.
    pub(crate) async fn work(
        &mut self,
        schedule: Schedule,
        wake: &Notify,
        end: &CancellationToken,
    ) {
        let mut due = schedule.first;
        loop {
            let was_woken = tokio::select! {
                biased;
                () = end.cancelled() => return,
                () = tokio::time::sleep_until(due) => false,
                () = wake.notified() => true,
            };
            let lateness = if was_woken {
                self.tally.count(|counts| counts.notified += 1);
                Duration::ZERO
            } else {
                let lateness = due.elapsed();
                due += schedule.every;
                lateness
            };
            let outcome = match self.check_in(lateness).await {
                Ok(()) if schedule.events > 0 => self.deliver(schedule.events).await,
                other => other,
            };
            if let Err(error) = outcome {
                self.tally.error(&error.kind(), &error.to_string());
            }
        }
    }

    async fn check_in(&mut self, lateness: Duration) -> Result<(), RequestError> {
        let kept = &mut self.identity.0;
        let attempt = kept
            .pending
            .get_or_insert_with(|| uuid::Uuid::new_v4().simple().to_string())
            .clone();
        let request = CheckInRequest {
            counter: kept.counter + 1,
            nonce: kept.nonce.clone(),
            attempt,
            time: Timestamp::now(),
            state: manager::state(self.number, self.policy_revision, self.definitions),
        };
        let sent = Instant::now();
        let answer = self.manager.check_in(&request).await?;
        self.tally.check_in(sent.elapsed(), lateness);
        self.take(answer)
    }

    fn take(&mut self, answer: CheckInAnswer) -> Result<(), RequestError> {
        let kept = &mut self.identity.0;
        if answer.counter != kept.counter + 1 {
            return Err(RequestError::Request(format!(
                "asked with the counter {}, answered for {}",
                kept.counter + 1,
                answer.counter
            )));
        }
        kept.counter = answer.counter;
        kept.nonce = answer.nonce;
        kept.pending = None;
        if let Some(signed) = &answer.policy {
            self.policy_revision = self.revision(signed)?;
        }
        if let Some(offer) = &answer.definitions {
            self.definitions = Some(offer.revision);
        }
        let awaiting = answer.standing == Standing::AwaitingApproval;
        self.tally.count(|counts| {
            counts.commands += u64::try_from(answer.commands.len()).unwrap_or(0);
            counts.renewals_wanted += u64::from(answer.renew_certificate);
        });
        if awaiting {
            return Err(RequestError::Request(
                "the device awaits approval; use a group whose devices don't".to_owned(),
            ));
        }
        Ok(())
    }

    fn revision(&self, signed: &Signed) -> Result<u64, RequestError> {
        let trusted: Vec<VerifyingKey> = self.trusted.into_iter().collect();
        trust::signing::verify::<PolicyDocument>(signed, Signed::POLICY, &trusted)
            .map(|document| document.revision)
            .map_err(|error| RequestError::Request(error.to_string()))
    }

    async fn deliver(&mut self, count: u32) -> Result<(), RequestError> {
        let kept = &mut self.identity.0;
        let batch = manager::batch(&kept.spool, kept.delivered, count);
        let receipt = self.manager.deliver(&batch).await?;
        let before = kept.delivered;
        kept.delivered = receipt.stored_through.0;
        self.tally
            .count(|counts| counts.events += kept.delivered.saturating_sub(before));
        Ok(())
    }
}

/// The notification stream of an agent.
struct Stream {
    manager: Arc<Manager>,
    wake: Arc<Notify>,
    tally: Tally,
    reopen_after: Duration,
}

impl Stream {
    /// Holds the stream open until the end.
    async fn follow(self, end: CancellationToken) {
        loop {
            let outcome = tokio::select! {
                () = end.cancelled() => return,
                outcome = self.read() => outcome,
            };
            match outcome {
                Ok(()) => self.tally.count(|counts| counts.streams_reopened += 1),
                Err(error) => {
                    let kind = format!("notifications-{}", error.kind());
                    self.tally.error(&kind, &error.to_string());
                }
            }
            tokio::select! {
                () = end.cancelled() => return,
                () = tokio::time::sleep(self.reopen_after) => {}
            }
        }
    }

    async fn read(&self) -> Result<(), RequestError> {
        let mut stream = self.manager.notifications().await?;
        let mut line = Vec::new();
        while let Some(piece) = stream.chunk().await? {
            for byte in piece {
                if byte != b'\n' {
                    line.push(byte);
                } else {
                    match serde_json::from_slice(&line)? {
                        Notification::CheckIn => self.wake.notify_one(),
                        Notification::StillHere => {}
                    }
                    line.clear();
                }
            }
            if line.len() > MAX_LINE {
                return Err(RequestError::Request(
                    "a notification without an end".to_owned(),
                ));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity of {}", self.0.device)
    }
}
