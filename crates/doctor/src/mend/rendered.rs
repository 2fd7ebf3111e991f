//! Lines as the catalogue's own renderers write them, over a selection of the rows concerned and
//! nothing else.

use std::net::IpAddr;

use flows::{Catalogue, Format, Host, Options, ResolvedEndpoint, Selected, Selection};

use crate::finding::Cased;
use crate::plan::Destination;
use crate::report::Mend;

/// Lines that a finding keeps; what is more is said.
const MAX_LINES: usize = 120;

/// How a rendering names hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    AsInTheCatalogue,
    /// By the addresses that were found behind the names.
    ByAddress,
}

/// A rendering's lines without its comments.
pub(super) fn rendered(format: Format, group: &[Cased<'_, '_>], options: &Options) -> Vec<String> {
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

pub(super) fn cut(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MAX_LINES);
    if more > 0 {
        lines.truncate(MAX_LINES);
        lines.push(format!(
            "# and {more} lines more: \"garrison flows render\" writes them all"
        ));
    }
    lines
}

pub(super) fn words(product: &str, text: &str) -> Mend {
    Mend {
        product: product.to_owned(),
        lines: vec![format!("# {text}")],
    }
}

pub(super) fn with_words(product: &str, text: String, lines: Vec<String>) -> Mend {
    Mend {
        product: product.to_owned(),
        lines: std::iter::once(format!("# {text}")).chain(lines).collect(),
    }
}

pub(super) fn hosts(group: &[Cased<'_, '_>]) -> Vec<String> {
    let mut hosts: Vec<String> = group
        .iter()
        .map(|one| one.destination.host.clone())
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}
