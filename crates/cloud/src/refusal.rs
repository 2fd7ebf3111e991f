//! Why a request was not done.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use proto::Problem;
use proto::problem::ProblemKind;
use store::StoreError;

/// A request that was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The caller can do something about it.
    #[error("{0}")]
    Problem(Problem),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else of the cloud's own failed.
    #[error("{doing} failed: {source}")]
    Internal {
        doing: &'static str,
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Refusal {
    /// A problem of that kind; the detail says what was expected, what came and what to do.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self::Problem(Problem::new(kind, detail))
    }

    /// The request's content can't be taken.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Invalid, detail)
    }

    /// For `map_err` on failures that no caller can mend.
    pub fn internal<E: Into<Box<dyn Error + Send + Sync>>>(
        doing: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Internal {
            doing,
            source: source.into(),
        }
    }

    /// The kind that a caller is told.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        match self {
            Self::Problem(problem) => problem.kind().unwrap_or(ProblemKind::Internal),
            Self::Store(StoreError::Full | StoreError::Busy | StoreError::Closed) => {
                ProblemKind::Unavailable
            }
            Self::Store(_) | Self::Internal { .. } => ProblemKind::Internal,
        }
    }

    /// What a caller is told. The causes of failures go to the log, under the instance that the
    /// caller can name.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        let kind = self.kind();
        if let Self::Problem(problem) = self {
            return problem;
        }
        let instance = format!("urn:uuid:{}", uuid::Uuid::new_v4());
        tracing::error!(%instance, error = %self, "a request failed");
        let detail = match (&self, kind) {
            (Self::Store(error), ProblemKind::Unavailable) => format!("{error}; then try again"),
            _ => "the cloud's log has the cause, under the instance that stands here".to_owned(),
        };
        Problem {
            instance: Some(instance),
            ..Problem::new(kind, detail)
        }
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        crate::web::problem_response(&self.into_problem())
    }
}
