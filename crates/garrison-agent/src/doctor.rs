//! `doctor`, as this agent: with its identity, its manager's addresses and its proxy.

use std::path::Path;
use std::process::ExitCode;

use agent::config::Config;
use agent::identity::IdentityFolder;
use anyhow::Context as _;
use flows::PartyId;
use garrison_flows::doctor::{Identity, run};
use net::probe::ProbeTrust;
use net::{ClientIdentity, Endpoint, ProxySetting};

use crate::cli::AgentDoctorArguments;
use crate::host::with_host;
use crate::output;

const NAME: &str = "garrison-agent doctor";
/// As the other doctors say that a run could not begin.
pub(crate) const UNDETERMINED: u8 = 3;

pub(crate) fn doctor(arguments: &AgentDoctorArguments) -> ExitCode {
    let identity = match &arguments.data {
        Some(data) => match identity_of(data) {
            Ok(identity) => identity,
            Err(error) => {
                output::complain(&error);
                return ExitCode::from(UNDETERMINED);
            }
        },
        None => Identity::default(),
    };
    run(NAME, &arguments.doctor, &identity)
}

fn identity_of(data: &Path) -> anyhow::Result<Identity> {
    let found = with_proxy(&Config::read(data)?)?;
    let folder = IdentityFolder::new(data.join("identity"));
    // Loading would end what the running agent has begun.
    anyhow::ensure!(
        folder.pending()?.is_none(),
        "{}: the agent's identity is being renewed; try again in a moment",
        data.display()
    );
    let Some(identity) = folder.load()? else {
        eprintln!(
            "{NAME}: {} is not enrolled; checking without identity",
            data.display()
        );
        return Ok(found);
    };
    let mut found = with_site(found, &identity.ca_certificate, &identity.site.addresses)
        .with_context(|| data.display().to_string())?;
    found = with_host(found, &identity.site.addresses);
    let chain = net::certificates_of_pem(identity.certificate.as_bytes())?;
    let chain = chain.into_iter().map(Into::into).collect();
    let key = identity.key.pkcs8_der().try_into();
    let key = key.map_err(|reason: &str| anyhow::anyhow!("the agent's key: {reason}"))?;
    found.client = Some(ClientIdentity::new(chain, key)?);
    Ok(found)
}

/// An agent that has no site yet.
pub(crate) fn with_proxy(config: &Config) -> anyhow::Result<Identity> {
    let mut found = Identity {
        role: PartyId::parse("agent").ok(),
        ..Identity::default()
    };
    match agent::run::proxy(config)? {
        ProxySetting::Explicit(proxy) => found.proxy = Some(proxy),
        // The doctor looks at the environment by itself.
        ProxySetting::Direct | ProxySetting::Environment(_) => {}
    }
    Ok(found)
}

/// The same agent at its site: whom to trust, and where the manager is.
pub(crate) fn with_site(
    mut found: Identity,
    ca_certificate: &str,
    addresses: &[String],
) -> anyhow::Result<Identity> {
    let mut authorities = net::certificates_of_pem(ca_certificate.as_bytes())?;
    anyhow::ensure!(
        !authorities.is_empty(),
        "the site's CA is missing; enrol again"
    );
    found.trust = Some(ProbeTrust::Ca {
        der: authorities.swap_remove(0),
    });
    let mut hosts = Vec::new();
    for address in addresses {
        let endpoint = Endpoint::parse(address).context("an address of the manager")?;
        // The addresses of one manager share its port.
        found
            .ports
            .insert("agent-channel".to_owned(), endpoint.port);
        hosts.push(endpoint.host.to_string());
    }
    found.values.push(("manager".to_owned(), hosts));
    Ok(found)
}
