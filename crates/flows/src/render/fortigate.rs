//! FortiGate, in FortiOS's commands (7.0 and later).
//!
//! An address of type `fqdn` holds the addresses that FortiGate resolves for a name; with a `*`
//! before it, those that it learns from DNS answers which pass through it (FortiOS
//! administration guide, "Using wildcard FQDN addresses in firewall policies"). Exemption from
//! TLS inspection is another object, `firewall wildcard-fqdn custom`, in an inspection profile.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::comment;
use super::rules::addresses::{Family, network};
use super::rules::{End, Rule, RuleSet, Said, Target, kept_closed};
use super::stable::{cut, shortened};
use super::{Format, Options, RenderError, Rendered, Renderer};
use crate::endpoint::{PortRange, Transport};
use crate::host::Host;
use crate::select::Selection;

/// The name of an address or a service is no longer.
const MAX_OBJECT: usize = 79;
/// The name of a policy or an inspection profile is no longer.
const MAX_POLICY: usize = 35;
/// A comment is cut here; FortiOS holds 1023.
const MAX_COMMENT: usize = 900;
/// Signs that FortiOS's command line or its forms take for more than themselves.
const UNSAFE: &str = "\"\\?'`$<>()#&|{}[]!~^*;";

const RESOLVED: &str = "by the addresses that FortiGate resolves for the name";
const LEARNED: &str = "by the addresses that FortiGate learns from DNS answers that pass through it; none before the first look-up, none from DNS over HTTPS";

/// The renderer.
#[derive(Debug)]
pub(super) struct Fortigate;

impl Renderer for Fortigate {
    fn format(&self) -> Format {
        Format::Fortigate
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        if options.role.is_some() {
            return Err(RenderError::NoRoles(Format::Fortigate));
        }
        let set = RuleSet::of(selection, options, Format::Fortigate, &Known)?;
        let mut page = Page {
            selection,
            options,
            lines: Vec::new(),
        };
        page.head(&set);
        page.addresses(&set);
        page.services(&set);
        page.policies(&set);
        page.exemptions();
        let mut text = page.lines.join("\n");
        text.push('\n');
        Ok(Rendered {
            bytes: text.into_bytes(),
            report: set.report,
        })
    }
}

/// What FortiGate knows.
struct Known;

impl Target for Known {
    fn host(&self, host: &Host, _: End, _: bool) -> Said {
        match host {
            Host::Exact(_) => Said::exact(RESOLVED),
            Host::OneLabel(_) => Said::widened("a wildcard covers names of any depth"),
            Host::AnyDepth(_) | Host::ApexAndSubdomains(_) => Said::exact(LEARNED),
            Host::Ip(_) | Host::Cidr(_) => Said::EXACT,
            Host::Unset(_) | Host::Unknown => Said::not_at_all("the host is unknown"),
        }
    }

    fn transport(&self, _: Transport) -> Said {
        Said::EXACT
    }
}

struct Page<'p, 'c> {
    selection: &'p Selection<'c>,
    options: &'p Options,
    lines: Vec<String>,
}

impl Page<'_, '_> {
    fn line(&mut self, depth: usize, line: &str) {
        self.lines.push(format!("{}{line}", "    ".repeat(depth)));
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
            "The policies accept, from any interface to any: set srcintf and dstintf to yours, add",
            "\"set nat enable\" where addresses are translated, and move them above what denies.",
            "Loaded again, policies are refused that are there already: delete them first.",
        ] {
            self.comment(line);
        }
    }

    fn prefix(&self) -> String {
        shortened(self.selection.catalogue.id.as_str(), 20)
    }

    fn object(&self, name: &str) -> String {
        // No host's name has a space.
        let name = name.replace("*.", "below ");
        cut(&format!("{} {name}", self.prefix()), MAX_OBJECT)
    }

    fn addresses(&mut self, set: &RuleSet) {
        let hosts: BTreeSet<&Host> = set
            .rules
            .iter()
            .flat_map(|rule| rule.from.iter().chain(rule.hosts()))
            .collect();
        for (family, table) in [(Family::V4, "address"), (Family::V6, "address6")] {
            let mut entries: Vec<(String, Vec<String>)> = Vec::new();
            for host in &hosts {
                match network(host) {
                    Some(network) if Family::of(&network) != family => {}
                    Some(network) => {
                        entries.push((self.object(&network.to_string()), vec![subnet(&network)]));
                    }
                    None => entries.extend(patterns(host).into_iter().map(|pattern| {
                        let lines = vec![
                            "set type fqdn".to_owned(),
                            format!("set fqdn \"{pattern}\""),
                        ];
                        (self.object(&pattern), lines)
                    })),
                }
            }
            entries.sort_unstable();
            entries.dedup();
            self.table(&format!("firewall {table}"), &entries);
        }
    }

    /// A table with its entries, each a name and lines; nothing where there are none.
    fn table(&mut self, table: &str, entries: &[(String, Vec<String>)]) {
        if entries.is_empty() {
            return;
        }
        self.line(0, &format!("config {table}"));
        for (name, lines) in entries {
            self.line(1, &format!("edit \"{name}\""));
            for line in lines {
                self.line(2, line);
            }
            self.line(1, "next");
        }
        self.line(0, "end");
    }

    fn services(&mut self, set: &RuleSet) {
        let mut entries: Vec<(String, Vec<String>)> = Vec::new();
        for rule in &set.rules {
            for family in Family::BOTH {
                if self.ends(rule, family).is_some() {
                    entries.push(self.service(rule, family));
                }
            }
        }
        entries.sort_unstable();
        entries.dedup();
        self.table("firewall service custom", &entries);
    }

    /// The service of a rule: its name and its lines.
    fn service(&self, rule: &Rule, family: Family) -> (String, Vec<String>) {
        let ports = |ranges: &[PortRange]| -> Vec<String> {
            ranges.iter().map(PortRange::to_string).collect()
        };
        let transport = match (rule.transport, family) {
            (Transport::Tcp, _) => "tcp",
            (Transport::Udp, _) => "udp",
            (Transport::Esp, _) => {
                let lines = vec![
                    "set protocol IP".to_owned(),
                    "set protocol-number 50".to_owned(),
                ];
                return (self.object("esp"), lines);
            }
            (Transport::Icmp, Family::V4) => {
                return (self.object("icmp"), vec!["set protocol ICMP".to_owned()]);
            }
            (Transport::Icmp, Family::V6) => {
                return (self.object("icmp6"), vec!["set protocol ICMP6".to_owned()]);
            }
            // No rule is made of it.
            (Transport::Unknown, _) => return (String::new(), Vec::new()),
        };
        let mut ranges = Vec::new();
        for port in ports(&rule.ports) {
            if rule.source_ports.is_empty() {
                ranges.push(port);
            } else {
                // Behind the colon stand the ports of the one who dials.
                ranges.extend(
                    ports(&rule.source_ports)
                        .iter()
                        .map(|from| format!("{port}:{from}")),
                );
            }
        }
        let name = self.object(&format!("{transport} {}", ranges.join(" ")));
        (
            name,
            vec![format!("set {transport}-portrange {}", ranges.join(" "))],
        )
    }

    fn policies(&mut self, set: &RuleSet) {
        if set.rules.is_empty() {
            return;
        }
        self.line(0, "config firewall policy");
        for (number, rule) in set.rules.iter().enumerate() {
            for flow in rule.flows(self.selection) {
                let line = comment::flow(flow, self.options);
                self.comment(&line);
            }
            for family in Family::BOTH {
                self.policy(number, rule, family);
            }
        }
        self.line(0, "end");
    }

    fn policy(&mut self, number: usize, rule: &Rule, family: Family) {
        let (suffix, shown) = match family {
            Family::V4 => ("", "v4"),
            Family::V6 => ("6", "v6"),
        };
        let Some((from, to)) = self.ends(rule, family) else {
            return;
        };
        let flows = rule.flows(self.selection);
        let first = flows.first().map_or("", |flow| flow.id.as_str());
        let number = number.saturating_add(1);
        let name = format!(
            "{} {number} {shown} ",
            shortened(self.selection.catalogue.id.as_str(), 12)
        );
        let room = MAX_POLICY.saturating_sub(name.len());
        let name = format!("{name}{}", shortened(first, room));
        let purposes: Vec<String> = flows
            .iter()
            .map(|flow| comment::flow(flow, self.options))
            .collect();
        let service = self.service(rule, family).0;
        self.line(1, "edit 0");
        for line in [
            format!("set name \"{name}\""),
            "set srcintf \"any\"".to_owned(),
            "set dstintf \"any\"".to_owned(),
            format!("set srcaddr{suffix} {from}"),
            format!("set dstaddr{suffix} {to}"),
            "set action accept".to_owned(),
            "set schedule \"always\"".to_owned(),
            format!("set service \"{service}\""),
            "set logtraffic all".to_owned(),
            format!(
                "set comments \"{}\"",
                comment::ascii(&purposes.join(" "), UNSAFE, MAX_COMMENT)
            ),
        ] {
            self.line(2, &line);
        }
        self.line(1, "next");
    }

    /// The addresses of both ends; `None` where one has none in that family.
    fn ends(&self, rule: &Rule, family: Family) -> Option<(String, String)> {
        let from: Vec<&Host> = rule.from.iter().collect();
        let to: Vec<&Host> = rule.hosts().collect();
        Some((self.operand(&from, family)?, self.operand(&to, family)?))
    }

    /// The addresses of an end; `None` where it has none in that family.
    fn operand(&self, hosts: &[&Host], family: Family) -> Option<String> {
        if hosts.is_empty() {
            return Some("\"all\"".to_owned());
        }
        let mut names = Vec::new();
        for host in hosts {
            match network(host) {
                Some(network) if Family::of(&network) != family => {}
                Some(network) => names.push(self.object(&network.to_string())),
                None => names.extend(patterns(host).iter().map(|pattern| self.object(pattern))),
            }
        }
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        (!quoted.is_empty()).then(|| quoted.join(" "))
    }

    /// The names whose TLS must stay closed, for an inspection profile.
    fn exemptions(&mut self) {
        let closed: BTreeSet<String> = kept_closed(self.selection)
            .iter()
            .flat_map(patterns)
            .collect();
        if closed.is_empty() {
            return;
        }
        self.comment("TLS to these names must not be opened. Use the profile in policies that inspect, or copy");
        self.comment("its exemptions into yours. (A destination that is an address is exempted by its policy,");
        self.comment("which inspects nothing.)");
        let entries: Vec<(String, Vec<String>)> = closed
            .iter()
            .map(|pattern| {
                (
                    self.object(pattern),
                    vec![format!("set wildcard-fqdn \"{pattern}\"")],
                )
            })
            .collect();
        self.table("firewall wildcard-fqdn custom", &entries);
        let profile = shortened(self.selection.catalogue.id.as_str(), MAX_POLICY);
        self.line(0, "config firewall ssl-ssh-profile");
        self.line(1, &format!("edit \"{profile}\""));
        self.line(2, "config ssl-exempt");
        for (number, (name, _)) in entries.iter().enumerate() {
            self.line(3, &format!("edit {}", number.saturating_add(1)));
            self.line(4, "set type wildcard-fqdn");
            self.line(4, &format!("set wildcard-fqdn \"{name}\""));
            self.line(3, "next");
        }
        self.line(2, "end");
        self.line(1, "next");
        self.line(0, "end");
    }
}

fn subnet(network: &IpNet) -> String {
    match network {
        IpNet::V4(network) => format!("set subnet {} {}", network.addr(), network.netmask()),
        IpNet::V6(network) => format!("set ip6 {network}"),
    }
}

/// The names of address objects that a name or set of names needs.
fn patterns(host: &Host) -> Vec<String> {
    match host {
        Host::Exact(name) => vec![name.to_string()],
        Host::OneLabel(name) | Host::AnyDepth(name) => vec![format!("*.{name}")],
        Host::ApexAndSubdomains(name) => vec![name.to_string(), format!("*.{name}")],
        Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
