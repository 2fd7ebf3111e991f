//! Why an operation was not done.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use proto::Problem;
use proto::problem::ProblemKind;
use store::{BlobError, StoreError};

/// An operation that was not done, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The caller can do something about it.
    #[error("{0}")]
    Problem(Problem),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database failed for several callers at once.
    #[error(transparent)]
    Shared(std::sync::Arc<StoreError>),
    /// Something else of the manager's own failed.
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

    /// There is no such object.
    #[must_use]
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(
            ProblemKind::NotFound,
            format!("there is no {what} {id}; the list shows those that exist"),
        )
    }

    /// The request's content can't be taken.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Invalid, detail)
    }

    /// The object is in another state than the request needs.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Conflict, detail)
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
            Self::Store(error) => store_kind(error),
            Self::Shared(error) => store_kind(error),
            Self::Internal { .. } => ProblemKind::Internal,
        }
    }

    /// What a caller is told. What only the operators of the manager should know goes to the log,
    /// under the instance that the caller can name.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        let kind = self.kind();
        match self {
            Self::Problem(problem) => problem,
            error @ (Self::Store(_) | Self::Shared(_)) if kind == ProblemKind::Unavailable => {
                tracing::error!(%error, "the database can't be used now");
                Problem::new(kind, format!("{error}; then try again"))
            }
            error @ (Self::Store(_) | Self::Shared(_) | Self::Internal { .. }) => {
                let instance = format!("urn:uuid:{}", uuid::Uuid::new_v4());
                tracing::error!(%instance, %error, "a request failed");
                let mut problem = Problem::new(
                    kind,
                    "the manager's log has the cause, under the instance that stands here",
                );
                problem.instance = Some(instance);
                problem
            }
        }
    }
}

fn store_kind(error: &StoreError) -> ProblemKind {
    match error {
        StoreError::Full | StoreError::Busy | StoreError::Closed => ProblemKind::Unavailable,
        StoreError::Open { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Newer { .. }
        | StoreError::MigrationChanged { .. }
        | StoreError::Migration { .. }
        | StoreError::Content { .. }
        | StoreError::Sql(_) => ProblemKind::Internal,
    }
}

impl From<BlobError> for Refusal {
    fn from(error: BlobError) -> Self {
        match &error {
            BlobError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Self::Store(StoreError::Full)
            }
            BlobError::Io { .. } | BlobError::Name(_) | BlobError::TooLarge { .. } => {
                Self::internal("keeping a file")(error)
            }
        }
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        crate::web::problem_response(&self.into_problem())
    }
}
