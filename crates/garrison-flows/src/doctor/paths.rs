//! The ways that the command line names.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use doctor::target::Scheme;
use doctor::way::PacSource;
use doctor::{Target, Ways, script};
use flows::FlowId;
use flows::audit::{PacAnswer, PacQuestion};
use net::probe::{BodyEnd, ProbePlan, ProbeRequest, ProbeTransport, Prober};
use net::{Proxy, ProxyCredentials, ProxyEnvironment};

use super::Identity;
use crate::file;

/// How long a name that a PAC file asks for may take.
const LOOKUP: Duration = Duration::from_secs(3);
/// Names that are looked up for a PAC file.
const MAX_NAMES: usize = 256;
/// How often a PAC file is asked again, with the names that it asked for.
const ROUNDS: usize = 3;
/// A longer file with a password is refused.
const MAX_PASSWORD: usize = 4 * 1024;

/// Ways out of this host.
#[derive(Debug, Args)]
#[command(next_help_heading = "Ways")]
pub(crate) struct PathArguments {
    /// Check the way through this proxy: http://[user:password@]host:port
    #[arg(long, value_name = "URL", value_parser = Proxy::parse)]
    proxy: Option<Proxy>,
    /// Check the ways that this PAC file says
    #[arg(long, value_name = "URL|FILE")]
    pac: Option<String>,
    /// Sign in at proxies as this user, with the password in --proxy-password-file
    #[arg(long, value_name = "NAME", requires = "proxy_password_file")]
    proxy_user: Option<String>,
    /// File with the password (its first line)
    #[arg(long, value_name = "FILE", requires = "proxy_user")]
    proxy_password_file: Option<PathBuf>,
    /// Don't look at the environment's proxy
    #[arg(long)]
    no_environment: bool,
}

impl PathArguments {
    pub(super) async fn ways(&self, prober: &Prober, identity: &Identity) -> anyhow::Result<Ways> {
        let credentials = self.credentials()?;
        let with = |mut proxy: Proxy| {
            if proxy.credentials.is_none() {
                proxy.credentials.clone_from(&credentials);
            }
            proxy
        };
        let environment = if self.no_environment {
            None
        } else {
            let read = ProxyEnvironment::read().context("the environment's proxy")?;
            read.names_proxy().then_some(read)
        };
        let proxy = self.proxy.clone().or_else(|| identity.proxy.clone());
        let pac = match &self.pac {
            Some(name) => Some(PacSource {
                name: name.clone(),
                script: pac_file(prober, name).await?,
                credentials: credentials.clone(),
            }),
            None => None,
        };
        Ok(Ways::new(environment, proxy.map(with), pac))
    }

    fn credentials(&self) -> anyhow::Result<Option<ProxyCredentials>> {
        let (Some(user), Some(path)) = (&self.proxy_user, &self.proxy_password_file) else {
            return Ok(None);
        };
        let text = file::text(path, MAX_PASSWORD)?;
        Ok(Some(ProxyCredentials {
            user: user.clone(),
            password: text.lines().next().unwrap_or_default().to_owned(),
        }))
    }
}

/// The text of a PAC file, or why it can't be had; a file that is not there is an error.
async fn pac_file(prober: &Prober, name: &str) -> anyhow::Result<Result<String, String>> {
    if name.contains("://") {
        let target = Target::parse(name).context("--pac")?;
        return Ok(fetched(prober, &target).await);
    }
    let bytes = file::bytes(Path::new(name), script::MAX_SCRIPT)?;
    Ok(script::text(&bytes))
}

async fn fetched(prober: &Prober, target: &Target) -> Result<String, String> {
    let ask = ProbeRequest::Get;
    let transport = match target.scheme {
        Scheme::Http => ProbeTransport::Http { ask },
        Scheme::Https => ProbeTransport::Https { ask },
        Scheme::Wss | Scheme::Tls | Scheme::Tcp | Scheme::Udp => {
            return Err("a PAC file is fetched by http or https".to_owned());
        }
    };
    let flow = FlowId::parse("pac").map_err(|error| error.to_string())?;
    let mut probe = ProbePlan::new(flow, target.endpoint.clone(), transport);
    probe.path.clone_from(&target.path);
    probe.keep_body = script::MAX_SCRIPT.saturating_add(1);
    let report = prober.probe(&probe).await;
    if let Some(failure) = &report.failure {
        return Err(format!("the PAC file can't be fetched: {failure}"));
    }
    match report.http {
        Some(seen) if seen.status == 200 && seen.body == BodyEnd::Complete => {
            script::text(&seen.head_of_body)
        }
        Some(seen) if seen.status == 200 => {
            Err("the PAC file came in part only, or is too long".to_owned())
        }
        Some(seen) => Err(format!(
            "the PAC file can't be fetched: expected status 200, got {}",
            seen.status
        )),
        None => Err("the PAC file can't be fetched: no answer".to_owned()),
    }
}

/// Asks a PAC file in a child, with the addresses of the names that it wants to know.
pub(super) fn ask(
    prober: &Prober,
    source: &PacSource,
    questions: &[PacQuestion],
) -> Result<Vec<PacAnswer>, String> {
    let text = source.script.as_ref().map_err(Clone::clone)?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut addresses: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64() * 1_000.0);
    let mut answers = Vec::new();
    for _ in 0..ROUNDS {
        let world = script::world(addresses.clone(), None, now);
        answers = script::ask(&program, text, questions, &world, script::TIME)?;
        let wanted: Vec<String> = script::names_asked(&answers)
            .into_iter()
            .filter(|name| !addresses.contains_key(name))
            .take(MAX_NAMES)
            .collect();
        if wanted.is_empty() {
            break;
        }
        let found = tokio::runtime::Handle::current().block_on(look_up(prober, wanted));
        addresses.extend(found);
    }
    Ok(answers)
}

async fn look_up(prober: &Prober, names: Vec<String>) -> Vec<(String, Vec<IpAddr>)> {
    let mut under_way = tokio::task::JoinSet::new();
    for name in names {
        let resolver = prober.resolver().clone();
        under_way.spawn(async move {
            let (_, found) = resolver.lookup(&name, LOOKUP).await;
            // What has no address has none for the script either.
            (name, found.unwrap_or_default())
        });
    }
    let mut found = Vec::new();
    while let Some(joined) = under_way.join_next().await {
        found.extend(joined);
    }
    found
}
