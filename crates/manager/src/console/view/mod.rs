//! The pages as data: each view holds what its template shows. Nothing here asks a store.

pub mod alone;
pub mod connections;
pub mod definitions;
pub mod detection;
pub mod detections;
pub mod device;
pub mod devices;
pub mod enrolment;
pub mod network;
pub mod overview;
pub mod policies;
pub mod settings;

use model::DefinitionRevision;
use proto::api::audit::AuditLine;
use proto::api::detection::Detection;
use proto::api::device::Device;

use super::words::Words;

/// What a detection is called: its first rule, and how many more there are.
#[must_use]
pub fn rule(detection: &Detection) -> String {
    match detection.matches.as_slice() {
        [] => "—".to_owned(),
        [only] => only.rule.clone(),
        [first, rest @ ..] => format!("{} +{}", first.rule, rest.len()),
    }
}

/// What a line of the audit log tells, in words where its action is known.
#[must_use]
pub fn deed(line: &AuditLine) -> String {
    let key = format!("deed.{}", line.action);
    let words = Words::english();
    if words.has(&key) {
        words.t(&key).to_owned()
    } else {
        line.action.clone()
    }
}

/// The definitions that a device uses.
#[must_use]
pub fn revision(device: &Device) -> Option<DefinitionRevision> {
    device.state.as_ref().and_then(|state| state.definitions)
}

/// An object as the API tells it, in lines.
#[must_use]
pub fn raw(object: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(object).unwrap_or_default()
}
