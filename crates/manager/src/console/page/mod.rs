//! The rooms' handlers: read the address or the form, call the slices, fill the view.

pub(super) mod api_tokens;
pub(super) mod audit;
pub(super) mod connections;
pub(super) mod definitions;
pub(super) mod detection;
pub(super) mod detections;
pub(super) mod device;
pub(super) mod devices;
pub(super) mod enrolment;
pub(super) mod groups;
pub(super) mod network;
pub(super) mod overview;
pub(super) mod policies;
pub(super) mod quarantine;
pub(super) mod search;
pub(super) mod users;

use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::address::Address;
use crate::refusal::Refusal;

/// Reads one parameter of the address; absent stays absent.
///
/// # Errors
/// When it can't be read; the refusal names it.
fn parameter<T: FromStr>(address: &Address, name: &str) -> Result<Option<T>, Refusal>
where
    T::Err: std::fmt::Display,
{
    address
        .wanted(name)
        .map(|text| {
            text.parse()
                .map_err(|error: T::Err| Refusal::invalid(format!("{name}: {error}")))
        })
        .transpose()
}

/// Reads a parameter that is one of a few names, as the API writes them. What is none of them is
/// as good as absent: the list then shows everything.
fn choice<T: DeserializeOwned>(address: &Address, name: &str) -> Option<T> {
    let text = address.wanted(name)?;
    serde_json::from_value(Value::String(text.to_owned())).ok()
}

/// A part of a page that could not be read is named instead of failing the whole page.
fn or_missing<T>(read: Result<T, Refusal>, missing: &mut Vec<String>, name: &str) -> Option<T> {
    read.map_err(|refusal| {
        let problem = refusal.into_problem();
        tracing::warn!(
            part = name,
            detail = problem.detail,
            "a part of a page is missing"
        );
        missing.push(name.to_owned());
    })
    .ok()
}

/// A parameter as text.
fn text(address: &Address, name: &str) -> Option<String> {
    address.wanted(name).map(str::to_owned)
}
