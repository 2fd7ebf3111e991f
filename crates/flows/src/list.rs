//! The plain list of a catalogue's flows as a site has them, for tables. As JSON the same is
//! [`render::json`](crate::render::json).

use crate::endpoint::Endpoint;
use crate::flow::Flow;
use crate::id::FlowId;
use crate::profile::PortProfile;
use crate::select::{ResolvedEndpoint, Selected, Selection};
use crate::site::Site;

/// The flows that apply to a site, under its port profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowList {
    pub catalog: FlowId,
    pub version: String,
    pub vendor: String,
    pub product: String,
    pub profile: PortProfile,
    pub flows: Vec<FlowRow>,
    pub left_out: Vec<LeftOut>,
}

/// One flow of the list: what the catalogue says, with the site's endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRow {
    pub flow: Flow,
    /// With the site's profile and variables; absent where the flow has not exactly one.
    pub port: Option<u16>,
    /// The addresses of those who dial; empty: any.
    pub from_addresses: Vec<String>,
    /// Why no rule at a perimeter can be made of it; absent where one can.
    pub no_rule_because: Option<String>,
}

/// A flow that does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub id: FlowId,
    pub reason: String,
}

/// The selection in its order, with the ports of the site's profile.
#[must_use]
pub fn list(selection: &Selection<'_>, site: &Site) -> FlowList {
    let catalogue = selection.catalogue;
    FlowList {
        catalog: catalogue.id.clone(),
        version: catalogue.version.clone(),
        vendor: catalogue.vendor.clone(),
        product: catalogue.product.clone(),
        profile: site.profile,
        flows: selection.flows.iter().map(row).collect(),
        left_out: selection
            .left_out
            .iter()
            .map(|(flow, reason)| LeftOut {
                id: flow.id.clone(),
                reason: reason.to_string(),
            })
            .collect(),
    }
}

fn row(selected: &Selected<'_>) -> FlowRow {
    let declared = &selected.flow.endpoints;
    let endpoint = |resolved: &ResolvedEndpoint| {
        declared
            .get(resolved.row)
            .map(|declared| at_site(declared, resolved))
    };
    let flow = Flow {
        endpoints: selected.endpoints.iter().filter_map(endpoint).collect(),
        ..selected.flow.clone()
    };
    let from = selected.endpoints.first().map(|end| end.from.as_slice());
    FlowRow {
        port: flow.own_port(),
        from_addresses: from
            .unwrap_or_default()
            .iter()
            .map(crate::host::Host::value)
            .collect(),
        no_rule_because: selected.perimeter().err().map(|reason| reason.to_string()),
        flow,
    }
}

fn at_site(declared: &Endpoint, resolved: &ResolvedEndpoint) -> Endpoint {
    Endpoint {
        kind: resolved.host.kind(),
        value: resolved.host.value(),
        ports: resolved.ports.clone(),
        ..declared.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::select::select;

    fn of(site: &Site) -> FlowList {
        list(&select(Catalogue::garrison(), site).unwrap(), site)
    }

    #[test]
    fn the_list_has_every_flow_that_is_on_with_the_ports_of_the_profile() {
        let list = of(&Site {
            profile: PortProfile::Sangfor,
            ..Site::default()
        });
        let all = Catalogue::garrison().flows.iter();
        assert_eq!(list.flows.len(), all.filter(|flow| flow.default_on).count());
        assert_eq!(list.flows[0].port, Some(8083));
        assert_eq!(list.flows[0].flow.endpoints[0].ports[0].only(), Some(8083));
    }

    #[test]
    fn a_port_that_the_site_chose_goes_before_the_profiles() {
        let mut site = Site {
            profile: PortProfile::Sep,
            ..Site::default()
        };
        site.set("agent-channel-port=44301").unwrap();
        let list = of(&site);
        assert_eq!(list.flows[0].port, Some(44301));
        assert_eq!(list.flows[1].port, Some(8443));
    }

    #[test]
    fn the_list_has_the_hosts_of_the_site_and_says_what_is_missing() {
        let mut site = Site::default();
        site.set("manager=192.0.2.10").unwrap();
        site.set("agents=198.51.100.0/24").unwrap();
        let list = of(&site);
        let first = &list.flows[0];
        assert_eq!(first.flow.endpoints[0].value, "192.0.2.10");
        assert_eq!(first.from_addresses, ["198.51.100.0/24"]);
        assert!(first.no_rule_because.is_none());
        let dns = list.flows.iter().find(|row| row.flow.id.as_str() == "dns");
        let reason = dns.unwrap().no_rule_because.as_ref().unwrap();
        assert!(reason.contains("--set resolver=ADDRESS"), "{reason}");
    }
}
