//! What to check: the rows that apply, the targets that were named, on every way.

mod ask;
mod routes;

use std::collections::{BTreeMap, HashMap};

use flows::matching::{Fits, Query, Target as Asked, matches};
use flows::{
    Catalogue, Direction, Flow, FlowId, GarrisonFlow, Host, Need, PartyId, PortRange,
    ResolvedEndpoint, Selection, Transport,
};
use net::probe::{ProbePlan, ProbeRoute, ProbeTransport, ProbeTrust, RevocationCheck};
use net::{ClientIdentity, Endpoint, Proxy, Timeouts};

use crate::report::{Stage, Verdict};
use crate::target::Target;
use crate::way::{PathKind, Ways};

pub use routes::AskPac;
use routes::Hop;

/// More checks than these are refused.
pub const MAX_CHECKS: usize = 8_192;

/// What browsers say that they are.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// What a run is told beside catalogue, site, targets and ways.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whom the servers of the site's own rows (and of targets) must come from; without it their
    /// chains are looked at and judged by name and date alone.
    pub site_trust: Option<ProbeTrust>,
    /// Whether `site_trust` holds for every row, also those of public trust.
    pub trust_for_all: bool,
    pub identity: ClientIdentity,
    /// Whether issuers are asked about revoked certificates.
    pub revocation: bool,
    /// Only flows that this party opens.
    pub role: Option<PartyId>,
    /// Ports that flows have here in place of the catalogue's, by the flow's id.
    pub ports: BTreeMap<String, u16>,
    pub timeouts: Timeouts,
    pub user_agent: String,
    /// Under which a refused request is made once more.
    pub browser_agent: String,
    /// ISO 639-1.
    pub language: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            site_trust: None,
            trust_for_all: false,
            identity: ClientIdentity::none(),
            revocation: true,
            role: None,
            ports: BTreeMap::new(),
            timeouts: ProbePlan::time_limits(),
            user_agent: concat!("garrison-doctor/", env!("CARGO_PKG_VERSION")).to_owned(),
            browser_agent: BROWSER.to_owned(),
            language: "en".to_owned(),
        }
    }
}

/// A destination of a flow, as concrete as it is known.
#[derive(Debug, Clone)]
pub struct Destination<'c> {
    pub catalogue: &'c Catalogue,
    pub flow: &'c Flow,
    /// Narrowed to what is checked.
    pub endpoint: ResolvedEndpoint,
    /// A name, an address or a pattern.
    pub host: String,
    pub port: Option<u16>,
    /// What to send, or why nothing is.
    pub ask: Result<ProbeTransport, String>,
    /// Whether it is expected not to answer.
    pub closed: bool,
}

/// A destination on a way.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its place in [`Plan::destinations`].
    pub destination: usize,
    pub path: PathKind,
    pub via: Option<Proxy>,
    /// Where a PAC file was asked: its name.
    pub pac: Option<String>,
    /// Whether the flow goes another way from here, and this check only helps to explain.
    pub reference: bool,
    pub work: Work,
    /// What is tried in turn while the proxies before can't be reached, as browsers do with a PAC
    /// file's answer.
    pub then: Vec<Turn>,
}

/// A further way of a check.
#[derive(Debug, Clone)]
pub struct Turn {
    pub via: Option<Proxy>,
    pub work: Work,
}

/// What is done for a check.
#[derive(Debug, Clone)]
pub enum Work {
    /// The probe at this place of [`Plan::probes`].
    Probe(usize),
    /// Nothing, and why.
    Skip(String),
    /// Nothing, because it is known already how it ends.
    Ended {
        stage: Stage,
        verdict: Verdict,
        detail: String,
    },
    /// Nothing, because it can't be known.
    Unknown(String),
}

/// The checks of a run.
#[derive(Debug, Clone, Default)]
pub struct Plan<'c> {
    pub destinations: Vec<Destination<'c>>,
    pub checks: Vec<Planned>,
    /// Each once, however many flows want it.
    pub probes: Vec<ProbePlan>,
}

/// A run that can't be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error(
        "this run would make {0} checks, and {MAX_CHECKS} are the limit; name fewer values, targets or ways"
    )]
    TooMany(usize),
    #[error("catalogue {catalogue} has no party {role}; it has: {known}")]
    Role {
        catalogue: FlowId,
        role: PartyId,
        known: String,
    },
}

impl Destination<'_> {
    /// Where to dial; `None` where it is not concrete.
    #[must_use]
    pub fn dial(&self) -> Option<Endpoint> {
        let host = net::Host::parse(&self.host).ok()?;
        Some(Endpoint {
            host,
            port: self.port?,
        })
    }

    /// Whether its chain is to lead to a public root.
    #[must_use]
    pub fn has_public_trust(&self) -> bool {
        self.flow
            .tls
            .is_none_or(|tls| tls.trust == flows::Trust::Public)
    }

    /// Whether the site cannot do without it.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        match self.flow.need {
            Need::Required | Need::Unknown => true,
            Need::Optional | Need::Conditional(_) => false,
        }
    }
}

/// Plans the checks of every row of the selections, or of the targets where any are named.
/// `of_targets` is the selection of [`targets_catalogue`].
///
/// # Errors
/// When there are too many, or the role is unknown.
pub fn plan<'c>(
    selections: &[Selection<'c>],
    targets: &[Target],
    of_targets: Option<&Selection<'c>>,
    ways: &Ways,
    settings: &Settings,
    ask_pac: &AskPac<'_>,
) -> Result<Plan<'c>, PlanError> {
    let mut plan = Plan::default();
    if targets.is_empty() {
        for selection in selections {
            check_role(selection.catalogue, settings)?;
            plan.destinations.extend(of_rows(selection, settings));
        }
    } else {
        for (at, target) in targets.iter().enumerate() {
            let known = of_target(selections, target);
            if known.is_empty() {
                let own = of_targets.and_then(|selection| selection.flows.get(at));
                plan.destinations.extend(own.and_then(|own| {
                    let endpoint = own.endpoints.first()?;
                    Some(named(target, own.catalogue, own.flow, endpoint))
                }));
            } else {
                plan.destinations.extend(known);
            }
        }
    }
    let most = plan.destinations.len().saturating_mul(ways.0.len().max(1));
    if most > MAX_CHECKS {
        return Err(PlanError::TooMany(most));
    }
    let routes = routes::of(&plan.destinations, ways, ask_pac);
    let mut known = HashMap::new();
    for (destination, of_one) in plan.destinations.iter().enumerate() {
        let others = routes
            .iter()
            .any(|(at, route)| *at == destination && route.path != PathKind::Direct);
        if let Err(why) = &of_one.ask {
            plan.checks.push(Planned {
                destination,
                path: PathKind::Direct,
                via: None,
                pac: None,
                reference: false,
                work: Work::Skip(why.clone()),
                then: Vec::new(),
            });
            continue;
        }
        for (_, route) in routes.iter().filter(|(at, _)| *at == destination) {
            let mut probed = |via: Option<&Proxy>| match probe_of(of_one, via, settings) {
                Some(probe) => Work::Probe(placed(&mut plan.probes, &mut known, probe)),
                None => Work::Skip("it can't be dialed".to_owned()),
            };
            let work = match &route.ended {
                Some(work) => work.clone(),
                None => probed(route.via.as_ref()),
            };
            let then = route.then.iter().map(|hop| match hop {
                Hop::Direct => Turn {
                    via: None,
                    work: probed(None),
                },
                Hop::Proxy(proxy) => Turn {
                    via: Some(proxy.clone()),
                    work: probed(Some(proxy)),
                },
                Hop::Other(what) => Turn {
                    via: None,
                    work: Work::Unknown(routes::not_checked(what)),
                },
            });
            let then = then.collect();
            plan.checks.push(Planned {
                destination,
                path: route.path,
                via: route.via.clone(),
                pac: route.pac.clone(),
                reference: route.path == PathKind::Direct && others,
                work,
                then,
            });
        }
    }
    Ok(plan)
}

fn check_role(catalogue: &Catalogue, settings: &Settings) -> Result<(), PlanError> {
    match &settings.role {
        Some(role) if catalogue.party(role).is_none() => {
            let known: Vec<&str> = catalogue
                .parties
                .iter()
                .map(|party| party.id.as_str())
                .collect();
            Err(PlanError::Role {
                catalogue: catalogue.id.clone(),
                role: role.clone(),
                known: known.join(", "),
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// The same probe is made once.
fn placed(
    probes: &mut Vec<ProbePlan>,
    known: &mut HashMap<String, usize>,
    probe: ProbePlan,
) -> usize {
    let key = format!(
        "{} {:?} {:?} {:?} {:?} {:?} {:?}",
        probe.endpoint,
        probe.transport,
        probe.route,
        probe.trust,
        probe.path,
        probe.binding_path,
        probe.revocation
    );
    *known.entry(key).or_insert_with(|| {
        probes.push(probe);
        probes.len().saturating_sub(1)
    })
}

/// The destinations of the rows of a selection.
pub(crate) fn of_rows<'c>(selection: &Selection<'c>, settings: &Settings) -> Vec<Destination<'c>> {
    let mut found = Vec::new();
    for selected in &selection.flows {
        let (catalogue, flow) = (selected.catalogue, selected.flow);
        // What anyone opens, such as a lookup of a name, a host of every role opens too.
        let opens = |role: &PartyId| flow.from.iter().any(|party| catalogue.plays(role, party));
        if settings.role.as_ref().is_some_and(|role| !opens(role)) {
            continue;
        }
        let refused = selected
            .perimeter()
            .err()
            .map(|why| why.to_string())
            .or_else(|| {
                (flow.direction == Direction::Inbound).then(|| {
                    "it comes into the site from outside; check it from where it starts".to_owned()
                })
            });
        for endpoint in &selected.endpoints {
            let gap = refused
                .clone()
                .or_else(|| endpoint.gap().map(|gap| gap.to_string()));
            let own = settings
                .ports
                .get(flow.id.as_str())
                .and_then(|port| only(*port));
            let ports = match (own, endpoint.ports.as_slice()) {
                (Some(own), _) => vec![Some(own)],
                (None, []) => vec![None],
                (None, ports) => ports.iter().copied().map(Some).collect(),
            };
            for port in ports {
                let ask = match &gap {
                    Some(why) => Err(why.clone()),
                    None => ask::of_row(flow, endpoint, port),
                };
                let mut endpoint = endpoint.clone();
                endpoint.ports = port.into_iter().collect();
                found.push(Destination {
                    catalogue,
                    flow,
                    host: flows::render::host_pattern(&endpoint.host),
                    port: port.and_then(|port| port.only()),
                    endpoint,
                    ask,
                    closed: false,
                });
            }
        }
    }
    found
}

fn only(port: u16) -> Option<PortRange> {
    PortRange::parse(&port.to_string()).ok()
}

/// The rows that a target belongs to.
fn of_target<'c>(selections: &[Selection<'c>], target: &Target) -> Vec<Destination<'c>> {
    let Some(host) = target.host() else {
        return Vec::new();
    };
    let query = Query {
        host: match host {
            Host::Ip(address) => Asked::Address(address),
            Host::Exact(name) => Asked::Name(name),
            Host::OneLabel(_)
            | Host::AnyDepth(_)
            | Host::ApexAndSubdomains(_)
            | Host::Cidr(_)
            | Host::Unset(_)
            | Host::Unknown => return Vec::new(),
        },
        port: Some(target.endpoint.port),
        transport: Some(target.transport()),
    };
    let mut found: Vec<Destination<'c>> = Vec::new();
    for selection in selections {
        for one in matches(selection, &query) {
            let fits = match one.fits {
                Fits::Yes => true,
                Fits::Perhaps | Fits::No => false,
            };
            let known = found.iter().any(|known| known.flow.id == one.flow.id);
            if fits && !known {
                found.push(named(target, selection.catalogue, one.flow, one.endpoint));
            }
        }
    }
    found
}

fn named<'c>(
    target: &Target,
    catalogue: &'c Catalogue,
    flow: &'c Flow,
    row: &ResolvedEndpoint,
) -> Destination<'c> {
    let mut endpoint = row.clone();
    if let Some(host) = target.host() {
        endpoint.host = host;
    }
    endpoint.transport = target.transport();
    endpoint.ports = only(target.endpoint.port).into_iter().collect();
    endpoint.path = target.path.clone().or(endpoint.path);
    Destination {
        catalogue,
        flow,
        host: target.endpoint.host.to_string(),
        port: Some(target.endpoint.port),
        ask: Ok(ask::of_scheme(target.scheme, target.endpoint.port)),
        endpoint,
        closed: target.closed,
    }
}

fn probe_of(
    destination: &Destination<'_>,
    via: Option<&Proxy>,
    settings: &Settings,
) -> Option<ProbePlan> {
    let transport = destination.ask.clone().ok()?;
    let mut probe = ProbePlan::new(
        destination.flow.id.clone(),
        destination.dial()?,
        transport.clone(),
    );
    if let Some(proxy) = via {
        probe.route = ProbeRoute::Proxy(proxy.clone());
    }
    let public = destination.has_public_trust() && !settings.trust_for_all;
    if let (false, Some(trust)) = (public, &settings.site_trust) {
        probe.trust = trust.clone();
        probe.identity = settings.identity.clone();
    }
    let tls = match transport {
        ProbeTransport::Tls | ProbeTransport::Https { .. } => true,
        ProbeTransport::Tcp | ProbeTransport::Http { .. } | ProbeTransport::Udp { .. } => false,
    };
    if tls {
        probe.alpn = vec![b"http/1.1".to_vec()];
        if settings.revocation && destination.has_public_trust() {
            probe.revocation = RevocationCheck::Ask;
        }
    }
    probe.path = destination
        .flow
        .probe
        .as_ref()
        .and_then(|probe| probe.path.clone())
        .or_else(|| destination.endpoint.path.clone());
    if tls {
        probe.binding_path = binding_path(destination);
    }
    probe.user_agent = Some(settings.user_agent.clone());
    probe.other_user_agent = Some(settings.browser_agent.clone());
    probe.timeouts = settings.timeouts;
    Some(probe)
}

/// Where our own server tells how it sees the connection; others are not asked.
fn binding_path(destination: &Destination<'_>) -> Option<String> {
    let own = |flow: &GarrisonFlow| flow.id() == destination.flow.id;
    let flow = GarrisonFlow::ALL.into_iter().find(own);
    let flow = flow.filter(|_| destination.catalogue.is_own())?;
    flow.binding_path().map(str::to_owned)
}

/// A catalogue with a row for each target, for those that no other catalogue knows.
#[must_use]
pub fn targets_catalogue(targets: &[Target]) -> Option<Catalogue> {
    let rows: Vec<serde_json::Value> = targets.iter().enumerate().map(row_of).collect();
    serde_json::from_value(serde_json::json!({
        "id": "targets",
        "version": "1.0.0",
        "vendor": "named",
        "product": "targets",
        "party": [
            { "id": "here", "name": "this host", "place": "site" },
            { "id": "there", "name": "the target", "place": "anywhere" },
        ],
        "flow": rows,
    }))
    .ok()
}

fn row_of((at, target): (usize, &Target)) -> serde_json::Value {
    let what = format!("{}://{}", target.scheme.as_str(), target.endpoint);
    let kind = match &target.endpoint.host {
        net::Host::Address(_) => "ip",
        net::Host::Name(_) => "exact",
    };
    let transport = match target.transport() {
        Transport::Udp => "udp",
        Transport::Tcp | Transport::Esp | Transport::Icmp | Transport::Unknown => "tcp",
    };
    serde_json::json!({
        "id": format!("target-{}", at.saturating_add(1)),
        "purpose": format!("The target {what}."),
        "from": ["here"],
        "to": "there",
        "direction": "outbound",
        "endpoints": [{
            "match": kind,
            "value": target.endpoint.host.to_string(),
            "transport": transport,
            "ports": [target.endpoint.port.to_string()],
            "protocol": target.scheme.as_str(),
        }],
        "need": "required",
        "breaks": [{
            "feature": format!("reaching {what}"),
            "severity": "major",
            "symptom": format!("{what} can't be reached."),
        }],
    })
}

#[cfg(test)]
mod tests;
