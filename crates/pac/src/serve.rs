//! The same over bytes, for a child process that its parent can kill.

use flows::audit::{PacAnswer, PacQuestion, PacRunner, PacWorld};
use serde::{Deserialize, Serialize};

use crate::engine::Quick;

/// What a parent writes to a child's standard input, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub script: String,
    pub questions: Vec<PacQuestion>,
    pub world: PacWorld,
}

/// Answers an order: JSON of `Result<Vec<PacAnswer>, String>`.
#[must_use]
pub fn serve(order: &[u8], runner: &Quick) -> Vec<u8> {
    let answer: Result<Vec<PacAnswer>, String> = serde_json::from_slice::<Order>(order)
        .map_err(|error| format!("expected an order as JSON: {error}"))
        .and_then(|order| runner.run(&order.script, &order.questions, &order.world));
    serde_json::to_vec(&answer).unwrap_or_default()
}
