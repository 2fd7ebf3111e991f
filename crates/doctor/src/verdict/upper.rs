//! What answers above TLS: the service, or a page of something in between.

use net::HttpError;
use net::probe::{BodyEnd, HttpSeen, ProbeRequest, ProbeTransport, UpgradeSeen};

use super::{Input, Judged, host_of, plain, words};
use crate::report::{Outcome, Stage, Verdict};

pub(super) fn failed(input: Input<'_>, error: &HttpError) -> Judged {
    let verdict = match error {
        HttpError::TimedOut { .. } => Verdict::TimeOut,
        // A reset is handed to transport before.
        HttpError::Closed | HttpError::Reset | HttpError::BodyTooLarge { .. } => Verdict::Truncated,
        HttpError::Request(_) | HttpError::Protocol(_) => Verdict::NotTheProtocol,
        // Handed to TLS before.
        HttpError::Tls(_) => Verdict::VersionOrCipher,
    };
    Judged::broken(Stage::Upper, verdict, plain(&whole(error), 400)).caused_by(place(input))
}

/// Who refuses us, and lets a browser with the same request pass.
pub(super) fn refuses_the_agent(input: Input<'_>) -> Option<Judged> {
    let passed = input.seen.other_agent.filter(|status| *status < 400)?;
    let refused = match (&input.seen.http, &input.seen.proxy) {
        (Some(http), _) => Some(http.status),
        (None, proxy) => proxy.as_ref().and_then(|proxy| proxy.status),
    };
    let refused = refused.map_or_else(String::new, |status| format!(" (status {status})"));
    Some(
        Judged::broken(
            Stage::Upper,
            Verdict::UserAgentBlocked,
            format!(
                "the product's user agent is refused{refused}, and a browser's gets through with the same request (status {passed})"
            ),
        )
        .caused_by(place(input)),
    )
}

fn whole(error: &HttpError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// What stands in between, else the host.
fn place(input: Input<'_>) -> String {
    match &input.planned.via {
        Some(proxy) => crate::way::shown(proxy),
        None => input.destination.host.clone(),
    }
}

/// What is wrong with an answer; `None` where nothing is.
pub(super) fn answered(input: Input<'_>, seen: &HttpSeen) -> Option<Judged> {
    let wanted = input
        .destination
        .flow
        .probe
        .as_ref()
        .map(|probe| probe.status.as_slice())
        .unwrap_or_default();
    if wanted.contains(&seen.status) {
        return upgrade(input, seen).or_else(|| truncated(input, seen));
    }
    portal(input, seen)
        .or_else(|| block_page(input, seen))
        .or_else(|| upgrade(input, seen))
        .or_else(|| truncated(input, seen))
        .or_else(|| method(input, seen))
        .or_else(|| status(input, seen, wanted))
}

fn text(seen: &HttpSeen) -> String {
    String::from_utf8_lossy(&seen.head_of_body).into_owned()
}

fn is_plain_http(input: Input<'_>) -> bool {
    input.seen.tls.is_none()
}

/// A network that wants people to sign in first. Over TLS with the right certificate nothing but
/// the service itself answers.
fn portal(input: Input<'_>, seen: &HttpSeen) -> Option<Judged> {
    if !is_plain_http(input) {
        return None;
    }
    let location = seen.header("location").unwrap_or_default();
    let leads_away = (300..400).contains(&seen.status)
        && location.contains("://")
        && !host_of(location).eq_ignore_ascii_case(&input.destination.host);
    let word = words::of_portal(&text(seen)).or_else(|| words::of_portal(location));
    let found = seen.status == 511 || (word.is_some() && (leads_away || seen.status == 200));
    if !found {
        return None;
    }
    let portal = match (leads_away, input.seen.peer) {
        (true, _) => host_of(location).to_owned(),
        (false, Some(peer)) => peer.ip().to_string(),
        (false, None) => input.destination.host.clone(),
    };
    Some(
        Judged::broken(
            Stage::Upper,
            Verdict::CaptivePortal,
            format!("a captive portal answers in place of the service ({portal}); sign in to the network first"),
        )
        .caused_by(portal.clone())
        .seen("portal", plain(if location.is_empty() { &portal } else { location }, 200))
        .seen("words", word.unwrap_or_default()),
    )
}

fn block_page(input: Input<'_>, seen: &HttpSeen) -> Option<Judged> {
    let body = text(seen);
    let in_between = seen.header("x-squid-error").is_some();
    let word = words::of_block_page(&body);
    let over_tls = !is_plain_http(input);
    let refused = matches!(seen.status, 403 | 451 | 503) || (seen.status == 200 && !over_tls);
    // Over TLS with a trusted certificate a 403 is the service's own.
    if !(in_between || (refused && word.is_some() && !over_tls)) {
        return None;
    }
    let by = seen
        .header("server")
        .or_else(|| seen.header("via"))
        .unwrap_or("something in between");
    Some(
        Judged::broken(
            Stage::Upper,
            Verdict::BlockPage,
            format!(
                "a block page answers in place of the service (status {}, by {})",
                seen.status,
                plain(by, 60)
            ),
        )
        .caused_by(format!("{} {}", place_of_page(input), plain(by, 60)))
        .seen("words", word.unwrap_or_default())
        .seen("page", plain(&body, 160)),
    )
}

fn place_of_page(input: Input<'_>) -> String {
    input
        .planned
        .via
        .as_ref()
        .map(crate::way::shown)
        .unwrap_or_default()
}

fn upgrade(input: Input<'_>, seen: &HttpSeen) -> Option<Judged> {
    let how = match seen.upgrade? {
        UpgradeSeen::Accepted => return None,
        UpgradeSeen::WrongAccept => "something that does not understand WebSockets accepts it",
        UpgradeSeen::Refused => "it is refused",
    };
    Some(
        Judged::broken(
            Stage::Upper,
            Verdict::UpgradeBlocked,
            format!(
                "HTTP works, and the upgrade to a WebSocket does not: {how} (status {})",
                seen.status
            ),
        )
        .caused_by(place(input)),
    )
}

fn truncated(input: Input<'_>, seen: &HttpSeen) -> Option<Judged> {
    let how = match seen.body {
        BodyEnd::Complete | BodyEnd::Longer => return None,
        BodyEnd::Truncated => "ends before its announced length",
        BodyEnd::TimedOut => "stops coming",
    };
    Some(
        Judged::broken(
            Stage::Upper,
            Verdict::Truncated,
            format!("the answer {how}"),
        )
        .caused_by(place(input)),
    )
}

fn method(input: Input<'_>, seen: &HttpSeen) -> Option<Judged> {
    let asked = match &input.destination.ask {
        Ok(ProbeTransport::Http { ask } | ProbeTransport::Https { ask }) => match ask {
            ProbeRequest::Head => "HEAD",
            ProbeRequest::Get | ProbeRequest::WebSocket => "GET",
        },
        Ok(ProbeTransport::Tcp | ProbeTransport::Tls | ProbeTransport::Udp { .. }) | Err(_) => {
            return None;
        }
    };
    // A service may well have another method for the path; a proxy may not have an opinion.
    let by_proxy = seen.header("via").is_some() || seen.header("x-cache").is_some();
    if !(matches!(seen.status, 405 | 501) && (by_proxy || is_plain_http(input))) {
        return None;
    }
    Some(
        Judged::new(
            Outcome::Degraded,
            Stage::Upper,
            Verdict::MethodBlocked,
            format!(
                "the method {asked} is not let through (status {})",
                seen.status
            ),
        )
        .caused_by(place(input)),
    )
}

fn status(input: Input<'_>, seen: &HttpSeen, wanted: &[u16]) -> Option<Judged> {
    let unexpected = !wanted.is_empty() || seen.status >= 500;
    let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let expected = if names.is_empty() {
        "below 500".to_owned()
    } else {
        names.join(" or ")
    };
    unexpected.then(|| {
        Judged::new(
            Outcome::Degraded,
            Stage::Upper,
            Verdict::UnexpectedStatus,
            format!(
                "expected a status {expected}, got {}; the service or something before it is in trouble",
                seen.status
            ),
        )
        .caused_by(input.destination.host.clone())
    })
}
