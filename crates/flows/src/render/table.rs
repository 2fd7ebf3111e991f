//! The columns of the tables for programs (CSV, XLSX): one row for each destination.

use super::comment::whole_line;
use super::document::{Words, joined, words};
use crate::select::{ResolvedEndpoint, Selected, Selection};

/// The columns' names. They are the same in every language, so that programs can rely on them.
pub(super) const COLUMNS: [&str; 22] = [
    "catalog",
    "id",
    "component",
    "purpose",
    "from",
    "to",
    "direction",
    "match",
    "value",
    "transport",
    "ports",
    "protocol",
    "path",
    "need",
    "default",
    "tls",
    "versions",
    "features",
    "breaks",
    "caveats",
    "aliases",
    "sources",
];

/// The rows' cells, in the order of the columns.
pub(super) fn rows(selection: &Selection<'_>, language: &str) -> Vec<[String; COLUMNS.len()]> {
    let words = words(language);
    selection
        .flows
        .iter()
        .flat_map(|selected| {
            selected
                .endpoints
                .iter()
                .map(|endpoint| row(words, selected, endpoint))
        })
        .collect()
}

fn row(
    words: &Words,
    selected: &Selected<'_>,
    endpoint: &ResolvedEndpoint,
) -> [String; COLUMNS.len()] {
    let flow = selected.flow;
    let list = |items: Vec<String>| items.join("; ");
    let versions = [&flow.versions]
        .into_iter()
        .chain(
            flow.endpoints
                .get(endpoint.row)
                .map(|declared| &declared.versions),
        )
        .filter(|range| !range.is_all())
        .map(ToString::to_string)
        .collect();
    let facts = flow
        .facts
        .iter()
        .map(|fact| format!("{}:{}", fact.source, whole_line(&fact.lines)))
        .collect();
    let words_of =
        |texts: &[crate::text::Text]| list(texts.iter().map(|text| words.text(text)).collect());
    [
        selected.catalogue.id.to_string(),
        flow.id.to_string(),
        flow.component
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        words.text(&flow.purpose),
        words.dialers(selected),
        words.party(selected, &flow.to),
        words.direction(flow.direction).to_owned(),
        endpoint.host.kind().as_str().to_owned(),
        whole_line(&endpoint.host.value()),
        endpoint.transport.as_str().to_owned(),
        joined(&endpoint.ports, ","),
        whole_line(endpoint.protocol.as_deref().unwrap_or_default()),
        whole_line(endpoint.path.as_deref().unwrap_or_default()),
        words.need(flow),
        if flow.default_on { "on" } else { "off" }.to_owned(),
        words.tls(flow.tls.as_ref()),
        list(versions),
        list(flow.features.iter().map(ToString::to_string).collect()),
        list(flow.breaks.iter().map(|one| words.broken(one)).collect()),
        words_of(&flow.caveats),
        list(flow.aliases.iter().map(|alias| whole_line(alias)).collect()),
        list(facts),
    ]
}
