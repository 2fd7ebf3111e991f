//! The lines that mend a finding, made by somebody who did not see it: from what kind of failure
//! it is, and from destinations that he knows himself. Pure.
//!
//! Of a report nothing but choices goes in: which kind, who can mend it, which of the known
//! destinations, which of the known products. No word of it comes out.

use flows::{Host, Selection};

use crate::finding::Cased;
use crate::mend;
use crate::plan::{Destination, Settings, of_rows};
use crate::report::{Check, CheckedEndpoint, Evidence, Mend, Outcome, Stage, Verdict, Who};
use crate::verdict::dns::HOSTS_FILE;
use crate::way::PathKind;

/// What somebody says of a cause.
#[derive(Debug, Clone, Copy)]
pub struct Reported<'a> {
    pub stage: Stage,
    pub verdict: Verdict,
    pub who: Who,
    pub flows: &'a [String],
    /// As `host:port`, with `/udp` where it is not TCP.
    pub endpoints: &'a [String],
    pub evidence: &'a [Evidence],
}

/// Makes the lines anew, for destinations of `site`. `None` where a destination is none of them,
/// where nobody could mend this kind who is said to, and where the lines depend on what only the
/// host itself could see: what its own packet filter holds back, which domain controller it
/// misses, which addresses a name has there.
#[must_use]
pub fn anew(reported: &Reported<'_>, site: &Selection<'_>) -> Option<Mend> {
    if mend::depends_on_the_host(reported.evidence) {
        return None;
    }
    let known = of_rows(site, &Settings::default());
    let mut found: Vec<(&Destination<'_>, CheckedEndpoint)> = Vec::new();
    for endpoint in reported.endpoints {
        let before = found.len();
        let named = known
            .iter()
            .filter(|one| {
                reported
                    .flows
                    .iter()
                    .any(|flow| flow == one.flow.id.as_str())
            })
            .map(|one| (one, CheckedEndpoint::of(one)))
            .filter(|(_, checked)| checked.to_string() == *endpoint);
        found.extend(named);
        if found.len() == before {
            return None;
        }
    }
    let evidence: Vec<Evidence> = reported.evidence.iter().filter_map(choice).collect();
    let checks: Vec<Check> = found
        .iter()
        .map(|(destination, endpoint)| Check {
            flow: destination.flow.id.to_string(),
            endpoint: endpoint.clone(),
            path: PathKind::Direct,
            via: (reported.who == Who::Proxy).then(String::new),
            result: Outcome::Broken,
            stage: Some(reported.stage),
            verdict: Some(reported.verdict),
            detail: String::new(),
            evidence: evidence.clone(),
            stages: Vec::new(),
        })
        .collect();
    let group: Vec<Cased<'_, '_>> = found
        .iter()
        .zip(&checks)
        .map(|((destination, _), check)| Cased {
            destination,
            check,
            cause: "",
        })
        .collect();
    let (stage, verdict) = (reported.stage, reported.verdict);
    if group.is_empty() || mend::who(stage, verdict, &group) != reported.who {
        return None;
    }
    let made = mend::mend(reported.who, stage, verdict, &group);
    let is_name = |one: &(&Destination<'_>, _)| matches!(one.0.endpoint.host, Host::Exact(_));
    let wants_addresses = made.product == mend::PACKET_FILTER && found.iter().any(is_name);
    (!wants_addresses).then_some(made)
}

/// Evidence of which no word goes on: a product is looked for in it, or it counts that there is
/// any.
fn choice(evidence: &Evidence) -> Option<Evidence> {
    let kind = evidence.kind.as_str();
    if mend::names_product(kind) {
        return Some(evidence.clone());
    }
    (kind == HOSTS_FILE || kind == mend::TICKET).then(|| Evidence::new(kind, ""))
}

#[cfg(test)]
mod tests;
