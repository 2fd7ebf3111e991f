//! A flow of the catalogue, as the API says it.

use flows::{
    ClientCertificate, Direction, Host, Inspection, Known, MatchKind, Need, PartyId, PortRange,
    ProxyKind, ResolvedEndpoint, Selected, Severity, Text, Tls, Transport, Trust,
};
use proto::api::network::{
    BreakSeverity, FlowBreak, FlowClientCertificate, FlowDestination, FlowDirection,
    FlowInspection, FlowNeed, FlowParty, FlowProxy, FlowTls, FlowTrust, HostMatch, SiteFlow,
};

use super::filter::in_words;

/// What the manager itself knows of a flow.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Where it listens, or what it dials.
    pub(super) address: Option<String>,
    pub(super) listening: bool,
    pub(super) connections: u64,
    /// Whether the condition of a conditional flow holds here.
    pub(super) condition_holds: bool,
}

/// One flow, with what the manager knows of it.
pub(super) fn site_flow(selected: &Selected<'_>, language: &str, standing: Standing) -> SiteFlow {
    let flow = selected.flow;
    let words = |text: &Text| text.in_language(language).to_owned();
    let (need, condition) = match &flow.need {
        Need::Required => (FlowNeed::Required, None),
        Need::Optional => (FlowNeed::Optional, None),
        Need::Conditional(when) => (FlowNeed::Conditional, Some(words(when))),
        Need::Unknown => (FlowNeed::Unknown, None),
    };
    let party = |id: &PartyId| FlowParty {
        id: id.to_string(),
        name: selected
            .catalogue
            .party(id)
            .map_or_else(|| id.to_string(), |party| words(&party.name)),
        hosts: Vec::new(),
    };
    let dialing = selected
        .endpoints
        .first()
        .map(|first| first.from.as_slice());
    let from_hosts: Vec<String> = dialing
        .unwrap_or_default()
        .iter()
        .map(Host::value)
        .collect();
    let transports: Vec<&str> = flow
        .transports()
        .into_iter()
        .map(Transport::as_str)
        .collect();
    let port = selected
        .endpoints
        .first()
        .and_then(|endpoint| endpoint.ports.first())
        .map(|port| port.first());
    SiteFlow {
        id: flow.id.to_string(),
        purpose: words(&flow.purpose),
        component: flow.component.as_ref().map(|id| {
            let mut known = selected.catalogue.components.iter();
            known
                .find(|known| known.id == *id)
                .map_or_else(|| id.to_string(), |known| words(&known.name))
        }),
        direction: direction(flow.direction),
        from: flow
            .from
            .iter()
            .map(|id| FlowParty {
                hosts: from_hosts.clone(),
                ..party(id)
            })
            .collect(),
        to: FlowParty {
            hosts: known_hosts(&selected.endpoints),
            ..party(&flow.to)
        },
        initiators: flow.initiators.iter().map(|one| one.name.clone()).collect(),
        listeners: flow.listeners.iter().map(|one| one.name.clone()).collect(),
        destinations: selected.endpoints.iter().map(destination).collect(),
        transport: transports.join(", "),
        port: port.unwrap_or_default(),
        address: standing.address,
        setting: flow
            .configurable
            .as_ref()
            .filter(|configurable| configurable.possible)
            .map(|configurable| configurable.setting.clone()),
        required: match need {
            FlowNeed::Required => true,
            FlowNeed::Conditional => standing.condition_holds,
            FlowNeed::Optional | FlowNeed::Unknown => false,
        },
        need,
        condition,
        default_on: flow.default_on,
        tls: flow.tls.as_ref().map(tls),
        proxies: flow.proxies.iter().copied().map(proxy).collect(),
        breaks: flow
            .breaks
            .iter()
            .map(|broken| FlowBreak {
                feature: words(&broken.feature),
                severity: severity(broken.severity),
                symptom: words(&broken.symptom),
                fallback: broken.fallback.as_ref().map(words),
            })
            .collect(),
        data_classes: flow.data_classes.iter().map(data_class).collect(),
        caveats: flow.caveats.iter().map(words).collect(),
        notes: flow.notes.as_ref().map(words),
        no_rule_because: selected.perimeter().err().as_ref().map(in_words),
        listening: standing.listening,
        connections: standing.connections,
    }
}

/// The catalogue's own name for it.
fn data_class(class: &flows::DataClass) -> String {
    match serde_json::to_value(class) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}

fn known_hosts(endpoints: &[ResolvedEndpoint]) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for endpoint in endpoints {
        let host = match &endpoint.host {
            Host::Unset(_) | Host::Unknown => continue,
            known @ (Host::Exact(_)
            | Host::OneLabel(_)
            | Host::AnyDepth(_)
            | Host::ApexAndSubdomains(_)
            | Host::Ip(_)
            | Host::Cidr(_)) => flows::render::host_pattern(known),
        };
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

fn destination(endpoint: &ResolvedEndpoint) -> FlowDestination {
    FlowDestination {
        host_match: match endpoint.host.kind() {
            MatchKind::Exact => HostMatch::Exact,
            MatchKind::OneLabel => HostMatch::OneLabel,
            MatchKind::AnyDepth => HostMatch::AnyDepth,
            MatchKind::ApexAndSubdomains => HostMatch::ApexAndSubdomains,
            MatchKind::Ip => HostMatch::Ip,
            MatchKind::Cidr => HostMatch::Cidr,
            MatchKind::Variable => HostMatch::Unset,
            MatchKind::Unknown => HostMatch::Unknown,
        },
        value: endpoint.host.value(),
        pattern: flows::render::host_pattern(&endpoint.host),
        transport: endpoint.transport.as_str().to_owned(),
        ports: endpoint.ports.iter().map(PortRange::to_string).collect(),
        protocol: endpoint.protocol.clone(),
    }
}

const fn direction(direction: Direction) -> FlowDirection {
    match direction {
        Direction::Inbound => FlowDirection::Inbound,
        Direction::Outbound => FlowDirection::Outbound,
        Direction::Internal => FlowDirection::Internal,
        Direction::Loopback => FlowDirection::Loopback,
        Direction::Unknown => FlowDirection::Unknown,
    }
}

const fn tls(tls: &Tls) -> FlowTls {
    FlowTls {
        trust: match tls.trust {
            Trust::SiteCa => FlowTrust::SiteCa,
            Trust::CloudCa => FlowTrust::CloudCa,
            Trust::Public => FlowTrust::Public,
            Trust::Vendor => FlowTrust::Vendor,
            Trust::Unknown => FlowTrust::Unknown,
        },
        pinned: match tls.pinned {
            Known::Yes => Some(true),
            Known::No => Some(false),
            Known::Unknown => None,
        },
        inspection: match tls.inspection {
            Inspection::Forbidden => FlowInspection::Forbidden,
            Inspection::Tolerated => FlowInspection::Tolerated,
            Inspection::Unknown => FlowInspection::Unknown,
        },
        client_certificate: match tls.client_certificate {
            ClientCertificate::Required => FlowClientCertificate::Required,
            ClientCertificate::Optional => FlowClientCertificate::Optional,
            ClientCertificate::None => FlowClientCertificate::None,
            ClientCertificate::Unknown => FlowClientCertificate::Unknown,
        },
    }
}

const fn proxy(kind: ProxyKind) -> FlowProxy {
    match kind {
        ProxyKind::Http => FlowProxy::Http,
        ProxyKind::HttpSignIn => FlowProxy::HttpSignIn,
        ProxyKind::Pac => FlowProxy::Pac,
        ProxyKind::Transparent => FlowProxy::Transparent,
    }
}

const fn severity(severity: Severity) -> BreakSeverity {
    match severity {
        Severity::Minor => BreakSeverity::Minor,
        Severity::Major => BreakSeverity::Major,
        Severity::Critical => BreakSeverity::Critical,
    }
}
