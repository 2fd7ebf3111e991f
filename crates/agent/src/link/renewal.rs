//! New keys: a renewed certificate keeps the device, a re-keyed one is another.

use std::time::Duration;

use model::event::CommandOutcome;
use net::ClientIdentity;
use proto::agent::{RekeyAnswer, RenewAnswer, RenewRequest};
use trust::KeyPair;

use super::{Chain, Link, LinkSetupError, Round};
use crate::identity::{Pending, Purpose};

/// At least this long between two renewals, whatever the manager asks for.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

impl Link {
    /// Shows the identity on disk from the next connection on.
    pub(super) fn show_identity(&mut self) -> Result<(), LinkSetupError> {
        let identity = &self.identity;
        show(&self.shown, &identity.certificate, &identity.key)?;
        let mut link = self.core.link();
        link.site = Some(identity.site.clone());
        link.certificate_expires = Some(identity.expires);
        link.manager = Some(self.manager.address());
        Ok(())
    }

    /// A renewed certificate that a stop left unproven is tried again.
    pub(super) fn resume_renewal(&mut self) {
        if let Ok(Some(pending)) = self.core.identity.pending()
            && pending.purpose == Purpose::Renewal
            && pending.certificate.is_some()
        {
            self.begin_trial(pending);
        }
    }

    /// Whether the last renewal is long enough ago for another.
    pub(super) fn may_renew(&self) -> bool {
        self.renewed
            .is_none_or(|renewed| renewed.elapsed() >= RENEWAL_PAUSE)
    }

    /// Makes a new key and has it certified; it is shown at once, and kept once it has proven itself.
    pub(super) async fn renew(&mut self) -> Round {
        match self.certify().await {
            Ok(pending) => {
                self.begin_trial(pending);
                self.renewed = Some(tokio::time::Instant::now());
                self.manager.disconnect().await;
                Round::Again
            }
            Err(reason) => {
                tracing::warn!("the certificate was not renewed: {reason}");
                self.end_rotation(CommandOutcome::Failed { reason });
                Round::Done
            }
        }
    }

    /// A check-in with the renewed certificate worked: it is the identity now.
    pub(super) fn prove_trial(&mut self) {
        let Some(pending) = self.trial.take() else {
            return;
        };
        let outcome = match self
            .core
            .identity
            .promote(&pending)
            .and_then(|()| self.core.identity.load())
        {
            Ok(Some(identity)) => {
                tracing::info!(expires = %identity.expires, "certificate renewed");
                self.core.link().certificate_expires = Some(identity.expires);
                self.identity = identity;
                CommandOutcome::Done
            }
            Ok(None) => CommandOutcome::Failed {
                reason: "the identity is gone from the disk".to_owned(),
            },
            Err(error) => CommandOutcome::Failed {
                reason: error.to_string(),
            },
        };
        self.end_rotation(outcome);
    }

    /// The renewed certificate was refused: back to the old one. Answers whether there was one.
    pub(super) async fn drop_trial(&mut self) -> bool {
        if self.trial.take().is_none() {
            return false;
        }
        if let Err(error) = self.core.identity.drop_pending() {
            tracing::error!("{error}");
        }
        if let Err(error) = self.show_identity() {
            tracing::error!("{error}");
        }
        self.manager.disconnect().await;
        let reason = "the manager refused the certificate that it had issued".to_owned();
        self.end_rotation(CommandOutcome::Failed { reason });
        true
    }

    /// Proves the suspended identity, and becomes another device.
    pub(super) async fn rekey(&mut self) -> Round {
        match self.become_another().await {
            Ok(()) => {
                self.manager.disconnect().await;
                Round::Again
            }
            Err(reason) => {
                tracing::warn!("re-keying waits: {reason}");
                Round::Failed
            }
        }
    }

    async fn certify(&self) -> Result<Pending, String> {
        let folder = &self.core.identity;
        let pending = folder
            .begin_pending(Purpose::Renewal)
            .map_err(|error| error.to_string())?;
        let request = request(&pending)?;
        let answer: RenewAnswer = self
            .manager
            .post("/agent/v1/renew", &request)
            .await
            .map_err(|error| error.to_string())?;
        folder
            .store_renewal(pending, answer.certificate, self.identity.site.device)
            .map_err(|error| error.to_string())
    }

    async fn become_another(&mut self) -> Result<(), String> {
        self.trial = None;
        let folder = &self.core.identity;
        let text = |error: crate::identity::IdentityError| error.to_string();
        let purpose = Purpose::Rekey { answered: None };
        let pending = folder.begin_pending(purpose).map_err(text)?;
        let request = request(&pending)?;
        let answer: RekeyAnswer = self
            .manager
            .post("/agent/v1/rekey", &request)
            .await
            .map_err(|error| error.to_string())?;
        folder
            .store_rekey(pending, &answer, &self.identity.site)
            .map_err(text)?;
        tracing::warn!(
            "two held the identity of {}; this machine is now {}",
            answer.fork_of,
            answer.device
        );
        if let Err(error) = self.core.journal.spool.begin_anew() {
            tracing::error!("{error}");
        }
        self.identity = folder
            .load()
            .map_err(text)?
            .ok_or("the identity is gone from the disk")?;
        self.chain = Chain::default();
        self.show_identity().map_err(|error| error.to_string())
    }

    fn begin_trial(&mut self, pending: Pending) {
        let shown = pending.certificate.as_deref().map(|certificate| {
            KeyPair::from_pem(&pending.key)
                .map_err(|error| error.to_string())
                .and_then(|key| {
                    show(&self.shown, certificate, &key).map_err(|error| error.to_string())
                })
        });
        match shown {
            Some(Ok(())) => self.trial = Some(pending),
            Some(Err(error)) => tracing::error!("the renewed certificate can't be used: {error}"),
            None => {}
        }
    }
}

fn request(pending: &Pending) -> Result<RenewRequest, String> {
    let key = KeyPair::from_pem(&pending.key).map_err(|error| error.to_string())?;
    let certificate_request = key
        .certificate_request()
        .map_err(|error| error.to_string())?;
    Ok(RenewRequest {
        certificate_request,
    })
}

fn show(shown: &ClientIdentity, certificate: &str, key: &KeyPair) -> Result<(), LinkSetupError> {
    let der = trust::certificate::der_from_pem(certificate)?;
    let key = key
        .pkcs8_der()
        .try_into()
        .map_err(|_| LinkSetupError::Key)?;
    shown.replace(vec![der.into()], key)?;
    Ok(())
}
