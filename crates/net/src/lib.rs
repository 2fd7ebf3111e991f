//! Every IP socket of Garrison: `listen(flow)` and `dial(flow)`.
//!
//! A listener is bound for a row of the flow catalogue, a connection is dialed for one, and there
//! is no other way to open either. Dialing goes by stages (resolve, proxy, TCP, TLS, HTTP), each
//! with its own error and time limit, so that a check of the network runs the very same code.
//!
//! This crate has no switch that turns certificate verification off, speaks no TLS older than
//! 1.3 (but for [`probe`], which checks other products' connections), retries nothing that may have
//! reached the server, and knows nothing of routes, devices or revocation lists: roles decide, and
//! close connections through [`Connections`].
//!
//! Start reading at [`listen`] and [`serve`] for servers, at [`dial`] and [`client`] for clients,
//! at [`tls`] for who is trusted, and at [`probe`] and [`dns`] for checks of the network.

pub mod body;
pub mod change;
pub mod client;
pub mod crypto;
mod der;
pub mod dial;
pub mod dns;
pub mod endpoint;
pub mod files;
pub mod fuzzing;
pub mod kerberos;
pub mod listen;
mod observed;
pub mod probe;
pub mod serve;
pub mod tls;

pub use body::{RequestBody, ResponseBody, read_limited};
pub use client::HttpClient;
pub use crypto::{certificates_of_pem, install_crypto, spki_sha256};
pub use dial::{
    Connection, DialError, Dialer, HttpError, Outcome, Protocol, Proxy, ProxyCredentials,
    ProxyEnvironment, ProxyError, ProxyParseError, ProxySeen, ProxySetting, ResolveError,
    SignInScheme, Stage, StageFailure, StageReport, Stages, TcpError, Timeouts, UdpError,
};
pub use endpoint::{Endpoint, EndpointError, Host};
pub use files::{FileLimit, raise_file_limit};
pub use listen::{
    HolderProcess, ListenError, ListenOrBookError, Listener, PortBook, PortBookError, PortChoice,
    PortHolder, listen,
};
pub use serve::{
    ConnectionId, Connections, Counters, PeerCertificate, PeerIdentity, ServeLimits, Server,
};
pub use tls::{
    ClientAuth, ClientIdentity, ClientTls, ServerIdentity, ServerTls, TlsError, TlsSetupError,
    TlsTrust,
};

/// Signals the end to [`Server::serve`].
pub use tokio_util::sync::CancellationToken;
