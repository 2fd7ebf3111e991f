//! Terraform, for one cloud's firewall: Google Cloud's network firewall policies.
//!
//! `google_compute_network_firewall_policy_rule` was taken because it knows addresses of both
//! ends, ports of every transport, and whole names, which Google Cloud resolves; it knows no
//! wildcards. Security groups of other clouds know addresses of one end alone.

use ipnet::IpNet;

use super::comment;
use super::rules::addresses::{Family, addresses, reduced};
use super::rules::{End, Rule, RuleSet, Said, Target};
use super::stable::shortened;
use super::{Format, Options, RenderError, Rendered, Renderer};
use crate::endpoint::{PortRange, Transport};
use crate::flow::{Direction, Flow};
use crate::host::Host;
use crate::select::Selection;

/// A rule holds no more names (Google Cloud, "Firewall policies: quotas and limits").
const MAX_NAMES: usize = 100;
/// A description is cut here.
const MAX_DESCRIPTION: usize = 300;
/// The name of a rule is no longer.
const MAX_NAME: usize = 63;

/// The renderer.
#[derive(Debug)]
pub(super) struct Terraform;

impl Renderer for Terraform {
    fn format(&self) -> Format {
        Format::Terraform
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        if options.role.is_some() {
            return Err(RenderError::NoRoles(Format::Terraform));
        }
        let set = RuleSet::of(selection, options, Format::Terraform, &Known { options })?;
        let mut page = Page {
            selection,
            options,
            text: String::new(),
            count: 0,
        };
        page.head(&set);
        for rule in &set.rules {
            page.rule(rule);
        }
        Ok(Rendered {
            bytes: page.text.into_bytes(),
            report: set.report,
        })
    }
}

/// What Google Cloud's policies know.
struct Known<'o> {
    options: &'o Options,
}

impl Target for Known<'_> {
    fn host(&self, host: &Host, end: End, _: bool) -> Said {
        let given = || !addresses(host, self.options).is_empty();
        match (host, end) {
            (Host::Ip(_) | Host::Cidr(_), _) => Said::EXACT,
            (Host::Exact(_), End::Listens) => {
                Said::exact("by the addresses that Google Cloud resolves for the name")
            }
            _ if given() => Said::by_given_addresses(),
            (_, End::Listens) => {
                Said::not_at_all("no wildcards, and no address was given for the names")
            }
            (_, End::ListensInside) => Said::not_at_all(
                "rules for incoming traffic know no names of the side that listens",
            ),
            (_, End::Dials) => {
                Said::not_at_all("rules for outgoing traffic know no names of the side that dials")
            }
        }
    }

    fn transport(&self, _: Transport) -> Said {
        Said::EXACT
    }

    fn source_ports(&self) -> bool {
        false
    }
}

struct Page<'p, 'c> {
    selection: &'p Selection<'c>,
    options: &'p Options,
    text: String,
    count: usize,
}

impl Page<'_, '_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, line: &str) {
        self.line(format!("# {line}").trim_end());
    }

    fn head(&mut self, set: &RuleSet) {
        for line in comment::opening(self.selection, &set.report) {
            self.comment(&line);
        }
        for line in [
            "",
            "Rules of a network firewall policy of Google Cloud, which permit. What is not",
            "permitted is refused by a rule of yours with a higher number.",
        ] {
            self.comment(line);
        }
        let name = self.identifier();
        self.line("");
        self.line(&format!("variable \"{name}_policy\" {{"));
        self.line("  type        = string");
        self.line("  description = \"The network firewall policy that the rules belong to.\"");
        self.line("}");
        self.line("");
        self.line(&format!("variable \"{name}_first_priority\" {{"));
        self.line("  type        = number");
        self.line(
            "  description = \"The priority of the first rule; each takes the next number.\"",
        );
        self.line("  default     = 1000");
        self.line("}");
    }

    /// The catalogue's id as Terraform names things; it may begin with a digit.
    fn identifier(&self) -> String {
        format!(
            "flows_{}",
            self.selection.catalogue.id.as_str().replace('-', "_")
        )
    }

    fn rule(&mut self, rule: &Rule) {
        let flows = rule.flows(self.selection);
        let comes_in = |flow: &&Flow| flow.direction == Direction::Inbound;
        let directions = [
            (flows.iter().any(|flow| !comes_in(flow)), "EGRESS"),
            (flows.iter().any(comes_in), "INGRESS"),
        ];
        for (_, direction) in directions.into_iter().filter(|(wanted, _)| *wanted) {
            for family in Family::BOTH {
                self.by_address(rule, &flows, direction, family);
            }
            self.by_name(rule, &flows, direction);
        }
    }

    /// Rules of addresses are of one family.
    fn by_address(&mut self, rule: &Rule, flows: &[&Flow], direction: &str, family: Family) {
        let networks = |hosts: &mut dyn Iterator<Item = &Host>| -> Vec<String> {
            let all: Vec<IpNet> = hosts
                .flat_map(|host| addresses(host, self.options))
                .filter(|network| Family::of(network) == family)
                .collect();
            reduced(all).iter().map(IpNet::to_string).collect()
        };
        let named = |host: &&Host| !by_name(host, direction);
        let mut from = networks(&mut rule.from.iter());
        let to = networks(&mut rule.hosts().filter(named));
        if to.is_empty() || (from.is_empty() && !rule.from.is_empty()) {
            return;
        }
        if from.is_empty() && direction == "INGRESS" {
            // Rules for incoming traffic must name a source.
            from.push(match family {
                Family::V4 => "0.0.0.0/0".to_owned(),
                Family::V6 => "::/0".to_owned(),
            });
        }
        let matches = [("src_ip_ranges", from), ("dest_ip_ranges", to)];
        self.resource(rule, flows, direction, Some(family), &matches);
    }

    fn by_name(&mut self, rule: &Rule, flows: &[&Flow], direction: &str) {
        let names: Vec<String> = rule
            .hosts()
            .filter(|host| by_name(host, direction))
            .map(Host::value)
            .collect();
        let families: Vec<(Vec<String>, Option<Family>)> = if rule.from.is_empty() {
            vec![(Vec::new(), None)]
        } else {
            Family::BOTH
                .into_iter()
                .map(|family| {
                    let all: Vec<IpNet> = rule
                        .from
                        .iter()
                        .flat_map(|host| addresses(host, self.options))
                        .filter(|network| Family::of(network) == family)
                        .collect();
                    (
                        reduced(all).iter().map(IpNet::to_string).collect(),
                        Some(family),
                    )
                })
                .filter(|(from, _): &(Vec<String>, _)| !from.is_empty())
                .collect()
        };
        for names in names.chunks(MAX_NAMES) {
            for (from, family) in &families {
                let matches = [
                    ("src_ip_ranges", from.clone()),
                    ("dest_fqdns", names.to_vec()),
                ];
                self.resource(rule, flows, direction, *family, &matches);
            }
        }
    }

    fn resource(
        &mut self,
        rule: &Rule,
        flows: &[&Flow],
        direction: &str,
        family: Option<Family>,
        matches: &[(&str, Vec<String>)],
    ) {
        let place = self.count;
        self.count = self.count.saturating_add(1);
        let number = self.count;
        let name = self.identifier();
        let first = flows.first().map_or("", |flow| flow.id.as_str());
        let short = shortened(self.selection.catalogue.id.as_str(), 20);
        let rule_name = format!("{short}-{number}-");
        let room = MAX_NAME.saturating_sub(rule_name.len());
        let rule_name = format!("{rule_name}{}", shortened(first, room));
        let purposes: Vec<String> = flows
            .iter()
            .map(|flow| comment::flow(flow, self.options))
            .collect();
        self.line("");
        for purpose in &purposes {
            self.comment(purpose);
        }
        self.line(&format!(
            "resource \"google_compute_network_firewall_policy_rule\" \"{name}_{number}\" {{"
        ));
        self.line(&format!("  firewall_policy = var.{name}_policy"));
        self.line(&format!("  rule_name       = {}", quoted(&rule_name)));
        self.line(&format!(
            "  description     = {}",
            quoted(&comment::ascii(
                &purposes.join(" "),
                UNSAFE,
                MAX_DESCRIPTION
            ))
        ));
        self.line(&format!(
            "  priority        = var.{name}_first_priority + {place}"
        ));
        self.line(&format!("  direction       = \"{direction}\""));
        self.line("  action          = \"allow\"");
        self.line("  enable_logging  = true");
        self.line("");
        self.line("  match {");
        for (key, values) in matches.iter().filter(|(_, values)| !values.is_empty()) {
            let shown: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            self.line(&format!("    {key} = [{}]", shown.join(", ")));
        }
        for protocol in protocols(rule.transport, family) {
            self.line("");
            self.line("    layer4_configs {");
            self.line(&format!("      ip_protocol = \"{protocol}\""));
            if !rule.ports.is_empty() {
                let ports: Vec<String> = rule.ports.iter().map(PortRange::to_string).collect();
                let ports: Vec<String> = ports.iter().map(|port| quoted(port)).collect();
                self.line(&format!("      ports       = [{}]", ports.join(", ")));
            }
            self.line("    }");
        }
        self.line("  }");
        self.line("}");
    }
}

/// Whether a host goes by its name: only outgoing traffic to one whole name does.
fn by_name(host: &Host, direction: &str) -> bool {
    direction == "EGRESS" && matches!(host, Host::Exact(_))
}

/// Google Cloud's names; 58 is ICMP of IPv6.
fn protocols(transport: Transport, family: Option<Family>) -> &'static [&'static str] {
    match (transport, family) {
        (Transport::Tcp, _) => &["tcp"],
        (Transport::Udp, _) => &["udp"],
        (Transport::Esp, _) => &["esp"],
        (Transport::Icmp, Some(Family::V4)) => &["icmp"],
        (Transport::Icmp, Some(Family::V6)) => &["58"],
        (Transport::Icmp, None) => &["icmp", "58"],
        // No rule is made of it.
        (Transport::Unknown, _) => &[],
    }
}

/// Signs that begin a template or end a string; a description goes without them.
const UNSAFE: &str = "\"\\$%`<";

/// A string of HCL. Only descriptions hold such signs at all.
fn quoted(text: &str) -> String {
    format!("\"{}\"", comment::ascii(text, UNSAFE, usize::MAX))
}

#[cfg(test)]
mod tests;
