//! Proxies: not there, wanting a sign-in, or refusing the destination.

use flows::ProxyKind;
use net::kerberos::KerberosError;
use net::{Proxy, ProxyError, TcpError};

use super::{Input, Judged, dns, plain, transport};
use crate::report::{Stage, Verdict};
use crate::way::shown;

/// How Squid names what went wrong, in the header X-Squid-Error.
const NAME_FAILED: &str = "DNS_FAIL";
const CONNECT_FAILED: &str = "CONNECT_FAIL";

pub(super) fn failed(input: Input<'_>, error: &ProxyError) -> Judged {
    let text = plain(&told(error), 400);
    let via = via(input);
    match error {
        ProxyError::Resolve { source, .. } if dns::held_back(source).is_some() => {
            dns::failed(input, source)
        }
        ProxyError::Tcp {
            source: source @ TcpError::Forbidden { .. },
            ..
        } => transport::tcp(input, source),
        ProxyError::Resolve { source, .. } => {
            Judged::broken(Stage::Proxy, dns::of(source).0, text).caused_by(via)
        }
        ProxyError::Tcp { source, .. } => {
            Judged::broken(Stage::Proxy, transport::of(source), text).caused_by(via)
        }
        ProxyError::TimedOut { .. } => {
            Judged::broken(Stage::Proxy, Verdict::TimeOut, text).caused_by(via)
        }
        ProxyError::Broken { .. } | ProxyError::NotAProxy { .. } => {
            Judged::broken(Stage::Proxy, Verdict::Refused, text).caused_by(via)
        }
        ProxyError::SignInRequired { tried: false, .. } => sign_in(input, &text),
        ProxyError::SignInRequired { tried: true, .. } | ProxyError::SignInFailed { .. } => {
            Judged::broken(Stage::Proxy, Verdict::SignInFailed, text).caused_by(via)
        }
        ProxyError::NoTicket { source, .. } => no_ticket(source, text, via),
        ProxyError::Refused { status, .. } => refused(input, *status, text),
    }
}

/// What stands between this host and a ticket of Kerberos.
fn no_ticket(why: &KerberosError, text: String, via: String) -> Judged {
    let (verdict, cause, controller) = match why {
        KerberosError::ClockSkew { .. } => (Verdict::ClockSkew, "clock".to_owned(), None),
        KerberosError::KdcUnreachable { kdc, .. } => (
            Verdict::SignInFailed,
            format!("domain controller {kdc}"),
            Some(kdc.to_string()),
        ),
        KerberosError::NotPossible(_)
        | KerberosError::NoKdc { .. }
        | KerberosError::Refused { .. }
        | KerberosError::Malformed { .. } => (Verdict::SignInFailed, via, None),
    };
    Judged::broken(Stage::Proxy, verdict, text)
        .caused_by(cause)
        .seen("kerberos", plain(&why.to_string(), 300))
        .seen("unreachable_controller", controller.unwrap_or_default())
}

fn told(error: &ProxyError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        text.push_str(": ");
        text.push_str(&one.to_string());
        cause = one.source();
    }
    text
}

fn via(input: Input<'_>) -> String {
    input.planned.via.as_ref().map(shown).unwrap_or_default()
}

/// A proxy that answers without a tunnel: whose matter it is.
fn refused(input: Input<'_>, status: u16, text: String) -> Judged {
    let reason = input
        .seen
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.reason.clone())
        .unwrap_or_default();
    let port = input.destination.port.unwrap_or_default();
    if reason.contains(NAME_FAILED) {
        let text = format!("the proxy can't resolve {}", input.destination.host);
        return Judged::broken(Stage::Dns, Verdict::NoSuchName, text)
            .caused_by(input.destination.host.clone());
    }
    if reason.contains(CONNECT_FAILED) {
        let text = format!(
            "the proxy can't connect to {}:{port}",
            input.destination.host
        );
        return Judged::broken(Stage::Transport, Verdict::Unreachable, text)
            .caused_by(format!("{} tcp {port}", via(input)));
    }
    match status {
        502..=504 => Judged::broken(Stage::Transport, Verdict::Unreachable, text)
            .caused_by(format!("{} tcp {port}", via(input))),
        _ => Judged::broken(Stage::Proxy, Verdict::Denied, text)
            .caused_by(format!("{} {status}", via(input))),
    }
}

/// What a proxy answers to a request that goes to the proxy itself (plain HTTP).
pub(super) fn answer(input: Input<'_>) -> Option<Judged> {
    let seen = input.seen.proxy.as_ref()?;
    let http = input.seen.http.as_ref();
    input.planned.via.as_ref()?;
    let status = http.map(|http| http.status)?;
    if input.seen.tls.is_some() {
        return None;
    }
    let own =
        seen.reason.is_some() || http.is_some_and(|http| http.header("x-squid-error").is_some());
    match status {
        407 if seen.signed_in_with.is_some() => Some(
            Judged::broken(
                Stage::Proxy,
                Verdict::SignInFailed,
                "the proxy refuses the user name and password that it was given",
            )
            .caused_by(via(input)),
        ),
        407 => Some(sign_in(
            input,
            &format!(
                "the proxy demands a sign-in ({})",
                plain(&seen.offered.join(", "), 80)
            ),
        )),
        400..=599 if own => Some(refused(
            input,
            status,
            format!("the proxy refuses this destination (answer {status}); allow it there"),
        )),
        _ => None,
    }
}

fn sign_in(input: Input<'_>, text: &str) -> Judged {
    let kinds = &input.destination.flow.proxies;
    let text = if kinds.is_empty() || kinds.contains(&ProxyKind::HttpSignIn) {
        text.to_owned()
    } else {
        format!("{text}; this flow can't sign in at proxies, so it has to pass without")
    };
    Judged::broken(Stage::Proxy, Verdict::SignInRequired, text).caused_by(via(input))
}

/// The proxy worked for us, and will not for the product.
pub(super) fn sign_in_not_crossed(input: Input<'_>, proxy: &Proxy, why: &str) -> Judged {
    let judged = Judged::broken(Stage::Proxy, Verdict::SignInRequired, why)
        .caused_by(format!("{} not crossed", shown(proxy)));
    let caveats = input.destination.flow.caveats.iter();
    caveats
        .filter(|caveat| caveat.as_str().contains("proxy"))
        .fold(judged, |judged, caveat| {
            judged.seen("catalogue", plain(caveat.as_str(), 300))
        })
}
