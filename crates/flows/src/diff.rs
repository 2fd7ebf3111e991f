//! What changed between two catalogues, and what that means for rules that exist.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::endpoint::Endpoint;
use crate::flow::Flow;
use crate::id::FlowId;
use crate::origin::Change;

/// The difference between two catalogues, in the order of the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub from: Side,
    pub to: Side,
    pub flows: Vec<FlowDifference>,
    /// Changes that the new catalogue tells of and the old one doesn't, which name no flow that
    /// differs.
    pub other_changes: Vec<Change>,
}

/// One of the two catalogues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    pub catalog: FlowId,
    pub version: String,
}

/// What became of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowDifference {
    pub id: FlowId,
    pub what: What,
    /// Its id in the old catalogue, where it had another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<FlowId>,
    /// Destinations that rules have to permit from now on.
    pub open: Vec<Endpoint>,
    /// Destinations that no longer have to be permitted for this flow.
    pub close: Vec<Endpoint>,
    /// Other keys of the row whose value is another, with the old and the new value.
    pub keys: BTreeMap<String, (serde_json::Value, serde_json::Value)>,
    /// What the new catalogue says about it: impact, and from when.
    pub changes: Vec<Change>,
}

/// What became of a flow as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Added,
    Removed,
    /// Still there, no longer used.
    Retired,
    Changed,
}

/// Keys that differ without a difference for rules or readers of rules.
const OF_NO_INTEREST: [&str; 4] = ["id", "aliases", "facts", "endpoints"];

/// What changed from one catalogue to another.
///
/// # Errors
/// When a row can't be written as JSON, which no row that was read from a file is.
pub fn diff(old: &Catalogue, new: &Catalogue) -> Result<Difference, serde_json::Error> {
    let news: Vec<&Change> = new
        .changes
        .iter()
        .filter(|change| !old.changes.contains(change))
        .collect();
    let mut flows = Vec::new();
    for flow in &new.flows {
        match predecessor(old, flow) {
            Some(before) => flows.extend(changed(before, flow, &news)?),
            None => flows.push(FlowDifference {
                open: in_use(flow),
                ..whole(&flow.id, What::Added, &news)
            }),
        }
    }
    for before in &old.flows {
        if !new
            .flows
            .iter()
            .any(|flow| predecessor(old, flow) == Some(before))
        {
            flows.push(FlowDifference {
                close: in_use(before),
                ..whole(&before.id, What::Removed, &news)
            });
        }
    }
    let told = |change: &&Change| {
        let mut named = change.flows.iter();
        !named.any(|id| flows.iter().any(|flow| flow.names(id)))
    };
    let other_changes = news.into_iter().filter(told).cloned().collect();
    Ok(Difference {
        from: side(old),
        to: side(new),
        flows,
        other_changes,
    })
}

impl Difference {
    /// Whether nothing differs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.other_changes.is_empty()
    }
}

impl FlowDifference {
    fn names(&self, id: &FlowId) -> bool {
        self.id == *id || self.was.as_ref() == Some(id)
    }
}

fn side(catalogue: &Catalogue) -> Side {
    Side {
        catalog: catalogue.id.clone(),
        version: catalogue.version.clone(),
    }
}

/// The row's earlier self: of the same id, or of an id that is now an alias.
fn predecessor<'c>(old: &'c Catalogue, flow: &Flow) -> Option<&'c Flow> {
    old.flow(flow.id.as_str())
        .or_else(|| flow.aliases.iter().find_map(|alias| old.flow(alias)))
}

/// Endpoints that rules are about; a retired flow has none.
fn in_use(flow: &Flow) -> Vec<Endpoint> {
    if flow.retired.is_some() {
        Vec::new()
    } else {
        flow.endpoints.clone()
    }
}

fn whole(id: &FlowId, what: What, news: &[&Change]) -> FlowDifference {
    FlowDifference {
        id: id.clone(),
        what,
        was: None,
        open: Vec::new(),
        close: Vec::new(),
        keys: BTreeMap::new(),
        changes: about(id, news),
    }
}

fn about(id: &FlowId, news: &[&Change]) -> Vec<Change> {
    let about = news.iter().filter(|change| change.flows.contains(id));
    about.map(|change| (*change).clone()).collect()
}

fn changed(
    before: &Flow,
    after: &Flow,
    news: &[&Change],
) -> Result<Option<FlowDifference>, serde_json::Error> {
    let (was_in_use, is_in_use) = (in_use(before), in_use(after));
    let missing = |from: &[Endpoint], other: &[Endpoint]| -> Vec<Endpoint> {
        let missing = from.iter().filter(|endpoint| !other.contains(endpoint));
        missing.cloned().collect()
    };
    let renamed = before.id != after.id;
    let mut difference = FlowDifference {
        was: renamed.then(|| before.id.clone()),
        open: missing(&is_in_use, &was_in_use),
        close: missing(&was_in_use, &is_in_use),
        keys: changed_keys(before, after)?,
        ..whole(&after.id, What::Changed, news)
    };
    if before.retired.is_none() && after.retired.is_some() {
        difference.what = What::Retired;
    }
    if renamed {
        difference.changes.extend(about(&before.id, news));
        difference.changes.dedup();
    }
    let same = difference.open.is_empty()
        && difference.close.is_empty()
        && difference.keys.is_empty()
        && !renamed;
    Ok((!same).then_some(difference))
}

fn changed_keys(
    before: &Flow,
    after: &Flow,
) -> Result<BTreeMap<String, (serde_json::Value, serde_json::Value)>, serde_json::Error> {
    let object = |flow: &Flow| {
        serde_json::to_value(flow).map(|value| match value {
            serde_json::Value::Object(keys) => keys,
            _ => serde_json::Map::new(),
        })
    };
    let (before, after) = (object(before)?, object(after)?);
    let mut keys = BTreeMap::new();
    for key in before.keys().chain(after.keys()) {
        let of = |row: &serde_json::Map<String, serde_json::Value>| {
            row.get(key).cloned().unwrap_or(serde_json::Value::Null)
        };
        let (old, new) = (of(&before), of(&after));
        if old != new && !OF_NO_INTEREST.contains(&key.as_str()) {
            keys.insert(key.clone(), (old, new));
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::PortRange;
    use crate::flow::Need;
    use crate::origin::{ChangeKind, Date};
    use crate::text::Text;

    fn change(kind: ChangeKind, flow: &str) -> Change {
        Change {
            version: "2".to_owned(),
            date: Date::parse("2026-01-02").unwrap(),
            kind,
            flows: vec![FlowId::parse(flow).unwrap()],
            impact: Text::english("Open the new port."),
            effective: Some(Date::parse("2026-03").unwrap()),
        }
    }

    #[test]
    fn a_catalogue_does_not_differ_from_itself() {
        let own = Catalogue::garrison();
        assert!(diff(own, own).unwrap().is_empty());
    }

    #[test]
    fn what_came_went_and_changed_is_told_with_its_impact() {
        let old = Catalogue::garrison();
        let mut new = old.clone();
        let mut gone = new.flows.remove(2);
        assert_eq!(gone.id.as_str(), "api");
        new.flows[0].endpoints[0].ports = vec![PortRange::single(444).unwrap()];
        new.flows[0].need = Need::Optional;
        new.flows[1].retired = Some(toml::from_str("reason = \"replaced\"").unwrap());
        gone.id = FlowId::parse("programs").unwrap();
        let mut renamed = old.flow("dns").unwrap().clone();
        renamed.id = FlowId::parse("name-lookup").unwrap();
        renamed.aliases = vec!["dns".to_owned()];
        let mut flows = new.flows.iter_mut();
        *flows.find(|flow| flow.id.as_str() == "dns").unwrap() = renamed;
        new.flows.push(gone);
        new.changes = vec![
            change(ChangeKind::Changed, "agent-channel"),
            change(ChangeKind::Removed, "telnet"),
        ];

        let difference = diff(old, &new).unwrap();
        let all: Vec<(&str, What)> = difference
            .flows
            .iter()
            .map(|flow| (flow.id.as_str(), flow.what))
            .collect();
        assert_eq!(
            all,
            [
                ("agent-channel", What::Changed),
                ("console", What::Retired),
                ("name-lookup", What::Changed),
                ("programs", What::Added),
                ("api", What::Removed),
            ]
        );
        let channel = &difference.flows[0];
        assert_eq!(channel.open[0].ports[0].only(), Some(444));
        assert_eq!(channel.close[0].ports[0].only(), Some(443));
        assert_eq!(channel.keys.keys().collect::<Vec<_>>(), ["need"]);
        assert_eq!(channel.changes[0].impact.as_str(), "Open the new port.");
        assert_eq!(difference.flows[1].close.len(), 1);
        assert!(difference.flows[1].open.is_empty());
        assert_eq!(difference.flows[2].was.as_ref().unwrap().as_str(), "dns");
        assert_eq!(difference.other_changes.len(), 1);
    }
}
