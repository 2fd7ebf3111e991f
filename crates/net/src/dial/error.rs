//! One typed error for each stage of dialing.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use flows::FlowId;

use crate::endpoint::Endpoint;
use crate::kerberos::KerberosError;
use crate::tls::TlsError;

/// A step on the way to an open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    Resolve,
    Proxy,
    Tcp,
    /// A datagram and its answer; only probes send any.
    Udp,
    Tls,
    Http,
}

/// A flow's destination that could not be reached, or a request that failed on its connection.
///
/// Its text is complete in one line, causes included.
#[derive(Debug)]
pub struct DialError {
    pub flow: FlowId,
    pub endpoint: Endpoint,
    pub failure: StageFailure,
}

/// What failed, by stage.
#[derive(Debug, thiserror::Error)]
pub enum StageFailure {
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error(transparent)]
    Tcp(#[from] TcpError),
    #[error(transparent)]
    Udp(#[from] UdpError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// The name's addresses were not found.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error("the name {name} does not resolve; check its spelling and this machine's name servers")]
    Failed {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error(
        "there is no such name as {name}, says {server}; check its spelling and whether this name server knows it"
    )]
    NoSuchName { name: String, server: SocketAddr },
    #[error("the name server {server} can't resolve {name} ({reason}); check the name server")]
    ServerFailure {
        name: String,
        server: SocketAddr,
        /// Such as SERVFAIL.
        reason: String,
    },
    #[error(
        "this host refuses to send the question for {name} to the name server {server}: its own packet filter or routing forbids it"
    )]
    Forbidden { name: String, server: SocketAddr },
    #[error("the name {name} has no address")]
    NoAddress { name: String },
    #[error(
        "no answer within {} s when resolving {name}; check this machine's name servers",
        limit.as_secs_f32()
    )]
    TimedOut { name: String, limit: Duration },
}

/// The proxy did not open a tunnel.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error("the proxy {proxy} is not found")]
    Resolve {
        proxy: Endpoint,
        #[source]
        source: ResolveError,
    },
    #[error("the proxy {proxy} cannot be reached")]
    Tcp {
        proxy: Endpoint,
        #[source]
        source: TcpError,
    },
    #[error("no answer from the proxy {proxy} within {} s", limit.as_secs_f32())]
    TimedOut { proxy: Endpoint, limit: Duration },
    #[error("the proxy {proxy} broke the connection")]
    Broken {
        proxy: Endpoint,
        #[source]
        source: io::Error,
    },
    #[error(
        "the proxy {proxy} demands a sign-in ({}); {}",
        offered.join(", "),
        if *tried { "it refused the configured user name and password" } else { "configure a user name and password for it" }
    )]
    SignInRequired {
        proxy: Endpoint,
        /// The schemes that it offers, such as Basic or Negotiate.
        offered: Vec<String>,
        /// Whether credentials were presented.
        tried: bool,
    },
    #[error("can't sign in at the proxy {proxy} with {scheme}: {reason}")]
    SignInFailed {
        proxy: Endpoint,
        /// Such as Negotiate.
        scheme: &'static str,
        reason: String,
    },
    #[error("there is no Kerberos ticket for the sign-in at the proxy {proxy}")]
    NoTicket {
        proxy: Endpoint,
        #[source]
        source: KerberosError,
    },
    #[error(
        "the proxy {proxy} refuses this destination (answer {status}); allow it there, or dial directly"
    )]
    Refused { proxy: Endpoint, status: u16 },
    #[error("expected an HTTP proxy at {proxy}, got something else ({reason})")]
    NotAProxy {
        proxy: Endpoint,
        reason: &'static str,
    },
}

/// No TCP connection; with several addresses, the last one's failure.
#[derive(Debug, thiserror::Error)]
pub enum TcpError {
    #[error("{address} refused the connection: nothing listens there, or a firewall rejects it")]
    Refused { address: SocketAddr },
    #[error("{address} can't be reached: there is no route to it")]
    Unreachable {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error(
        "no answer from {address} within {} s; a firewall may drop the packets, or the machine is down",
        limit.as_secs_f32()
    )]
    TimedOut {
        address: SocketAddr,
        limit: Duration,
    },
    #[error("this host refuses to send to {address}: its own packet filter or routing forbids it")]
    Forbidden { address: SocketAddr },
    #[error("connecting to {address} failed")]
    Failed {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// No answer to a datagram.
#[derive(Debug, thiserror::Error)]
pub enum UdpError {
    #[error("{address} refused the datagram: nothing listens there, or a firewall rejects it")]
    Refused { address: SocketAddr },
    #[error("{address} can't be reached: there is no route to it")]
    Unreachable {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    /// Many services answer only to what they understand: this may mean anything.
    #[error(
        "no answer from {address} within {} s; it may be lost, dropped by a firewall, or not worth an answer",
        limit.as_secs_f32()
    )]
    Unconfirmed {
        address: SocketAddr,
        limit: Duration,
    },
    #[error("a proxy for HTTP carries no datagrams; dial directly")]
    NotThroughProxy,
    #[error("this host refuses to send to {address}: its own packet filter or routing forbids it")]
    Forbidden { address: SocketAddr },
    #[error("sending a datagram to {address} failed")]
    Failed {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// HTTP went wrong on an open connection.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("waited {} s for {waiting_for}", limit.as_secs_f32())]
    TimedOut {
        waiting_for: &'static str,
        limit: Duration,
    },
    #[error("the other side closed the connection")]
    Closed,
    /// Before anything of an answer had come.
    #[error(
        "the connection was reset after the request; the service is in trouble, or something in between does not let it through"
    )]
    Reset,
    /// Also a client certificate that the server refused: with TLS 1.3 a client learns that after
    /// its own handshake is done.
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the response is larger than {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("the request can't be sent to this server")]
    Request(#[source] http::Error),
    #[error("the other side broke the rules of HTTP")]
    Protocol(#[source] hyper::Error),
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::Resolve,
        Self::Proxy,
        Self::Tcp,
        Self::Udp,
        Self::Tls,
        Self::Http,
    ];

    /// The name, as in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Proxy => "proxy",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl StageFailure {
    /// The stage that failed. A TLS failure that only shows while HTTP begins (a refused client
    /// certificate) counts as TLS.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Resolve(_) => Stage::Resolve,
            Self::Proxy(_) => Stage::Proxy,
            Self::Tcp(_) => Stage::Tcp,
            Self::Udp(_) => Stage::Udp,
            Self::Tls(_) | Self::Http(HttpError::Tls(_)) => Stage::Tls,
            Self::Http(
                HttpError::TimedOut { .. }
                | HttpError::Closed
                | HttpError::Reset
                | HttpError::BodyTooLarge { .. }
                | HttpError::Request(_)
                | HttpError::Protocol(_),
            ) => Stage::Http,
        }
    }
}

impl DialError {
    /// The stage that failed.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.failure.stage()
    }

    /// The TLS failure, whether it showed during the handshake or after it.
    #[must_use]
    pub const fn tls(&self) -> Option<&TlsError> {
        match &self.failure {
            StageFailure::Tls(error) | StageFailure::Http(HttpError::Tls(error)) => Some(error),
            StageFailure::Resolve(_)
            | StageFailure::Proxy(_)
            | StageFailure::Tcp(_)
            | StageFailure::Udp(_)
            | StageFailure::Http(_) => None,
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} to {}, stage {}: {}",
            self.flow,
            self.endpoint,
            self.stage(),
            self.failure
        )?;
        write_causes(f, &self.failure)
    }
}

impl std::error::Error for DialError {}

fn write_causes(f: &mut fmt::Formatter<'_>, error: &dyn std::error::Error) -> fmt::Result {
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(f, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

/// Whether it was this host that refused to send to the address.
///
/// EPERM is a packet filter's drop on the way out, EACCES a prohibited route (ip-route(8)); for
/// IPv6 also what a firewall on the way answers ("administratively prohibited", RFC 4443).
pub(crate) fn is_forbidden_here(error: &io::Error, address: SocketAddr) -> bool {
    const EPERM: i32 = 1;
    const EACCES: i32 = 13;
    match error.raw_os_error() {
        Some(EPERM) => true,
        Some(EACCES) => address.is_ipv4(),
        Some(_) | None => false,
    }
}

/// An error and its causes in one line.
pub(super) fn one_line(error: &dyn std::error::Error) -> String {
    struct OneLine<'a>(&'a dyn std::error::Error);
    impl fmt::Display for OneLine<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}", self.0)?;
            write_causes(f, self.0)
        }
    }
    OneLine(error).to_string()
}
