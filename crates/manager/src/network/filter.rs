//! Which flows are asked for, and where the site's hosts are: the catalogue's variables, as far as
//! this manager knows them, and what the one who asks says of the others.

use flows::{
    Catalogue, Direction, GarrisonFlow, PartyId, PortProfile, Reason, Selection, SiteError,
};
use utoipa::IntoParams;

use crate::refusal::Refusal;
use crate::site::Site;

/// Filters of the list of flows, and what the site's hosts are. Hosts are names, addresses and
/// networks, several with commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FlowFilter {
    /// Only flows that a host in this role opens or listens for, such as `agent`.
    pub role: Option<String>,
    /// `true`: only what crosses the site's edge, inbound or outbound.
    pub perimeter: Option<bool>,
    /// Where the protected endpoints are.
    pub agents: Option<String>,
    /// From where people and programs use the manager.
    pub administrators: Option<String>,
    /// The name servers that the site's hosts ask.
    pub resolver: Option<String>,
    /// The time servers that the site's hosts keep their clocks by.
    pub time_servers: Option<String>,
    /// Where the manager is reached, where that is not what it listens on.
    pub manager: Option<String>,
    /// Where the cloud is reached, where that is not what the site enrolled with.
    pub cloud: Option<String>,
    /// ISO 639-1; texts that lack it are in English.
    pub language: Option<String>,
}

impl FlowFilter {
    fn said(&self) -> [(&'static str, Option<&String>); 6] {
        [
            ("agents", self.agents.as_ref()),
            ("administrators", self.administrators.as_ref()),
            ("resolver", self.resolver.as_ref()),
            ("time-servers", self.time_servers.as_ref()),
            ("manager", self.manager.as_ref()),
            ("cloud", self.cloud.as_ref()),
        ]
    }

    /// The language of the texts.
    #[must_use]
    pub fn language(&self) -> &str {
        self.language.as_deref().unwrap_or("en")
    }

    /// The role, when one is asked for.
    ///
    /// # Errors
    /// When the catalogue knows no such role.
    pub fn role(&self) -> Result<Option<PartyId>, Refusal> {
        let Some(text) = self.role.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let catalogue = Catalogue::garrison();
        PartyId::parse(text)
            .ok()
            .filter(|role| catalogue.party(role).is_some())
            .map(Some)
            .ok_or_else(|| {
                let known = catalogue.parties.iter().map(|party| party.id.as_str());
                let advice = flows::advice(text, known);
                Refusal::invalid(format!("role: expected a role of the catalogue; {advice}"))
            })
    }
}

/// What the site says to the catalogue.
///
/// # Errors
/// When a value is none.
pub(super) fn flows_site(site: &Site, filter: &FlowFilter) -> Result<flows::Site, Refusal> {
    let invalid = |error: SiteError| Refusal::invalid(error.to_string());
    let mut known = flows::Site {
        profile: match site.config.ports {
            PortProfile::Auto => PortProfile::Garrison,
            chosen @ (PortProfile::Garrison | PortProfile::Sep | PortProfile::Sangfor) => chosen,
        },
        language: filter.language().to_owned(),
        ..flows::Site::default()
    };
    // A name in the configuration that no rule could be made of is passed over.
    let usable = |host: &String| flows::Host::parse(host).is_ok();
    for host in super::manager_hosts(site)
        .iter()
        .filter(|host| usable(host))
    {
        known.add("manager", [host.as_str()]).map_err(invalid)?;
    }
    for (flow, variable) in [
        (GarrisonFlow::AgentChannel, "agent-channel-port"),
        (GarrisonFlow::Console, "manager-console-port"),
        (GarrisonFlow::Api, "manager-api-port"),
    ] {
        if let Some(address) = site.network.address(flow) {
            let port = address.port().to_string();
            known.add(variable, [port.as_str()]).map_err(invalid)?;
        }
    }
    let cloud = site.cloud.address();
    if let Some((host, port)) = cloud.as_deref().and_then(|cloud| cloud.rsplit_once(':')) {
        let host = host.trim_matches(['[', ']']);
        known.add("cloud", [host]).map_err(invalid)?;
        known.add("cloud-port", [port]).map_err(invalid)?;
    }
    for (variable, said) in filter.said() {
        if let Some(said) = said.filter(|said| !said.trim().is_empty()) {
            known.values.remove(variable);
            known.add(variable, said.split(',')).map_err(invalid)?;
        }
    }
    Ok(known)
}

/// The flows that are asked for, with the site's hosts and ports.
///
/// # Errors
/// When the filter names no role of the catalogue, or a value is none.
pub(super) fn selection(
    site: &flows::Site,
    filter: &FlowFilter,
) -> Result<Selection<'static>, Refusal> {
    let mut selection = flows::select(Catalogue::garrison(), site).map_err(|error| {
        let source = std::error::Error::source(&error);
        let cause = source.map_or_else(String::new, |source| format!(": {source}"));
        Refusal::invalid(format!("{error}{cause}"))
    })?;
    if let Some(role) = filter.role()? {
        selection
            .flows
            .retain(|selected| selected.takes_part(&role));
    }
    if filter.perimeter == Some(true) {
        selection
            .flows
            .retain(|selected| match selected.flow.direction {
                Direction::Inbound | Direction::Outbound => true,
                Direction::Internal | Direction::Loopback | Direction::Unknown => false,
            });
    }
    Ok(selection)
}

/// A reason in the words of someone who fills in a form or a query.
pub(super) fn in_words(reason: &Reason) -> String {
    match reason {
        Reason::Unset(variable) | Reason::HostToBeSet(variable) => {
            format!("it is not said where {variable} is")
        }
        Reason::Version { .. }
        | Reason::Region { .. }
        | Reason::Deployment { .. }
        | Reason::FeatureOff(_)
        | Reason::NotYet(_)
        | Reason::RetiredSince(_)
        | Reason::Retired(_)
        | Reason::Loopback
        | Reason::DirectionUnknown
        | Reason::HostUnknown
        | Reason::TransportUnknown
        | Reason::PortUnknown => reason.to_string(),
    }
}
