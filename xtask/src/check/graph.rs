//! The dependency graph in the words that the rules need.

use std::collections::{BTreeMap, VecDeque};

use anyhow::Context;
use cargo_metadata::{Metadata, Node, NodeDep};

pub(crate) use cargo_metadata::DependencyKind as Kind;

/// Of code, of tests and of build scripts.
pub(crate) const EVERY_KIND: &[Kind] = &[Kind::Normal, Kind::Build, Kind::Development];

/// One crate of the graph, in one version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    /// Where it comes from, in cargo's words; `None` for a folder of this workspace.
    pub(crate) source: Option<String>,
    pub(crate) member: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) to: String,
    pub(crate) kinds: Vec<Kind>,
}

/// Packages by cargo's id, and what each depends on for this platform.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) packages: BTreeMap<String, Package>,
    edges: BTreeMap<String, Vec<Edge>>,
}

impl Graph {
    pub(crate) fn of(metadata: &Metadata) -> anyhow::Result<Graph> {
        let resolve = metadata
            .resolve
            .as_ref()
            .context("cargo metadata gave no resolved graph")?;
        let mut graph = Graph::default();
        for package in &metadata.packages {
            graph.packages.insert(
                package.id.repr.clone(),
                Package {
                    name: package.name.to_string(),
                    version: package.version.to_string(),
                    licence: package.license.clone(),
                    source: package.source.as_ref().map(|source| source.repr.clone()),
                    member: metadata.workspace_members.contains(&package.id),
                },
            );
        }
        for node in &resolve.nodes {
            let package = metadata
                .packages
                .iter()
                .find(|package| package.id == node.id)
                .with_context(|| format!("{} is resolved but not described", node.id))?;
            let edges = node
                .deps
                .iter()
                .filter(|dependency| is_enabled(package, node, dependency))
                .map(|dependency| Edge {
                    to: dependency.pkg.repr.clone(),
                    kinds: dependency.dep_kinds.iter().map(|info| info.kind).collect(),
                })
                .collect();
            graph.edges.insert(node.id.repr.clone(), edges);
        }
        graph.keep_reachable();
        Ok(graph)
    }

    /// Drops what no member reaches, once edges that are not enabled are gone.
    fn keep_reachable(&mut self) {
        let members: Vec<String> = self.members().map(|(id, _)| id.clone()).collect();
        let mut kept = BTreeMap::new();
        for member in &members {
            kept.extend(self.reach(member, EVERY_KIND));
        }
        self.packages.retain(|id, _| kept.contains_key(id));
        self.edges.retain(|id, _| kept.contains_key(id));
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&String, &Package)> {
        self.packages.iter().filter(|(_, package)| package.member)
    }

    /// What a package names in its own manifest as a dependency of these kinds.
    pub(crate) fn direct(&self, id: &str, kinds: &[Kind]) -> impl Iterator<Item = &Package> {
        self.edges
            .get(id)
            .into_iter()
            .flatten()
            .filter(|edge| edge.kinds.iter().any(|kind| kinds.contains(kind)))
            .filter_map(|edge| self.packages.get(&edge.to))
    }

    /// Every package that `from` reaches over edges of these kinds, itself
    /// included, each with the package that led to it.
    fn reach(&self, from: &str, kinds: &[Kind]) -> BTreeMap<String, Option<String>> {
        let mut found = BTreeMap::from([(from.to_owned(), None)]);
        let mut queue = VecDeque::from([from.to_owned()]);
        while let Some(id) = queue.pop_front() {
            for edge in self.edges.get(&id).into_iter().flatten() {
                let wanted = edge.kinds.iter().any(|kind| kinds.contains(kind));
                if wanted && !found.contains_key(&edge.to) {
                    found.insert(edge.to.clone(), Some(id.clone()));
                    queue.push_back(edge.to.clone());
                }
            }
        }
        found
    }

    /// The ways over normal edges from `from` to each package that `wanted`
    /// accepts, as `a → b → c`.
    pub(crate) fn ways(&self, from: &str, wanted: impl Fn(&Package) -> bool) -> Vec<String> {
        let found = self.reach(from, &[Kind::Normal]);
        found
            .keys()
            .filter(|id| self.packages.get(*id).is_some_and(&wanted))
            .map(|id| {
                let mut names = Vec::new();
                let mut step = Some(id);
                while let Some(at) = step {
                    names.push(self.packages.get(at).map_or("?", |package| &package.name));
                    step = found.get(at).and_then(Option::as_ref);
                }
                names.reverse();
                names.join(" → ")
            })
            .collect()
    }
}

/// Whether an optional dependency is truly switched on. cargo's metadata also
/// lists those that a weak feature (`name?/feature`) only mentions.
fn is_enabled(package: &cargo_metadata::Package, node: &Node, dependency: &NodeDep) -> bool {
    let declared: Vec<_> = package
        .dependencies
        .iter()
        .filter(|declared| {
            let known_as = declared.rename.as_ref().unwrap_or(&declared.name);
            known_as.replace('-', "_") == dependency.name
                || (declared.rename.is_none()
                    && dependency
                        .pkg
                        .repr
                        .contains(&format!("#{}@", declared.name)))
        })
        .collect();
    if declared.is_empty() || declared.iter().any(|declared| !declared.optional) {
        return true;
    }
    declared.iter().any(|declared| {
        let known_as = declared.rename.as_ref().unwrap_or(&declared.name);
        node.features.iter().any(|feature| {
            let feature: &str = feature;
            feature == known_as
                || package
                    .features
                    .get(feature)
                    .into_iter()
                    .flatten()
                    .any(|effect| {
                        effect == known_as
                            || effect.strip_prefix("dep:") == Some(known_as)
                            || effect
                                .split_once('/')
                                .is_some_and(|(name, _)| name == known_as)
                    })
        })
    })
}

#[cfg(test)]
impl Graph {
    /// A graph from lines `a -> b`, `a -dev-> b` or `a`; names without a `/` before them are members,
    /// `/name` is a library from crates.io.
    pub(crate) fn fixture(lines: &[&str]) -> Graph {
        let mut graph = Graph::default();
        for line in lines {
            let (from, kind, to) = match (line.split_once(" -dev-> "), line.split_once(" -> ")) {
                (Some((from, to)), _) => (from, Kind::Development, Some(to)),
                (None, Some((from, to))) => (from, Kind::Normal, Some(to)),
                (None, None) => (*line, Kind::Normal, None),
            };
            let from = graph.fixture_package(from);
            if let Some(to) = to {
                let to = graph.fixture_package(to);
                graph.edges.entry(from).or_default().push(Edge {
                    to,
                    kinds: vec![kind],
                });
            }
        }
        graph
    }

    fn fixture_package(&mut self, text: &str) -> String {
        let (text, member) = match text.strip_prefix('/') {
            Some(library) => (library, false),
            None => (text, true),
        };
        let (name, version) = text.split_once('@').unwrap_or((text, "0.1.0"));
        let source = (!member).then(|| super::dependencies::CRATES_IO.to_owned());
        self.packages
            .entry(text.to_owned())
            .or_insert_with(|| Package {
                name: name.to_owned(),
                version: version.to_owned(),
                licence: Some("Apache-2.0".to_owned()),
                source,
                member,
            });
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_names_each_step() {
        let graph = Graph::fixture(&["garrison-agent -> net", "net -> /axum"]);
        let ways = graph.ways("garrison-agent", |package| package.name == "axum");
        assert_eq!(ways, ["garrison-agent → net → axum"]);
    }

    #[test]
    fn a_way_takes_no_test_dependency() {
        let graph = Graph::fixture(&["net -dev-> /ring"]);
        assert!(
            graph
                .ways("net", |package| package.name == "ring")
                .is_empty()
        );
    }

    #[test]
    fn a_dependency_that_only_a_weak_feature_names_is_not_enabled() {
        let text = include_str!("../../fixtures/weak-feature.json");
        let metadata: Metadata = serde_json::from_str(text).unwrap();
        let graph = Graph::of(&metadata).unwrap();
        assert!(graph.packages.values().any(|package| package.name == "on"));
        assert!(
            !graph
                .packages
                .values()
                .any(|package| package.name == "weak")
        );
    }
}
