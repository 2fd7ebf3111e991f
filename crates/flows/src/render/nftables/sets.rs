//! Sets of the addresses behind names.

use std::collections::BTreeSet;
use std::fmt::Write;

use ipnet::IpNet;

use crate::host::Host;
use crate::render::Options;
use crate::render::host_pattern;
use crate::render::rules::Rule;
use crate::render::rules::addresses::{Family, addresses, network, reduced, shown};
use crate::select::Selection;

/// The names that a line lists.
const MAX_LISTED: usize = 12;

/// dnsmasq reads no longer lines (MAXDNAME of its source).
const MAX_LINE: usize = 1_000;

const KINDS: [(Family, &str); 2] = [(Family::V4, "ipv4_addr"), (Family::V6, "ipv6_addr")];

/// The sets of a file; rules with the same names share one.
pub(super) struct Sets {
    prefix: String,
    sets: Vec<NameSet>,
}

/// A set for each family.
pub(super) struct NameSet {
    stem: String,
    hosts: Vec<Host>,
    addresses: Vec<IpNet>,
}

impl Sets {
    pub(super) const fn new(prefix: String) -> Self {
        Self {
            prefix,
            sets: Vec::new(),
        }
    }

    /// Makes the sets that the rules need; each is called after the first flow that needs it.
    pub(super) fn collect(&mut self, rules: &[Rule], selection: &Selection<'_>, options: &Options) {
        for rule in rules {
            let Some(flow) = rule.flows(selection).first().map(|flow| flow.id.clone()) else {
                continue;
            };
            for hosts in [rule.from.iter().collect(), rule.hosts().collect::<Vec<_>>()] {
                let names = names(&hosts);
                if names.is_empty() || self.of(&hosts).is_some() {
                    continue;
                }
                let stem = self.free_stem(&format!("{}{flow}", self.prefix));
                let given = names.iter().flat_map(|host| addresses(host, options));
                self.sets.push(NameSet {
                    stem,
                    addresses: reduced(given.collect()),
                    hosts: names.into_iter().cloned().collect(),
                });
            }
        }
    }

    /// No stem is another one followed by `-` and a number that a flow's name could end with:
    /// names of flows have no dot.
    fn free_stem(&self, wanted: &str) -> String {
        let taken = |stem: &str| self.sets.iter().any(|set| set.stem == stem);
        if !taken(wanted) {
            return wanted.to_owned();
        }
        let mut number = 2usize;
        loop {
            let stem = format!("{wanted}.{number}");
            if !taken(&stem) {
                return stem;
            }
            number = number.saturating_add(1);
        }
    }

    /// The set of the names among the hosts.
    pub(super) fn of(&self, hosts: &[&Host]) -> Option<&NameSet> {
        let names = names(hosts);
        self.sets
            .iter()
            .find(|set| !names.is_empty() && set.hosts.iter().eq(names.iter().copied()))
    }

    /// Lines for dnsmasq's configuration. Of all lines that cover a name it obeys one alone, with
    /// the longest domain; so each domain stands in one line, with the sets of the wildcards that
    /// it is below.
    pub(super) fn dnsmasq(&self, table: &str) -> Vec<String> {
        let hosts = self.sets.iter().flat_map(|set| &set.hosts);
        let domains: BTreeSet<String> = hosts.map(Host::value).collect();
        let mut together: Vec<(Vec<String>, Vec<String>)> = Vec::new();
        for domain in domains {
            let sets: Vec<String> = self
                .sets
                .iter()
                .filter(|set| set.hosts.iter().any(|host| wants(host, &domain)))
                .map(|set| set.operand(table))
                .collect();
            match together.iter_mut().find(|(known, _)| *known == sets) {
                Some((_, domains)) => domains.push(domain),
                None => together.push((sets, vec![domain])),
            }
        }
        let mut lines = Vec::new();
        for (sets, domains) in together {
            let sets = sets.join(",");
            let mut line = "nftset=/".to_owned();
            let mut listed = 0;
            for domain in domains {
                let full = line.len() + domain.len() + sets.len() + 1 > MAX_LINE;
                if listed > 0 && (full || listed == MAX_LISTED) {
                    lines.push(format!("{line}{sets}"));
                    "nftset=/".clone_into(&mut line);
                    listed = 0;
                }
                let _ = write!(line, "{domain}/");
                listed += 1;
            }
            lines.push(format!("{line}{sets}"));
        }
        lines
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &NameSet> {
        self.sets.iter()
    }
}

fn names<'h>(hosts: &[&'h Host]) -> Vec<&'h Host> {
    let mut names: Vec<&Host> = hosts
        .iter()
        .copied()
        .filter(|host| network(host).is_none())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether addresses of a domain that a line of dnsmasq names belong to a host.
fn wants(host: &Host, domain: &str) -> bool {
    host.value() == domain || host.covers(domain)
}

impl NameSet {
    /// Both sets, as dnsmasq names them.
    fn operand(&self, table: &str) -> String {
        let (four, six) = (self.name(Family::V4), self.name(Family::V6));
        format!("4#inet#{table}#{four},6#inet#{table}#{six}")
    }

    pub(super) fn name(&self, family: Family) -> String {
        let digit = match family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        format!("{}-{digit}", self.stem)
    }

    /// Commands that empty both sets of what an earlier file gave; none where addresses come
    /// from elsewhere.
    pub(super) fn emptied(&self, table: &str) -> Vec<String> {
        if self.addresses.is_empty() {
            return Vec::new();
        }
        let of = |(family, kind): (Family, &str)| {
            let name = self.name(family);
            [
                format!("add set inet {table} {name} {{ type {kind}; flags interval; }}"),
                format!("flush set inet {table} {name}"),
            ]
        };
        KINDS.into_iter().flat_map(of).collect()
    }

    /// The definitions of both sets.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let listed: Vec<String> = self
            .hosts
            .iter()
            .take(MAX_LISTED)
            .map(host_pattern)
            .collect();
        let more = self.hosts.len().saturating_sub(MAX_LISTED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let _ = writeln!(text, "    # Addresses of {}{more}", listed.join(", "));
        for (family, kind) in KINDS {
            let _ = writeln!(text, "    set {} {{", self.name(family));
            let _ = writeln!(text, "        type {kind};");
            // A set that is loaded again must be declared as it was.
            text.push_str("        flags interval;\n");
            let own: Vec<&IpNet> = self
                .addresses
                .iter()
                .filter(|network| Family::of(network) == family)
                .collect();
            if !own.is_empty() {
                let elements: Vec<String> = own.into_iter().map(shown).collect();
                let _ = writeln!(text, "        elements = {{ {} }}", elements.join(", "));
            }
            text.push_str("    }\n");
        }
        text
    }
}
