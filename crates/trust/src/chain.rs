//! The chain of check-ins: how the manager notices that two hold one identity.
//!
//! Each check-in carries a counter, the nonce of the answer before it, and an attempt id that its
//! sender stored before sending. An answer that got lost is asked for again with the same
//! attempt. A copied identity makes attempts of its own, and since a counter is answered for one
//! attempt only, the first of the two holders to come second gives both away: at the latest with
//! the second check-in of the second holder.
//!
//! A manager judges a device's check-ins in the order in which they came: a repetition that it took
//! up only after the check-in behind it would look like a second holder.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::DeviceId;

/// Keeps these nonces apart from whatever else the key may be used for.
const DOMAIN: &[u8] = b"garrison check-in nonce 1\0";

/// What the manager remembers of a device's chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainState {
    /// The counter of the last check-in that was answered; 0 before the first.
    pub counter: u64,
    /// The attempt that it was answered for; empty before the first.
    pub attempt: String,
}

/// The part of a check-in that the chain is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainLink<'a> {
    pub counter: u64,
    pub nonce: &'a str,
    pub attempt: &'a str,
}

/// What a check-in is to the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainVerdict {
    /// The next link: remember it and answer.
    Advance,
    /// The last link again: its answer was lost. Answer, and remember nothing new.
    Repeat,
    /// A counter that was answered for another attempt: two hold this identity. Suspend it.
    Replayed,
    /// A link that this manager doesn't know but whose nonce it made: the manager was put back to
    /// an earlier state. Remember it and answer.
    AheadOfManager,
    /// The nonce is none that this manager made for this device and counter. Refuse; it proves
    /// nothing about the identity.
    BadNonce,
}

/// The nonce in the answer to the check-in `counter` of a device: an HMAC-SHA-256, so that the
/// manager knows its own nonces again without keeping them. 43 characters.
#[must_use]
pub fn nonce(key: &[u8; 32], device: DeviceId, counter: u64) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(DOMAIN);
    context.update(device.uuid().as_bytes());
    context.update(&counter.to_be_bytes());
    URL_SAFE_NO_PAD.encode(context.sign())
}

/// Judges a check-in by what is remembered. `key` is the manager's nonce key.
#[must_use]
pub fn judge(
    last: &ChainState,
    request: ChainLink<'_>,
    key: &[u8; 32],
    device: DeviceId,
) -> ChainVerdict {
    let Some(answered_before) = request.counter.checked_sub(1) else {
        return ChainVerdict::BadNonce;
    };
    let expected = match answered_before {
        0 => String::new(),
        counter => nonce(key, device, counter),
    };
    if request.attempt.is_empty() || !equal(&expected, request.nonce) {
        return ChainVerdict::BadNonce;
    }
    if answered_before == last.counter {
        ChainVerdict::Advance
    } else if answered_before > last.counter {
        ChainVerdict::AheadOfManager
    } else if request.counter == last.counter && equal(&last.attempt, request.attempt) {
        ChainVerdict::Repeat
    } else {
        ChainVerdict::Replayed
    }
}

fn equal(left: &str, right: &str) -> bool {
    constant_time::verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests;
