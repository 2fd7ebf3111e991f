//! The Windows firewall, in PowerShell's commands (module `NetSecurity`).
//!
//! Windows knows names by dynamic keywords alone: it permits the addresses that the host's own
//! look-ups of the name return, on Windows 11 and Windows Server 2022 or later, while Microsoft
//! Defender Antivirus runs with network protection on, and names are looked up by plain DNS; for
//! outbound rules only (Microsoft, "Windows Firewall dynamic keywords").

use ipnet::IpNet;

use super::comment;
use super::rules::addresses::{Family, network, reduced, shown};
use super::rules::{End, Rule, RuleSet, Said, Target, Way};
use super::stable::fnv;
use super::{Format, Options, RenderError, Rendered, Renderer};
use crate::endpoint::{PortRange, Transport};
use crate::flow::{Direction, Flow};
use crate::host::Host;
use crate::select::Selection;

/// A description is cut here.
const MAX_DESCRIPTION: usize = 300;
/// What a rule by name needs.
const CONDITIONS: &str = "by the addresses that the host's own look-ups return: needs Windows 11 or Windows Server 2022, Microsoft Defender's network protection, and look-ups by plain DNS";

/// The renderer.
#[derive(Debug)]
pub(super) struct Powershell;

impl Renderer for Powershell {
    fn format(&self) -> Format {
        Format::Powershell
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let set = RuleSet::of(selection, options, Format::Powershell, &Known)?;
        let mut page = Page {
            selection,
            options,
            lines: Vec::new(),
        };
        page.head(&set);
        page.keywords(&set);
        for rule in &set.rules {
            page.rule(rule);
        }
        // Windows PowerShell takes a file without the mark for one of the system's code page.
        let mut text = "\u{feff}".to_owned();
        text.push_str(&page.lines.join("\r\n"));
        text.push_str("\r\n");
        Ok(Rendered {
            bytes: text.into_bytes(),
            report: set.report,
        })
    }
}

/// What the Windows firewall knows.
struct Known;

impl Target for Known {
    fn host(&self, host: &Host, end: End, _: bool) -> Said {
        if network(host).is_some() {
            return Said::EXACT;
        }
        match (host, end) {
            (_, End::Dials) => {
                Said::not_at_all("the rules of a host know names of the far end alone")
            }
            (Host::OneLabel(_), End::Listens) => {
                Said::widened("a wildcard covers names of any depth")
            }
            (_, End::Listens) => Said::exact(CONDITIONS),
            (_, End::ListensInside) => {
                Said::widened("at any address of the host: it knows names of the far end alone")
            }
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

    fn group(&self) -> String {
        match &self.options.role {
            Some(role) => format!("Flows of {} for {role}", self.selection.catalogue.id),
            None => format!("Flows of {}", self.selection.catalogue.id),
        }
    }

    fn head(&mut self, set: &RuleSet) {
        for line in comment::opening(self.selection, &set.report) {
            self.comment(&line);
        }
        for line in [
            "",
            "Rules that permit. Windows blocks what none permits where the profile says so:",
            "  Set-NetFirewallProfile -All -DefaultInboundAction Block -DefaultOutboundAction Block",
            "Rules by name need Windows 11 or Windows Server 2022, Microsoft Defender Antivirus with",
            "network protection on, and look-ups by plain DNS. Run again, the script replaces its rules.",
        ] {
            self.comment(line);
        }
        self.line("#Requires -RunAsAdministrator");
        self.line("$ErrorActionPreference = 'Stop'");
        let group = quoted(&self.group());
        self.line(format!(
            "Get-NetFirewallRule -Group {group} -ErrorAction SilentlyContinue | Remove-NetFirewallRule"
        ));
    }

    /// The keywords of all names, each once.
    fn keywords(&mut self, set: &RuleSet) {
        let mut all: Vec<String> = set
            .rules
            .iter()
            .flat_map(Rule::hosts)
            .flat_map(patterns)
            .collect();
        all.sort_unstable();
        all.dedup();
        for pattern in all {
            let id = quoted(&self.keyword_id(&pattern));
            self.line(format!(
                "if (Get-NetFirewallDynamicKeywordAddress -Id {id} -ErrorAction SilentlyContinue) {{ Remove-NetFirewallDynamicKeywordAddress -Id {id} }}"
            ));
            self.line(format!(
                "New-NetFirewallDynamicKeywordAddress -Id {id} -Keyword {} -AutoResolve $true | Out-Null",
                quoted(&pattern)
            ));
        }
    }

    /// An identifier that is the same in every run: a UUID of version 8 (RFC 9562).
    fn keyword_id(&self, pattern: &str) -> String {
        let text = format!("{}\n{pattern}", self.group());
        let high = (fnv(text.as_bytes(), 0) & !0xf000) | 0x8000;
        let low = (fnv(text.as_bytes(), 1) & !(0b11 << 62)) | (0b10 << 62);
        let all = format!("{high:016x}{low:016x}");
        let part = |from: usize, to: usize| all.get(from..to).unwrap_or_default();
        format!(
            "{{{}-{}-{}-{}-{}}}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        )
    }

    fn rule(&mut self, rule: &Rule) {
        let flows = rule.flows(self.selection);
        for flow in &flows {
            let line = comment::flow(flow, self.options);
            self.comment(&line);
        }
        let comes_in = |flow: &&Flow| flow.direction == Direction::Inbound;
        let directions = match rule.way {
            Way::In => vec![Way::In],
            Way::Out => vec![Way::Out],
            Way::Between => [
                (flows.iter().any(|flow| !comes_in(flow)), Way::Out),
                (flows.iter().any(comes_in), Way::In),
            ]
            .into_iter()
            .filter_map(|(wanted, way)| wanted.then_some(way))
            .collect(),
        };
        for direction in directions {
            for family in families(rule) {
                self.command(rule, &flows, direction, family);
            }
        }
    }

    /// One or two commands: by address, and by name.
    fn command(&mut self, rule: &Rule, flows: &[&Flow], way: Way, family: Option<Family>) {
        let ids: Vec<&str> = flows.iter().map(|flow| flow.id.as_str()).collect();
        let purposes: Vec<String> = flows
            .iter()
            .map(|flow| comment::flow(flow, self.options))
            .collect();
        let (direction, local, remote) = match way {
            Way::In => ("Inbound", "Remote", "Local"),
            Way::Out | Way::Between => ("Outbound", "Local", "Remote"),
        };
        let mut command = format!(
            "New-NetFirewallRule -Group {} -DisplayName {} -Description {} -Direction {direction} -Action Allow",
            quoted(&self.group()),
            quoted(&comment::ascii(&ids.join(", "), "", MAX_DESCRIPTION)),
            quoted(&comment::ascii(
                &purposes.join(" "),
                UNQUOTABLE,
                MAX_DESCRIPTION
            )),
        );
        command.push_str(&format!(" -Protocol {}", protocol(rule.transport, family)));
        for (side, ranges) in [(local, &rule.source_ports), (remote, &rule.ports)] {
            if !ranges.is_empty() {
                let shown: Vec<String> = ranges.iter().map(PortRange::to_string).collect();
                command.push_str(&format!(" -{side}Port {}", list(&shown)));
            }
        }
        let fits = |network: &IpNet| family.is_none_or(|family| Family::of(network) == family);
        let networks = |hosts: &mut dyn Iterator<Item = &Host>| -> Vec<String> {
            let all: Vec<IpNet> = hosts.filter_map(network).filter(fits).collect();
            reduced(all).iter().map(shown).collect()
        };
        let from = networks(&mut rule.from.iter());
        if !rule.from.is_empty() {
            if from.is_empty() {
                return;
            }
            command.push_str(&format!(" -{local}Address {}", list(&from)));
        }
        if rule.hosts().next().is_none() {
            self.line(format!("{command} | Out-Null"));
            return;
        }
        let to = networks(&mut rule.hosts());
        if !to.is_empty() {
            self.line(format!(
                "{command} -{remote}Address {} | Out-Null",
                list(&to)
            ));
        }
        let keywords: Vec<String> = rule
            .hosts()
            .flat_map(patterns)
            .map(|pattern| self.keyword_id(&pattern))
            .collect();
        if keywords.is_empty() {
            return;
        }
        if way == Way::In {
            // The rule is for the host itself, whose names it need not know.
            self.line(format!("{command} | Out-Null"));
        } else {
            self.line(format!(
                "{command} -RemoteDynamicKeywordAddresses {} | Out-Null",
                list(&keywords)
            ));
        }
    }
}

/// Families that need a rule each: only ICMP differs between them.
fn families(rule: &Rule) -> Vec<Option<Family>> {
    match rule.transport {
        Transport::Icmp => vec![Some(Family::V4), Some(Family::V6)],
        Transport::Tcp | Transport::Udp | Transport::Esp | Transport::Unknown => vec![None],
    }
}

fn protocol(transport: Transport, family: Option<Family>) -> &'static str {
    match (transport, family) {
        (Transport::Tcp, _) => "TCP",
        (Transport::Udp, _) => "UDP",
        (Transport::Esp, _) => "50",
        (Transport::Icmp, Some(Family::V6)) => "ICMPv6",
        (Transport::Icmp, Some(Family::V4) | None) => "ICMPv4",
        // No rule is made of it.
        (Transport::Unknown, _) => "Any",
    }
}

/// The keywords of a name or set of names.
fn patterns(host: &Host) -> Vec<String> {
    match host {
        Host::Exact(name) => vec![name.to_string()],
        Host::OneLabel(name) | Host::AnyDepth(name) => vec![format!("*.{name}")],
        Host::ApexAndSubdomains(name) => vec![name.to_string(), format!("*.{name}")],
        Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => Vec::new(),
    }
}

/// Signs that a description goes without, though quotes hold them: scripts are pasted, too.
const UNQUOTABLE: &str = "`$\"";

/// A literal string: ASCII alone, because PowerShell also ends strings at typographic quotes,
/// which bytes of other letters become when a file is read in a wrong code page.
fn quoted(text: &str) -> String {
    format!(
        "'{}'",
        comment::ascii(text, "", usize::MAX).replace('\'', "''")
    )
}

fn list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    quoted.join(",")
}

#[cfg(test)]
mod tests;
