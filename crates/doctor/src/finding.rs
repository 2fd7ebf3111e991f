//! One cause, one finding.

use std::collections::BTreeMap;

use crate::mend;
use crate::plan::Destination;
use crate::report::{Check, Evidence, Finding, FindingKey, Outcome, Stage, Verdict};
use crate::way::PathKind;

/// Pieces of evidence that a finding keeps.
const MAX_EVIDENCE: usize = 24;
/// Destinations that a cause names; the rest is counted.
const NAMED: usize = 3;

/// A check with what tells causes apart.
#[derive(Debug, Clone, Copy)]
pub struct Cased<'a, 'c> {
    pub destination: &'a Destination<'c>,
    pub check: &'a Check,
    /// The same text: the same cause, under the same verdict.
    pub cause: &'a str,
}

/// The findings of checks: those that share stage, verdict and cause are one, whatever their ways
/// were. The worst come first, then those that cost most.
#[must_use]
pub fn group(checks: &[Cased<'_, '_>], language: &str) -> Vec<Finding> {
    let mut groups: BTreeMap<(Stage, Verdict, &str), Vec<Cased<'_, '_>>> = BTreeMap::new();
    for one in checks {
        let (Some(stage), Some(verdict)) = (one.check.stage, one.check.verdict) else {
            continue;
        };
        match one.check.result {
            Outcome::Broken | Outcome::Degraded | Outcome::Unknown => {}
            Outcome::Ok | Outcome::Skipped => continue,
        }
        let key = (stage, verdict, one.cause);
        groups.entry(key).or_default().push(*one);
    }
    let mut findings: Vec<Finding> = groups
        .into_iter()
        .map(|((stage, verdict, cause), group)| {
            let key = FindingKey::of(stage, verdict, cause);
            of_group(key, stage, verdict, &group, checks, language)
        })
        .collect();
    findings.sort_by(|a, b| {
        (b.result, b.endpoints.len(), b.flows.len()).cmp(&(
            a.result,
            a.endpoints.len(),
            a.flows.len(),
        ))
    });
    findings
}

fn of_group(
    key: FindingKey,
    stage: Stage,
    verdict: Verdict,
    group: &[Cased<'_, '_>],
    all: &[Cased<'_, '_>],
    language: &str,
) -> Finding {
    let who = mend::who(stage, verdict, group);
    let mut finding = Finding {
        key,
        verdict,
        stage,
        cause: String::new(),
        result: Outcome::Ok,
        flows: Vec::new(),
        endpoints: Vec::new(),
        features: Vec::new(),
        evidence: Vec::new(),
        who,
        mend: mend::mend(who, stage, verdict, group),
    };
    for one in group {
        finding.result = finding.result.max(one.check.result);
        add(&mut finding.flows, one.check.flow.clone());
        add(&mut finding.endpoints, one.check.endpoint.to_string());
        for feature in features(one.destination, language) {
            add(&mut finding.features, feature);
        }
        for evidence in &one.check.evidence {
            if finding.evidence.len() < MAX_EVIDENCE {
                add(&mut finding.evidence, evidence.clone());
            }
        }
    }
    if let Some(evidence) = works_directly(group, all) {
        finding.evidence.push(evidence);
    }
    finding.cause = cause(stage, verdict, group, &finding);
    finding
}

fn add<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if !list.contains(&one) {
        list.push(one);
    }
}

/// What a flow's failure costs, in the catalogue's words; its purpose where it says nothing.
fn features(destination: &Destination<'_>, language: &str) -> Vec<String> {
    let flow = destination.flow;
    if flow.breaks.is_empty() {
        return vec![flow.purpose.in_language(language).to_owned()];
    }
    let breaks = flow.breaks.iter();
    breaks
        .map(|one| one.feature.in_language(language).to_owned())
        .collect()
}

/// Whether what fails on its way works on the direct one.
fn works_directly(group: &[Cased<'_, '_>], all: &[Cased<'_, '_>]) -> Option<Evidence> {
    let first = group.first()?;
    if group.iter().any(|one| one.check.path == PathKind::Direct) {
        return None;
    }
    let works = all.iter().any(|other| {
        other.check.path == PathKind::Direct
            && other.check.endpoint == first.check.endpoint
            && other.check.result == Outcome::Ok
    });
    works.then(|| Evidence::new("other_way", "directly it works"))
}

/// One line that says what is wrong.
fn cause(stage: Stage, verdict: Verdict, group: &[Cased<'_, '_>], finding: &Finding) -> String {
    let first = group
        .first()
        .map(|one| one.check.detail.as_str())
        .unwrap_or_default();
    if let [_] = finding.endpoints.as_slice() {
        return first.to_owned();
    }
    let many = finding.endpoints.len();
    let named: Vec<&str> = finding
        .endpoints
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect();
    let more = match many.saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let whom = format!("{many} destinations ({}{more})", named.join(", "));
    let said = |kind: &str| {
        finding
            .evidence
            .iter()
            .find(|one| one.kind == kind)
            .map(|one| one.value.as_str())
    };
    let proxy = said("proxy").unwrap_or("the proxy");
    match (stage, verdict) {
        (Stage::Tls, Verdict::Inspected) => format!(
            "TLS to {whom} is inspected by {}",
            said("issuer").unwrap_or("an authority of its own")
        ),
        (Stage::Tls, Verdict::ClockSkew) => {
            format!("this host's clock is wrong: certificates of {whom} seem out of date")
        }
        (Stage::Tls, Verdict::ResetAfterHello | Verdict::NotTls | Verdict::TimeOut) => {
            format!(
                "ports are open but HTTPS is not allowed: {}, for {whom}",
                words(verdict)
            )
        }
        (Stage::Proxy, Verdict::PacError | Verdict::PacUnreachable) => format!(
            "{} {first}; concerns {whom}",
            said("pac").unwrap_or_default()
        )
        .trim()
        .to_owned(),
        (Stage::Proxy, Verdict::ClockSkew) => {
            format!("this host's clock is wrong: no ticket for {proxy}, so no way to {whom}")
        }
        (Stage::Proxy, Verdict::SignInFailed) if said("kerberos").is_some() => format!(
            "no ticket for {proxy}, so no way to {whom}: {}",
            said("kerberos").unwrap_or_default()
        ),
        (Stage::Proxy, Verdict::SignInRequired) => {
            format!("{proxy} demands a sign-in for {whom}")
        }
        (Stage::Proxy, Verdict::SignInFailed) => {
            format!("{proxy} refuses the sign-in for {whom}")
        }
        (Stage::Proxy, Verdict::Denied) => format!("{proxy} refuses {whom}"),
        (Stage::Proxy, _) => format!("{proxy} can't be used ({}): {whom}", words(verdict)),
        (Stage::Dns, Verdict::Sinkholed) => format!(
            "{} blocks the names of {whom}",
            said("name_servers").unwrap_or("the name server")
        ),
        (Stage::Dns, _) => format!(
            "{} {} of {whom}",
            said("name_servers").unwrap_or("the name server"),
            match verdict {
                Verdict::TimeOut => "gives no answer for the names",
                Verdict::ServerFailure => "fails at the names",
                Verdict::NoSuchName => "knows none of the names",
                _ => "has no right answer for the names",
            }
        ),
        (Stage::Transport, Verdict::TimeOut) => {
            format!("no answer from {whom}: something drops the packets")
        }
        (Stage::Transport, Verdict::Unreachable) => format!("there is no way to {whom}"),
        (Stage::Transport | Stage::Tls | Stage::Upper | Stage::Revocation, _) => {
            format!("{}: {whom}; {first}", words(verdict))
        }
    }
}

fn words(verdict: Verdict) -> String {
    verdict.words()
}
