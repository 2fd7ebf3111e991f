//! The plain list of a catalogue's flows, as the console's network page and the API show it.

use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::endpoint::{Endpoint, Transport};
use crate::flow::{Break, DataClass, Direction, Flow, Need};
use crate::id::FlowId;
use crate::party::PartyId;
use crate::profile::PortProfile;
use crate::text::Text;
use crate::tls::Tls;

/// A catalogue's flows under one port profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowList {
    pub catalog: FlowId,
    pub version: String,
    pub profile: PortProfile,
    pub flows: Vec<FlowRow>,
}

/// One flow of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowRow {
    pub id: FlowId,
    pub purpose: Text,
    pub from: Vec<PartyId>,
    pub to: PartyId,
    pub transport: Vec<Transport>,
    /// Under the list's profile; absent where the flow has not exactly one.
    pub port: Option<u16>,
    pub endpoints: Vec<Endpoint>,
    pub direction: Direction,
    pub need: Need,
    pub default_on: bool,
    pub tls: Option<Tls>,
    pub data_classes: Vec<DataClass>,
    pub breaks: Vec<Break>,
    pub notes: Option<Text>,
}

/// Every flow of the catalogue, in its order, with the ports of the profile.
#[must_use]
pub fn list(catalogue: &Catalogue, profile: PortProfile) -> FlowList {
    FlowList {
        catalog: catalogue.id.clone(),
        version: catalogue.version.clone(),
        profile,
        flows: catalogue
            .flows
            .iter()
            .map(|flow| row(flow, profile))
            .collect(),
    }
}

fn row(flow: &Flow, profile: PortProfile) -> FlowRow {
    FlowRow {
        id: flow.id.clone(),
        purpose: flow.purpose.clone(),
        from: flow.from.clone(),
        to: flow.to.clone(),
        transport: flow.transports(),
        port: flow.port(profile),
        endpoints: flow.endpoints.clone(),
        direction: flow.direction,
        need: flow.need.clone(),
        default_on: flow.default_on,
        tls: flow.tls,
        data_classes: flow.data_classes.clone(),
        breaks: flow.breaks.clone(),
        notes: flow.notes.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_flow_with_the_ports_of_the_profile() {
        let catalogue = Catalogue::garrison();
        let json = serde_json::to_value(list(catalogue, PortProfile::Sangfor)).unwrap();
        let flows = json["flows"].as_array().unwrap();
        assert_eq!(flows.len(), catalogue.flows.len());
        assert_eq!(json["profile"], "sangfor");
        assert_eq!(flows[0]["id"], "agent-channel");
        assert_eq!(flows[0]["port"], 8083);
        assert_eq!(flows[0]["tls"]["trust"], "site-ca");
        assert_eq!(
            flows[3]["need"]["conditional"],
            "the site is enrolled with a cloud"
        );
    }
}
