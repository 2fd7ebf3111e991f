//! What each stage of a dial did, and how long it took.

use std::future::Future;
use std::time::{Duration, Instant};

use super::error::{Stage, StageFailure, one_line};

/// The stages of one dial, in order; the last one may have failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stages(Vec<StageReport>);

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageReport {
    pub stage: Stage,
    pub elapsed: Duration,
    pub outcome: Outcome,
}

/// How a stage went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With what it found, such as the address.
    Passed { detail: String },
    /// Not needed, and why.
    Skipped { why: &'static str },
    /// With the whole error as text.
    Failed { error: String },
}

impl Stages {
    /// What happened so far.
    #[must_use]
    pub fn reports(&self) -> &[StageReport] {
        &self.0
    }

    /// Runs a stage; its work gives its result and a detail for the report.
    pub(crate) async fn run<T, E>(
        &mut self,
        stage: Stage,
        work: impl Future<Output = Result<(T, String), E>>,
    ) -> Result<T, StageFailure>
    where
        E: Into<StageFailure>,
    {
        let begin = Instant::now();
        let result = work.await.map_err(Into::into);
        let elapsed = begin.elapsed();
        match result {
            Ok((value, detail)) => {
                self.0.push(StageReport {
                    stage,
                    elapsed,
                    outcome: Outcome::Passed { detail },
                });
                Ok(value)
            }
            Err(failure) => {
                let error = one_line(&failure);
                // A refused client certificate shows only when HTTP begins, and belongs to TLS.
                let stage = failure.stage();
                self.0.push(StageReport {
                    stage,
                    elapsed,
                    outcome: Outcome::Failed { error },
                });
                Err(failure)
            }
        }
    }

    pub(crate) fn skip(&mut self, stage: Stage, why: &'static str) {
        let outcome = Outcome::Skipped { why };
        self.0.push(StageReport {
            stage,
            elapsed: Duration::ZERO,
            outcome,
        });
    }
}
