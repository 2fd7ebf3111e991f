//! The shape of Microsoft 365's endpoint web service (its methods `version`, `endpoints` and
//! `changes` as three members of one object), for tools that read that service already.
//!
//! There `*.NAME` stands for every name below, at any depth, and not for the name itself.

use serde::Serialize;

use super::comment::whole_line;
use super::document::words;
use super::perimeter;
use super::{Format, How, Options, RenderError, Rendered, Renderer};
use crate::endpoint::Transport;
use crate::flow::{Flow, Need};
use crate::host::Host;
use crate::origin::{Change, ChangeKind, Date};
use crate::select::Selection;

pub(super) struct M365;

impl Renderer for M365 {
    fn format(&self) -> Format {
        Format::M365
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let mut sets: Vec<EndpointSet> = Vec::new();
        let report = perimeter::each(selection, |_| None, &mut |crossing| {
            let (urls, ips, how) = named(&crossing.endpoint.host);
            let ports = super::document::joined(&crossing.endpoint.ports, ",");
            let (tcp, udp) = match crossing.endpoint.transport {
                Transport::Tcp => (Some(ports), None),
                Transport::Udp => (None, Some(ports)),
                Transport::Esp | Transport::Icmp | Transport::Unknown => {
                    return How::NotAtAll("the service knows TCP and UDP alone".to_owned());
                }
            };
            let how = if crossing.endpoint.from.is_empty() {
                how
            } else {
                match how {
                    How::Exact => How::Widened("the service does not say who dials".to_owned()),
                    How::Widened(_) | How::Narrowed(_) | How::NotAtAll(_) | How::NotNeeded(_) => {
                        how
                    }
                }
            };
            let flow = crossing.selected.flow;
            let known = sets
                .iter_mut()
                .find(|set| set.flow == flow.id.as_str() && set.tcp == tcp && set.udp == udp);
            if let Some(set) = known {
                set.add(urls, ips);
            } else {
                let mut set = EndpointSet::of(selection, flow, options);
                set.tcp = tcp;
                set.udp = udp;
                set.add(urls, ips);
                sets.push(set);
            }
            how
        });
        number(&mut sets);
        let service = Service {
            version: Version {
                instance: whole_line(&format!(
                    "{} {}",
                    selection.catalogue.vendor, selection.catalogue.product
                )),
                latest: latest(selection),
                catalog: selection.catalogue.id.as_str(),
                catalog_version: &selection.catalogue.version,
                sources: super::header::lines(selection.catalogue),
            },
            changes: changes(selection, &sets, options),
            endpoints: sets,
        };
        let failed = |error: serde_json::Error| RenderError::Writer {
            format: Format::M365,
            reason: error.to_string(),
        };
        let mut bytes = serde_json::to_vec_pretty(&service).map_err(failed)?;
        bytes.push(b'\n');
        Ok(Rendered { bytes, report })
    }
}

#[derive(Serialize)]
struct Service<'c> {
    version: Version<'c>,
    endpoints: Vec<EndpointSet>,
    changes: Vec<FeedEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version<'c> {
    instance: String,
    /// Ten digits: the day of the newest change, and its number on that day.
    latest: String,
    catalog: &'c str,
    catalog_version: &'c str,
    sources: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointSet {
    id: u32,
    service_area: String,
    service_area_display_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ips: Vec<String>,
    #[serde(rename = "tcpPorts", skip_serializing_if = "Option::is_none")]
    tcp: Option<String>,
    #[serde(rename = "udpPorts", skip_serializing_if = "Option::is_none")]
    udp: Option<String>,
    express_route: bool,
    category: &'static str,
    required: bool,
    notes: String,
    #[serde(skip)]
    flow: String,
}

impl EndpointSet {
    fn of(selection: &Selection<'_>, flow: &Flow, options: &Options) -> Self {
        let catalogue = selection.catalogue;
        let component = flow.component.as_ref();
        let area = component.map_or(catalogue.id.as_str(), |id| id.as_str());
        let words = words(&options.language);
        let name = component
            .and_then(|id| catalogue.components.iter().find(|known| known.id == *id))
            .map_or_else(
                || whole_line(&catalogue.product),
                |known| words.text(&known.name),
            );
        Self {
            id: 0,
            service_area: area.to_owned(),
            service_area_display_name: name,
            urls: Vec::new(),
            ips: Vec::new(),
            tcp: None,
            udp: None,
            express_route: false,
            category: category(flow),
            required: flow.need == Need::Required,
            notes: format!("{}: {}", flow.id, words.text(&flow.purpose)),
            flow: flow.id.to_string(),
        }
    }

    fn add(&mut self, urls: Vec<String>, ips: Vec<String>) {
        self.urls.extend(urls);
        self.urls.sort();
        self.urls.dedup();
        self.ips.extend(ips);
        self.ips.sort();
        self.ips.dedup();
    }
}

/// `Allow`: endpoints that must not be opened on the way; `Default`: others. (`Optimize` is for
/// loads that Microsoft measures.)
fn category(flow: &Flow) -> &'static str {
    use crate::tls::{Inspection, Known};
    match &flow.tls {
        Some(tls) if tls.inspection == Inspection::Forbidden || tls.pinned == Known::Yes => "Allow",
        Some(_) | None => "Default",
    }
}

fn named(host: &Host) -> (Vec<String>, Vec<String>, How) {
    match host {
        Host::Exact(name) => (vec![name.to_string()], Vec::new(), How::Exact),
        Host::AnyDepth(name) => (vec![format!("*.{name}")], Vec::new(), How::Exact),
        Host::OneLabel(name) => (
            vec![format!("*.{name}")],
            Vec::new(),
            How::Widened("a star there covers any number of labels".to_owned()),
        ),
        Host::ApexAndSubdomains(name) => (
            vec![name.to_string(), format!("*.{name}")],
            Vec::new(),
            How::Exact,
        ),
        Host::Ip(address) => {
            let length = if address.is_ipv4() { 32 } else { 128 };
            (Vec::new(), vec![format!("{address}/{length}")], How::Exact)
        }
        Host::Cidr(network) => (Vec::new(), vec![network.to_string()], How::Exact),
        Host::Unset(_) | Host::Unknown => (
            Vec::new(),
            Vec::new(),
            How::NotAtAll("the host is not known".to_owned()),
        ),
    }
}

/// Ids that stay when rows come and go: they are made of the flow's id and the ports.
fn number(sets: &mut [EndpointSet]) {
    let mut taken = Vec::new();
    for set in sets {
        let key = format!("{}/{:?}/{:?}", set.flow, set.tcp, set.udp);
        let mut id = hash(&key);
        while taken.contains(&id) {
            id = id.wrapping_add(1) & 0x7fff_ffff;
        }
        taken.push(id);
        set.id = id;
    }
}

/// FNV-1a (32 bits), cut to what every JSON reader takes for a positive number.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    }) & 0x7fff_ffff
}

/// The service's form of a day: eight digits; an inexact date is its first day.
fn digits(date: &Date) -> String {
    let mut digits: String = date.as_str().chars().filter(char::is_ascii_digit).collect();
    while digits.len() < 8 {
        digits.push_str("01");
    }
    digits
}

fn latest(selection: &Selection<'_>) -> String {
    let dates = selection
        .catalogue
        .changes
        .iter()
        .map(|change| &change.date);
    let sources = selection
        .catalogue
        .sources
        .iter()
        .filter_map(|source| source.date.as_ref());
    let day = dates.clone().chain(sources).map(digits).max();
    let day = day.unwrap_or_else(|| "00000101".to_owned());
    let on_that_day = dates.filter(|date| digits(date) == day).count();
    format!("{day}{:02}", on_that_day.min(99))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FeedEntry {
    id: usize,
    endpoint_set_id: u32,
    disposition: &'static str,
    version: String,
    impact: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_date: Option<String>,
}

fn changes(selection: &Selection<'_>, sets: &[EndpointSet], options: &Options) -> Vec<FeedEntry> {
    let words = words(&options.language);
    let mut feed = Vec::new();
    for change in &selection.catalogue.changes {
        let about: Vec<u32> = sets
            .iter()
            .filter(|set| change.flows.iter().any(|flow| flow.as_str() == set.flow))
            .map(|set| set.id)
            .collect();
        // A row that is gone, or isn't selected, has no set; the entry still says what happened.
        let about = if about.is_empty() { vec![0] } else { about };
        for set in about {
            feed.push(FeedEntry {
                id: feed.len() + 1,
                endpoint_set_id: set,
                disposition: disposition(change),
                version: format!("{}00", digits(&change.date)),
                impact: words.text(&change.impact),
                effective_date: change.effective.as_ref().map(digits),
            });
        }
    }
    feed
}

const fn disposition(change: &Change) -> &'static str {
    match change.kind {
        ChangeKind::Added => "Add",
        ChangeKind::Changed => "Change",
        ChangeKind::Removed => "Remove",
    }
}

#[cfg(test)]
#[path = "m365/tests.rs"]
mod tests;
