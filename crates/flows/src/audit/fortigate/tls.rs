//! Profiles of a FortiGate that break TLS open.

use super::objects::Objects;
use super::parse::Entry;
use super::{Named, named};
use crate::audit::question::Question;
use crate::audit::verdict::{Cause, Opened};
use crate::endpoint::PortRange;

/// What a policy does with TLS.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    name: String,
    line: usize,
    deep: Deep,
    /// `None`: on every port.
    ports: Option<Vec<PortRange>>,
    exempt: Vec<String>,
    /// Exemptions that the file doesn't spell out, such as categories.
    more_exempt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deep {
    No,
    Yes,
    Unknown,
}

impl Profile {
    pub(super) fn new(
        name: &str,
        line: usize,
        entries: &[Entry],
        vdom: &str,
        objects: &Objects<'_>,
    ) -> Self {
        let mut profile = Self {
            name: name.to_owned(),
            line,
            deep: match name {
                "" | "no-inspection" | "certificate-inspection" => Deep::No,
                "deep-inspection" | "custom-deep-inspection" => Deep::Yes,
                _ => Deep::Unknown,
            },
            ports: PortRange::single(443).ok().map(|port| vec![port]),
            exempt: Vec::new(),
            more_exempt: false,
        };
        let of_profile = |entry: &&Entry| {
            (entry.vdom == vdom || entry.vdom.is_empty())
                && entry.path.starts_with("firewall ssl-ssh-profile")
                && entry.names.first().is_some_and(|own| own == name)
        };
        for entry in entries.iter().filter(of_profile) {
            match entry.path.as_str() {
                "firewall ssl-ssh-profile/https" => {
                    profile.state(entry.word("status"));
                    let ports: Vec<PortRange> = entry
                        .words("ports")
                        .iter()
                        .filter_map(|port| PortRange::parse(port).ok())
                        .collect();
                    if !ports.is_empty() {
                        profile.ports = Some(ports);
                    }
                }
                "firewall ssl-ssh-profile/ssl"
                    if !["", "disable"].contains(&entry.word("inspect-all")) =>
                {
                    profile.state(entry.word("inspect-all"));
                    profile.ports = None;
                }
                "firewall ssl-ssh-profile/ssl-exempt" => profile.exemption(entry, objects),
                _ => {}
            }
        }
        profile
    }

    fn state(&mut self, status: &str) {
        match status {
            "deep-inspection" => self.deep = Deep::Yes,
            "certificate-inspection" | "disable" => self.deep = Deep::No,
            _ => {}
        }
    }

    fn exemption(&mut self, entry: &Entry, objects: &Objects<'_>) {
        let key = match entry.word("type") {
            "wildcard-fqdn" => "wildcard-fqdn",
            "address" => "address",
            "address6" => "address6",
            _ => {
                self.more_exempt = true;
                return;
            }
        };
        let found = objects.addresses(entry.words(key));
        self.more_exempt |=
            !found.unknown.is_empty() || !found.v4.is_empty() || !found.v6.is_empty();
        self.exempt.extend(found.names);
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn opens(&self, question: &Question<'_>) -> Opened {
        let listed = |range: &PortRange| {
            self.ports.as_ref().is_none_or(|ports| {
                ports
                    .iter()
                    .any(|port| port.first() <= range.last() && range.first() <= port.last())
            })
        };
        if self.deep == Deep::No || !question.endpoint.ports.iter().any(listed) {
            return Opened::No;
        }
        let exempt = named(&self.exempt, Some(&question.endpoint.host));
        let cause = Cause::new(
            self.line,
            format!(
                "the policy's ssl-ssh-profile {:?} breaks TLS open",
                self.name
            ),
        );
        match exempt {
            Named::Yes => Opened::No,
            Named::No if self.deep == Deep::Yes && !self.more_exempt => Opened::Yes(cause),
            Named::Some | Named::No => Opened::Maybe(cause),
        }
    }
}
