//! TCP and UDP: refused, lost, reset, no route.

use std::io::ErrorKind;
use std::net::SocketAddr;

use net::{ProxyError, StageFailure, TcpError, UdpError};

use super::{Input, Judged, plain};
use crate::report::{Outcome, Stage, Verdict};

/// The evidence that this host itself holds packets back: transport, address and port.
pub(crate) const HELD_BACK: &str = "held_back_here";

/// This host's own packet filter (or routing) refuses to send: one cause, whatever it refuses.
pub(crate) fn held_back(transport: &str, address: SocketAddr, text: &str) -> Judged {
    Judged::broken(Stage::Transport, Verdict::Refused, plain(text, 400))
        .caused_by("this host's own packet filter")
        .seen(
            HELD_BACK,
            format!("{transport} {} {}", address.ip(), address.port()),
        )
}

/// Where a TCP connection got no answer.
pub(crate) fn silent(failure: &StageFailure) -> Option<SocketAddr> {
    match failure {
        StageFailure::Tcp(TcpError::TimedOut { address, .. })
        | StageFailure::Proxy(ProxyError::Tcp {
            source: TcpError::TimedOut { address, .. },
            ..
        }) => Some(*address),
        StageFailure::Tcp(_)
        | StageFailure::Proxy(_)
        | StageFailure::Resolve(_)
        | StageFailure::Udp(_)
        | StageFailure::Tls(_)
        | StageFailure::Http(_) => None,
    }
}

pub(super) fn tcp(input: Input<'_>, error: &TcpError) -> Judged {
    if let TcpError::Forbidden { address } = error {
        return held_back("tcp", *address, &error.to_string());
    }
    let verdict = of(error);
    judged(input, verdict, Outcome::Broken, &error.to_string())
}

/// The verdict of a TCP error.
pub(crate) fn of(error: &TcpError) -> Verdict {
    match error {
        TcpError::Refused { .. } | TcpError::Forbidden { .. } => Verdict::Refused,
        TcpError::Unreachable { .. } => Verdict::Unreachable,
        TcpError::TimedOut { .. } => Verdict::TimeOut,
        TcpError::Failed { source, .. } => match source.kind() {
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Verdict::Reset,
            ErrorKind::TimedOut => Verdict::TimeOut,
            _ => Verdict::Unreachable,
        },
    }
}

/// A connection that was reset as soon as something was said on it.
pub(super) fn reset(input: Input<'_>) -> Judged {
    judged(
        input,
        Verdict::Reset,
        Outcome::Broken,
        &net::HttpError::Reset.to_string(),
    )
}

pub(super) fn udp(input: Input<'_>, error: &UdpError) -> Judged {
    let (verdict, result) = match error {
        UdpError::Forbidden { address } => {
            return held_back("udp", *address, &error.to_string());
        }
        UdpError::Refused { .. } => (Verdict::Refused, Outcome::Broken),
        UdpError::Unreachable { .. } | UdpError::Failed { .. } => {
            (Verdict::Unreachable, Outcome::Broken)
        }
        UdpError::Unconfirmed { .. } => (Verdict::UdpUnconfirmed, Outcome::Unknown),
        UdpError::NotThroughProxy => (Verdict::Unreachable, Outcome::Broken),
    };
    judged(input, verdict, result, &error.to_string())
}

fn judged(input: Input<'_>, verdict: Verdict, result: Outcome, text: &str) -> Judged {
    let port = input.destination.port.unwrap_or_default();
    let transport = input.destination.endpoint.transport.as_str();
    // A service that isn't there is one host's matter, a lost packet the network's.
    let cause = match verdict {
        Verdict::Refused => format!("{} {transport} {port}", input.destination.host),
        _ => format!("{transport} {port}"),
    };
    Judged::new(result, Stage::Transport, verdict, plain(text, 400)).caused_by(cause)
}

/// What is expected not to answer.
pub(super) fn closed(input: Input<'_>) -> Judged {
    let reached = input.seen.peer.is_some()
        && !matches!(
            input.seen.failure,
            Some(StageFailure::Resolve(_) | StageFailure::Tcp(_) | StageFailure::Udp(_))
        );
    if !reached {
        return Judged::ok("it is closed, as it should be");
    }
    let port = input.destination.port.unwrap_or_default();
    Judged::broken(
        Stage::Transport,
        Verdict::OpenThoughClosed,
        format!("port {port} is open, though it should be closed"),
    )
    .caused_by(format!("{} {port}", input.destination.host))
}
