//! What fuzzing needs: the reader of what a worker says, by itself.

use std::os::fd::BorrowedFd;

use model::FileOutcome;

use crate::channel::receive;
use crate::message::Report;

/// Reads reports until the other side closes or says something else; how many there were.
pub fn read_reports(socket: BorrowedFd<'_>) -> usize {
    let mut reports = 0;
    while receive::<Report>(socket, None).is_ok() {
        reports += 1;
    }
    reports
}

/// What a worker sends that reports this.
#[must_use]
pub fn report_of(outcome: FileOutcome) -> Vec<u8> {
    let text = serde_json::to_vec(&Report::Outcome {
        outcome: Box::new(outcome),
        late: Vec::new(),
    })
    .unwrap_or_default();
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [length.to_le_bytes().as_slice(), &text].concat()
}
