//! One probe of one endpoint on one path, observing everything.
//!
//! It goes by the dialer's own stages and reports what each showed: the name servers' answer, the
//! proxy's words, the certificate chain and who trusts it, the first answer to a request. Unlike
//! the dialer it also speaks TLS 1.2 and trusts the public roots, because it checks other
//! products' connections too. It sends no request over a connection whose server it can't verify,
//! and there is no switch for that.

mod binding;
mod by_proxy;
mod datagram;
mod facts;
pub(crate) mod fuzzing;
mod handshake;
mod hellos;
mod plan;
mod recorded;
mod report;
mod request;
mod revocation;
mod roots;
mod verifier;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;

use crate::dial::{
    HttpError, Proxy, ProxyError, ResolveError, Stage, StageFailure, UdpError, tcp, tunnel, within,
};
use crate::dns::Resolver;
use crate::endpoint::{Endpoint, Host};
use crate::tls::{ALPN_HTTP2, TlsError};
use request::{Conversation, Form};

pub use facts::CertificateFacts;
pub use hellos::RepeatedHellos;
pub use plan::{ProbePlan, ProbeRequest, ProbeRoute, ProbeTransport, ProbeTrust, RevocationCheck};
pub use report::{
    BodyEnd, DnsSeen, HttpSeen, NameSaid, NameSource, Opinion, ProbeReport, ProxySeen,
    SignInScheme, TlsEnd, TlsSeen, UpgradeSeen,
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
    revocations: Arc<revocation::Kept>,
}

impl Prober {
    /// Probes that share this resolver and these roots.
    #[must_use]
    pub fn new(resolver: Resolver, roots: ProbeRoots) -> Self {
        Self {
            resolver,
            roots,
            revocations: Arc::default(),
        }
    }

    /// The resolver that its probes share.
    #[must_use]
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// Probes, and never longer than twice the sum of the plan's time limits.
    pub async fn probe(&self, plan: &ProbePlan) -> ProbeReport {
        let mut report = self.probe_once(plan).await;
        self.ask_other_servers(plan, &mut report).await;
        if let Some(other) = &plan.other_user_agent
            && is_refusal(&report)
        {
            let plan = ProbePlan {
                user_agent: Some(other.clone()),
                binding_path: None,
                ..plan.clone()
            };
            let again = self.probe_once(&plan).await;
            report.other_agent = match (&again.failure, again.http) {
                (None, Some(http)) => Some(http.status),
                (Some(_), _) | (None, None) => None,
            };
        }
        report
    }

    async fn probe_once(&self, plan: &ProbePlan) -> ProbeReport {
        let mut report = ProbeReport::default();
        report.failure = self.by_stages(plan, &mut report).await.err();
        report
    }

    /// Where a name is unknown, or nobody fit is found at its addresses, asks everyone who may
    /// know the name: they may not be of one mind.
    async fn ask_other_servers(&self, plan: &ProbePlan, report: &mut ProbeReport) {
        let doubtful = match &report.failure {
            Some(StageFailure::Resolve(error)) => matches!(
                error,
                ResolveError::NoSuchName { .. } | ResolveError::NoAddress { .. }
            ),
            Some(StageFailure::Tcp(_) | StageFailure::Tls(_)) => true,
            Some(StageFailure::Proxy(_) | StageFailure::Udp(_) | StageFailure::Http(_)) | None => {
                false
            }
        };
        if let (true, ProbeRoute::Direct, Host::Name(name), Some(dns)) =
            (doubtful, &plan.route, &plan.endpoint.host, &mut report.dns)
        {
            dns.opinions = self.resolver.opinions(name, plan.timeouts.resolve).await;
        }
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
                self.revocation(plan, report).await
            }
            ProbeTransport::Http { ask } => {
                if let ProbeRoute::Proxy(proxy) = &plan.route {
                    return self.request_by_proxy(proxy, plan, *ask, report).await;
                }
                let tcp = self.connect(plan, report).await?;
                self.request(tcp, plan, *ask, Form::Origin, report).await
            }
            ProbeTransport::Https { ask } => {
                let tcp = self.connect(plan, report).await?;
                let tls = self.handshake(tcp, plan, report).await?;
                self.revocation(plan, report).await?;
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
        let addresses = self.addresses(plan, report).await?;
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
        if let ProbeRoute::Proxy(proxy) = &plan.route {
            report
                .stages
                .skip(Stage::Resolve, "the proxy resolves the name");
            let mut seen = ProxySeen::default();
            let dns = &mut report.dns;
            let tunnelling = async {
                let addresses = self.proxy_addresses(proxy, plan, dns).await?;
                let wish = tunnel::Wish {
                    destination: &plan.endpoint,
                    user_agent: plan.user_agent.as_deref(),
                };
                tunnel::open(proxy, wish, &addresses, &plan.timeouts, &mut seen).await
            };
            let tunnel = report.stages.run(Stage::Proxy, tunnelling).await;
            report.proxy = Some(seen);
            let stream = tunnel?;
            report.peer = stream.peer_addr().ok();
            report.stages.skip(Stage::Tcp, "the proxy connects");
            return Ok(stream);
        }
        let addresses = self.addresses(plan, report).await?;
        report.stages.skip(Stage::Proxy, "the path is direct");
        let connecting = tcp::connect(&addresses, plan.timeouts.tcp);
        let stream = report.stages.run(Stage::Tcp, connecting).await?;
        report.peer = stream.peer_addr().ok();
        Ok(stream)
    }

    async fn addresses(
        &self,
        plan: &ProbePlan,
        report: &mut ProbeReport,
    ) -> Result<Vec<SocketAddr>, StageFailure> {
        if let Host::Address(address) = plan.endpoint.host {
            report
                .stages
                .skip(Stage::Resolve, "an address, nothing to look up");
            return Ok(vec![SocketAddr::new(address, plan.endpoint.port)]);
        }
        let dns = &mut report.dns;
        let resolving = async {
            let addresses = self.lookup(&plan.endpoint, plan, dns).await?;
            let detail: Vec<String> = addresses
                .iter()
                .map(|address| address.ip().to_string())
                .collect();
            Ok::<_, ResolveError>((addresses, detail.join(", ")))
        };
        report.stages.run(Stage::Resolve, resolving).await
    }

    async fn proxy_addresses(
        &self,
        proxy: &Proxy,
        plan: &ProbePlan,
        dns: &mut Option<DnsSeen>,
    ) -> Result<Vec<SocketAddr>, ProxyError> {
        let looking = self.lookup(&proxy.endpoint, plan, dns).await;
        looking.map_err(|source| ProxyError::Resolve {
            proxy: proxy.endpoint.clone(),
            source,
        })
    }

    async fn lookup(
        &self,
        endpoint: &Endpoint,
        plan: &ProbePlan,
        dns: &mut Option<DnsSeen>,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        let addresses = match &endpoint.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let (seen, result) = self.resolver.lookup(name, plan.timeouts.resolve).await;
                *dns = Some(seen);
                result?
            }
        };
        let addresses = addresses.into_iter().take(MAX_ADDRESSES);
        Ok(addresses
            .map(|address| SocketAddr::new(address, endpoint.port))
            .collect())
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

    /// Asks about the certificate before anything is sent to its owner.
    async fn revocation(
        &self,
        plan: &ProbePlan,
        report: &mut ProbeReport,
    ) -> Result<(), StageFailure> {
        if plan.revocation == RevocationCheck::Skip {
            return Ok(());
        }
        let Some(tls) = &report.tls else {
            return Ok(());
        };
        let seen = revocation::ask(self, plan, &tls.chain).await;
        let is_revoked = seen.status == RevocationStatus::Revoked;
        report.revocation = Some(seen);
        if is_revoked {
            let revoked = async { Err::<((), String), _>(TlsError::Revoked) };
            report.stages.run(Stage::Tls, revoked).await?;
        }
        Ok(())
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
            let mut conversation = Conversation::open(stream, form).await?;
            let seen = conversation.send(plan, ask, form, None).await;
            *first_bytes = conversation.first_bytes();
            let (seen, detail) = with_detail::<HttpError>(seen?)?;
            Ok::<_, HttpError>(((seen, conversation), detail))
        };
        let (seen, mut conversation) = report.stages.run(Stage::Http, asking).await?;
        report.http = Some(seen);
        report.server_exporter = binding::ask(&mut conversation, plan, form).await;
        Ok(())
    }

    /// Sends a request for another server to the proxy itself.
    async fn request_by_proxy(
        &self,
        proxy: &Proxy,
        plan: &ProbePlan,
        ask: ProbeRequest,
        report: &mut ProbeReport,
    ) -> Result<(), StageFailure> {
        report
            .stages
            .skip(Stage::Resolve, "the proxy resolves the name");
        let dns = &mut report.dns;
        let connecting = async {
            let addresses = self.proxy_addresses(proxy, plan, dns).await?;
            let stream = tunnel::connect(proxy, &addresses, &plan.timeouts).await?;
            Ok::<_, ProxyError>(((stream, addresses), proxy.endpoint.to_string()))
        };
        let (stream, addresses) = report.stages.run(Stage::Proxy, connecting).await?;
        report.peer = stream.peer_addr().ok();
        report.stages.skip(Stage::Tcp, "the proxy connects");

        let mut seen = ProxySeen::default();
        let first_bytes = &mut report.first_bytes;
        let asking = async {
            let by_proxy = by_proxy::Request {
                proxy,
                plan,
                ask,
                addresses: &addresses,
            };
            with_detail::<StageFailure>(by_proxy.send(stream, &mut seen, first_bytes).await?)
        };
        let http = report.stages.run(Stage::Http, asking).await;
        report.proxy = Some(seen);
        report.http = Some(http?);
        Ok(())
    }
}

/// Whether the service, or a proxy before it, says no to who asks. Other statuses are about what is
/// asked for.
fn is_refusal(report: &ProbeReport) -> bool {
    const FORBIDDEN: u16 = 403;
    const NOT_ACCEPTABLE: u16 = 406;
    const FOR_LEGAL_REASONS: u16 = 451;
    let status = match (&report.failure, &report.http) {
        (Some(StageFailure::Proxy(ProxyError::Refused { status, .. })), _) => Some(*status),
        (None, Some(http)) => Some(http.status),
        (Some(_), _) | (None, None) => None,
    };
    status.is_some_and(|status| [FORBIDDEN, NOT_ACCEPTABLE, FOR_LEGAL_REASONS].contains(&status))
}

fn with_detail<E>(seen: HttpSeen) -> Result<(HttpSeen, String), E> {
    let detail = format!("{} {}", seen.version, seen.status);
    Ok((seen, detail))
}

/// Waits a moment for the server's word about our certificate.
async fn refusal(tls: &mut handshake::Stream) -> Result<(), TlsError> {
    let mut byte = [0u8; 1];
    match within(REFUSAL_LIMIT, tls.read(&mut byte)).await {
        Some(Err(error)) => TlsError::from_io(&error, None).map_or(Ok(()), Err),
        Some(Ok(_)) | None => Ok(()),
    }
}
