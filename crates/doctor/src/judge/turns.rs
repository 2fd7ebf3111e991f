//! Of several ways that a PAC file names, the one that a browser would end up with: it goes on to
//! the next where a proxy can't be reached, and takes what the first one that can be answers.

use net::{ProxyError, StageFailure};

use super::report_of;
use crate::plan::{Plan, Planned};
use crate::report::{Outcome, Stage, Verdict};
use crate::run::Observed;
use crate::verdict::{self, Judged};
use crate::way::shown;

/// A proxy that could not be reached before the way that was taken.
#[derive(Debug)]
pub(super) struct Gone {
    proxy: String,
    why: String,
    verdict: Verdict,
}

/// The plan with the way of each check that was taken in the end, and by check the proxies that
/// were given up before it.
pub(super) fn settle<'c>(plan: &Plan<'c>, observed: &[Observed]) -> (Plan<'c>, Vec<Vec<Gone>>) {
    let mut plan = plan.clone();
    let gone = plan
        .checks
        .iter_mut()
        .map(|planned| {
            let mut gone = Vec::new();
            let mut turns = std::mem::take(&mut planned.then).into_iter();
            while let Some(one) = given_up(planned, observed) {
                let Some(turn) = turns.next() else {
                    break;
                };
                gone.push(one);
                planned.via = turn.via;
                planned.work = turn.work;
            }
            gone
        })
        .collect();
    (plan, gone)
}

fn given_up(planned: &Planned, observed: &[Observed]) -> Option<Gone> {
    let failure = report_of(planned, observed)?.failure.as_ref()?;
    let error = match failure {
        StageFailure::Proxy(error) => error,
        StageFailure::Resolve(_)
        | StageFailure::Tcp(_)
        | StageFailure::Udp(_)
        | StageFailure::Tls(_)
        | StageFailure::Http(_) => return None,
    };
    let verdict = match error {
        ProxyError::Resolve { source, .. } => verdict::dns::of(source).0,
        ProxyError::Tcp { source, .. } => verdict::transport::of(source),
        ProxyError::TimedOut { .. } => Verdict::TimeOut,
        ProxyError::Broken { .. } | ProxyError::NotAProxy { .. } => Verdict::Refused,
        // It is there, and says no.
        ProxyError::SignInRequired { .. }
        | ProxyError::SignInFailed { .. }
        | ProxyError::NoTicket { .. }
        | ProxyError::Refused { .. } => return None,
    };
    Some(Gone {
        proxy: planned.via.as_ref().map(shown).unwrap_or_default(),
        why: verdict::plain(&error.to_string(), 200),
        verdict,
    })
}

/// Says which proxies were given up; a way that works all the same is degraded by them.
pub(super) fn note(planned: &Planned, gone: &[Gone], judged: Judged) -> Judged {
    let Some(first) = gone.first() else {
        return judged;
    };
    let judged = match judged.result {
        Outcome::Ok => {
            let then = match &planned.via {
                Some(proxy) => shown(proxy),
                None => "the direct way".to_owned(),
            };
            let whole = judged;
            Judged {
                evidence: whole.evidence,
                ..Judged::new(
                    Outcome::Degraded,
                    Stage::Proxy,
                    first.verdict,
                    format!(
                        "{}; it works by {then}, which the PAC file names after it",
                        first.why
                    ),
                )
                .caused_by(first.proxy.clone())
            }
        }
        Outcome::Unknown => Judged {
            detail: format!("{}; then {}", first.why, judged.detail),
            ..judged
        },
        Outcome::Broken | Outcome::Degraded | Outcome::Skipped => judged,
    };
    gone.iter().fold(judged, |judged, one| {
        judged.seen("proxy_given_up", format!("{}: {}", one.proxy, one.why))
    })
}
