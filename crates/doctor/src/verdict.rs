//! What one probe means: a verdict by stage.
//!
//! Everything here is a pure function of what was seen. What several probes mean together is in
//! [`crate::inspection`] and [`crate::judge`].

pub(crate) mod dns;
mod proxy;
pub(crate) mod tls;
pub(crate) mod transport;
mod upper;
mod words;

use flows::ProxyKind;
use net::probe::{ProbeReport, RevocationStatus};
use net::{HttpError, StageFailure};

use crate::plan::{Destination, Planned};
use crate::report::{Evidence, Outcome, Stage, Verdict};
use crate::way::{PathKind, shown};

/// What is known when one probe is judged.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub destination: &'a Destination<'a>,
    pub planned: &'a Planned,
    pub seen: &'a ProbeReport,
    /// Seconds since 1970.
    pub now: i64,
    /// Whether a private chain could be checked against a CA that was named.
    pub private_trust_known: bool,
}

/// How a check came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub result: Outcome,
    pub what: Option<(Stage, Verdict)>,
    pub detail: String,
    pub evidence: Vec<Evidence>,
    /// What tells one cause of this verdict from another.
    pub cause: String,
}

impl Judged {
    pub(crate) fn ok(detail: impl Into<String>) -> Self {
        Self {
            result: Outcome::Ok,
            what: None,
            detail: detail.into(),
            evidence: Vec::new(),
            cause: String::new(),
        }
    }

    pub(crate) fn new(
        result: Outcome,
        stage: Stage,
        verdict: Verdict,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            result,
            what: Some((stage, verdict)),
            detail: detail.into(),
            evidence: Vec::new(),
            cause: String::new(),
        }
    }

    pub(crate) fn broken(stage: Stage, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self::new(Outcome::Broken, stage, verdict, detail)
    }

    pub(crate) fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    pub(crate) fn seen(mut self, kind: &str, value: impl Into<String>) -> Self {
        let evidence = Evidence::new(kind, value);
        if !evidence.value.is_empty() && !self.evidence.contains(&evidence) {
            self.evidence.push(evidence);
        }
        self
    }
}

/// The text on one line without signs that a terminal obeys, at most so many characters.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let plain: String = text
        .chars()
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(most).collect()
}

/// Judges one probe.
#[must_use]
pub fn judge(input: Input<'_>) -> Judged {
    let judged = by_stage(input);
    with_common_evidence(input, judged)
}

fn by_stage(input: Input<'_>) -> Judged {
    if input.destination.closed {
        return transport::closed(input);
    }
    if let Some(judged) = dns::lie(input) {
        return judged;
    }
    if let Some(judged) = upper::refuses_the_agent(input) {
        return judged;
    }
    if let Some(judged) = proxy::answer(input) {
        return judged;
    }
    let revoked = input
        .seen
        .revocation
        .as_ref()
        .is_some_and(|seen| seen.status == RevocationStatus::Revoked);
    if let Some(judged) = revoked.then(|| revocation(input)).flatten() {
        return judged;
    }
    if let Some(failure) = &input.seen.failure {
        if let Some(judged) = dns::split_horizon(input, failure) {
            return judged;
        }
        return match failure {
            StageFailure::Http(HttpError::Reset) => transport::reset(input),
            StageFailure::Resolve(error) => dns::failed(input, error),
            StageFailure::Proxy(error) => proxy::failed(input, error),
            StageFailure::Tcp(error) => transport::tcp(input, error),
            StageFailure::Udp(error) => transport::udp(input, error),
            StageFailure::Tls(error) | StageFailure::Http(HttpError::Tls(error)) => {
                tls::failed(input, error)
            }
            StageFailure::Http(error) => upper::failed(input, error),
        };
    }
    if let Some(judged) = input
        .seen
        .tls
        .as_ref()
        .and_then(|seen| tls::established(input, seen))
    {
        return judged;
    }
    if let Some(judged) = input
        .seen
        .http
        .as_ref()
        .and_then(|seen| upper::answered(input, seen))
    {
        return judged;
    }
    if let Some(judged) = cannot_cross(input).or_else(|| revocation(input)) {
        return judged;
    }
    Judged::ok(success(input))
}

fn success(input: Input<'_>) -> String {
    let seen = input.seen;
    if let Some(http) = &seen.http {
        return format!("{} answers {}", http.version, http.status);
    }
    match seen.tls.as_ref().and_then(|tls| tls.version) {
        Some(version) => format!("{version} is agreed on"),
        None if seen.udp_answer.is_some() => "it answers the datagram".to_owned(),
        None => "the port is open".to_owned(),
    }
}

/// A flow whose product can't use the proxy that worked here.
fn cannot_cross(input: Input<'_>) -> Option<Judged> {
    let via = input.planned.via.as_ref()?;
    let kinds = &input.destination.flow.proxies;
    let scheme = input.seen.proxy.as_ref()?.signed_in_with?;
    if kinds.is_empty() || kinds.contains(&ProxyKind::HttpSignIn) {
        return None;
    }
    Some(proxy::sign_in_not_crossed(
        input,
        via,
        &format!(
            "the way works with {} sign-in, but this flow can't sign in at proxies{}",
            scheme.name(),
            match input.planned.path {
                PathKind::Pac => " that a PAC file names",
                PathKind::Direct | PathKind::Environment | PathKind::Proxy =>
                    " that are set by URL",
            }
        ),
    ))
}

fn revocation(input: Input<'_>) -> Option<Judged> {
    let seen = input.seen.revocation.as_ref()?;
    let told = || {
        let tries: Vec<String> = seen
            .tries
            .iter()
            .map(|one| match &one.outcome {
                Ok(_) => one.url.clone(),
                Err(why) => format!("{} ({why})", one.url),
            })
            .collect();
        plain(&tries.join(", "), 300)
    };
    let services = || {
        let mut hosts: Vec<&str> = seen.tries.iter().map(|one| host_of(&one.url)).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts.join(" ")
    };
    match seen.status {
        RevocationStatus::Good | RevocationStatus::NotOffered => None,
        RevocationStatus::Revoked => Some(
            Judged::broken(
                Stage::Revocation,
                Verdict::Revoked,
                format!(
                    "the server's certificate is revoked, as its issuer says ({})",
                    told()
                ),
            )
            .caused_by(input.destination.host.clone())
            .seen("revocation", told()),
        ),
        RevocationStatus::Unreachable => Some(
            Judged::new(
                Outcome::Degraded,
                Stage::Revocation,
                Verdict::Unreachable,
                format!(
                    "the connection works, but whether its certificate is revoked can't be learnt: {}",
                    told()
                ),
            )
            .caused_by(services())
            .seen("revocation", told()),
        ),
    }
}

pub(crate) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', ':']).next().unwrap_or(rest)
}

/// What helps to understand any verdict.
fn with_common_evidence(input: Input<'_>, mut judged: Judged) -> Judged {
    let seen = input.seen;
    if let Some(via) = &input.planned.via {
        judged = judged.seen("proxy", shown(via));
    }
    if let Some(proxy) = &seen.proxy {
        let fields = [
            (
                "proxy_status",
                proxy.status.map(|status| status.to_string()),
            ),
            ("proxy_server", proxy.server.clone()),
            ("via", proxy.via.clone()),
            ("proxy_reason", proxy.reason.clone()),
            (
                "sign_in_offered",
                (!proxy.offered.is_empty()).then(|| proxy.offered.join(", ")),
            ),
            (
                "signed_in_with",
                proxy.signed_in_with.map(|scheme| scheme.name().to_owned()),
            ),
        ];
        for (kind, value) in fields {
            judged = judged.seen(kind, plain(&value.unwrap_or_default(), 200));
        }
    }
    if judged.result == Outcome::Ok {
        return judged;
    }
    // Behind a proxy these are the proxy's own.
    if let (Some(dns), None) = (&seen.dns, &input.planned.via) {
        let addresses: Vec<String> = dns.addresses.iter().map(ToString::to_string).collect();
        let servers: Vec<String> = dns.servers.iter().map(ToString::to_string).collect();
        judged = judged
            .seen("addresses", addresses.join(", "))
            .seen("name_servers", servers.join(", "));
    }
    if let Some(peer) = seen.peer {
        judged = judged.seen("peer", peer.to_string());
    }
    if let Some(http) = &seen.http {
        judged = judged.seen("status", http.status.to_string());
        for header in ["server", "via", "location"] {
            judged = judged.seen(header, plain(http.header(header).unwrap_or_default(), 200));
        }
    }
    judged
}
