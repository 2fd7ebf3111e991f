//! Hashing passwords on threads that may block, few at a time.

use std::time::Duration;

use proto::problem::ProblemKind;
use tokio::sync::Semaphore;

use crate::refusal::Refusal;

/// Hashes at the same time; each takes 19 MiB.
const CONCURRENT: usize = 2;
/// How long a sign-in waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(5);

/// The bound on concurrent hashing.
pub(crate) struct Hashing(Semaphore);

impl Default for Hashing {
    fn default() -> Self {
        Self(Semaphore::new(CONCURRENT))
    }
}

impl Hashing {
    /// Whether the password is that of the hash; takes as long when there is no hash.
    pub(crate) async fn verify(
        &self,
        password: String,
        phc: Option<String>,
    ) -> Result<bool, Refusal> {
        self.run(move || match phc {
            Some(phc) => trust::secret::verify_password(&password, &phc),
            None => {
                trust::secret::dummy_verify();
                false
            }
        })
        .await
    }

    /// The hash to store for a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Refusal> {
        self.run(move || trust::secret::hash_password(&password))
            .await?
            .map_err(|error| Refusal::invalid(error.to_string()))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = tokio::time::timeout(TURN_LIMIT, self.0.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Refusal::new(
                ProblemKind::Unavailable,
                "too many sign-ins at the same time; try again in some seconds",
            ));
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(Refusal::internal("hashing a password"))
    }
}
