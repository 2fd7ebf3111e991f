//! A cause as one reporter describes it, made fit to be kept and shown.

use std::sync::Arc;

use model::Timestamp;
use model::network::{
    Evidence, FindingKey, NetworkFinding, NetworkReport, Outcome, Stage, Verdict, Who,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::feature::{self, Marks};

/// What a cause is, in the words of those who report it alike. Kept once, however many report it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) key: FindingKey,
    pub(super) stage: Stage,
    pub(super) verdict: Verdict,
    pub(super) cause: String,
    pub(super) features: Vec<String>,
    pub(super) flows: Vec<String>,
    pub(super) endpoints: Vec<String>,
    /// Of the first who told it so. It differs from one to the next, and tells no account apart.
    pub(super) evidence: Vec<Evidence>,
    pub(super) who: Who,
    pub(super) product: String,
    pub(super) lines: Vec<String>,
}

/// Names an account: the beginning of the hash of everything in it but the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AccountId(pub(super) String);

/// A cause that holds for one reporter.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) account: Arc<Told>,
    pub(super) result: Outcome,
    pub(super) since: Timestamp,
    /// Features by their places in the catalogue, each with since when it is lost.
    pub(super) lost: Vec<(u8, Timestamp)>,
}

/// An account with its name and with what it means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) id: AccountId,
    pub(super) marks: Marks,
    pub(super) account: Account,
}

impl Account {
    fn of(finding: &NetworkFinding) -> Self {
        let all = |texts: &[String]| texts.iter().map(|text| plain(text)).collect();
        Self {
            key: finding.key.clone(),
            stage: finding.stage,
            verdict: finding.verdict,
            cause: plain(&finding.cause),
            features: finding
                .features
                .iter()
                .map(|lost| plain(&lost.feature))
                .collect(),
            flows: all(&finding.flows),
            endpoints: all(&finding.endpoints),
            evidence: finding
                .evidence
                .iter()
                .map(|one| Evidence::new(&plain(&one.kind), plain(&one.value)))
                .collect(),
            who: finding.who,
            product: plain(&finding.mend.product),
            lines: all(&finding.mend.lines),
        }
    }

    /// Its name.
    fn id(&self) -> AccountId {
        let mut hasher = Sha256::new();
        let mut add = |text: &str| {
            hasher.update(text.len().to_le_bytes());
            hasher.update(text);
        };
        add(self.key.as_str());
        add(self.stage.as_str());
        add(self.verdict.as_str());
        add(&self.cause);
        add(self.who.as_str());
        add(&self.product);
        for list in [&self.features, &self.flows, &self.endpoints, &self.lines] {
            add(&list.len().to_string());
            for text in list {
                add(text);
            }
        }
        let hash = hex::encode(hasher.finalize());
        AccountId(hash.chars().take(32).collect())
    }

    /// With its name and what it means.
    pub(super) fn told(self) -> Told {
        let mut marks = Marks::default();
        for place in self.features.iter().filter_map(|name| feature::place(name)) {
            marks.add(place);
        }
        Told {
            id: self.id(),
            marks,
            account: self,
        }
    }
}

/// Takes signs out that have no width or turn the reading direction: what is copied must be what
/// is read (Unicode Technical Report 36, section 2.10.4).
fn plain(text: &str) -> String {
    let hidden = |sign: char| {
        matches!(sign,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    text.chars().filter(|sign| !hidden(*sign)).collect()
}

/// What a report says holds, each cause once; one that is named twice is as bad as the worse.
pub(super) fn held(report: &NetworkReport, moment: impl Fn(Timestamp) -> Timestamp) -> Vec<Held> {
    let mut held: Vec<Held> = Vec::with_capacity(report.findings.len());
    for finding in &report.findings {
        let result = match finding.result {
            Outcome::Broken | Outcome::Degraded | Outcome::Unknown => finding.result,
            // What works is no finding.
            Outcome::Ok | Outcome::Skipped => continue,
        };
        let since = moment(finding.since);
        let mut lost: Vec<(u8, Timestamp)> = Vec::new();
        for one in &finding.features {
            let place = feature::place(&one.feature).and_then(|place| u8::try_from(place).ok());
            if let Some(place) = place
                && lost.iter().all(|(known, _)| *known != place)
            {
                lost.push((place, moment(one.since)));
            }
        }
        let known = held
            .iter_mut()
            .find(|known| known.account.account.key == finding.key);
        match known {
            Some(known) => known.result = known.result.max(result),
            None => held.push(Held {
                account: Arc::new(Account::of(finding).told()),
                result,
                since,
                lost,
            }),
        }
    }
    held
}
