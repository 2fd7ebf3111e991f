//! What to enter so that a flow passes a FortiGate, or stays closed.

use ipnet::IpNet;

use crate::audit::question::Question;
use crate::endpoint::Transport;
use crate::host::Host;

fn named(question: &Question<'_>) -> String {
    // Names of policies have at most 35 characters.
    let id: String = question.flow.id.as_str().chars().take(28).collect();
    format!("{id}-{}", question.number)
}

fn object(lines: &mut Vec<String>, section: &str, name: &str, settings: &[String]) {
    lines.push(format!("config {section}"));
    lines.push(format!("    edit \"{name}\""));
    lines.extend(settings.iter().map(|setting| format!("        {setting}")));
    lines.push("    next".to_owned());
    lines.push("end".to_owned());
}

fn network(network: &IpNet) -> (&'static str, Vec<String>) {
    match network {
        IpNet::V4(network) => (
            "firewall address",
            vec![format!(
                "set subnet {} {}",
                network.network(),
                network.netmask()
            )],
        ),
        IpNet::V6(network) => (
            "firewall address6",
            vec![format!("set ip6 {}", network.trunc())],
        ),
    }
}

fn destination(host: &Host) -> Option<(&'static str, Vec<String>)> {
    let fqdn = |name: String| {
        (
            "firewall address",
            vec!["set type fqdn".to_owned(), format!("set fqdn \"{name}\"")],
        )
    };
    Some(match host {
        Host::Exact(name) => fqdn(name.to_string()),
        Host::OneLabel(name) | Host::AnyDepth(name) | Host::ApexAndSubdomains(name) => {
            fqdn(format!("*.{name}"))
        }
        Host::Ip(address) => network(&IpNet::from(*address)),
        Host::Cidr(found) => network(found),
        Host::Unset(_) | Host::Unknown => return None,
    })
}

pub(super) fn allow(question: &Question<'_>, id: u64, before: Option<&str>) -> Vec<String> {
    let Some((section, settings)) = destination(&question.endpoint.host) else {
        return Vec::new();
    };
    let name = named(question);
    let mut lines = Vec::new();
    object(&mut lines, section, &name, &settings);
    let mut names = vec![format!("\"{name}\"")];
    if let Host::ApexAndSubdomains(apex) = &question.endpoint.host {
        let own = format!("{name}-apex");
        object(
            &mut lines,
            "firewall address",
            &own,
            &["set type fqdn".to_owned(), format!("set fqdn \"{apex}\"")],
        );
        names.push(format!("\"{own}\""));
    }
    let mut sources = Vec::new();
    for (at, source) in question.sources.iter().enumerate() {
        let (section, settings) = network(source);
        let name = format!("{name}-from-{at}");
        object(&mut lines, section, &name, &settings);
        sources.push((source.addr().is_ipv4(), format!("\"{name}\"")));
    }
    let ports: Vec<String> = question
        .endpoint
        .ports
        .iter()
        .map(ToString::to_string)
        .collect();
    let service = match question.endpoint.transport {
        Transport::Tcp => vec![format!("set tcp-portrange {}", ports.join(" "))],
        Transport::Udp => vec![format!("set udp-portrange {}", ports.join(" "))],
        Transport::Esp => vec![
            "set protocol IP".to_owned(),
            "set protocol-number 50".to_owned(),
        ],
        Transport::Icmp => vec!["set protocol ICMP".to_owned()],
        Transport::Unknown => return Vec::new(),
    };
    object(&mut lines, "firewall service custom", &name, &service);
    let of = |v4: bool| -> Vec<String> {
        sources
            .iter()
            .filter(|(family, _)| *family == v4)
            .map(|(_, name)| name.clone())
            .collect()
    };
    let v6 = section.ends_with('6');
    let from = match of(!v6).as_slice() {
        [] => "\"all\"".to_owned(),
        found => found.join(" "),
    };
    let six = if v6 { "6" } else { "" };
    lines.push("config firewall policy".to_owned());
    lines.push(format!("    edit {id}"));
    for setting in [
        format!("set name \"{name}\""),
        "set srcintf \"any\"".to_owned(),
        "set dstintf \"any\"".to_owned(),
        "set action accept".to_owned(),
        format!("set srcaddr{six} {from}"),
        format!("set dstaddr{six} {}", names.join(" ")),
        "set schedule \"always\"".to_owned(),
        format!("set service \"{name}\""),
        format!("set comments \"{}\"", question.flow.id),
    ] {
        lines.push(format!("        {setting}"));
    }
    lines.push("    next".to_owned());
    lines.extend(before.map(|before| format!("    move {id} before {before}")));
    lines.push("end".to_owned());
    lines
}

pub(super) fn exempt(question: &Question<'_>, profile: &str) -> Vec<String> {
    let name = named(question);
    let pattern = match &question.endpoint.host {
        Host::Exact(host) => host.to_string(),
        Host::OneLabel(host) | Host::AnyDepth(host) | Host::ApexAndSubdomains(host) => {
            format!("*.{host}")
        }
        Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => return Vec::new(),
    };
    let mut lines = Vec::new();
    object(
        &mut lines,
        "firewall wildcard-fqdn custom",
        &name,
        &[format!("set wildcard-fqdn \"{pattern}\"")],
    );
    lines.push("config firewall ssl-ssh-profile".to_owned());
    lines.push(format!("    edit \"{profile}\""));
    lines.push("        config ssl-exempt".to_owned());
    lines.push("            edit 0".to_owned());
    lines.push("                set type wildcard-fqdn".to_owned());
    lines.push(format!("                set wildcard-fqdn \"{name}\""));
    lines.push("            next".to_owned());
    lines.push("        end".to_owned());
    lines.push("    next".to_owned());
    lines.push("end".to_owned());
    lines
}
