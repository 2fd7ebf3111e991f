//! The link to the manager: check in, take what it wants, deliver events, renew the certificate.
//!
//! One loop does one thing after the other; a second task reads the notification stream, which only
//! ever wakes the loop. Without a manager in reach the loop waits longer and longer, and nothing
//! else in the agent stops.

pub(crate) mod backoff;
mod delivery;
mod download;
pub(crate) mod manager;
mod notifications;
mod renewal;

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use model::event::CommandOutcome;
use model::health::Severity;
use net::{CancellationToken, ClientIdentity, ProxySetting, TlsTrust};
use proto::agent::{CheckInAnswer, CheckInRequest, Standing};
use proto::problem::ProblemKind;

use crate::command::{self, Commands, Rotate};
use crate::core::Core;
use crate::identity::{Chain, Identity, IdentityError, Pending};
use backoff::{Backoff, jittered, random};
use manager::{LinkError, Manager, SetupError};

/// The longest wait between tries when the manager is out of reach.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Between tries of a revoked device.
const REVOKED_WAIT: Duration = Duration::from_secs(600);
/// While a fork awaits its approval.
const APPROVAL_WAIT: Duration = Duration::from_secs(30);
/// Events that come in a bunch are delivered together.
const BUNCH: Duration = Duration::from_millis(50);
/// The clocks may differ by this much.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(120);

/// The link can't go on.
#[derive(Debug, thiserror::Error)]
pub enum LinkSetupError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("the identity's certificates can't be read: {0}")]
    Certificate(#[from] trust::certificate::CertificateError),
    #[error(transparent)]
    Tls(#[from] net::TlsSetupError),
    #[error("the private key is in a form that TLS doesn't take")]
    Key,
}

/// The loop's own state.
struct Link {
    core: Arc<Core>,
    manager: Arc<Manager>,
    shown: ClientIdentity,
    identity: Identity,
    chain: Chain,
    /// A renewed key whose certificate is shown but has not proven itself.
    trial: Option<Pending>,
    commands: Commands,
    rotate: Option<Rotate>,
    /// When the last renewal was.
    renewed: Option<tokio::time::Instant>,
    revoked: bool,
}

/// What one round came to.
enum Round {
    Done,
    /// The identity changed: check in again at once.
    Again,
    Failed,
}

/// Keeps the link until `stop` is cancelled.
///
/// # Errors
/// When the identity can't be used at all.
pub(crate) async fn run(
    core: Arc<Core>,
    identity: Identity,
    proxy: &ProxySetting,
    stop: CancellationToken,
) -> Result<(), LinkSetupError> {
    let shown = ClientIdentity::none();
    let ca = trust::certificate::der_from_pem(&identity.ca_certificate)?;
    let trust = TlsTrust::Ca { der: ca };
    let manager = Manager::new(&identity.site.addresses, &trust, &shown, proxy)?;
    let chain = core.identity.chain()?;
    let mut link = Link {
        core,
        manager: Arc::new(manager),
        shown,
        identity,
        chain,
        trial: None,
        commands: Commands::default(),
        rotate: None,
        renewed: None,
        revoked: false,
    };
    link.show_identity()?;
    link.resume_renewal();
    let listener = notifications::spawn(
        Arc::clone(&link.core),
        Arc::clone(&link.manager),
        stop.clone(),
    );
    link.keep(&stop).await;
    let _ = listener.await;
    Ok(())
}

impl Link {
    async fn keep(&mut self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        let mut wait = Duration::ZERO;
        loop {
            let due = tokio::time::sleep(wait);
            tokio::select! {
                () = stop.cancelled() => return,
                () = due => {}
                () = self.core.wake.notified(), if !self.revoked => {}
                () = self.core.journal.fresh.notified(), if self.may_deliver() => {
                    let started = tokio::time::Instant::now();
                    tokio::time::sleep(BUNCH).await;
                    if self.deliver().await {
                        wait = wait.saturating_sub(started.elapsed());
                        continue;
                    }
                }
            }
            let round = tokio::select! {
                () = stop.cancelled() => return,
                round = self.round() => round,
            };
            wait = match round {
                Round::Again => Duration::ZERO,
                Round::Done => {
                    backoff.reset();
                    self.interval()
                }
                Round::Failed if self.revoked => jittered(REVOKED_WAIT, random()),
                Round::Failed => backoff.wait(random()),
            };
            self.core.engine.retire();
        }
    }

    /// One check-in and all that follows from it.
    async fn round(&mut self) -> Round {
        let answer = match self.check_in().await {
            Ok(answer) => answer,
            Err(error) => return self.failed(error).await,
        };
        self.revoked = false;
        self.core.board.clear("revoked");
        self.core.board.clear("manager_unreachable");
        self.prove_trial();
        self.note(&answer);
        if answer.standing == Standing::AwaitingApproval {
            return Round::Done;
        }
        self.take_policy(&answer);
        if let Some(offer) = answer.definitions.clone() {
            self.fetch_definitions(offer).await;
        }
        for signed in &answer.commands {
            let core = Arc::clone(&self.core);
            if let Some(rotate) = self.commands.receive(&core, signed) {
                self.rotate = Some(rotate);
            }
        }
        self.deliver().await;
        if (answer.renew_certificate || self.rotate.is_some()) && self.may_renew() {
            return self.renew().await;
        }
        Round::Done
    }

    async fn check_in(&mut self) -> Result<CheckInAnswer, LinkError> {
        let stored = |error: IdentityError| LinkError::Request(error.to_string());
        let attempt = match &self.chain.attempt {
            Some(attempt) => attempt.clone(),
            None => {
                let attempt = trust::secret::random_text()
                    .map_err(|error| LinkError::Request(error.to_string()))?;
                let mut chain = self.chain.clone();
                chain.attempt = Some(attempt.clone());
                self.core.identity.store_chain(&chain).map_err(stored)?;
                self.chain = chain;
                attempt
            }
        };
        let request = CheckInRequest {
            counter: self.chain.counter.saturating_add(1),
            nonce: self.chain.nonce.clone(),
            attempt,
            time: Timestamp::now(),
            state: self.core.state(),
        };
        let answer: CheckInAnswer = self.manager.post("/agent/v1/check-in", &request).await?;
        if answer.counter != request.counter {
            return Err(LinkError::Foreign(format!(
                "it answers check-in {}, this was {}",
                answer.counter, request.counter
            )));
        }
        self.chain = Chain {
            counter: answer.counter,
            nonce: answer.nonce.clone(),
            attempt: None,
        };
        // When this can't be stored, a restart repeats the attempt, which the manager knows.
        if let Err(error) = self.core.identity.store_chain(&self.chain) {
            tracing::error!("{error}");
        }
        Ok(answer)
    }

    /// Notes when the manager answered, and what of.
    fn note(&mut self, answer: &CheckInAnswer) {
        let now = Timestamp::now();
        let ahead = now.since(answer.server_time);
        let behind = answer.server_time.since(now);
        let difference = ahead.max(behind);
        if difference > CLOCK_TOLERANCE {
            let side = if ahead > behind { "ahead of" } else { "behind" };
            self.core.board.set(
                "clock_skew",
                Severity::Warning,
                format!(
                    "This machine's clock is {} s {side} the manager's; set the right time on whichever is wrong.",
                    difference.as_secs()
                ),
            );
        } else {
            self.core.board.clear("clock_skew");
        }
        let awaiting_approval = answer.standing == Standing::AwaitingApproval;
        if self.identity.site.awaiting_approval != awaiting_approval {
            self.identity.site.awaiting_approval = awaiting_approval;
            if let Err(error) = self.core.identity.store_site(&self.identity.site) {
                tracing::error!("{error}");
            }
        }
        let mut link = self.core.link();
        link.connected = true;
        link.last_check_in = Some(now);
        link.manager = Some(self.manager.address());
        link.site = Some(self.identity.site.clone());
        drop(link);
        self.core.linked.notify_waiters();
        self.core.network.check_in_answered();
    }

    async fn failed(&mut self, error: LinkError) -> Round {
        self.core.link().connected = false;
        match error {
            LinkError::Refused(_) => self.core.network.check_in_answered(),
            LinkError::Unreachable(_) | LinkError::Cut(_) | LinkError::Foreign(_) => {
                self.core.network.check_in_unanswered();
            }
            LinkError::Request(_) => {}
        }
        match error.kind() {
            Some(ProblemKind::IdentitySuspended) => {
                tracing::warn!("{error}");
                return self.rekey().await;
            }
            Some(ProblemKind::DeviceRevoked) => {
                self.revoked = true;
                self.core.board.set(
                    "revoked",
                    Severity::Critical,
                    "The manager revoked this device; protection goes on with what is here. To take it back, move the agent's folder away and enrol anew.",
                );
                return Round::Failed;
            }
            Some(_) | None => {}
        }
        if error.is_certificate_refused() && self.drop_trial().await {
            return Round::Again;
        }
        tracing::warn!("{error}");
        self.core.board.set(
            "manager_unreachable",
            Severity::Warning,
            format!("The last check-in failed: {error}"),
        );
        Round::Failed
    }

    fn take_policy(&self, answer: &CheckInAnswer) {
        let Some((signed, key)) = answer.policy.as_ref().zip(self.core.site_key()) else {
            return;
        };
        match self.core.policy.accept(signed, key) {
            Ok(true) => {
                let policy = self.core.policy.current();
                tracing::info!(revision = policy.revision, "policy taken over");
                self.core
                    .journal
                    .spool
                    .set_budget(policy.policy.spool_bytes);
                if let Some(vault) = &self.core.vault {
                    vault.set_budget(policy.policy.quarantine_bytes);
                }
                self.core.board.clear("policy_refused");
            }
            Ok(false) => {}
            Err(refusal) => {
                let known = self.core.board.issues();
                let message = format!("A policy from the manager was refused: {refusal}");
                if !known.iter().any(|issue| issue.message == message) {
                    self.core.journal.refused("a policy", refusal);
                    self.core
                        .board
                        .set("policy_refused", Severity::Critical, message);
                }
            }
        }
    }

    fn may_deliver(&self) -> bool {
        !self.revoked && !self.identity.site.awaiting_approval && self.core.link().connected
    }

    fn interval(&self) -> Duration {
        let seconds = self.core.policy.current().policy.check_in_seconds;
        let interval = jittered(Duration::from_secs(seconds.into()), random());
        if self.identity.site.awaiting_approval {
            interval.min(APPROVAL_WAIT)
        } else {
            interval
        }
    }

    fn end_rotation(&mut self, outcome: CommandOutcome) {
        if let Some(Rotate(id)) = self.rotate.take() {
            command::end(&self.core, id, outcome);
        }
    }
}
