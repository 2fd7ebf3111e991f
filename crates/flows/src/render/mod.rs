//! Renderings: what a catalogue says, in the words of a firewall, a proxy or a reader.
//!
//! Each format is one file with one [`Renderer`]. [`render`] finds it, refuses under `strict`
//! what the target can't say exactly, and is the only door. No renderer reads a clock: two runs
//! give the same bytes.

mod comment;
mod csv;
mod document;
mod file;
mod fortigate;
mod header;
mod html;
mod iptables;
pub mod json;
mod m365;
mod markdown;
mod nftables;
mod pac;
mod pan_os;
mod perimeter;
mod plain;
mod powershell;
mod proxied;
pub(crate) mod rules;
mod squid;
mod stable;
mod table;
mod terraform;
#[cfg(feature = "xlsx")]
mod xlsx;

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;

use crate::host::Host;
use crate::id::FlowId;
use crate::party::PartyId;
use crate::select::Selection;

/// What a selection can be rendered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    Markdown,
    Html,
    Csv,
    Xlsx,
    Json,
    /// The shape of Microsoft 365's endpoint service.
    M365,
    Nftables,
    /// For `iptables-restore` and `ip6tables-restore`.
    Iptables,
    /// The Windows firewall's commands.
    Powershell,
    Fortigate,
    PanOs,
    /// Squid's access lists.
    SquidAllow,
    /// Squid's peek and splice: TLS that it leaves closed.
    SquidBypass,
    /// A proxy auto-configuration file.
    Pac,
    /// One host and port a line.
    Plain,
    Terraform,
}

/// Text that was expected to be the name of a format and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a format ({known}), got {0:?}", known = known_formats())]
pub struct FormatError(String);

fn known_formats() -> String {
    let names: Vec<&str> = Format::available().map(Format::as_str).collect();
    names.join(", ")
}

impl Format {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 16] = [
        Self::Markdown,
        Self::Html,
        Self::Csv,
        Self::Xlsx,
        Self::Json,
        Self::M365,
        Self::Nftables,
        Self::Iptables,
        Self::Powershell,
        Self::Fortigate,
        Self::PanOs,
        Self::SquidAllow,
        Self::SquidBypass,
        Self::Pac,
        Self::Plain,
        Self::Terraform,
    ];

    /// The name, as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Json => "json",
            Self::M365 => "m365",
            Self::Nftables => "nftables",
            Self::Iptables => "iptables",
            Self::Powershell => "powershell",
            Self::Fortigate => "fortigate",
            Self::PanOs => "pan-os",
            Self::SquidAllow => "squid-allow",
            Self::SquidBypass => "squid-bypass",
            Self::Pac => "pac",
            Self::Plain => "plain",
            Self::Terraform => "terraform",
        }
    }

    /// Reads a name; `squid` is the short one of `squid-allow`.
    ///
    /// # Errors
    /// When no format that is built in is called so.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let text = if text == "squid" { "squid-allow" } else { text };
        Self::available()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| FormatError(text.chars().take(80).collect()))
    }

    /// The formats that this build can render.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(|format| renderer(*format).is_some())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a selection is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Refuse what the target can't say exactly.
    pub strict: bool,
    /// ISO 639-1; texts that lack it are in English.
    pub language: String,
    /// For the packet filters: the whole ruleset of a host in this role, where nothing passes
    /// that no flow asks for. Without it: the rules for a firewall between the hosts.
    pub role: Option<PartyId>,
    /// Addresses behind names, for targets that know no names. The key is the name, or the
    /// wildcard as a reader would write it (`*.example.com`).
    pub addresses: BTreeMap<String, Vec<IpNet>>,
    /// For a PAC file: where everything else goes.
    pub proxy: Option<ProxyAddress>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strict: false,
            language: "en".to_owned(),
            role: None,
            addresses: BTreeMap::new(),
            proxy: None,
        }
    }
}

/// A proxy's `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAddress(String);

/// Text that was expected to be a proxy's address and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a proxy such as proxy.example.com:8080, got {0:?}")]
pub struct ProxyAddressError(String);

impl ProxyAddress {
    /// Reads `host:port`.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, ProxyAddressError> {
        let error = || ProxyAddressError(text.chars().take(80).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        let port: u16 = port.parse().map_err(|_| error())?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(address) => format!(
                "[{}]",
                address.parse::<std::net::Ipv6Addr>().map_err(|_| error())?
            ),
            None => match host.parse::<std::net::Ipv4Addr>() {
                Ok(address) => address.to_string(),
                Err(_) => crate::host::Name::parse(host)
                    .map_err(|_| error())?
                    .to_string(),
            },
        };
        if port == 0 {
            return Err(error());
        }
        Ok(Self(format!("{host}:{port}")))
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub bytes: Vec<u8>,
    /// One entry for each endpoint of each selected flow, in the selection's order.
    pub report: Vec<Expressed>,
}

/// How the target expresses an endpoint of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expressed {
    pub flow: FlowId,
    /// Its place among the endpoints of [`Selected`](crate::select::Selected), counted from 0.
    pub endpoint: usize,
    pub how: How,
    /// What someone must know who uses the rendering, beside the words of `how`.
    pub note: Option<String>,
}

/// How a target expresses something. The words say what it can't say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    Exact,
    /// It permits more than was asked for.
    Widened(String),
    /// It permits less.
    Narrowed(String),
    /// It permits nothing of it.
    NotAtAll(String),
    /// Nothing has to be permitted: the flow is retired, or stays inside one host.
    NotNeeded(String),
}

impl How {
    /// The name of the kind.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Widened(_) => "widened",
            Self::Narrowed(_) => "narrowed",
            Self::NotAtAll(_) => "not at all",
            Self::NotNeeded(_) => "not needed",
        }
    }

    /// What the target can't say; empty where it says all.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Exact => "",
            Self::Widened(words)
            | Self::Narrowed(words)
            | Self::NotAtAll(words)
            | Self::NotNeeded(words) => words,
        }
    }

    /// Whether `strict` lets it pass.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        match self {
            Self::Exact | Self::NotNeeded(_) => true,
            Self::Widened(_) | Self::Narrowed(_) | Self::NotAtAll(_) => false,
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            "" => f.write_str(self.as_str()),
            words => write!(f, "{}: {words}", self.as_str()),
        }
    }
}

/// A rendering that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("{0} is not built into this program; it has: {known}", known = known_formats())]
    NotBuiltIn(Format),
    #[error(
        "{format} can't say flow {flow} (destination {endpoint}) exactly: {how}{others}; leave --strict away to have it all the same",
        others = others(*.more)
    )]
    NotExact {
        format: Format,
        flow: FlowId,
        /// Counted from 0.
        endpoint: usize,
        how: How,
        /// How many more there are like it.
        more: usize,
    },
    #[error("expected the role of a host ({known}), got {role}")]
    UnknownRole { role: PartyId, known: String },
    #[error("{0} has no ruleset for a host in a role; leave --role away, or render nftables")]
    NoRoles(Format),
    #[error(
        "{format} takes at most {most} destinations or lines, got {count}; select fewer rows, or set networks (192.0.2.0/24) instead of addresses"
    )]
    TooMany {
        format: Format,
        count: usize,
        most: usize,
    },
    /// The library that writes the format failed.
    #[error("{format}: {reason}")]
    Writer { format: Format, reason: String },
}

fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(" ({more} more like it)"),
    }
}

/// One format.
pub trait Renderer: Sync {
    /// Which one.
    fn format(&self) -> Format;

    /// Renders a selection. [`render`] does what `strict` asks for.
    ///
    /// # Errors
    /// When the format can't hold what the options ask for.
    fn render(&self, selection: &Selection<'_>, options: &Options)
    -> Result<Rendered, RenderError>;
}

/// The renderer of a format; `None` while it is not built in.
#[must_use]
pub fn renderer(format: Format) -> Option<&'static dyn Renderer> {
    match format {
        Format::Markdown => Some(&markdown::Markdown),
        Format::Html => Some(&html::Html),
        Format::Csv => Some(&csv::Csv),
        #[cfg(feature = "xlsx")]
        Format::Xlsx => Some(&xlsx::Xlsx),
        #[cfg(not(feature = "xlsx"))]
        Format::Xlsx => None,
        Format::Json => Some(&json::Json),
        Format::M365 => Some(&m365::M365),
        Format::Nftables => Some(&nftables::Nftables),
        Format::Iptables => Some(&iptables::Iptables),
        Format::Powershell => Some(&powershell::Powershell),
        Format::Fortigate => Some(&fortigate::Fortigate),
        Format::PanOs => Some(&pan_os::PanOs),
        Format::SquidAllow => Some(&squid::Allow),
        Format::SquidBypass => Some(&squid::Bypass),
        Format::Pac => Some(&pac::Pac),
        Format::Plain => Some(&plain::Plain),
        Format::Terraform => Some(&terraform::Terraform),
    }
}

/// A host as people write it: `*.example.com` for names below, `.example.com` for those and the
/// name itself; empty where it is unknown.
#[must_use]
pub fn host_pattern(host: &Host) -> String {
    match host {
        Host::OneLabel(name) | Host::AnyDepth(name) => format!("*.{name}"),
        Host::ApexAndSubdomains(name) => format!(".{name}"),
        Host::Exact(_) | Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => {
            host.value()
        }
    }
}

/// Renders a selection in a format.
///
/// # Errors
/// When the format is not built in, can't hold what the options ask for, or when `strict` is set
/// and something is not exact.
pub fn render(
    format: Format,
    selection: &Selection<'_>,
    options: &Options,
) -> Result<Rendered, RenderError> {
    let renderer = renderer(format).ok_or(RenderError::NotBuiltIn(format))?;
    let rendered = renderer.render(selection, options)?;
    if options.strict {
        refuse_inexact(format, &rendered.report)?;
    }
    Ok(rendered)
}

fn refuse_inexact(format: Format, report: &[Expressed]) -> Result<(), RenderError> {
    let mut inexact = report.iter().filter(|entry| !entry.how.is_exact());
    let Some(first) = inexact.next() else {
        return Ok(());
    };
    Err(RenderError::NotExact {
        format,
        flow: first.flow.clone(),
        endpoint: first.endpoint,
        how: first.how.clone(),
        more: inexact.count(),
    })
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod judged;
#[cfg(test)]
mod sample;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trial;
