//! Whether a certificate is revoked, as its issuer says.

mod crl;
mod fetch;
pub(crate) mod fuzzing;
mod issuer;
mod ocsp;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::{ServerName, UnixTime};
use tokio::sync::OnceCell;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Prober;
use super::facts::CertificateFacts;
use super::plan::{ProbePlan, ProbeRoute};
use crate::crypto::sha256;
use crate::dial::server_name;
use fetch::{Ask, Url, fetch};
use issuer::Issuer;
use ocsp::Question;

/// More services of one kind are not asked.
const MAX_SERVICES: usize = 2;
/// Answers that are kept; certificates beyond are asked about each time.
const MAX_KEPT: usize = 4 * 1024;

/// What the issuer's services said of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationSeen {
    pub status: RevocationStatus,
    /// In the order in which they were made.
    pub tries: Vec<RevocationTry>,
}

/// The sum of all tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationStatus {
    Good,
    Revoked,
    /// The certificate names no service that could be asked.
    NotOffered,
    /// None of its services gave an answer that can be used.
    Unreachable,
}

/// One service that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationTry {
    pub service: RevocationService,
    pub url: String,
    pub elapsed: Duration,
    /// `Ok(true)` where it says that the certificate is revoked.
    pub outcome: Result<bool, String>,
}

/// How one learns of revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationService {
    /// RFC 6960.
    Ocsp,
    /// RFC 5280.
    Crl,
}

/// What was learned, by leaf and proxy, so that many flows to one server ask once.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<Key, Arc<OnceCell<RevocationSeen>>>>);

type Key = ([u8; 32], Option<String>);

impl Kept {
    fn cell(&self, key: Key) -> Arc<OnceCell<RevocationSeen>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = kept.get(&key) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(OnceCell::new());
        if kept.len() < MAX_KEPT {
            kept.insert(key, Arc::clone(&cell));
        }
        cell
    }
}

/// Asks about the leaf of this chain, by OCSP first and then by CRL.
pub(super) async fn ask(prober: &Prober, plan: &ProbePlan, chain: &[Vec<u8>]) -> RevocationSeen {
    let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
    let proxy = match &plan.route {
        ProbeRoute::Direct => None,
        ProbeRoute::Proxy(proxy) => Some(proxy.endpoint.to_string()),
    };
    let cell = prober.revocations.cell((sha256(leaf), proxy));
    cell.get_or_init(|| ask_services(prober, plan, chain))
        .await
        .clone()
}

async fn ask_services(prober: &Prober, plan: &ProbePlan, chain: &[Vec<u8>]) -> RevocationSeen {
    let mut seen = RevocationSeen {
        status: RevocationStatus::NotOffered,
        tries: Vec::new(),
    };
    let Some(facts) = chain.first().and_then(|leaf| CertificateFacts::read(leaf)) else {
        return seen;
    };
    let ocsp = facts.ocsp_urls.iter().take(MAX_SERVICES);
    let crl = facts.crl_urls.iter().take(MAX_SERVICES);
    let services = ocsp
        .map(|url| (RevocationService::Ocsp, url))
        .chain(crl.map(|url| (RevocationService::Crl, url)))
        .filter(|(_, url)| Url::parse(url).is_some());
    for (service, url) in services {
        let begin = Instant::now();
        let outcome = ask_one(prober, plan, chain, service, url).await;
        seen.status = match outcome {
            Ok(true) => RevocationStatus::Revoked,
            Ok(false) => RevocationStatus::Good,
            Err(_) => RevocationStatus::Unreachable,
        };
        let is_known = outcome.is_ok();
        seen.tries.push(RevocationTry {
            service,
            url: url.clone(),
            elapsed: begin.elapsed(),
            outcome,
        });
        if is_known {
            break;
        }
    }
    seen
}

async fn ask_one(
    prober: &Prober,
    plan: &ProbePlan,
    chain: &[Vec<u8>],
    service: RevocationService,
    url: &str,
) -> Result<bool, String> {
    let unusable = || "the certificate can't be read".to_owned();
    let url = Url::parse(url).ok_or("its address can't be read")?;
    let leaf = chain.first().ok_or_else(unusable)?;
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| unusable())?;
    let issuer = Issuer::find(chain, &prober.roots).ok_or("the issuer is not known")?;
    let now = UnixTime::now();
    match service {
        RevocationService::Ocsp => {
            let question = Question::new(&parsed, &issuer).ok_or_else(unusable)?;
            let answer = fetch(prober, plan, &url, &Ask::Post(&question.request)).await?;
            let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            question.read(&answer, &parsed, &issuer, now)
        }
        RevocationService::Crl => {
            let name: ServerName<'static> =
                server_name(&plan.endpoint.host).map_err(|error| error.to_string())?;
            let list = fetch(prober, plan, &url, &Ask::Get).await?;
            crl::read(list.to_vec(), leaf, &name, &issuer, now)
        }
    }
}
