//! Garrison's own flows by name, for the code that binds and dials them.

use crate::catalogue::Catalogue;
use crate::flow::Flow;
use crate::id::FlowId;

/// A row of the built-in catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GarrisonFlow {
    /// Agent → manager.
    AgentChannel,
    /// Browser → manager.
    Console,
    /// Program → manager.
    Api,
    /// Manager → cloud.
    ManagerCloud,
    /// Anyone → the system's name server.
    Dns,
    /// Anyone's operating system → the site's time server.
    Time,
    /// Anyone → the site's domain controllers, for a sign-in at a proxy.
    DomainController,
}

impl GarrisonFlow {
    /// Every flow of the built-in catalogue.
    pub const ALL: [Self; 7] = [
        Self::AgentChannel,
        Self::Console,
        Self::Api,
        Self::ManagerCloud,
        Self::Dns,
        Self::Time,
        Self::DomainController,
    ];

    /// The flow's name.
    #[must_use]
    pub const fn id(self) -> FlowId {
        FlowId::from_static(match self {
            Self::AgentChannel => "agent-channel",
            Self::Console => "console",
            Self::Api => "api",
            Self::ManagerCloud => "manager-cloud",
            Self::Dns => "dns",
            Self::Time => "time",
            Self::DomainController => "domain-controller",
        })
    }

    /// Where its server tells how it sees the connection (RFC 9266), to whoever asks; `None` where
    /// none does.
    #[must_use]
    pub const fn binding_path(self) -> Option<&'static str> {
        match self {
            Self::AgentChannel => Some("/agent/v1/channel-binding"),
            Self::ManagerCloud => Some("/site/v1/channel-binding"),
            Self::Console | Self::Api | Self::Dns | Self::Time | Self::DomainController => None,
        }
    }

    /// The row.
    #[must_use]
    pub fn flow(self) -> &'static Flow {
        #[expect(
            clippy::expect_used,
            reason = "a test finds every name of this enum in the built-in catalogue"
        )]
        Catalogue::garrison()
            .flow(self.id().as_str())
            .expect("the built-in catalogue has the row")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_rows_are_the_same_set() {
        let names: Vec<FlowId> = GarrisonFlow::ALL.map(GarrisonFlow::id).to_vec();
        let rows: Vec<FlowId> = Catalogue::garrison()
            .flows
            .iter()
            .map(|flow| flow.id.clone())
            .collect();
        assert_eq!(names, rows);
        for flow in GarrisonFlow::ALL {
            assert_eq!(flow.flow().id, flow.id());
            assert!(FlowId::parse(flow.id().as_str()).is_ok());
        }
    }
}
