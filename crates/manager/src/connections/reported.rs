//! Taking a report: it takes the place of the one before, wholly or not at all.

use ::store::Transaction;
use model::Timestamp;
use model::network::{NetworkReport, Outcome, Trigger};

use super::account;
use super::book::{Report, Reporter};
use super::{feature, store};
use crate::refusal::Refusal;
use crate::site::Site;
use proto::api::Changed;

/// A report that was written, to be told once the transaction stands.
#[derive(Debug)]
pub(crate) struct Taken {
    reporter: Reporter,
    report: Report,
    /// Whether it says anything else than the one before.
    news: bool,
}

/// Takes a report inside a transaction. `moment` turns the reporter's times into the manager's.
/// Gives nothing when the reporter may not report any more.
pub(crate) async fn reported(
    tx: &mut Transaction,
    reporter: Reporter,
    report: &NetworkReport,
    received: Timestamp,
    moment: impl Fn(Timestamp) -> Timestamp,
) -> Result<Option<Taken>, Refusal> {
    let Some(enrolled) = store::enrolled(tx, reporter).await? else {
        return Ok(None);
    };
    let before = store::before(tx, reporter).await?;
    // Nothing began before the last report that did not name it, and nothing after now.
    let floor = before.as_ref().map_or(enrolled, |before| before.checked);
    let within = |time: Timestamp| moment(time).max(enrolled).min(received);
    let checked = within(report.checked);
    // Whoever sent it has said so, but is not believed to have kept within the bounds.
    let mut report = report.clone();
    report.bound();
    let mut held = account::held(&report, within);
    let open = store::open(tx, reporter).await?;
    let mut news = false;
    for one in &mut held {
        one.account = store::keep_account(tx, &one.account).await?;
        let key = one.account.account.key.as_str();
        let known = open.iter().find(|open| open.cause == key);
        one.since = match known {
            Some(known) => known.since,
            None => one.since.max(floor),
        };
        news |= store::hold(tx, reporter, one, known).await?;
    }
    for gone in &open {
        let holds = held
            .iter()
            .any(|held| held.account.account.key.as_str() == gone.cause);
        if !holds {
            news = true;
            store::mend(tx, reporter, gone, checked).await?;
        }
    }
    // Flows that are none of ours say nothing about a feature.
    let mut flows: Vec<&str> = report
        .covered
        .iter()
        .map(String::as_str)
        .filter(|flow| feature::of_flows([*flow]) != feature::Marks::default())
        .collect();
    flows.sort_unstable();
    flows.dedup();
    let covered = feature::of_flows(flows.iter().copied());
    let flows = serde_json::to_string(&flows).map_err(Refusal::internal("writing a report"))?;
    let result = match report.result {
        Outcome::Skipped => Outcome::Unknown,
        result @ (Outcome::Ok | Outcome::Unknown | Outcome::Degraded | Outcome::Broken) => result,
    };
    news |= before
        .as_ref()
        .is_none_or(|before| before.result != result.as_str() || before.flows != flows);
    // Whoever asked waits for the answer, changed or not.
    news |= report.trigger == Trigger::Asked;
    let report = Report {
        number: before.map_or(1, |before| before.number.saturating_add(1)),
        named: report.checked,
        checked,
        received,
        result,
        trigger: report.trigger,
        omitted: u64::from(report.omitted),
        covered,
        held,
    };
    store::set_report(tx, reporter, &report, &flows).await?;
    Ok(Some(Taken {
        reporter,
        report,
        news,
    }))
}

/// Makes a report that was written known.
pub(crate) fn tell(site: &Site, taken: Taken) {
    site.connections.put(taken.reporter, taken.report);
    if taken.news {
        site.tell(Changed::Connection, taken.reporter);
    }
}
