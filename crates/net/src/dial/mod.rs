//! Dialing a flow by stages: resolve → proxy → TCP → TLS → HTTP.
//!
//! Each stage has its own error type and its own time limit, and reports to [`Stages`] what it
//! did and how long it took.

mod connection;
mod error;
mod proxy;
mod resolve;
pub(crate) mod sign_in;
mod stages;
pub(crate) mod tcp;
pub(crate) mod tunnel;
mod watched;

use std::future::Future;
use std::time::Duration;

use flows::{Flow, FlowId};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::endpoint::{Endpoint, Host};
use crate::tls::{ClientTls, TlsError, TlsTrust};

pub(crate) use connection::Driver;
pub use connection::{Connection, Protocol};
pub(crate) use error::is_forbidden_here;
pub use error::{
    DialError, HttpError, ProxyError, ResolveError, Stage, StageFailure, TcpError, UdpError,
};
use proxy::Route;
pub use proxy::{Proxy, ProxyCredentials, ProxyEnvironment, ProxyParseError, ProxySetting};
pub use sign_in::SignInScheme;
pub use stages::{Outcome, StageReport, Stages};
pub use tunnel::ProxySeen;

/// How long each stage may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub resolve: Duration,
    /// Reaching the proxy and having it open the tunnel.
    pub proxy: Duration,
    /// For each address that the name has.
    pub tcp: Duration,
    pub tls: Duration,
    /// Until the server's first bytes of HTTP/2.
    pub http: Duration,
    /// From a request until the head of its response, unless the caller names another limit.
    pub response: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5),
            proxy: Duration::from_secs(10),
            tcp: Duration::from_secs(5),
            tls: Duration::from_secs(10),
            http: Duration::from_secs(10),
            response: Duration::from_secs(30),
        }
    }
}

/// Dials one destination of one flow. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Dialer {
    flow: FlowId,
    endpoint: Endpoint,
    tls: ClientTls,
    pin: Option<[u8; 32]>,
    proxy: ProxySetting,
    timeouts: Timeouts,
}

impl Dialer {
    /// Dials directly, with the default time limits.
    #[must_use]
    pub fn new(flow: &Flow, endpoint: Endpoint, tls: ClientTls) -> Self {
        let pin = match &tls.trust {
            TlsTrust::Pinned { ca_pin } => Some(*ca_pin),
            TlsTrust::Ca { .. } => None,
        };
        Self {
            flow: flow.id.clone(),
            endpoint,
            tls,
            pin,
            proxy: ProxySetting::Direct,
            timeouts: Timeouts::default(),
        }
    }

    /// Through which proxy.
    #[must_use]
    pub fn with_proxy(mut self, proxy: ProxySetting) -> Self {
        self.proxy = proxy;
        self
    }

    /// With other time limits.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Where it dials.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The flow that it dials for.
    #[must_use]
    pub fn flow(&self) -> &FlowId {
        &self.flow
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// The first stage that failed, and why.
    pub async fn connect(&self) -> Result<Connection, DialError> {
        self.connect_observed(&mut Stages::default()).await
    }

    /// Opens a connection and notes in `stages` what each stage did.
    ///
    /// # Errors
    /// The first stage that failed, and why.
    pub async fn connect_observed(&self, stages: &mut Stages) -> Result<Connection, DialError> {
        self.by_stages(stages)
            .await
            .map_err(|failure| self.error(failure))
    }

    pub(crate) fn error(&self, failure: impl Into<StageFailure>) -> DialError {
        DialError {
            flow: self.flow.clone(),
            endpoint: self.endpoint.clone(),
            failure: failure.into(),
        }
    }

    async fn by_stages(&self, stages: &mut Stages) -> Result<Connection, StageFailure> {
        let tcp = match self.proxy.route(&self.endpoint) {
            Route::Direct(why) => {
                let resolving = resolve::addresses(&self.endpoint, self.timeouts.resolve);
                let addresses = stages.run(Stage::Resolve, resolving).await?;
                stages.skip(Stage::Proxy, why);
                let connecting = tcp::connect(&addresses, self.timeouts.tcp);
                stages.run(Stage::Tcp, connecting).await?
            }
            Route::Through(proxy) => {
                stages.skip(Stage::Resolve, "the proxy resolves the name");
                let tunnelling = self.tunnel(proxy);
                let tcp = stages.run(Stage::Proxy, tunnelling).await?;
                stages.skip(Stage::Tcp, "the proxy connects");
                tcp
            }
        };
        let tls = stages.run(Stage::Tls, self.handshake(tcp)).await?;
        let opening = Connection::open(self.clone(), tls, self.pin, self.timeouts.http);
        stages.run(Stage::Http, opening).await
    }

    async fn tunnel(&self, proxy: &Proxy) -> Result<(TcpStream, String), ProxyError> {
        let resolving = resolve::addresses(&proxy.endpoint, self.timeouts.resolve);
        let (addresses, _) = resolving.await.map_err(|source| ProxyError::Resolve {
            proxy: proxy.endpoint.clone(),
            source,
        })?;
        let mut seen = ProxySeen::default();
        let wish = tunnel::Wish {
            destination: &self.endpoint,
            user_agent: None,
        };
        tunnel::open(proxy, wish, &addresses, &self.timeouts, &mut seen).await
    }

    async fn handshake(&self, tcp: TcpStream) -> Result<(TlsStream<TcpStream>, String), TlsError> {
        let name = server_name(&self.endpoint.host)?;
        let connector = TlsConnector::from(self.tls.config.clone());
        let limit = self.timeouts.tls;
        let stream = within(limit, connector.connect(name, tcp))
            .await
            .ok_or(TlsError::TimedOut { limit })?
            .map_err(|error| TlsError::from_handshake(&error, self.pin.as_ref()))?;
        let suite = stream.get_ref().1.negotiated_cipher_suite();
        let detail = suite
            .map(|suite| format!("{:?}", suite.suite()))
            .unwrap_or_default();
        Ok((stream, detail))
    }
}

pub(crate) fn server_name(host: &Host) -> Result<ServerName<'static>, TlsError> {
    match host {
        Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| TlsError::Protocol {
            reason: format!("{name} can't stand in a certificate; use another name or an address"),
        }),
    }
}

/// `None` when the limit passed.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}
