//! The features of the catalogue, and which of them a set of flows or of names stands for.

use std::sync::OnceLock;

use flows::{Break, Catalogue, Severity};
use proto::api::network::BreakSeverity;

/// A feature, with all flows that it needs.
#[derive(Debug)]
pub(super) struct Feature {
    pub(super) lost: &'static Break,
    pub(super) severity: BreakSeverity,
    pub(super) flows: Vec<&'static str>,
    /// Whether agents open one of its flows.
    pub(super) by_agents: bool,
    /// Whether the manager opens one of its flows.
    pub(super) by_manager: bool,
}

/// A set of features, by their places in [`features`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks(u64);

/// Features that a set can hold; a test counts the catalogue's.
const MOST: usize = 64;

impl Marks {
    /// Every feature.
    pub(super) const fn all() -> Self {
        Self(u64::MAX)
    }

    pub(super) fn add(&mut self, place: usize) {
        if place < MOST {
            self.0 |= 1 << place;
        }
    }

    pub(super) const fn has(self, place: usize) -> bool {
        place < MOST && self.0 & (1 << place) != 0
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Every feature that a flow of the catalogue says is lost without it, each once, in the order of
/// the catalogue.
pub(super) fn features() -> &'static [Feature] {
    static FEATURES: OnceLock<Vec<Feature>> = OnceLock::new();
    FEATURES.get_or_init(|| {
        let mut features: Vec<Feature> = Vec::new();
        for flow in &Catalogue::garrison().flows {
            let opened_by = |role: &str| {
                flow.from
                    .iter()
                    .any(|party| party.as_str() == role || party.as_str() == "any")
            };
            for lost in &flow.breaks {
                let severity = match lost.severity {
                    Severity::Minor => BreakSeverity::Minor,
                    Severity::Major => BreakSeverity::Major,
                    Severity::Critical => BreakSeverity::Critical,
                };
                let known = features
                    .iter_mut()
                    .find(|known| known.lost.feature == lost.feature);
                match known {
                    Some(known) => {
                        known.severity = known.severity.max(severity);
                        known.flows.push(flow.id.as_str());
                        known.by_agents |= opened_by("agent");
                        known.by_manager |= opened_by("manager");
                    }
                    None => features.push(Feature {
                        lost,
                        severity,
                        flows: vec![flow.id.as_str()],
                        by_agents: opened_by("agent"),
                        by_manager: opened_by("manager"),
                    }),
                }
            }
        }
        features
    })
}

/// The place of a feature by its English name.
pub(super) fn place(name: &str) -> Option<usize> {
    features()
        .iter()
        .position(|feature| feature.lost.feature.as_str() == name)
}

/// The features that need one of the flows.
pub(super) fn of_flows<'f>(flows: impl IntoIterator<Item = &'f str>) -> Marks {
    let mut marks = Marks::default();
    for flow in flows {
        for (at, feature) in features().iter().enumerate() {
            if feature.flows.contains(&flow) {
                marks.add(at);
            }
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_of_the_catalogue_has_a_place_of_its_own() {
        let features = features();
        assert!((5..=MOST).contains(&features.len()), "{}", features.len());
        for (at, feature) in features.iter().enumerate() {
            assert_eq!(place(feature.lost.feature.as_str()), Some(at));
            let marks = of_flows(feature.flows.iter().copied());
            assert!(marks.has(at));
        }
    }

    #[test]
    fn central_management_is_the_agents_and_pings_are_the_managers() {
        let of = |name| &features()[place(name).unwrap()];
        assert!(of("central management").by_agents && !of("central management").by_manager);
        assert!(of("pings").by_manager && !of("pings").by_agents);
        assert!(!of("console").by_agents && !of("console").by_manager);
        assert!(of("right clocks").by_agents && of("right clocks").by_manager);
    }
}
