//! nftables, for `nft -f`.
//!
//! nftables knows addresses alone: a name in a file is looked up once, while it is loaded, and
//! one that has no answer refuses the whole file. Names therefore become named sets, which hold
//! the addresses that the options give, or wait to be filled. Syntax: nft(8).

use std::fmt::Write;

use ipnet::IpNet;

use super::comment;
use super::rules::addresses::{Family, addresses, network, reduced, shown};
use super::rules::{End, Rule, RuleSet, Said, Target, Way};
use super::{Format, Options, RenderError, Rendered, Renderer};
use crate::endpoint::{PortRange, Transport};
use crate::host::Host;
use crate::select::Selection;

mod sets;

use sets::Sets;

/// The table that rules between hosts are added to; Debian's configuration has one of that name.
const TABLE: &str = "filter";
/// The comment of a rule is no longer (NFTNL_UDATA_COMMENT_MAXLEN of libnftnl).
const MAX_COMMENT: usize = 127;

/// The renderer.
#[derive(Debug)]
pub(super) struct Nftables;

impl Renderer for Nftables {
    fn format(&self) -> Format {
        Format::Nftables
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let set = RuleSet::of(selection, options, Format::Nftables, &Known { options })?;
        let id = &selection.catalogue.id;
        let (table, prefix) = match &options.role {
            Some(role) => (format!("flows-{id}-{role}"), String::new()),
            None => (TABLE.to_owned(), format!("flows-{id}-")),
        };
        let mut page = Page {
            selection,
            options,
            table,
            text: String::new(),
            sets: Sets::new(prefix),
        };
        page.sets.collect(&set.rules, selection, options);
        page.head(&set);
        match &options.role {
            Some(_) => page.host(&set),
            None => page.between(&set),
        }
        Ok(Rendered {
            bytes: page.text.into_bytes(),
            report: set.report,
        })
    }
}

/// What nftables knows.
struct Known<'o> {
    options: &'o Options,
}

impl Target for Known<'_> {
    fn host(&self, host: &Host, _: End, _: bool) -> Said {
        if network(host).is_some() {
            Said::EXACT
        } else if addresses(host, self.options).is_empty() {
            Said::hollow("packet filters know no names; its set is empty until it is filled")
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
    table: String,
    text: String,
    sets: Sets,
}

impl Page<'_, '_> {
    fn line(&mut self, depth: usize, line: &str) {
        for _ in 0..depth {
            self.text.push_str("    ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, depth: usize, line: &str) {
        self.line(depth, format!("# {line}").trim_end());
    }

    fn head(&mut self, set: &RuleSet) {
        self.text.push_str("#!/usr/sbin/nft -f\n");
        for line in comment::opening(self.selection, &set.report) {
            self.comment(0, &line);
        }
        self.fill_hints();
    }

    /// How the sets of names get their addresses.
    fn fill_hints(&mut self) {
        let lines = self.sets.dnsmasq(&self.table);
        if lines.is_empty() {
            return;
        }
        for line in [
            "",
            "Sets of addresses behind names. dnsmasq (2.87 or later), as the name server of those",
            "who dial, fills them from its own answers with these lines, each of which covers a",
            "name and all names below it that no other line covers more closely:",
        ] {
            self.comment(0, line);
        }
        for line in lines {
            self.comment(0, &format!("  {line}"));
        }
        self.comment(
            0,
            "By hand: nft add element inet TABLE SET '{ ADDRESS, ADDRESS }'",
        );
    }

    /// A chain that others jump to.
    fn between(&mut self, set: &RuleSet) {
        let chain = format!("flows-{}", self.selection.catalogue.id);
        let table = self.table.clone();
        for line in [
            "",
            "The chain only accepts. Jump to it from the chain that filters what you forward:",
        ] {
            self.comment(0, line);
        }
        self.comment(
            0,
            &format!("  nft add rule inet {table} forward ct state new jump {chain}"),
        );
        self.comment(
            0,
            "(in which established and related connections are accepted first).",
        );
        self.text.push('\n');
        self.line(0, &format!("add table inet {table}"));
        self.line(0, &format!("add chain inet {table} {chain}"));
        self.line(0, &format!("flush chain inet {table} {chain}"));
        let emptied: Vec<String> = self
            .sets
            .iter()
            .flat_map(|set| set.emptied(&table))
            .collect();
        for line in emptied {
            self.line(0, &line);
        }
        self.text.push('\n');
        self.line(0, &format!("table inet {table} {{"));
        self.write_sets();
        self.line(1, &format!("chain {chain} {{"));
        self.rules(set, Way::Between);
        self.line(1, "}");
        self.line(0, "}");
    }

    /// The whole ruleset of a host.
    fn host(&mut self, set: &RuleSet) {
        let table = self.table.clone();
        for line in [
            "",
            "The whole ruleset of a host in this role: what no line permits is counted and dropped.",
            "Loading it again replaces it, and what was added to its sets.",
        ] {
            self.comment(0, line);
        }
        self.text.push('\n');
        self.line(0, &format!("add table inet {table}"));
        self.line(0, &format!("delete table inet {table}"));
        self.text.push('\n');
        self.line(0, &format!("table inet {table} {{"));
        self.line(1, "counter dropped-in {");
        self.line(1, "}");
        self.line(1, "counter dropped-out {");
        self.line(1, "}");
        self.write_sets();
        self.chain(
            set,
            Way::In,
            "input",
            "iifname",
            "nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query",
        );
        self.text.push('\n');
        self.chain(
            set,
            Way::Out,
            "output",
            "oifname",
            "nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report",
        );
        self.line(0, "}");
    }

    fn chain(&mut self, set: &RuleSet, way: Way, hook: &str, interface: &str, discovery: &str) {
        let counter = if way == Way::In {
            "dropped-in"
        } else {
            "dropped-out"
        };
        self.line(1, &format!("chain {hook} {{"));
        self.line(
            2,
            &format!("type filter hook {hook} priority filter; policy drop;"),
        );
        self.line(2, "ct state established,related accept");
        self.line(2, &format!("{interface} \"lo\" accept"));
        self.comment(2, "IPv6 finds its neighbours and routers by these.");
        self.line(2, &format!("icmpv6 type {{ {discovery} }} accept"));
        self.rules(set, way);
        self.line(2, &format!("counter name \"{counter}\" drop"));
        self.line(1, "}");
    }

    fn write_sets(&mut self) {
        let sets: Vec<String> = self.sets.iter().map(sets::NameSet::text).collect();
        for set in sets {
            self.text.push_str(&set);
            self.text.push('\n');
        }
    }

    fn rules(&mut self, set: &RuleSet, way: Way) {
        for rule in set.rules.iter().filter(|rule| rule.way == way) {
            let flows = rule.flows(self.selection);
            for flow in &flows {
                let line = comment::flow(flow, self.options);
                self.comment(2, &line);
            }
            let ids: Vec<&str> = flows.iter().map(|flow| flow.id.as_str()).collect();
            let tail = format!(
                "counter accept comment \"{}\"",
                comment::ascii(&ids.join(", "), "\"\\", MAX_COMMENT)
            );
            for matches in self.matches(rule) {
                self.line(2, &format!("{matches}{tail}"));
            }
        }
    }

    /// The left sides of a rule: one for each family and kind of operand on both ends.
    fn matches(&self, rule: &Rule) -> Vec<String> {
        let anyone = rule.from.is_empty();
        let to: Vec<&Host> = rule.hosts().collect();
        if anyone && to.is_empty() {
            return vec![ports(rule, None)];
        }
        let mut lines = Vec::new();
        for family in Family::BOTH {
            let ip = match family {
                Family::V4 => "ip",
                Family::V6 => "ip6",
            };
            let operands = |hosts: &[&Host]| self.operands(hosts, family);
            let from: Vec<String> = if anyone {
                vec![String::new()]
            } else {
                operands(&rule.from.iter().collect::<Vec<_>>())
                    .into_iter()
                    .map(|operand| format!("{ip} saddr {operand} "))
                    .collect()
            };
            let to: Vec<String> = if to.is_empty() {
                vec![String::new()]
            } else {
                operands(&to)
                    .into_iter()
                    .map(|operand| format!("{ip} daddr {operand} "))
                    .collect()
            };
            for from in &from {
                for to in &to {
                    lines.push(format!("{from}{to}{}", ports(rule, Some(family))));
                }
            }
        }
        lines
    }

    /// What stands behind `saddr` or `daddr`: addresses, and the set of names.
    fn operands(&self, hosts: &[&Host], family: Family) -> Vec<String> {
        let literal: Vec<IpNet> = hosts
            .iter()
            .filter_map(|host| network(host))
            .filter(|network| Family::of(network) == family)
            .collect();
        let mut operands = Vec::new();
        let literal = reduced(literal);
        match literal.as_slice() {
            [] => {}
            [one] => operands.push(shown(one)),
            several => operands.push(format!("{{ {} }}", list(several))),
        }
        operands.extend(
            self.sets
                .of(hosts)
                .map(|set| format!("@{}", set.name(family))),
        );
        operands
    }
}

fn list(networks: &[IpNet]) -> String {
    let shown: Vec<String> = networks.iter().map(shown).collect();
    shown.join(", ")
}

fn ports(rule: &Rule, family: Option<Family>) -> String {
    let mut text = String::new();
    let protocol = match (rule.transport, family) {
        (Transport::Tcp, _) => "tcp",
        (Transport::Udp, _) => "udp",
        (Transport::Esp, _) => return "meta l4proto esp ".to_owned(),
        (Transport::Icmp, Some(Family::V4)) => return "meta l4proto icmp ".to_owned(),
        (Transport::Icmp, Some(Family::V6)) => return "meta l4proto ipv6-icmp ".to_owned(),
        (Transport::Icmp, None) => return "meta l4proto { icmp, ipv6-icmp } ".to_owned(),
        // No rule is made of it.
        (Transport::Unknown, _) => return String::new(),
    };
    for (word, ranges) in [("sport", &rule.source_ports), ("dport", &rule.ports)] {
        match ranges.as_slice() {
            [] => {}
            [one] => {
                let _ = write!(text, "{protocol} {word} {one} ");
            }
            several => {
                let shown: Vec<String> = several.iter().map(PortRange::to_string).collect();
                let _ = write!(text, "{protocol} {word} {{ {} }} ", shown.join(", "));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
