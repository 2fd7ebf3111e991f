//! Names: not found, not answered, or answered with a lie.

use std::net::IpAddr;

use flows::Place;
use net::ResolveError;

use super::{Input, Judged, transport};
use crate::report::{Stage, Verdict};

/// Where Cisco Umbrella sends names that it blocks (146.112.61.104 to .110, as its documentation
/// lists them).
const UMBRELLA: std::ops::RangeInclusive<u8> = 104..=110;

/// An answer that no service of this flow can have.
pub(super) fn lie(input: Input<'_>) -> Option<Judged> {
    let dns = input.seen.dns.as_ref()?;
    if input.planned.via.is_some() || dns.addresses.is_empty() {
        return None;
    }
    let name = &input.destination.host;
    if name == "localhost" || name.ends_with(".localhost") || !is_elsewhere(input) {
        return None;
    }
    let why = dns.addresses.iter().map(|address| nowhere(*address));
    let why: Option<Vec<&str>> = why.collect();
    let why = *why?.first()?;
    let addresses: Vec<String> = dns.addresses.iter().map(ToString::to_string).collect();
    let from = match (dns.from_hosts, dns.servers.first()) {
        (true, _) => "this host's hosts file".to_owned(),
        (false, Some(server)) => server.to_string(),
        (false, None) => "this host's resolver".to_owned(),
    };
    Some(
        Judged::broken(
            Stage::Dns,
            Verdict::Sinkholed,
            format!(
                "{name} resolves to {}, which is {why}: {from} blocks the name",
                addresses.join(", ")
            ),
        )
        .caused_by(from)
        .seen("addresses", addresses.join(", ")),
    )
}

/// Whether the far end is on another host for sure.
fn is_elsewhere(input: Input<'_>) -> bool {
    let destination = input.destination;
    let party = destination.catalogue.party(&destination.flow.to);
    match party.map(|party| party.place) {
        Some(Place::Outside) | None => true,
        // A target that somebody names by an own name may be this host.
        Some(Place::Anywhere) => destination.host.contains('.'),
        Some(Place::Site | Place::Unknown) => false,
    }
}

/// Why nothing is to be reached at an address.
fn nowhere(address: IpAddr) -> Option<&'static str> {
    let address = address.to_canonical();
    if address.is_unspecified() {
        return Some("no address of a host");
    }
    if address.is_loopback() {
        return Some("this host itself");
    }
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            ([a, b, c] == [146, 112, 61] && UMBRELLA.contains(&d))
                .then_some("a page of Cisco Umbrella for blocked names")
        }
        IpAddr::V6(_) => None,
    }
}

pub(super) fn failed(input: Input<'_>, error: &ResolveError) -> Judged {
    if let Some(judged) = held_back(error) {
        return judged;
    }
    let (verdict, cause) = of(error);
    let cause = match verdict {
        Verdict::NoSuchName | Verdict::NoAddress => input.destination.host.clone(),
        _ => cause,
    };
    Judged::broken(Stage::Dns, verdict, super::plain(&error.to_string(), 400)).caused_by(cause)
}

/// Questions that this host did not let out: nothing of the names.
pub(super) fn held_back(error: &ResolveError) -> Option<Judged> {
    match error {
        ResolveError::Forbidden { server, .. } => {
            Some(transport::held_back("udp", *server, &error.to_string()))
        }
        ResolveError::Failed { .. }
        | ResolveError::NoSuchName { .. }
        | ResolveError::ServerFailure { .. }
        | ResolveError::NoAddress { .. }
        | ResolveError::TimedOut { .. } => None,
    }
}

/// The verdict of a resolver's error, and who gave it.
pub(super) fn of(error: &ResolveError) -> (Verdict, String) {
    let said = |server: &dyn std::fmt::Display| server.to_string();
    match error {
        ResolveError::NoSuchName { server, .. } => (Verdict::NoSuchName, said(server)),
        ResolveError::ServerFailure { server, .. } => (Verdict::ServerFailure, said(server)),
        ResolveError::Forbidden { server, .. } => (Verdict::Refused, said(server)),
        ResolveError::NoAddress { .. } => (Verdict::NoAddress, String::new()),
        ResolveError::TimedOut { .. } => (Verdict::TimeOut, String::new()),
        // The system's resolver doesn't tell the two apart; most often it is the name.
        ResolveError::Failed { .. } => (Verdict::NoSuchName, String::new()),
    }
}
