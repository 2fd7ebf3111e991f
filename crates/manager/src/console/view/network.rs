//! The site's flows, one flow, the files that are made of them, and the link to the cloud.

use std::fmt::Write as _;

use askama::Template;
use flows::{Catalogue, Format, Place};
use proto::api::network::{
    BreakSeverity, CloudLink, FlowBreak, FlowClientCertificate, FlowDestination, FlowDirection,
    FlowInspection, FlowNeed, FlowParty, FlowProxy, FlowTls, FlowTrust, HostMatch, SiteFlow,
};

use crate::console::address::Address;
use crate::console::frame::Frame;
use crate::console::meaning::{Badge, Meaning};
use crate::console::words::Words;
use crate::network::RenderedFile;

/// Variables of the catalogue that the page asks for: the parameter's name, keys of its word and
/// of its hint.
pub const HOSTS: &[(&str, &str, &str)] = &[
    ("agents", "network.agents", "network.agents_hint"),
    (
        "administrators",
        "network.administrators",
        "network.administrators_hint",
    ),
    ("resolver", "network.resolver", "network.resolver_hint"),
    (
        "time_servers",
        "network.time_servers",
        "network.time_servers_hint",
    ),
    ("manager", "network.manager", "network.manager_hint"),
    ("cloud", "network.cloud_hosts", "network.cloud_hosts_hint"),
];

/// The network page.
#[derive(Template)]
#[template(path = "network.html")]
pub struct NetworkPage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub sentence: String,
    pub flows: Vec<SiteFlow>,
    pub total: u64,
    pub cloud: CloudLink,
    pub wrong: Option<String>,
    pub shelves: Vec<Shelf>,
}

impl NetworkPage {
    /// Puts the flows into words.
    #[must_use]
    pub fn new(
        frame: Frame,
        address: Address,
        flows: Vec<SiteFlow>,
        total: usize,
        cloud: CloudLink,
        wrong: Option<String>,
    ) -> Self {
        let listening = flows.iter().filter(|flow| flow.listening).count();
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        let words = frame.words;
        let sentence = if address.filtered() && flows.len() as u64 != total {
            words.with(
                "network.says_filtered",
                &[("shown", &flows.len()), ("total", &total)],
            )
        } else {
            format!(
                "{} {}",
                words.count("network.says_listening", listening as u64),
                words.count("network.says_flows", total),
            )
        };
        Self {
            frame,
            address,
            tab: "flows",
            sentence,
            flows,
            total,
            cloud,
            wrong,
            shelves: shelves(),
        }
    }
}

/// One flow.
#[derive(Template)]
#[template(path = "flow.html")]
pub struct FlowPage {
    pub frame: Frame,
    pub address: Address,
    pub sentence: String,
    pub flow: SiteFlow,
    pub raw: String,
}

impl FlowPage {
    /// Puts the flow into words.
    #[must_use]
    pub fn new(frame: Frame, address: Address, flow: SiteFlow) -> Self {
        Self {
            sentence: sentence(frame.words, &flow),
            raw: super::raw(&flow),
            frame,
            address,
            flow,
        }
    }
}

/// A file made of the flows.
#[derive(Template)]
#[template(path = "rendering.html")]
pub struct RenderingPage {
    pub frame: Frame,
    pub address: Address,
    pub rendering: Rendering,
    pub sentence: String,
    pub wrong: Option<String>,
    pub file_name: String,
    /// What a person can read of it.
    pub text: Option<String>,
    /// What it doesn't say exactly: the words, and whose.
    pub inexact: Vec<Inexact>,
}

/// Destinations that are not expressed exactly, for one reason.
#[derive(Debug)]
pub struct Inexact {
    pub badge: Badge,
    pub words: String,
    pub flows: Vec<String>,
}

impl RenderingPage {
    /// Puts the report into words.
    #[must_use]
    pub fn new(
        frame: Frame,
        address: Address,
        rendering: Rendering,
        file: Option<RenderedFile>,
        wrong: Option<String>,
    ) -> Self {
        let words = frame.words;
        let Some(file) = file else {
            return Self {
                sentence: words.t("rendering.not_made").to_owned(),
                frame,
                address,
                rendering,
                wrong,
                file_name: String::new(),
                text: None,
                inexact: Vec::new(),
            };
        };
        let exact = file.report.iter().filter(|one| one.how == "exact").count();
        let sentence = if exact == file.report.len() {
            words.count("rendering.all_exact", exact as u64)
        } else {
            words.with(
                "rendering.some_exact",
                &[("exact", &exact), ("total", &file.report.len())],
            )
        };
        let mut inexact: Vec<Inexact> = Vec::new();
        for one in file.report.iter().filter(|one| one.how != "exact") {
            let badge = expressed(&one.how);
            match inexact
                .iter_mut()
                .find(|known| known.badge == badge && known.words == one.words)
            {
                Some(known) if known.flows.contains(&one.flow) => {}
                Some(known) => known.flows.push(one.flow.clone()),
                None => inexact.push(Inexact {
                    badge,
                    words: one.words.clone(),
                    flows: vec![one.flow.clone()],
                }),
            }
        }
        Self {
            text: rendering
                .is_text
                .then(|| String::from_utf8(file.bytes).ok())
                .flatten(),
            file_name: file.name,
            sentence,
            frame,
            address,
            rendering,
            wrong,
            inexact,
        }
    }
}

/// How a target says a destination.
fn expressed(how: &str) -> Badge {
    match how {
        "widened" => (Meaning::Warning, "rendering.widened"),
        "narrowed" => (Meaning::Warning, "rendering.narrowed"),
        "not needed" => (Meaning::Neutral, "rendering.not_needed"),
        _ => (Meaning::Critical, "rendering.not_at_all"),
    }
}

/// Files for one kind of reader.
#[derive(Debug)]
pub struct Shelf {
    /// Key of its word.
    pub word: &'static str,
    pub renderings: Vec<Rendering>,
}

/// A file that the flows can be had as.
#[derive(Debug, Clone, Copy)]
pub struct Rendering {
    pub name: &'static str,
    /// Key of its word.
    pub word: &'static str,
    /// Whether a person reads it as it is.
    pub is_text: bool,
    pub has_roles: bool,
    pub is_pac: bool,
}

impl Rendering {
    /// What the page says of a format.
    #[must_use]
    pub const fn of(format: Format) -> Self {
        Self {
            name: format.as_str(),
            word: match format {
                Format::Markdown => "rendering.markdown",
                Format::Html => "rendering.html",
                Format::Csv => "rendering.csv",
                Format::Xlsx => "rendering.xlsx",
                Format::Json => "rendering.json",
                Format::M365 => "rendering.m365",
                Format::Nftables => "rendering.nftables",
                Format::Iptables => "rendering.iptables",
                Format::Powershell => "rendering.powershell",
                Format::Fortigate => "rendering.fortigate",
                Format::PanOs => "rendering.pan_os",
                Format::SquidAllow => "rendering.squid_allow",
                Format::SquidBypass => "rendering.squid_bypass",
                Format::Pac => "rendering.pac",
                Format::Plain => "rendering.plain",
                Format::Terraform => "rendering.terraform",
            },
            is_text: !matches!(format, Format::Xlsx | Format::Html),
            has_roles: format.has_roles(),
            is_pac: matches!(format, Format::Pac),
        }
    }
}

impl Rendering {
    /// Its address below another.
    #[must_use]
    pub fn place(&self, before: &str, behind: &str) -> String {
        format!("{before}{}{behind}", self.name)
    }
}

fn shelves() -> Vec<Shelf> {
    let shelf = |word, formats: &[Format]| Shelf {
        word,
        renderings: Format::available()
            .filter(|format| formats.contains(format))
            .map(Rendering::of)
            .collect(),
    };
    vec![
        shelf(
            "rendering.firewalls",
            &[
                Format::Nftables,
                Format::Iptables,
                Format::Powershell,
                Format::Fortigate,
                Format::PanOs,
                Format::Terraform,
            ],
        ),
        shelf(
            "rendering.proxies",
            &[Format::SquidAllow, Format::SquidBypass, Format::Pac],
        ),
        shelf(
            "rendering.documents",
            &[Format::Html, Format::Markdown, Format::Xlsx, Format::Csv],
        ),
        shelf(
            "rendering.programs",
            &[Format::Json, Format::M365, Format::Plain],
        ),
    ]
}

/// The roles that a host may have: value in the address, name.
#[must_use]
pub fn roles() -> Vec<(&'static str, &'static str)> {
    Catalogue::garrison()
        .parties
        .iter()
        .filter(|party| party.place != Place::Anywhere)
        .map(|party| (party.id.as_str(), party.name.as_str()))
        .collect()
}

/// Whether this manager listens on a flow.
#[must_use]
pub fn badge(flow: &SiteFlow) -> Badge {
    if flow.listening {
        (Meaning::Good, "network.listening")
    } else if flow.to.id == "manager" {
        (Meaning::Critical, "network.not_listening")
    } else {
        (Meaning::Neutral, "network.elsewhere")
    }
}

/// How bad it is when a flow is blocked.
#[must_use]
pub fn severity(broken: &FlowBreak) -> Badge {
    match broken.severity {
        BreakSeverity::Critical => (Meaning::Critical, "severity.critical"),
        BreakSeverity::Major => (Meaning::Warning, "severity.major"),
        BreakSeverity::Minor => (Meaning::Neutral, "severity.minor"),
    }
}

/// Key of the word for the direction.
#[must_use]
pub fn direction(flow: &SiteFlow) -> &'static str {
    match flow.direction {
        FlowDirection::Inbound => "network.inbound",
        FlowDirection::Outbound => "network.outbound",
        FlowDirection::Internal => "network.internal",
        FlowDirection::Loopback => "network.loopback",
        FlowDirection::Unknown => "network.direction_unknown",
    }
}

/// Key of the word for the need.
#[must_use]
pub fn need(flow: &SiteFlow) -> &'static str {
    match flow.need {
        FlowNeed::Required => "network.required",
        FlowNeed::Optional => "network.optional",
        FlowNeed::Conditional if flow.required => "network.required_here",
        FlowNeed::Conditional => "network.conditional",
        FlowNeed::Unknown => "network.need_unknown",
    }
}

/// The address of a flow's page.
#[must_use]
pub fn place(flow: &SiteFlow) -> String {
    format!("/network/flows/{}", flow.id)
}

/// The address of a flow in the API.
#[must_use]
pub fn api_place(flow: &SiteFlow) -> String {
    format!("/api/v1/flows/{}", flow.id)
}

/// The names of those who open the connection.
#[must_use]
pub fn dialers(flow: &SiteFlow) -> String {
    let names: Vec<&str> = flow.from.iter().map(|party| party.name.as_str()).collect();
    names.join(", ")
}

/// Where a party's hosts are, in one line.
#[must_use]
pub fn hosts(party: &FlowParty) -> String {
    party.hosts.join(", ")
}

/// A destination as a firewall's form takes it; `None` where its host is not known.
#[must_use]
pub fn host(destination: &FlowDestination) -> Option<&str> {
    match destination.host_match {
        HostMatch::Unset | HostMatch::Unknown => None,
        HostMatch::Exact
        | HostMatch::OneLabel
        | HostMatch::AnyDepth
        | HostMatch::ApexAndSubdomains
        | HostMatch::Ip
        | HostMatch::Cidr => Some(&destination.pattern),
    }
}

/// Key of the words for what a destination's host covers.
#[must_use]
pub const fn covers(destination: &FlowDestination) -> &'static str {
    match destination.host_match {
        HostMatch::Exact => "covers.exact",
        HostMatch::OneLabel => "covers.one_label",
        HostMatch::AnyDepth => "covers.any_depth",
        HostMatch::ApexAndSubdomains => "covers.apex_and_subdomains",
        HostMatch::Ip => "covers.ip",
        HostMatch::Cidr => "covers.cidr",
        HostMatch::Unset => "covers.unset",
        HostMatch::Unknown => "covers.unknown",
    }
}

/// Transport and ports, such as `tcp 443`.
#[must_use]
pub fn service(destination: &FlowDestination) -> String {
    format!("{} {}", destination.transport, destination.ports.join(","))
        .trim_end()
        .to_owned()
}

/// The protocols above the transport, each once.
#[must_use]
pub fn protocols(flow: &SiteFlow) -> String {
    let mut protocols: Vec<&str> = Vec::new();
    for protocol in flow
        .destinations
        .iter()
        .filter_map(|one| one.protocol.as_deref())
    {
        if !protocols.contains(&protocol) {
            protocols.push(protocol);
        }
    }
    protocols.join(", ")
}

/// Destinations as lines to be pasted: host, transport, ports.
#[must_use]
pub fn lines(flow: &SiteFlow) -> String {
    let mut text = String::new();
    for destination in &flow.destinations {
        let host = host(destination).unwrap_or("-");
        let _ = writeln!(text, "{host} {}", service(destination));
    }
    text
}

/// Key of the words for whose signature stands on the certificate.
#[must_use]
pub const fn trust(tls: &FlowTls) -> &'static str {
    match tls.trust {
        FlowTrust::SiteCa => "tls.site_ca",
        FlowTrust::CloudCa => "tls.cloud_ca",
        FlowTrust::Public => "tls.public",
        FlowTrust::Vendor => "tls.vendor",
        FlowTrust::Unknown => "tls.trust_unknown",
    }
}

/// Whether a proxy may open the encryption.
#[must_use]
pub const fn inspection(tls: &FlowTls) -> Badge {
    match tls.inspection {
        FlowInspection::Forbidden => (Meaning::Warning, "tls.inspection_forbidden"),
        FlowInspection::Tolerated => (Meaning::Neutral, "tls.inspection_tolerated"),
        FlowInspection::Unknown => (Meaning::Neutral, "tls.inspection_unknown"),
    }
}

/// Key of the words for pinning.
#[must_use]
pub const fn pinned(tls: &FlowTls) -> &'static str {
    match tls.pinned {
        Some(true) => "tls.pinned",
        Some(false) => "tls.not_pinned",
        None => "tls.pinned_unknown",
    }
}

/// Key of the words for the client's certificate.
#[must_use]
pub const fn client_certificate(tls: &FlowTls) -> &'static str {
    match tls.client_certificate {
        FlowClientCertificate::Required => "tls.client_required",
        FlowClientCertificate::Optional => "tls.client_optional",
        FlowClientCertificate::None => "tls.client_none",
        FlowClientCertificate::Unknown => "tls.client_unknown",
    }
}

/// The proxies that a flow can cross, in words.
#[must_use]
pub fn proxies(words: &Words, flow: &SiteFlow) -> String {
    if flow.proxies.is_empty() {
        return words.t("proxy.none").to_owned();
    }
    let names: Vec<&str> = flow
        .proxies
        .iter()
        .map(|kind| match kind {
            FlowProxy::Http => words.t("proxy.http"),
            FlowProxy::HttpSignIn => words.t("proxy.http_sign_in"),
            FlowProxy::Pac => words.t("proxy.pac"),
            FlowProxy::Transparent => words.t("proxy.transparent"),
        })
        .collect();
    names.join(", ")
}

/// The kinds of data that cross a flow.
#[must_use]
pub fn data(flow: &SiteFlow) -> String {
    flow.data_classes.join(", ").replace('-', " ")
}

/// The first sentence of a flow's page.
fn sentence(words: &Words, flow: &SiteFlow) -> String {
    let from = dialers(flow);
    let places: Vec<String> = flow
        .destinations
        .iter()
        .map(|one| match host(one) {
            Some(host) => format!("{host} ({})", service(one)),
            None => service(one),
        })
        .collect();
    let places = places.join(", ");
    let to = &flow.to.name;
    let condition = flow.condition.clone().unwrap_or_default();
    let key = match flow.need {
        FlowNeed::Required => "flow.says_must",
        FlowNeed::Conditional if flow.required => "flow.says_must",
        FlowNeed::Conditional => "flow.says_when",
        FlowNeed::Optional | FlowNeed::Unknown => "flow.says_may",
    };
    let first = words.with(
        key,
        &[
            ("from", &from),
            ("to", to),
            ("places", &places),
            ("condition", &condition),
        ],
    );
    let worst = flow.breaks.iter().max_by_key(|broken| broken.severity);
    let mut first = capitalised(&first);
    if let Some(worst) = worst {
        first.push(' ');
        first.push_str(&words.with("flow.says_breaks", &[("feature", &worst.feature)]));
    }
    first
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}
