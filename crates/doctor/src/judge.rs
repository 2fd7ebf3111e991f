//! From what was seen to a report: verdicts for each check, then what they mean together.

mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use net::probe::{CertificateFacts, ProbeReport, ProbeTrust, RepeatedHellos, TlsEnd};
use net::{Outcome as Went, StageReport};

use crate::finding::{self, Cased};
use crate::inspection::{self, Sight};
use crate::plan::{Plan, Planned, Work};
use crate::report::{
    Check, CheckedEndpoint, Evidence, Outcome, Report, Stage, StageResult, StageSeen, VERSION,
    Verdict,
};
use crate::run::Observed;
use crate::verdict::{self, Input, Judged, plain, tls, transport};
use crate::way::{PathKind, shown};

/// What a report is made with, beside the plan and what was seen.
#[derive(Debug, Clone)]
pub struct Context {
    /// Seconds since 1970.
    pub now: i64,
    pub took_ms: u64,
    /// ISO 639-1.
    pub language: String,
    /// What became of first packets that had to be sent again during the run, where that is known.
    pub hellos: Option<RepeatedHellos>,
}

/// Judges a run. `observed` is what became of the plan's probes, in their order.
#[must_use]
pub fn judge(plan: &Plan<'_>, observed: &[Observed], context: &Context) -> Report {
    let (plan, gone) = &turns::settle(plan, observed);
    let mut judged: Vec<Judged> = plan
        .checks
        .iter()
        .zip(gone)
        .map(|(planned, gone)| {
            let judged = one(plan, planned, observed, context);
            turns::note(planned, gone, judged)
        })
        .collect();
    inspect(plan, observed, &mut judged);
    blame_the_own_filter(plan, observed, context, &mut judged);
    blame_the_clock(plan, observed, &mut judged);
    blame_the_name_server(plan, observed, &mut judged);
    set_references_aside(plan, &mut judged);
    let checks: Vec<Check> = plan
        .checks
        .iter()
        .zip(&judged)
        .map(|(planned, judged)| check(plan, planned, judged, observed))
        .collect();
    let cased: Vec<Cased<'_, '_>> = plan
        .checks
        .iter()
        .zip(&checks)
        .zip(&judged)
        .filter_map(|((planned, check), judged)| {
            Some(Cased {
                destination: plan.destinations.get(planned.destination)?,
                check,
                cause: &judged.cause,
            })
        })
        .collect();
    let findings = finding::group(&cased, &context.language);
    let checked = checks
        .iter()
        .filter(|check| check.result != Outcome::Skipped)
        .count();
    Report {
        version: VERSION,
        result: Report::worst(&checks),
        checked,
        took_ms: context.took_ms,
        checks,
        findings,
    }
}

fn report_of<'o>(planned: &Planned, observed: &'o [Observed]) -> Option<&'o ProbeReport> {
    match &planned.work {
        Work::Probe(at) => match observed.get(*at) {
            Some(Observed::Seen(report)) => Some(report),
            Some(Observed::TooLong(_) | Observed::Stopped) | None => None,
        },
        Work::Skip(_) | Work::Ended { .. } | Work::Unknown(_) => None,
    }
}

fn one(plan: &Plan<'_>, planned: &Planned, observed: &[Observed], context: &Context) -> Judged {
    let unknown = |detail: String| Judged {
        result: Outcome::Unknown,
        ..Judged::ok(detail)
    };
    let probe = match &planned.work {
        Work::Skip(why) => {
            return Judged {
                result: Outcome::Skipped,
                ..Judged::ok(why.clone())
            };
        }
        Work::Unknown(why) => return unknown(why.clone()),
        Work::Ended {
            stage,
            verdict,
            detail,
        } => {
            return Judged::broken(*stage, *verdict, plain(detail, 400))
                .caused_by(planned.pac.clone().unwrap_or_default())
                .seen("pac", planned.pac.clone().unwrap_or_default());
        }
        Work::Probe(at) => *at,
    };
    let (Some(destination), Some(seen)) = (
        plan.destinations.get(planned.destination),
        observed.get(probe),
    ) else {
        return unknown("it was not checked".to_owned());
    };
    match seen {
        Observed::Stopped => unknown("the run ended before it was checked".to_owned()),
        Observed::TooLong(limit) => unknown(format!(
            "it took longer than {} s, and was given up",
            limit.as_secs_f32()
        )),
        Observed::Seen(seen) => {
            let trust = plan.probes.get(probe).map(|probe| &probe.trust);
            let judged = verdict::judge(Input {
                destination,
                planned,
                seen,
                now: context.now,
                private_trust_known: trust.is_some_and(|trust| *trust != ProbeTrust::Public),
            });
            match &planned.pac {
                Some(pac) if judged.result != Outcome::Ok => judged.seen("pac", pac.clone()),
                Some(_) | None => judged,
            }
        }
    }
}

/// Puts together what all handshakes show.
fn inspect(plan: &Plan<'_>, observed: &[Observed], judged: &mut [Judged]) {
    let mut places = Vec::new();
    let mut sights = Vec::new();
    for (at, planned) in plan.checks.iter().enumerate() {
        let report = report_of(planned, observed);
        let seen = report.and_then(|report| report.tls.as_ref());
        let leaf = seen.and_then(|seen| CertificateFacts::read(seen.chain.first()?));
        let destination = plan.destinations.get(planned.destination);
        let (Some(seen), Some(leaf), Some(destination)) = (seen, leaf, destination) else {
            continue;
        };
        let trust = match &planned.work {
            Work::Probe(probe) => plan.probes.get(*probe).map(|probe| &probe.trust),
            Work::Skip(_) | Work::Ended { .. } | Work::Unknown(_) => None,
        };
        let private_trust_known = trust.is_some_and(|trust| *trust != ProbeTrust::Public);
        places.push(at);
        sights.push(Sight {
            name: destination.host.clone(),
            way: planned.via.as_ref().map(shown).unwrap_or_default(),
            issuer: leaf.issuer.clone(),
            issuer_key: tls::issuer_key(&leaf),
            leaf_key: leaf.key_pin,
            host_trusts: matches!(seen.host_trusts, Some(Ok(()))),
            public_trusts: matches!(seen.public_trusts, Some(Ok(()))),
            expects_public: destination.has_public_trust() && !private_trust_known,
            pin_matches: seen.pin_matches,
            timestamps: seen.scts,
            // Our servers speak TLS 1.3 alone: where we have no value, and they do, something in
            // between agreed on an older version with us.
            exporter_matches: report
                .and_then(|report| report.server_exporter)
                .map(|theirs| seen.exporter == Some(theirs)),
        });
    }
    let suspicions = inspection::weigh(&sights);
    for ((at, sight), suspicion) in places.into_iter().zip(&sights).zip(suspicions) {
        let Some(one) = judged.get_mut(at) else {
            continue;
        };
        let reasons: Vec<Evidence> = suspicion
            .signs
            .iter()
            .map(|sign| Evidence::new("sign", format!("{} ({})", sign.words(), sign.weight())))
            .collect();
        let by_certificate = match one.what {
            None => true,
            Some((Stage::Tls, verdict)) => matches!(
                verdict,
                Verdict::Untrusted | Verdict::PinMismatch | Verdict::Inspected
            ),
            Some(_) => false,
        };
        if sight.exporter_matches == Some(true) {
            one.evidence.push(Evidence::new(
                "exporter",
                "the server says that both ends have the same value: nothing in between opens TLS, unless it writes into the answer too",
            ));
        }
        if !suspicion.is_enough() || !by_certificate {
            if one.result != Outcome::Ok {
                one.evidence.extend(reasons);
            }
            continue;
        }
        if one.what != Some((Stage::Tls, Verdict::Inspected)) {
            let by = plain(&sight.issuer, 120);
            // A connection that works otherwise costs what the row says of inspection.
            let (result, detail) = if one.what.is_none() && sight.exporter_matches == Some(false) {
                let costs = plan
                    .checks
                    .get(at)
                    .and_then(|planned| plan.destinations.get(planned.destination))
                    .map_or(Outcome::Broken, tls::cost_of_inspection);
                let detail = format!(
                    "TLS is opened in between, with a certificate by {by}: the server has another exporter value than this end"
                );
                (costs, detail)
            } else {
                (Outcome::Broken, format!("TLS is inspected by {by}"))
            };
            let whole = std::mem::replace(one, Judged::ok(""));
            *one = Judged {
                result,
                what: Some((Stage::Tls, Verdict::Inspected)),
                detail,
                ..whole
            };
        }
        *one = std::mem::replace(one, Judged::ok("")).seen("issuer", plain(&sight.issuer, 200));
        one.cause = format!("issuer {}", sight.issuer_key);
        one.evidence.extend(reasons);
    }
}

/// Connections without an answer while this host let none of their packets out.
fn blame_the_own_filter(
    plan: &Plan<'_>,
    observed: &[Observed],
    context: &Context,
    judged: &mut [Judged],
) {
    let places: Vec<Option<SocketAddr>> = plan
        .checks
        .iter()
        .map(|planned| transport::silent(report_of(planned, observed)?.failure.as_ref()?))
        .collect();
    let distinct: BTreeSet<SocketAddr> = places.iter().flatten().copied().collect();
    let least = u64::try_from(distinct.len()).unwrap_or(u64::MAX);
    if !context
        .hellos
        .is_some_and(|hellos| hellos.were_all_held_back(least))
    {
        return;
    }
    for (one, place) in judged.iter_mut().zip(places) {
        let (Some(place), Some((_, Verdict::TimeOut | Verdict::SplitHorizon))) = (place, one.what)
        else {
            continue;
        };
        let text = format!(
            "no packet to {place} left this host, as its kernel counts them: its own packet filter forbids it"
        );
        let evidence = std::mem::take(&mut one.evidence);
        *one = transport::held_back("tcp", place, &text);
        one.evidence.extend(evidence);
    }
}

/// Certificates of several hosts that all seem to be out of date: it is this host's clock.
fn blame_the_clock(plan: &Plan<'_>, observed: &[Observed], judged: &mut [Judged]) {
    const SEVERAL: usize = 2;
    let is = |one: &Judged, verdict| one.what == Some((Stage::Tls, verdict));
    let mut expired: Vec<&str> = judged
        .iter()
        .filter(|one| is(one, Verdict::Expired))
        .map(|one| one.cause.as_str())
        .collect();
    expired.sort_unstable();
    expired.dedup();
    // One that is fine shows that the clock is too.
    let fine = plan
        .checks
        .iter()
        .filter_map(|planned| report_of(planned, observed)?.tls.as_ref())
        .any(|seen| seen.ended == TlsEnd::Established);
    let clock = expired.len() >= SEVERAL && !fine;
    for one in judged.iter_mut() {
        if clock && is(one, Verdict::Expired) {
            one.what = Some((Stage::Tls, Verdict::ClockSkew));
            one.detail = format!(
                "{}; so are those of other hosts: this host's clock is ahead",
                one.detail
            );
        }
        if is(one, Verdict::ClockSkew) {
            one.cause = "clock".to_owned();
        }
    }
}

/// Several names that all are unknown while none is known: it is the name server, not the names.
fn blame_the_name_server(plan: &Plan<'_>, observed: &[Observed], judged: &mut [Judged]) {
    const SEVERAL: usize = 2;
    let is = |one: &Judged| one.what == Some((Stage::Dns, Verdict::NoSuchName));
    let mut unknown: Vec<&str> = judged
        .iter()
        .filter(|one| is(one))
        .map(|one| one.cause.as_str())
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    let known = plan
        .checks
        .iter()
        .filter(|planned| planned.via.is_none())
        .filter_map(|planned| report_of(planned, observed)?.dns.as_ref())
        .any(|dns| !dns.addresses.is_empty() && !dns.from_hosts);
    if unknown.len() < SEVERAL || known {
        return;
    }
    for one in judged.iter_mut().filter(|one| is(one)) {
        one.cause = "every name".to_owned();
    }
}

/// A direct way that is closed is nothing to mend where the flow goes another way.
fn set_references_aside(plan: &Plan<'_>, judged: &mut [Judged]) {
    let mut works: BTreeMap<usize, bool> = BTreeMap::new();
    for (planned, one) in plan.checks.iter().zip(judged.iter()) {
        if !planned.reference {
            let fine = matches!(one.result, Outcome::Ok | Outcome::Degraded);
            let known = works.entry(planned.destination).or_insert(true);
            *known = *known && fine;
        }
    }
    for (planned, one) in plan.checks.iter().zip(judged.iter_mut()) {
        if !planned.reference || one.result == Outcome::Ok {
            continue;
        }
        let by_name = matches!(one.what, Some((Stage::Dns, _)));
        let works = works.get(&planned.destination).copied().unwrap_or(false);
        one.detail = format!(
            "not this flow's way from here; directly: {}",
            plain(&one.detail, 300)
        );
        one.what = (by_name && works).then_some((Stage::Dns, Verdict::SkippedByProxy));
        one.result = Outcome::Skipped;
    }
}

fn check(plan: &Plan<'_>, planned: &Planned, judged: &Judged, observed: &[Observed]) -> Check {
    let destination = plan.destinations.get(planned.destination);
    let endpoint = destination.map(CheckedEndpoint::of).unwrap_or_default();
    let stages = report_of(planned, observed)
        .map(|report| report.stages.reports().iter().map(stage).collect())
        .unwrap_or_default();
    Check {
        flow: destination
            .map(|one| one.flow.id.to_string())
            .unwrap_or_default(),
        endpoint,
        path: match planned.work {
            Work::Skip(_) => PathKind::Direct,
            Work::Probe(_) | Work::Ended { .. } | Work::Unknown(_) => planned.path,
        },
        via: planned.via.as_ref().map(shown),
        result: judged.result,
        stage: judged.what.map(|(stage, _)| stage),
        verdict: judged.what.map(|(_, verdict)| verdict),
        detail: judged.detail.clone(),
        evidence: judged.evidence.clone(),
        stages,
    }
}

fn stage(report: &StageReport) -> StageSeen {
    let (result, detail) = match &report.outcome {
        Went::Passed { detail } => (StageResult::Passed, detail.as_str()),
        Went::Skipped { why } => (StageResult::Skipped, *why),
        Went::Failed { error } => (StageResult::Failed, error.as_str()),
    };
    StageSeen {
        stage: report.stage.as_str().to_owned(),
        result,
        took_ms: u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX),
        detail: plain(detail, 400),
    }
}

#[cfg(test)]
mod tests;
