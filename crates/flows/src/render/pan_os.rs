//! PAN-OS, in `set` commands of its configuration mode.
//!
//! HTTP and TLS to names go by a custom URL category: an entry ends with a slash, without which
//! PAN-OS matches whatever begins like it; `*` stands for one or more labels, `^` for exactly
//! one, and neither for none (Palo Alto Networks, "Guidelines for URL category exceptions").
//! What is neither HTTP nor TLS goes by address objects, of which one holds one name.

use std::collections::BTreeSet;

use super::comment;
use super::rules::addresses::network;
use super::rules::{End, Rule, RuleSet, Said, Target, kept_closed};
use super::stable::{cut, shortened};
use super::{Format, Options, RenderError, Rendered, Renderer};
use crate::endpoint::{PortRange, Transport};
use crate::host::Host;
use crate::select::Selection;

/// The name of an object or a rule is no longer.
const MAX_OBJECT: usize = 63;
/// The name of a custom URL category is no longer.
const MAX_CATEGORY: usize = 31;
/// A description is cut here; PAN-OS holds 1023.
const MAX_DESCRIPTION: usize = 900;
/// Signs that the command line takes for more than themselves.
const UNSAFE: &str = "\"\\?'`$<>()#&|{}[]!~^*;";

const BY_CATEGORY: &str =
    "by URL category: packets pass until PAN-OS has seen which host is asked for";
const BY_ADDRESS: &str = "by the addresses that PAN-OS resolves for the name";

/// The renderer.
#[derive(Debug)]
pub(super) struct PanOs;

impl Renderer for PanOs {
    fn format(&self) -> Format {
        Format::PanOs
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        if options.role.is_some() {
            return Err(RenderError::NoRoles(Format::PanOs));
        }
        let set = RuleSet::of(selection, options, Format::PanOs, &Known)?;
        let mut page = Page {
            selection,
            options,
            lines: Vec::new(),
        };
        page.head(&set);
        page.objects(&set);
        page.services(&set);
        for (number, rule) in set.rules.iter().enumerate() {
            page.rule(number.saturating_add(1), rule);
        }
        page.closed();
        let mut text = page.lines.join("\n");
        text.push('\n');
        Ok(Rendered {
            bytes: text.into_bytes(),
            report: set.report,
        })
    }
}

/// What PAN-OS knows.
struct Known;

impl Target for Known {
    fn host(&self, host: &Host, end: End, web: bool) -> Said {
        match (host, end) {
            (Host::Ip(_) | Host::Cidr(_), _) => Said::EXACT,
            (Host::Exact(_), End::Dials) => Said::exact(BY_ADDRESS),
            (Host::Exact(_), End::Listens | End::ListensInside) if !web => Said::exact(BY_ADDRESS),
            (
                Host::Exact(_) | Host::OneLabel(_) | Host::AnyDepth(_) | Host::ApexAndSubdomains(_),
                End::Listens | End::ListensInside,
            ) if web => Said::exact(BY_CATEGORY),
            (_, End::Dials | End::Listens | End::ListensInside) => Said::not_at_all(
                "an address object holds one name, and URL categories are for HTTP and TLS alone",
            ),
        }
    }

    fn transport(&self, _: Transport) -> Said {
        Said::EXACT
    }

    fn tells_web_apart(&self) -> bool {
        true
    }
}

struct Page<'p, 'c> {
    selection: &'p Selection<'c>,
    options: &'p Options,
    lines: Vec<String>,
}

impl Page<'_, '_> {
    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// A question mark asks the command line for help in comments, too.
    fn comment(&mut self, line: &str) {
        let line = line.replace('"', "'").replace(['?', '\\'], ".");
        self.lines.push(format!("# {line}").trim_end().to_owned());
    }

    fn head(&mut self, set: &RuleSet) {
        for line in comment::opening(self.selection, &set.report) {
            self.comment(&line);
        }
        for line in [
            "",
            "For configuration mode. Lines that begin with # are for readers: leave them out",
            "(grep -v '^#' FILE). Set the zones to yours, and move the rules above what denies.",
        ] {
            self.comment(line);
        }
    }

    fn prefix(&self) -> String {
        shortened(self.selection.catalogue.id.as_str(), 20)
    }

    /// A name of letters, digits, dots, hyphens, underscores and spaces.
    fn object(&self, name: &str) -> String {
        cut(&format!("{} {name}", self.prefix()), MAX_OBJECT).replace('~', "_")
    }

    /// The address objects: all addresses, and names where they are not matched by category.
    fn objects(&mut self, set: &RuleSet) {
        let mut all: BTreeSet<(String, String)> = BTreeSet::new();
        for rule in &set.rules {
            let by_address = |host: &&Host| network(host).is_some() || !rule.web;
            for host in rule.from.iter().chain(rule.hosts().filter(by_address)) {
                let value = match host {
                    Host::Exact(name) => format!("fqdn {name}"),
                    Host::Ip(_)
                    | Host::Cidr(_)
                    | Host::OneLabel(_)
                    | Host::AnyDepth(_)
                    | Host::ApexAndSubdomains(_)
                    | Host::Unset(_)
                    | Host::Unknown => match network(host) {
                        Some(network) => format!("ip-netmask {network}"),
                        None => continue,
                    },
                };
                all.insert((self.address(host), value));
            }
        }
        for (name, value) in all {
            self.line(format!("set address \"{name}\" {value}"));
        }
    }

    fn address(&self, host: &Host) -> String {
        match network(host) {
            // No host's name has a space.
            Some(network) => {
                let plain = network.to_string().replace(':', "-").replace('/', "_");
                self.object(&format!("net {plain}"))
            }
            None => self.object(&host.value()),
        }
    }

    fn services(&mut self, set: &RuleSet) {
        let mut all: BTreeSet<String> = BTreeSet::new();
        for rule in &set.rules {
            let Some(protocol) = with_service(rule.transport) else {
                continue;
            };
            let source = if rule.source_ports.is_empty() {
                String::new()
            } else {
                format!(" source-port {}", list(&rule.source_ports))
            };
            all.insert(format!(
                "set service \"{}\" protocol {protocol} port {}{source}",
                self.service(rule, protocol),
                list(&rule.ports)
            ));
        }
        for line in all {
            self.line(line);
        }
    }

    fn service(&self, rule: &Rule, protocol: &str) -> String {
        let source = if rule.source_ports.is_empty() {
            String::new()
        } else {
            format!(" from {}", list(&rule.source_ports))
        };
        self.object(&format!("{protocol} {}{source}", list(&rule.ports)).replace(',', " "))
    }

    fn rule(&mut self, number: usize, rule: &Rule) {
        let flows = rule.flows(self.selection);
        for flow in &flows {
            let line = comment::flow(flow, self.options);
            self.comment(&line);
        }
        let purposes: Vec<String> = flows
            .iter()
            .map(|flow| comment::flow(flow, self.options))
            .collect();
        let description = comment::ascii(&purposes.join(" "), UNSAFE, MAX_DESCRIPTION);
        let first = flows.first().map_or("", |flow| flow.id.as_str());
        let source = match rule.from.as_slice() {
            [] => "any".to_owned(),
            from => self.members(&mut from.iter()),
        };
        let (application, service) = match with_service(rule.transport) {
            Some(protocol) => ("any", format!("\"{}\"", self.service(rule, protocol))),
            None if rule.transport == Transport::Esp => {
                ("ipsec-esp", "application-default".to_owned())
            }
            None => ("icmp", "application-default".to_owned()),
        };
        let applications = match rule.transport {
            Transport::Icmp => "[ icmp ping ipv6-icmp ]",
            Transport::Esp | Transport::Tcp | Transport::Udp | Transport::Unknown => application,
        };
        let categorised = |host: &&Host| rule.web && network(host).is_none();
        let mut parts: Vec<(&str, String, String)> = Vec::new();
        if rule.hosts().any(|host| !categorised(&host)) {
            let destination = self.members(&mut rule.hosts().filter(|host| !categorised(host)));
            parts.push(("", destination, "any".to_owned()));
        }
        if rule.hosts().any(|host| categorised(&host)) {
            let name = cut(
                &format!(
                    "{} {number}",
                    shortened(self.selection.catalogue.id.as_str(), 24)
                ),
                MAX_CATEGORY,
            );
            let urls: Vec<String> = rule.hosts().flat_map(entries).collect();
            self.category(&name, &urls);
            parts.push((" web", "any".to_owned(), format!("\"{name}\"")));
        }
        for (suffix, destination, category) in parts {
            let name = cut(
                &format!("{} {number}{suffix} {first}", self.prefix()),
                MAX_OBJECT,
            )
            .replace('~', "_");
            self.line(format!(
                "set rulebase security rules \"{name}\" from any to any source {source} destination {destination} application {applications} service {service} category {category} action allow log-end yes description \"{description}\""
            ));
        }
    }

    fn members(&self, hosts: &mut dyn Iterator<Item = &Host>) -> String {
        let names: Vec<String> = hosts
            .map(|host| format!("\"{}\"", self.address(host)))
            .collect();
        format!("[ {} ]", names.join(" "))
    }

    fn category(&mut self, name: &str, urls: &[String]) {
        let quoted: Vec<String> = urls.iter().map(|url| format!("\"{url}\"")).collect();
        self.line(format!(
            "set profiles custom-url-category \"{name}\" type \"URL List\""
        ));
        self.line(format!(
            "set profiles custom-url-category \"{name}\" list [ {} ]",
            quoted.join(" ")
        ));
    }

    /// A decryption rule for what must stay closed.
    fn closed(&mut self) {
        let urls: Vec<String> = kept_closed(self.selection)
            .iter()
            .flat_map(entries)
            .collect();
        if urls.is_empty() {
            return;
        }
        self.comment(
            "TLS to these names must not be opened: move the rule above those that decrypt.",
        );
        let name = cut(
            &format!(
                "{} closed",
                shortened(self.selection.catalogue.id.as_str(), 24)
            ),
            MAX_CATEGORY,
        );
        self.category(&name, &urls);
        let rule = format!("{} closed", self.prefix());
        self.line(format!(
            "set rulebase decryption rules \"{rule}\" from any to any source any destination any service any category \"{name}\" type ssl-forward-proxy action no-decrypt"
        ));
    }
}

/// The protocol of a service object; `None` where an application stands for the transport.
const fn with_service(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Tcp => Some("tcp"),
        Transport::Udp => Some("udp"),
        Transport::Esp | Transport::Icmp | Transport::Unknown => None,
    }
}

fn list(ranges: &[PortRange]) -> String {
    let shown: Vec<String> = ranges.iter().map(PortRange::to_string).collect();
    shown.join(",")
}

/// The entries of a URL list for a name or set of names.
fn entries(host: &Host) -> Vec<String> {
    match host {
        Host::Exact(name) => vec![format!("{name}/")],
        Host::OneLabel(name) => vec![format!("^.{name}/")],
        Host::AnyDepth(name) => vec![format!("*.{name}/")],
        Host::ApexAndSubdomains(name) => vec![format!("{name}/"), format!("*.{name}/")],
        Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
