//! Who can mend a cause, and the lines to add, in the syntax of the product that has to change.
//!
//! The lines come from the catalogue's own renderers, over a selection of the rows concerned and
//! nothing else.

mod inside;

use std::net::IpAddr;

use flows::render::ProxyAddress;
use flows::{Catalogue, Format, Host, Options, ResolvedEndpoint, Selected, Selection};

use crate::finding::Cased;
use crate::plan::Destination;
use crate::report::{Evidence, Mend, Stage, Verdict, Who};
use crate::verdict::dns::HOSTS_FILE;
use crate::verdict::transport::HELD_BACK;

/// Lines that a finding keeps; what is more is said.
const MAX_LINES: usize = 120;

/// A product that can be told apart by what it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    Squid,
    Fortigate,
    PanOs,
    Other(&'static str),
    Unknown,
}

/// Words by which products name themselves in `Via` and `Server` and in their issuers, in lower
/// case.
const NAMES: [(&str, Product); 17] = [
    ("squid", Product::Squid),
    ("fortigate", Product::Fortigate),
    ("fortinet", Product::Fortigate),
    ("fortiproxy", Product::Fortigate),
    ("palo alto", Product::PanOs),
    ("globalprotect", Product::PanOs),
    ("zscaler", Product::Other("Zscaler")),
    ("blue coat", Product::Other("Symantec ProxySG")),
    ("bluecoat", Product::Other("Symantec ProxySG")),
    ("proxysg", Product::Other("Symantec ProxySG")),
    ("mwg", Product::Other("Skyhigh Web Gateway")),
    ("mcafee", Product::Other("Skyhigh Web Gateway")),
    ("netskope", Product::Other("Netskope")),
    ("sophos", Product::Other("Sophos")),
    ("forcepoint", Product::Other("Forcepoint")),
    ("check point", Product::Other("Check Point")),
    ("sangfor", Product::Other("Sangfor")),
];

fn product(group: &[Cased<'_, '_>]) -> Product {
    let says = group.iter().flat_map(|one| &one.check.evidence);
    let says = says.filter(|one| names_product(&one.kind));
    for one in says {
        let text = one.value.to_lowercase();
        if let Some((_, product)) = NAMES.iter().find(|(name, _)| text.contains(name)) {
            return *product;
        }
    }
    Product::Unknown
}

/// Whether products name themselves in evidence of this kind.
pub(crate) fn names_product(kind: &str) -> bool {
    matches!(kind, "via" | "proxy_server" | "server" | "issuer" | "page")
}

/// The evidence that names a domain controller which can't be reached.
const CONTROLLER: &str = "unreachable_controller";
/// The evidence of what a domain controller says of a ticket.
pub(crate) const TICKET: &str = "kerberos";
/// The product of rules that name addresses.
pub(crate) const PACKET_FILTER: &str = "nftables";

/// Whether lines are made of what only the host itself could see.
pub(crate) fn depends_on_the_host(evidence: &[Evidence]) -> bool {
    let mut kinds = evidence.iter().map(|one| one.kind.as_str());
    kinds.any(|kind| kind == HELD_BACK || kind == CONTROLLER)
}

fn says<'g>(group: &'g [Cased<'_, '_>], kind: &str) -> Option<&'g str> {
    let all = group.iter().flat_map(|one| &one.check.evidence);
    let mut all = all.filter(|one| one.kind == kind);
    all.next().map(|one| one.value.as_str())
}

/// Who can mend it.
pub(crate) fn who(stage: Stage, verdict: Verdict, group: &[Cased<'_, '_>]) -> Who {
    if !held_back(group).is_empty() {
        return Who::Host;
    }
    let through = group.iter().any(|one| one.check.via.is_some());
    let between = if through { Who::Proxy } else { Who::Firewall };
    match (stage, verdict) {
        (Stage::Dns, Verdict::SplitHorizon) if of_hosts_file(group) => Who::Host,
        (Stage::Dns, _) => Who::Dns,
        (Stage::Proxy, Verdict::SignInFailed) if says(group, CONTROLLER).is_some() => Who::Firewall,
        (Stage::Proxy, Verdict::SignInFailed | Verdict::ClockSkew) => Who::Host,
        (Stage::Proxy, _) => Who::Proxy,
        (Stage::Transport, Verdict::Refused) if !through => Who::Host,
        (Stage::Transport, _) => between,
        (Stage::Tls, Verdict::Expired | Verdict::NameMismatch | Verdict::Untrusted)
        | (Stage::Revocation, Verdict::Revoked) => Who::Certificate,
        (Stage::Tls, Verdict::ClockSkew | Verdict::ClientCertificateRequired)
        | (Stage::Upper, Verdict::CaptivePortal) => Who::Host,
        (Stage::Tls | Stage::Upper, _) => between,
        (Stage::Revocation, _) => between,
    }
}

/// What `who` is to add, and where.
pub(crate) fn mend(who: Who, stage: Stage, verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    match who {
        Who::Proxy => match (stage, verdict) {
            (Stage::Proxy, Verdict::PacError | Verdict::PacUnreachable) => pac(group),
            (Stage::Tls, _) => bypass(group),
            (Stage::Proxy | Stage::Dns | Stage::Transport | Stage::Upper, _)
            | (Stage::Revocation, _) => allow(stage, verdict, group),
        },
        Who::Firewall => match (stage, verdict) {
            (Stage::Proxy, _) => controller(group),
            (Stage::Tls, Verdict::Inspected | Verdict::PinMismatch | Verdict::Untrusted) => {
                bypass(group)
            }
            (Stage::Revocation, _) => words(
                "firewall",
                "let the issuers' revocation services through (plain HTTP), as named in the evidence",
            ),
            _ => firewall(group),
        },
        Who::Dns => names(verdict, group),
        Who::Certificate => certificate(verdict, group),
        Who::Host => host(stage, verdict, group),
    }
}

fn words(product: &str, text: &str) -> Mend {
    Mend {
        product: product.to_owned(),
        lines: vec![format!("# {text}")],
    }
}

/// How a rendering names hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    AsInTheCatalogue,
    /// By the addresses that were found behind the names.
    ByAddress,
}

/// The endpoints of a check, as a rendering is to name them.
fn endpoints(one: &Cased<'_, '_>, named: Named) -> Vec<ResolvedEndpoint> {
    let endpoint = &one.destination.endpoint;
    match (named, &endpoint.host) {
        (Named::ByAddress, Host::Exact(_)) => addresses(one)
            .into_iter()
            .map(|address| ResolvedEndpoint {
                host: Host::Ip(address),
                ..endpoint.clone()
            })
            .collect(),
        (Named::ByAddress | Named::AsInTheCatalogue, _) => vec![endpoint.clone()],
    }
}

/// The rows concerned and nothing else, one selection a catalogue.
fn selections<'c>(group: &[Cased<'_, 'c>], named: Named) -> Vec<Selection<'c>> {
    let mut found: Vec<Selection<'c>> = Vec::new();
    let mut done: Vec<(&str, String)> = Vec::new();
    for one in group {
        let destination: &Destination<'c> = one.destination;
        let key = (destination.flow.id.as_str(), one.check.endpoint.to_string());
        if done.contains(&key) {
            continue;
        }
        done.push(key);
        let catalogue: &'c Catalogue = destination.catalogue;
        let at = found
            .iter()
            .position(|known| known.catalogue.id == catalogue.id);
        let selection = match at.and_then(|at| found.get_mut(at)) {
            Some(selection) => selection,
            None => {
                found.push(Selection {
                    catalogue,
                    flows: Vec::new(),
                    left_out: Vec::new(),
                });
                match found.last_mut() {
                    Some(selection) => selection,
                    None => continue,
                }
            }
        };
        let known = selection
            .flows
            .iter_mut()
            .find(|known| known.flow.id == destination.flow.id);
        match known {
            Some(known) => known.endpoints.extend(endpoints(one, named)),
            None => selection.flows.push(Selected {
                catalogue,
                flow: destination.flow,
                retired: false,
                endpoints: endpoints(one, named),
            }),
        }
    }
    found
}

/// A rendering's lines without its comments.
fn rendered(format: Format, group: &[Cased<'_, '_>], options: &Options) -> Vec<String> {
    let named = match format {
        Format::Nftables => Named::ByAddress,
        _ => Named::AsInTheCatalogue,
    };
    let mut lines = Vec::new();
    for selection in selections(group, named) {
        // A format that can't hold the rows leaves the words.
        let Ok(rendered) = flows::render(format, &selection, options) else {
            continue;
        };
        let text = String::from_utf8_lossy(&rendered.bytes).into_owned();
        lines.extend(
            text.lines()
                .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
                .map(str::to_owned),
        );
    }
    cut(lines)
}

fn cut(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MAX_LINES);
    if more > 0 {
        lines.truncate(MAX_LINES);
        lines.push(format!(
            "# and {more} lines more: \"garrison flows render\" writes them all"
        ));
    }
    lines
}

fn with_words(product: &str, text: String, lines: Vec<String>) -> Mend {
    Mend {
        product: product.to_owned(),
        lines: std::iter::once(format!("# {text}")).chain(lines).collect(),
    }
}

/// Leave the TLS of these destinations closed.
fn bypass(group: &[Cased<'_, '_>]) -> Mend {
    let options = Options::default();
    let squid = |text: String| {
        let mut lines = rendered(Format::SquidBypass, group, &options);
        if lines.is_empty() {
            lines = inside::splice(&hosts(group));
        }
        with_words("squid", text, lines)
    };
    match product(group) {
        Product::Squid => squid("above the first ssl_bump line:".to_owned()),
        Product::Fortigate => with_words(
            "fortigate",
            "exempt these from the SSL inspection profile:".to_owned(),
            exempt(group),
        ),
        Product::PanOs => with_words(
            "pan-os",
            "a decryption rule with the action no-decrypt, above those that decrypt:".to_owned(),
            no_decrypt(group),
        ),
        Product::Other(name) => squid(format!(
            "{name}: except these destinations from TLS inspection; as Squid would write it:"
        )),
        Product::Unknown => squid(
            "except these destinations from TLS inspection; in Squid, above the first ssl_bump line:"
                .to_owned(),
        ),
    }
}

fn hosts(group: &[Cased<'_, '_>]) -> Vec<String> {
    let mut hosts: Vec<String> = group
        .iter()
        .map(|one| one.destination.host.clone())
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// FortiOS: a custom wildcard FQDN for each host, and its exemption.
fn exempt(group: &[Cased<'_, '_>]) -> Vec<String> {
    let mut lines = vec!["config firewall wildcard-fqdn custom".to_owned()];
    let hosts = hosts(group);
    for host in &hosts {
        lines.push(format!("    edit \"{host}\""));
        lines.push(format!("        set wildcard-fqdn \"{host}\""));
        lines.push("    next".to_owned());
    }
    lines.push("end".to_owned());
    lines.push("config firewall ssl-ssh-profile".to_owned());
    lines.push("    edit \"PROFILE\"".to_owned());
    lines.push("        config ssl-exempt".to_owned());
    for host in &hosts {
        lines.push("            edit 0".to_owned());
        lines.push("                set type wildcard-fqdn".to_owned());
        lines.push(format!("                set wildcard-fqdn \"{host}\""));
        lines.push("            next".to_owned());
    }
    lines.push("        end".to_owned());
    lines.push("    next".to_owned());
    lines.push("end".to_owned());
    cut(lines)
}

/// PAN-OS: the predefined list of hosts that are not decrypted.
fn no_decrypt(group: &[Cased<'_, '_>]) -> Vec<String> {
    let lines = hosts(group)
        .into_iter()
        .map(|host| format!("set shared ssl-decrypt ssl-exclude-cert {host} exclude yes"));
    cut(lines.collect())
}

/// Let these destinations through a proxy.
fn allow(stage: Stage, verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    let lines = rendered(Format::SquidAllow, group, &Options::default());
    let what = match (stage, verdict) {
        (Stage::Proxy, Verdict::SignInRequired) => "let these destinations through without sign-in",
        (Stage::Proxy, Verdict::Refused | Verdict::TimeOut | Verdict::NoSuchName) => {
            return words(
                "proxy",
                "start the proxy, or name the right host and port in this host's settings",
            );
        }
        (Stage::Dns, _) => "let the proxy resolve these names",
        (Stage::Transport, _) => "let the proxy connect to these destinations",
        (Stage::Proxy | Stage::Tls | Stage::Upper | Stage::Revocation, _) => {
            "let these destinations through"
        }
    };
    match product(group) {
        Product::Squid => {
            let place = match verdict {
                Verdict::SignInRequired => "above the first http_access line with proxy_auth:",
                _ => "above the first http_access deny line:",
            };
            with_words("squid", format!("{what}; {place}"), lines)
        }
        Product::Fortigate => with_words(
            "fortigate",
            format!("{what}:"),
            rendered(Format::Fortigate, group, &Options::default()),
        ),
        Product::PanOs => with_words(
            "pan-os",
            format!("{what}:"),
            rendered(Format::PanOs, group, &Options::default()),
        ),
        Product::Other(name) => with_words(
            "squid",
            format!("{name}: {what}; as Squid would write it:"),
            lines,
        ),
        Product::Unknown => with_words(
            "squid",
            format!("{what}; in Squid, above the first http_access line that denies or asks:"),
            lines,
        ),
    }
}

/// Let these destinations through a packet filter.
fn firewall(group: &[Cased<'_, '_>]) -> Mend {
    let rules: Vec<String> = rendered(Format::Nftables, group, &Options::default())
        .into_iter()
        .map(|line| line.trim().to_owned())
        .filter(|line| line.contains(" accept comment "))
        .map(|rule| format!("insert rule inet filter forward {rule}"))
        .collect();
    let text = if rules.is_empty() {
        format!(
            "let {} through; \"garrison flows render nftables --address NAME=ADDRESS\" writes the rules",
            hosts(group).join(", ")
        )
    } else {
        "in the chain that drops them (here: forward of the table inet filter):".to_owned()
    };
    with_words(PACKET_FILTER, text, cut(rules))
}

/// Let hosts ask a domain controller for tickets.
fn controller(group: &[Cased<'_, '_>]) -> Mend {
    let at = says(group, CONTROLLER).unwrap_or_default();
    let (host, port) = at.rsplit_once(':').unwrap_or((at, "88"));
    let host = host.trim_matches(['[', ']']);
    let words = format!("let hosts reach the domain controller {host} by TCP, port {port}");
    let rule = host.parse().ok().map(|address| {
        let family = match address {
            IpAddr::V4(_) => "ip",
            IpAddr::V6(_) => "ip6",
        };
        format!("insert rule inet filter forward {family} daddr {address} tcp dport {port} accept")
    });
    with_words(PACKET_FILTER, words, rule.into_iter().collect())
}

/// The addresses that were found behind a name, which packet filters need.
fn addresses(one: &Cased<'_, '_>) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = one
        .check
        .evidence
        .iter()
        .filter(|evidence| evidence.kind == "addresses")
        .flat_map(|evidence| evidence.value.split(", "))
        .filter_map(|text| text.parse().ok())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn pac(group: &[Cased<'_, '_>]) -> Mend {
    let options = Options {
        proxy: ProxyAddress::parse("proxy.example:3128").ok(),
        ..Options::default()
    };
    let lines = rendered(Format::Pac, group, &options);
    with_words(
        "pac",
        "mend the script; one that lets these destinations go directly:".to_owned(),
        lines,
    )
}

/// Names: what a response policy zone or a zone needs.
fn names(verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    let hosts = hosts(group);
    match verdict {
        Verdict::Sinkholed => with_words(
            "rpz",
            "in the response policy zone (BIND, Unbound, Knot, PowerDNS), before what blocks them:"
                .to_owned(),
            cut(hosts
                .iter()
                .map(|host| format!("{host} CNAME rpz-passthru."))
                .collect()),
        ),
        Verdict::NoSuchName if hosts.len() > 1 => words(
            "dns",
            "have this name server forward what is not its own, or give this host another one",
        ),
        Verdict::NoSuchName | Verdict::NoAddress => with_words(
            "unbound",
            "let the name server ask the internet for these names, or enter them in its zone:"
                .to_owned(),
            cut(hosts
                .iter()
                .map(|host| format!("local-zone: \"{host}.\" transparent"))
                .collect()),
        ),
        Verdict::SplitHorizon => with_words(
            "unbound",
            "have all name servers of this host give the same answer, that of the internet; in one that has a zone of its own for these names:"
                .to_owned(),
            cut(hosts
                .iter()
                .map(|host| format!("local-zone: \"{host}.\" transparent"))
                .collect()),
        ),
        _ => words(
            "dns",
            "start the name servers, or let this host reach them (UDP and TCP, port 53)",
        ),
    }
}

fn certificate(verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    let hosts = hosts(group).join(", ");
    let text = match verdict {
        Verdict::Expired => format!("renew the certificate of {hosts}"),
        Verdict::NameMismatch => format!("have a certificate issued with the name {hosts}"),
        Verdict::Revoked => format!("replace the key and the certificate of {hosts}"),
        _ => format!(
            "have {hosts} present a certificate of an authority that is trusted, with the whole chain"
        ),
    };
    words("certificate", &text)
}

/// What this host itself does not let out: nftables' matches, each once.
fn held_back(group: &[Cased<'_, '_>]) -> Vec<String> {
    let mut found = Vec::new();
    for evidence in group.iter().flat_map(|one| &one.check.evidence) {
        let mut parts = evidence.value.split(' ');
        let (Some(transport), Some(Ok(address)), Some(port), None) = (
            parts.next(),
            parts.next().map(str::parse::<IpAddr>),
            parts.next(),
            parts.next(),
        ) else {
            continue;
        };
        if evidence.kind != HELD_BACK {
            continue;
        }
        let family = if address.is_ipv4() { "ip" } else { "ip6" };
        // Long answers of name servers come over TCP.
        let transports: &[&str] = match (transport, port) {
            ("udp", "53") => &["udp", "tcp"],
            ("udp", _) => &["udp"],
            _ => &["tcp"],
        };
        for transport in transports {
            let one = format!("{family} daddr {address} {transport} dport {port}");
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found.sort();
    found
}

fn of_hosts_file(group: &[Cased<'_, '_>]) -> bool {
    let mut evidence = group.iter().flat_map(|one| &one.check.evidence);
    evidence.any(|one| one.kind == HOSTS_FILE)
}

/// Let these destinations out of this host.
fn let_out(matches: Vec<String>) -> Mend {
    with_words(
        PACKET_FILTER,
        "on this host, in the chain that drops what goes out (here: output of the table inet filter):"
            .to_owned(),
        cut(matches
            .into_iter()
            .map(|one| format!("nft insert rule inet filter output {one} accept"))
            .collect()),
    )
}

/// Take names out of this host's hosts file.
fn forget(group: &[Cased<'_, '_>]) -> Mend {
    let lines = hosts(group).into_iter().map(|host| {
        let pattern = host.replace('.', "\\.");
        format!("sed -i.bak '/[[:space:]]{pattern}\\([[:space:]]\\|$\\)/d' /etc/hosts")
    });
    with_words(
        "hosts file",
        "on this host, take out the lines that are out of date:".to_owned(),
        cut(lines.collect()),
    )
}

fn host(stage: Stage, verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    let matches = held_back(group);
    if !matches.is_empty() {
        return let_out(matches);
    }
    let hosts = hosts(group).join(", ");
    match (stage, verdict) {
        (Stage::Dns, Verdict::SplitHorizon) => forget(group),
        (Stage::Tls | Stage::Proxy, Verdict::ClockSkew) => Mend {
            product: "host".to_owned(),
            lines: vec!["timedatectl set-ntp true".to_owned()],
        },
        (Stage::Tls, _) => words(
            "host",
            "enrol this host, so that it has a certificate to show",
        ),
        (Stage::Upper, _) => words("host", "open a browser and sign in to the network"),
        (Stage::Proxy, _) if says(group, TICKET).is_some() => words(
            "host",
            "mend the account or the settings of Kerberos, as the domain controller's word in the evidence says",
        ),
        (Stage::Proxy, _) => words(
            "host",
            "set the right user name and password for the proxy on this host",
        ),
        (Stage::Dns | Stage::Transport | Stage::Revocation, _) => words(
            "host",
            &format!(
                "start the service on {hosts}, or let the firewall there (or before it) accept the connection"
            ),
        ),
    }
}
