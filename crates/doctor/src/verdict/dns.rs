//! Names: not found, not answered, or answered with a lie.

use std::net::IpAddr;

use flows::Place;
use net::probe::{DnsSeen, NameSaid, NameSource, Opinion};
use net::{ResolveError, StageFailure, TcpError, TlsError};

use super::{Input, Judged, plain, transport};
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
    Judged::broken(Stage::Dns, verdict, plain(&error.to_string(), 400)).caused_by(cause)
}

/// The evidence that this host's own hosts file is not of the name servers' mind.
pub(crate) const HOSTS_FILE: &str = "hosts_file";

/// A failure behind which is that not everyone who may know a name says the same of it, or that a
/// public name leads to an address inside where nobody fit answers.
pub(super) fn split_horizon(input: Input<'_>, failure: &StageFailure) -> Option<Judged> {
    let dns = input.seen.dns.as_ref()?;
    let by_name = match failure {
        StageFailure::Resolve(ResolveError::NoSuchName { .. } | ResolveError::NoAddress { .. }) => {
            true
        }
        StageFailure::Tcp(error) => match error {
            TcpError::Forbidden { .. } => false,
            TcpError::Refused { .. }
            | TcpError::Unreachable { .. }
            | TcpError::TimedOut { .. }
            | TcpError::Failed { .. } => true,
        },
        StageFailure::Tls(TlsError::NameMismatch { .. } | TlsError::Untrusted { .. }) => true,
        StageFailure::Tls(TlsError::NotTls) => true,
        StageFailure::Resolve(_)
        | StageFailure::Proxy(_)
        | StageFailure::Udp(_)
        | StageFailure::Tls(_)
        | StageFailure::Http(_) => false,
    };
    if input.planned.via.is_some() || !by_name {
        return None;
    }
    of_two_minds(input, dns).or_else(|| led_inside(input, dns, failure))
}

fn of_two_minds(input: Input<'_>, dns: &DnsSeen) -> Option<Judged> {
    let opinions: Vec<&Opinion> = dns
        .opinions
        .iter()
        .filter(|opinion| opinion.said != NameSaid::Nothing)
        .collect();
    let differ = opinions.iter().enumerate().any(|(at, one)| {
        let others = opinions.iter().skip(at.saturating_add(1));
        others.into_iter().any(|other| contradict(one, other))
    });
    if !differ {
        return None;
    }
    let name = &input.destination.host;
    let told: Vec<String> = opinions.iter().map(|opinion| told(opinion)).collect();
    let who: Vec<String> = opinions.iter().map(|one| source(one.source)).collect();
    let judged = Judged::broken(
        Stage::Dns,
        Verdict::SplitHorizon,
        plain(
            &format!(
                "not everyone who is asked for {name} says the same: {}",
                told.join("; ")
            ),
            400,
        ),
    )
    .caused_by(who.join(", "))
    .seen("opinions", plain(&told.join("; "), 300));
    Some(if dns.from_hosts {
        judged.seen(HOSTS_FILE, name.clone())
    } else {
        judged
    })
}

/// One knows the name and the other does not; or both do, and one of them alone leads inside; or
/// the hosts file has none of the addresses that a server has. Many services have other addresses
/// at each question, so different ones alone mean nothing.
fn contradict(one: &Opinion, other: &Opinion) -> bool {
    let (NameSaid::Addresses(some), NameSaid::Addresses(others)) = (&one.said, &other.said) else {
        return matches!(one.said, NameSaid::Addresses(_))
            != matches!(other.said, NameSaid::Addresses(_));
    };
    let common = some.iter().any(|address| others.contains(address));
    let by_hosts = one.source == NameSource::Hosts || other.source == NameSource::Hosts;
    !common && (by_hosts || all_inside(some) != all_inside(others))
}

fn told(opinion: &Opinion) -> String {
    let said = match &opinion.said {
        NameSaid::Addresses(addresses) => {
            let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            texts.join(", ")
        }
        NameSaid::NoAddress => "no address".to_owned(),
        NameSaid::NoSuchName => "no such name".to_owned(),
        NameSaid::Nothing => "nothing".to_owned(),
    };
    format!("{} says {said}", source(opinion.source))
}

fn source(source: NameSource) -> String {
    match source {
        NameSource::Hosts => "the hosts file".to_owned(),
        NameSource::Server(server) => server.ip().to_string(),
    }
}

/// A vendor's service, which is outside for sure, by an address that leads nowhere but inside.
/// (What Garrison calls outside, a site may well run inside.)
fn led_inside(input: Input<'_>, dns: &DnsSeen, failure: &StageFailure) -> Option<Judged> {
    let destination = input.destination;
    let party = destination.catalogue.party(&destination.flow.to)?;
    let is_outside = party.place == Place::Outside && !destination.catalogue.is_own();
    if !is_outside || !all_inside(&dns.addresses) {
        return None;
    }
    let from = match (dns.from_hosts, dns.servers.first()) {
        (true, _) => source(NameSource::Hosts),
        (false, Some(server)) => source(NameSource::Server(*server)),
        (false, None) => "this host's resolver".to_owned(),
    };
    let addresses: Vec<String> = dns.addresses.iter().map(ToString::to_string).collect();
    let judged = Judged::broken(
        Stage::Dns,
        Verdict::SplitHorizon,
        plain(
            &format!(
                "{} is a service outside, and {from} gives an address inside for it ({}), where the service is not: {failure}",
                destination.host,
                addresses.join(", ")
            ),
            400,
        ),
    )
    .caused_by(from)
    .seen("addresses", addresses.join(", "));
    Some(if dns.from_hosts {
        judged.seen(HOSTS_FILE, destination.host.clone())
    } else {
        judged
    })
}

/// Whether every address is one that leads nowhere beyond a site (RFC 1918, 6598, 3927, 4193,
/// 4291).
fn all_inside(addresses: &[IpAddr]) -> bool {
    !addresses.is_empty()
        && addresses
            .iter()
            .all(|address| match address.to_canonical() {
                IpAddr::V4(v4) => {
                    let [a, b, ..] = v4.octets();
                    v4.is_private() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
                }
                IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
            })
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
pub(crate) fn of(error: &ResolveError) -> (Verdict, String) {
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
