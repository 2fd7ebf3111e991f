//! iptables, for `iptables-restore` and `ip6tables-restore`.
//!
//! One file serves both: a rule that begins with `-4` is passed over by `ip6tables-restore`, one
//! that begins with `-6` by `iptables-restore` (iptables(8)). Names are looked up while a file is
//! loaded, and one without an answer refuses it, so none is written.

use ipnet::IpNet;

use super::comment;
use super::rules::addresses::{Family, addresses, network, reduced};
use super::rules::{End, Rule, RuleSet, Said, Target, Way};
use super::stable::shortened;
use super::{Format, Options, RenderError, Rendered, Renderer};
use crate::endpoint::{PortRange, Transport};
use crate::host::Host;
use crate::select::Selection;

/// A chain's name is no longer (XT_EXTENSION_MAXNAMELEN without its end).
const MAX_CHAIN: usize = 28;
/// A comment is no longer: iptables takes 255 characters (XT_MAX_COMMENT_LEN without its end), but what
/// iptables-restore-translate makes of the file is for nft, which takes 127.
const MAX_COMMENT: usize = 127;
/// `multiport` takes no more ports, and a range counts as two (XT_MULTI_PORTS).
const MAX_PORTS: usize = 15;

/// A longer file is refused: each pair of addresses takes a line.
const MAX_LINES: usize = 100_000;

/// The renderer.
#[derive(Debug)]
pub(super) struct Iptables;

impl Renderer for Iptables {
    fn format(&self) -> Format {
        Format::Iptables
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let set = RuleSet::of(selection, options, Format::Iptables, &Known { options })?;
        let mut page = Page {
            selection,
            options,
            lines: Vec::new(),
        };
        page.head(&set);
        match &options.role {
            Some(_) => page.host(&set),
            None => page.between(&set),
        }
        if page.lines.len() > MAX_LINES {
            return Err(RenderError::TooMany {
                format: Format::Iptables,
                count: page.lines.len(),
                most: MAX_LINES,
            });
        }
        let mut text = page.lines.join("\n");
        text.push('\n');
        Ok(Rendered {
            bytes: text.into_bytes(),
            report: set.report,
        })
    }
}

/// What iptables knows.
struct Known<'o> {
    options: &'o Options,
}

impl Target for Known<'_> {
    fn host(&self, host: &Host, _: End, _: bool) -> Said {
        if network(host).is_some() {
            Said::EXACT
        } else if addresses(host, self.options).is_empty() {
            Said::not_at_all("packet filters know no names, and no address was given for it")
        } else {
            Said::by_given_addresses()
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
    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn comment(&mut self, line: &str) {
        self.lines.push(format!("# {line}").trim_end().to_owned());
    }

    fn head(&mut self, set: &RuleSet) {
        for line in comment::opening(self.selection, &set.report) {
            self.comment(&line);
        }
        self.comment("");
    }

    /// A chain that others jump to.
    fn between(&mut self, set: &RuleSet) {
        let chain = chain_name(self.selection.catalogue.id.as_str());
        for line in [
            "Load it for both families, beside the rules that are there:",
            "  iptables-restore --noflush FILE && ip6tables-restore --noflush FILE",
            "The chain only accepts. Jump to it from the chain that filters what you forward:",
        ] {
            self.comment(line);
        }
        self.comment(&format!(
            "  iptables -A FORWARD -m conntrack --ctstate NEW -j {chain}, and ip6tables likewise"
        ));
        self.comment("(in which ESTABLISHED and RELATED connections are accepted first).");
        self.line("*filter");
        self.line(format!(":{chain} - [0:0]"));
        self.rules(set, Way::Between, &chain);
        self.line("COMMIT");
    }

    /// The whole ruleset of a host.
    fn host(&mut self, set: &RuleSet) {
        for line in [
            "The whole ruleset of a host in this role, for both families:",
            "  iptables-restore FILE && ip6tables-restore FILE",
            "What no line permits is dropped; iptables -nvL shows how much by the policies.",
        ] {
            self.comment(line);
        }
        for line in [
            "*filter",
            ":INPUT DROP [0:0]",
            ":FORWARD DROP [0:0]",
            ":OUTPUT DROP [0:0]",
        ] {
            self.line(line);
        }
        for (chain, way, interface, discovery) in [
            ("INPUT", Way::In, "-i", [130, 134, 135, 136]),
            ("OUTPUT", Way::Out, "-o", [133, 135, 136, 143]),
        ] {
            self.line(format!(
                "-A {chain} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"
            ));
            self.line(format!("-A {chain} {interface} lo -j ACCEPT"));
            self.comment("IPv6 finds its neighbours and routers by these.");
            for kind in discovery {
                self.line(format!(
                    "-6 -A {chain} -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT"
                ));
            }
            self.rules(set, way, chain);
        }
        self.line("COMMIT");
    }

    fn rules(&mut self, set: &RuleSet, way: Way, chain: &str) {
        for rule in set.rules.iter().filter(|rule| rule.way == way) {
            let flows = rule.flows(self.selection);
            for flow in &flows {
                let line = comment::flow(flow, self.options);
                self.comment(&line);
            }
            let ids: Vec<&str> = flows.iter().map(|flow| flow.id.as_str()).collect();
            let comment = comment::ascii(&ids.join(", "), "\"\\", MAX_COMMENT);
            let tail = format!("-m comment --comment \"{comment}\" -j ACCEPT");
            for family in Family::BOTH {
                if self.lines.len() > MAX_LINES {
                    return;
                }
                for matches in self.matches(rule, family) {
                    let digit = match family {
                        Family::V4 => 4,
                        Family::V6 => 6,
                    };
                    self.line(format!("-{digit} -A {chain} {matches}{tail}"));
                }
            }
        }
    }

    /// The left sides of a rule in a family: one for each pair of addresses and set of ports.
    fn matches(&self, rule: &Rule, family: Family) -> Vec<String> {
        let to: Vec<&Host> = rule.hosts().collect();
        let operands = |flag: &str, hosts: &[&Host]| -> Vec<String> {
            if hosts.is_empty() {
                return vec![String::new()];
            }
            let all: Vec<IpNet> = hosts
                .iter()
                .flat_map(|host| addresses(host, self.options))
                .filter(|network| Family::of(network) == family)
                .collect();
            reduced(all)
                .iter()
                .map(|network| format!("{flag} {network} "))
                .collect()
        };
        let from: Vec<&Host> = rule.from.iter().collect();
        let mut lines = Vec::new();
        for from in operands("-s", &from) {
            for to in operands("-d", &to) {
                for ports in ports(rule, family) {
                    lines.push(format!("{from}{to}{ports}"));
                }
            }
        }
        lines
    }
}

/// The protocol and the ports; several where one rule can't hold them.
fn ports(rule: &Rule, family: Family) -> Vec<String> {
    let protocol = match (rule.transport, family) {
        (Transport::Tcp, _) => "tcp",
        (Transport::Udp, _) => "udp",
        (Transport::Esp, _) => return vec!["-p esp ".to_owned()],
        (Transport::Icmp, Family::V4) => return vec!["-p icmp ".to_owned()],
        (Transport::Icmp, Family::V6) => return vec!["-p ipv6-icmp ".to_owned()],
        // No rule is made of it.
        (Transport::Unknown, _) => return Vec::new(),
    };
    let mut lines = Vec::new();
    for source in port_matches("sport", protocol, &rule.source_ports) {
        for ports in port_matches("dport", protocol, &rule.ports) {
            lines.push(format!("-p {protocol} {source}{ports}"));
        }
    }
    lines
}

fn port_matches(flag: &str, protocol: &str, ranges: &[PortRange]) -> Vec<String> {
    match ranges {
        [] => vec![String::new()],
        [one] => vec![format!("-m {protocol} --{flag} {} ", range(*one))],
        several => {
            let mut lines = Vec::new();
            let mut left = several;
            while !left.is_empty() {
                let count = fitting(left);
                let (now, later) = left.split_at(count);
                let shown: Vec<String> = now.iter().map(|one| range(*one)).collect();
                lines.push(format!("-m multiport --{flag}s {} ", shown.join(",")));
                left = later;
            }
            lines
        }
    }
}

/// How many of the ranges one `multiport` holds; at least one.
fn fitting(ranges: &[PortRange]) -> usize {
    let mut room = MAX_PORTS;
    let mut count: usize = 0;
    for range in ranges {
        let weight = if range.only().is_some() { 1 } else { 2 };
        let Some(rest) = room.checked_sub(weight) else {
            break;
        };
        room = rest;
        count = count.saturating_add(1);
    }
    count.max(1)
}

fn range(range: PortRange) -> String {
    match range.only() {
        Some(port) => port.to_string(),
        None => format!("{}:{}", range.first(), range.last()),
    }
}

/// The prefix keeps the name apart from targets such as ACCEPT.
fn chain_name(id: &str) -> String {
    let prefix = "flows-";
    let room = MAX_CHAIN.saturating_sub(prefix.len());
    format!("{prefix}{}", shortened(id, room))
}

#[cfg(test)]
mod tests;
