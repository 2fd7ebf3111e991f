//! One probe of one endpoint on one path, observing everything.
//!
//! It goes by the dialer's own stages and reports what each showed: the name servers' answer, the
//! proxy's words, the certificate chain and who trusts it, the first answer to a request. Unlike
//! the dialer it also speaks TLS 1.2 and trusts the public roots, because it checks other
//! products' connections too. It sends no request over a connection whose server it can't verify,
//! and there is no switch for that.

mod datagram;
mod facts;
mod handshake;
mod plan;
mod recorded;
mod report;
mod request;
mod revocation;
mod roots;
mod verifier;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;

use crate::dial::{HttpError, Stage, StageFailure, UdpError, tcp, within};
use crate::dns::Resolver;
use crate::endpoint::{Endpoint, Host};
use crate::tls::{ALPN_HTTP2, TlsError};
use request::Form;

pub use facts::CertificateFacts;
pub use plan::{ProbePlan, ProbeRequest, ProbeRoute, ProbeTransport, ProbeTrust, RevocationCheck};
pub use report::{
    BodyEnd, DnsSeen, HttpSeen, ProbeReport, ProxySeen, SignInScheme, TlsEnd, TlsSeen, UpgradeSeen,
};
pub use revocation::{RevocationSeen, RevocationService, RevocationStatus, RevocationTry};
pub use roots::ProbeRoots;

/// Bytes of a body that a report keeps.
pub const MAX_BODY: usize = 4 * 1024;
/// Bytes of a body that a probe reads.
pub const MAX_READ: usize = 64 * 1024;
/// Bytes that a report keeps of what the other side said first.
pub const MAX_FIRST_BYTES: usize = 64;
/// Bytes that a report keeps of an answer by UDP.
pub const MAX_UDP_ANSWER: usize = 1500;
/// Headers that a report keeps.
pub const MAX_HEADERS: usize = 64;

/// More addresses of one name are not tried.
const MAX_ADDRESSES: usize = 8;
/// How long a server that wants a client certificate may take to refuse ours, or none: with
/// TLS 1.3 that shows only after our side of the handshake is done.
const REFUSAL_LIMIT: Duration = Duration::from_secs(1);

/// What all probes share. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Prober {
    resolver: Resolver,
    roots: ProbeRoots,
}

impl Prober {
    /// Probes that share this resolver and these roots.
    #[must_use]
    pub fn new(resolver: Resolver, roots: ProbeRoots) -> Self {
        Self { resolver, roots }
    }

    /// The resolver that its probes share.
    #[must_use]
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// Probes, and never longer than the sum of the plan's time limits.
    pub async fn probe(&self, plan: &ProbePlan) -> ProbeReport {
        let mut report = ProbeReport::default();
        report.failure = self.by_stages(plan, &mut report).await.err();
        report
    }

    async fn by_stages(
        &self,
        plan: &ProbePlan,
        report: &mut ProbeReport,
    ) -> Result<(), StageFailure> {
        match &plan.transport {
            ProbeTransport::Tcp => self.connect(plan, report).await.map(drop),
            ProbeTransport::Tls => {
                let tcp = self.connect(plan, report).await?;
                let mut tls = self.handshake(tcp, plan, report).await?;
                let wanted = report
                    .tls
                    .as_ref()
                    .is_some_and(|tls| tls.client_certificate_wanted);
                if wanted {
                    refusal(&mut tls).await?;
                }
                Ok(())
            }
            ProbeTransport::Http { ask } => {
                let tcp = self.connect(plan, report).await?;
                self.request(tcp, plan, *ask, Form::Origin, report).await
            }
            ProbeTransport::Https { ask } => {
                let tcp = self.connect(plan, report).await?;
                let tls = self.handshake(tcp, plan, report).await?;
                let agreed = tls.get_ref().1.alpn_protocol();
                let form = if agreed == Some(ALPN_HTTP2) {
                    Form::Http2
                } else {
                    Form::Origin
                };
                self.request(tls, plan, *ask, form, report).await
            }
            ProbeTransport::Udp { payload } => self.datagram(plan, payload, report).await,
        }
    }

    async fn datagram(
        &self,
        plan: &ProbePlan,
        payload: &[u8],
        report: &mut ProbeReport,
    ) -> Result<(), StageFailure> {
        if let ProbeRoute::Proxy(_) = &plan.route {
            let refused = async { Err::<((), String), _>(UdpError::NotThroughProxy) };
            return report.stages.run(Stage::Udp, refused).await;
        }
        let addresses = self.addresses(&plan.endpoint, plan, report).await?;
        let sending = datagram::send(&addresses, payload, plan.timeouts.response);
        let (peer, answer) = report.stages.run(Stage::Udp, sending).await?;
        report.peer = Some(peer);
        report.udp_answer = Some(answer);
        Ok(())
    }

    /// A TCP connection to the endpoint, or a tunnel to it.
    async fn connect(
        &self,
        plan: &ProbePlan,
        report: &mut ProbeReport,
    ) -> Result<TcpStream, StageFailure> {
        let addresses = self.addresses(&plan.endpoint, plan, report).await?;
        report.stages.skip(Stage::Proxy, "the path is direct");
        let connecting = tcp::connect(&addresses, plan.timeouts.tcp);
        let stream = report.stages.run(Stage::Tcp, connecting).await?;
        report.peer = stream.peer_addr().ok();
        Ok(stream)
    }

    async fn addresses(
        &self,
        endpoint: &Endpoint,
        plan: &ProbePlan,
        report: &mut ProbeReport,
    ) -> Result<Vec<SocketAddr>, StageFailure> {
        let name = match &endpoint.host {
            Host::Address(address) => {
                report
                    .stages
                    .skip(Stage::Resolve, "an address, nothing to look up");
                return Ok(vec![SocketAddr::new(*address, endpoint.port)]);
            }
            Host::Name(name) => name,
        };
        let dns = &mut report.dns;
        let resolving = async {
            let (seen, result) = self.resolver.lookup(name, plan.timeouts.resolve).await;
            let detail: Vec<String> = seen.addresses.iter().map(ToString::to_string).collect();
            *dns = Some(seen);
            let addresses = result?.into_iter().take(MAX_ADDRESSES);
            let addresses = addresses.map(|address| SocketAddr::new(address, endpoint.port));
            Ok::<_, crate::dial::ResolveError>((addresses.collect(), detail.join(", ")))
        };
        report.stages.run(Stage::Resolve, resolving).await
    }

    async fn handshake(
        &self,
        tcp: TcpStream,
        plan: &ProbePlan,
        report: &mut ProbeReport,
    ) -> Result<handshake::Stream, StageFailure> {
        let observed = &mut report.tls;
        let speaking = async {
            let (seen, result) = handshake::observe(tcp, plan, &self.roots).await;
            let words = [seen.version.map(str::to_owned), seen.suite.clone()];
            *observed = Some(seen);
            let detail: Vec<String> = words.into_iter().flatten().collect();
            Ok::<_, TlsError>((result?, detail.join(", ")))
        };
        report.stages.run(Stage::Tls, speaking).await
    }

    async fn request<S>(
        &self,
        stream: S,
        plan: &ProbePlan,
        ask: ProbeRequest,
        form: Form,
        report: &mut ProbeReport,
    ) -> Result<(), StageFailure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let first_bytes = &mut report.first_bytes;
        let asking = async {
            let seen = request::send(stream, plan, ask, form, None, first_bytes).await?;
            let detail = format!("{} {}", seen.version, seen.status);
            Ok::<_, HttpError>((seen, detail))
        };
        report.http = Some(report.stages.run(Stage::Http, asking).await?);
        Ok(())
    }
}

/// Waits a moment for the server's word about our certificate.
async fn refusal(tls: &mut handshake::Stream) -> Result<(), TlsError> {
    let mut byte = [0u8; 1];
    match within(REFUSAL_LIMIT, tls.read(&mut byte)).await {
        Some(Err(error)) => TlsError::from_io(&error, None).map_or(Ok(()), Err),
        Some(Ok(_)) | None => Ok(()),
    }
}
