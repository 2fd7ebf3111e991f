//! What may be linked, from where, and how often.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;

pub(super) const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Two versions of one of these mean two opinions on what is trusted.
const ONE_VERSION: &[&str] = &[
    "aws-lc-rs",
    "aws-lc-sys",
    "rcgen",
    "rustls",
    "rustls-pki-types",
    "rustls-webpki",
    "tokio-rustls",
    "x509-parser",
];

/// ring beside aws-lc-rs makes rustls panic when it looks for its provider.
pub(super) fn ring(graph: &Graph) -> Vec<String> {
    let ways: BTreeSet<String> = graph
        .members()
        .flat_map(|(id, _)| graph.ways(id, |package| package.name == "ring"))
        .collect();
    ways.into_iter()
        .map(|way| format!("{way}: the crypto provider is aws-lc-rs everywhere; switch the feature off that brings ring"))
        .collect()
}

/// The crypto stack stands once.
pub(super) fn duplicates(graph: &Graph) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in graph.packages.values() {
        if ONE_VERSION.contains(&package.name.as_str()) {
            versions
                .entry(&package.name)
                .or_default()
                .insert(&package.version);
        }
    }
    versions
        .into_iter()
        .filter(|(_, found)| found.len() > 1)
        .map(|(name, found)| {
            let list: Vec<&str> = found.into_iter().collect();
            format!("{name} stands in {} versions ({}); `cargo tree -d -p {name}` shows who wants which", list.len(), list.join(", "))
        })
        .collect()
}

/// No git address, no other registry, no folder outside the workspace.
pub(super) fn origins(graph: &Graph) -> Vec<String> {
    graph
        .packages
        .values()
        .filter_map(|package| match package.source.as_deref() {
            Some(CRATES_IO) => None,
            Some(other) => Some(format!(
                "{} comes from {other}, expected crates.io",
                package.name
            )),
            None if package.member => None,
            None => Some(format!(
                "{} comes from a folder outside the workspace, expected crates.io",
                package.name
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_is_found_behind_another_crate() {
        let complaints = ring(&Graph::fixture(&["net -> /rustls", "/rustls -> /ring"]));
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("net → rustls → ring"));
    }

    #[test]
    fn a_graph_without_ring_passes() {
        assert!(
            ring(&Graph::fixture(&[
                "net -> /rustls",
                "/rustls -> /aws-lc-rs"
            ]))
            .is_empty()
        );
    }

    #[test]
    fn two_versions_of_the_crypto_stack_are_refused() {
        let complaints = duplicates(&Graph::fixture(&[
            "net -> /rustls@0.23.1",
            "trust -> /rustls@0.24.0",
        ]));
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].contains("0.23.1, 0.24.0"));
    }

    #[test]
    fn two_versions_of_another_crate_are_let_be() {
        assert!(
            duplicates(&Graph::fixture(&[
                "net -> /syn@1.0.0",
                "trust -> /syn@2.0.0"
            ]))
            .is_empty()
        );
    }

    #[test]
    fn a_git_address_and_a_foreign_folder_are_refused() {
        let mut graph = Graph::fixture(&["net -> /forked", "net -> /vendored", "net -> /plain"]);
        graph.packages.get_mut("forked").unwrap().source =
            Some("git+https://example.org/forked".to_owned());
        graph.packages.get_mut("vendored").unwrap().source = None;
        let complaints = origins(&graph);
        assert_eq!(complaints.len(), 2);
        assert!(complaints[0].contains("git+https://example.org/forked"));
        assert!(complaints[1].contains("vendored"));
    }
}
