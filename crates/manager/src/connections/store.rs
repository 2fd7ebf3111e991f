//! The tables of connections: the last report of each reporter, what holds for it, the accounts
//! of causes, and what was mended.

use std::collections::HashMap;
use std::sync::Arc;

use ::store::{Database, StoreError, Transaction};
use model::Timestamp;
use model::network::{FindingKey, Outcome};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::account::{Account, Held, Told};
use super::book::{Report, Reporter};
use super::feature::{self, features};
use crate::refusal::Refusal;

pub(crate) const TABLES: &str = "
CREATE TABLE network_account (
    id TEXT NOT NULL PRIMARY KEY,
    cause TEXT NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX network_account_cause ON network_account (cause);
CREATE TABLE network_report (
    reporter TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    named BIGINT NOT NULL,
    checked BIGINT NOT NULL,
    received BIGINT NOT NULL,
    result TEXT NOT NULL,
    set_off_by TEXT NOT NULL,
    omitted BIGINT NOT NULL,
    flows TEXT NOT NULL
);
CREATE TABLE network_finding (
    reporter TEXT NOT NULL,
    cause TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES network_account (id),
    result TEXT NOT NULL,
    since BIGINT NOT NULL,
    lost TEXT NOT NULL,
    PRIMARY KEY (reporter, cause)
);
CREATE INDEX network_finding_cause ON network_finding (cause, account);
CREATE INDEX network_finding_account ON network_finding (account);
CREATE TABLE network_mended (
    id TEXT NOT NULL PRIMARY KEY,
    reporter TEXT NOT NULL,
    cause TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES network_account (id),
    result TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL
);
CREATE INDEX network_mended_reporter ON network_mended (reporter, until, id);
CREATE INDEX network_mended_cause ON network_mended (cause, until, id);
CREATE INDEX network_mended_until ON network_mended (until, id);
CREATE INDEX network_mended_account ON network_mended (account);
";

/// Accounts of one cause that are kept apart while they hold. Whoever gives one more is taken to
/// mean the most common of them.
const MAX_ACCOUNTS: i64 = 16;
/// Mended causes that are kept for one reporter.
const MAX_MENDED: i64 = 200;

pub(super) fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::content("a report of connections", error)
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(damaged)
}

fn written<T: Serialize>(value: &T) -> Result<String, Refusal> {
    serde_json::to_string(value).map_err(Refusal::internal("writing a report of connections"))
}

/// A word of an enumeration, as JSON has it, without its quotes.
pub(super) fn word<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(damaged)
}

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

/// What is written of features that are lost: their names, since a place may change with the
/// catalogue.
type LostRow = Vec<(String, i64)>;

fn lost_text(lost: &[(u8, Timestamp)]) -> Result<String, Refusal> {
    let row: LostRow = lost
        .iter()
        .filter_map(|(place, since)| {
            let feature = features().get(usize::from(*place))?;
            Some((feature.lost.feature.as_str().to_owned(), since.millis()))
        })
        .collect();
    written(&row)
}

fn lost(text: &str) -> Result<Vec<(u8, Timestamp)>, StoreError> {
    let row: LostRow = json(text)?;
    Ok(row
        .into_iter()
        .filter_map(|(name, since)| {
            let place = u8::try_from(feature::place(&name)?).ok()?;
            Some((place, Timestamp::from_millis(since)))
        })
        .collect())
}

/// The last report of every reporter.
pub(super) async fn load(database: &Database) -> Result<Vec<(Reporter, Report)>, StoreError> {
    let mut accounts: HashMap<String, Arc<Told>> = HashMap::new();
    let rows = sqlx::query(
        "SELECT id, content FROM network_account
         WHERE EXISTS (SELECT 1 FROM network_finding WHERE account = network_account.id)",
    )
    .fetch_all(database.read())
    .await?;
    for row in &rows {
        let account: Account = json(row.try_get("content")?)?;
        accounts.insert(row.try_get("id")?, Arc::new(account.told()));
    }
    let mut reports: HashMap<String, Report> = HashMap::new();
    let rows = sqlx::query("SELECT * FROM network_report")
        .fetch_all(database.read())
        .await?;
    for row in &rows {
        reports.insert(row.try_get("reporter")?, report(row)?);
    }
    let rows = sqlx::query("SELECT * FROM network_finding")
        .fetch_all(database.read())
        .await?;
    for row in &rows {
        let reporter: &str = row.try_get("reporter")?;
        let account: &str = row.try_get("account")?;
        if let (Some(report), Some(account)) = (reports.get_mut(reporter), accounts.get(account)) {
            report.held.push(Held {
                account: Arc::clone(account),
                result: word(row.try_get("result")?)?,
                since: time(row, "since")?,
                lost: lost(row.try_get("lost")?)?,
            });
        }
    }
    reports
        .into_iter()
        .map(|(reporter, report)| Ok((Reporter::parse(&reporter)?, report)))
        .collect()
}

fn report(row: &SqliteRow) -> Result<Report, StoreError> {
    let flows: Vec<String> = json(row.try_get("flows")?)?;
    Ok(Report {
        number: row.try_get("number")?,
        named: time(row, "named")?,
        checked: time(row, "checked")?,
        received: time(row, "received")?,
        result: word(row.try_get("result")?)?,
        trigger: word(row.try_get("set_off_by")?)?,
        omitted: u64::try_from(row.try_get::<i64, _>("omitted")?).unwrap_or_default(),
        covered: feature::of_flows(flows.iter().map(String::as_str)),
        held: Vec::new(),
    })
}

/// What the writer has to know of a reporter's report before.
pub(super) struct Before {
    pub(super) number: i64,
    pub(super) checked: Timestamp,
    pub(super) result: String,
    pub(super) flows: String,
}

pub(super) async fn before(
    tx: &mut Transaction,
    reporter: Reporter,
) -> Result<Option<Before>, StoreError> {
    let found: Option<(i64, i64, String, String)> = sqlx::query_as(
        "SELECT number, checked, result, flows FROM network_report WHERE reporter = $1",
    )
    .bind(reporter.to_string())
    .fetch_optional(tx)
    .await?;
    Ok(found.map(|(number, checked, result, flows)| Before {
        number,
        checked: Timestamp::from_millis(checked),
        result,
        flows,
    }))
}

/// When the device enrolled, unless it is revoked: what it says has no place any more.
pub(super) async fn enrolled(
    tx: &mut Transaction,
    reporter: Reporter,
) -> Result<Option<Timestamp>, StoreError> {
    let Reporter::Device(device) = reporter else {
        return Ok(Some(Timestamp::EPOCH));
    };
    let found: Option<i64> =
        sqlx::query_scalar("SELECT enrolled FROM device WHERE id = $1 AND standing <> 'revoked'")
            .bind(device.to_string())
            .fetch_optional(tx)
            .await?;
    Ok(found.map(Timestamp::from_millis))
}

pub(super) async fn set_report(
    tx: &mut Transaction,
    reporter: Reporter,
    report: &Report,
    flows: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO network_report (reporter, number, named, checked, received, result,
            set_off_by, omitted, flows)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (reporter) DO UPDATE SET number = excluded.number, named = excluded.named,
            checked = excluded.checked, received = excluded.received, result = excluded.result,
            set_off_by = excluded.set_off_by, omitted = excluded.omitted, flows = excluded.flows",
    )
    .bind(reporter.to_string())
    .bind(report.number)
    .bind(report.named.millis())
    .bind(report.checked.millis())
    .bind(report.received.millis())
    .bind(report.result.as_str())
    .bind(report.trigger.as_str())
    .bind(i64::try_from(report.omitted).unwrap_or(i64::MAX))
    .bind(flows)
    .execute(tx)
    .await?;
    Ok(())
}

/// A finding that holds, as the table has it.
pub(super) struct Open {
    pub(super) cause: String,
    pub(super) account: String,
    pub(super) result: String,
    pub(super) since: Timestamp,
    pub(super) lost: String,
}

pub(super) async fn open(
    tx: &mut Transaction,
    reporter: Reporter,
) -> Result<Vec<Open>, StoreError> {
    let rows = sqlx::query(
        "SELECT cause, account, result, since, lost FROM network_finding WHERE reporter = $1",
    )
    .bind(reporter.to_string())
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Open {
                cause: row.try_get("cause")?,
                account: row.try_get("account")?,
                result: row.try_get("result")?,
                since: time(row, "since")?,
                lost: row.try_get("lost")?,
            })
        })
        .collect()
}

/// Keeps an account. Gives the one to be used: itself, or the most common one of the cause where
/// too many differ already.
pub(super) async fn keep_account(
    tx: &mut Transaction,
    told: &Arc<Told>,
) -> Result<Arc<Told>, Refusal> {
    let cause = told.account.key.as_str();
    let held: Vec<(String, i64)> = sqlx::query_as(
        "SELECT account, COUNT(*) AS times FROM network_finding WHERE cause = $1
         GROUP BY account ORDER BY times DESC, account LIMIT $2",
    )
    .bind(cause)
    .bind(MAX_ACCOUNTS)
    .fetch_all(&mut *tx)
    .await?;
    let known = held.iter().any(|(id, _)| *id == told.id.0);
    let full = i64::try_from(held.len()).unwrap_or(i64::MAX) >= MAX_ACCOUNTS;
    if let (false, true, Some((common, _))) = (known, full, held.first()) {
        let content: String =
            sqlx::query_scalar("SELECT content FROM network_account WHERE id = $1")
                .bind(common)
                .fetch_one(tx)
                .await?;
        let account: Account = json(&content)?;
        return Ok(Arc::new(account.told()));
    }
    if !known {
        sqlx::query(
            "INSERT INTO network_account (id, cause, content) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&told.id.0)
        .bind(cause)
        .bind(written(&told.account)?)
        .execute(tx)
        .await?;
    }
    Ok(Arc::clone(told))
}

/// Keeps that a cause holds. True when something was another before.
pub(super) async fn hold(
    tx: &mut Transaction,
    reporter: Reporter,
    held: &Held,
    known: Option<&Open>,
) -> Result<bool, Refusal> {
    let lost = lost_text(&held.lost)?;
    let same = known.is_some_and(|known| {
        known.account == held.account.id.0
            && known.result == held.result.as_str()
            && known.since == held.since
            && known.lost == lost
    });
    if same {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO network_finding (reporter, cause, account, result, since, lost)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (reporter, cause) DO UPDATE SET account = excluded.account,
            result = excluded.result, since = excluded.since, lost = excluded.lost",
    )
    .bind(reporter.to_string())
    .bind(held.account.account.key.as_str())
    .bind(&held.account.id.0)
    .bind(held.result.as_str())
    .bind(held.since.millis())
    .bind(lost)
    .execute(tx)
    .await?;
    Ok(true)
}

/// Moves what holds no more to what was mended.
pub(super) async fn mend(
    tx: &mut Transaction,
    reporter: Reporter,
    open: &Open,
    until: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM network_finding WHERE reporter = $1 AND cause = $2")
        .bind(reporter.to_string())
        .bind(&open.cause)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO network_mended (id, reporter, cause, account, result, since, until)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(uuid::Uuid::now_v7().to_string())
    .bind(reporter.to_string())
    .bind(&open.cause)
    .bind(&open.account)
    .bind(&open.result)
    .bind(open.since.millis())
    .bind(until.max(open.since).millis())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM network_mended WHERE id IN (
            SELECT id FROM network_mended WHERE reporter = $1
            ORDER BY until DESC, id DESC LIMIT -1 OFFSET $2)",
    )
    .bind(reporter.to_string())
    .bind(MAX_MENDED)
    .execute(tx)
    .await?;
    Ok(())
}

/// Drops everything that a reporter said.
pub(super) async fn forget(tx: &mut Transaction, reporter: Reporter) -> Result<(), StoreError> {
    for table in ["network_finding", "network_report", "network_mended"] {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "DELETE FROM {table} WHERE reporter = $1"
        )))
        .bind(reporter.to_string())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Removes what was mended before that time, what is more than `keep`, and accounts that nothing
/// names any more; at most `most` of each at a time.
pub(super) async fn prune(
    tx: &mut Transaction,
    before: Timestamp,
    keep: i64,
    most: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM network_mended WHERE id IN (
            SELECT id FROM network_mended WHERE until < $1 ORDER BY until LIMIT $2)",
    )
    .bind(before.millis())
    .bind(most)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM network_mended WHERE id IN (
            SELECT id FROM network_mended ORDER BY until
            LIMIT MIN($2, MAX(0, (SELECT COUNT(*) FROM network_mended) - $1)))",
    )
    .bind(keep)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM network_account WHERE id IN (
            SELECT id FROM network_account
            WHERE NOT EXISTS (SELECT 1 FROM network_finding WHERE account = network_account.id)
            AND NOT EXISTS (SELECT 1 FROM network_mended WHERE account = network_account.id)
            LIMIT $1)",
    )
    .bind(most)
    .execute(tx)
    .await?;
    Ok(())
}

/// A mended cause, as the tables have it.
pub(super) struct MendedRow {
    pub(super) id: String,
    pub(super) reporter: Reporter,
    pub(super) hostname: Option<String>,
    pub(super) account: Account,
    pub(super) result: Outcome,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

/// Which mended causes.
#[derive(Debug, Clone, Default)]
pub(super) struct MendedWanted<'a> {
    pub(super) reporter: Option<Reporter>,
    pub(super) cause: Option<&'a FindingKey>,
    pub(super) after: Option<(i64, String)>,
}

/// What was mended, the latest first, and how much there is in all.
pub(super) async fn mended(
    database: &Database,
    wanted: &MendedWanted<'_>,
    limit: usize,
) -> Result<(Vec<MendedRow>, u64), StoreError> {
    const WHERE: &str = "($1 IS NULL OR network_mended.reporter = $1)
        AND ($2 IS NULL OR network_mended.cause = $2)";
    let reporter = wanted.reporter.map(|reporter| reporter.to_string());
    let cause = wanted.cause.map(FindingKey::as_str);
    let (until, id) = wanted.after.clone().unzip();
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT network_mended.*, network_account.content, device.hostname
         FROM network_mended JOIN network_account ON network_account.id = network_mended.account
         LEFT JOIN device ON device.id = network_mended.reporter
         WHERE {WHERE} AND ($3 IS NULL OR network_mended.until < $3
            OR (network_mended.until = $3 AND network_mended.id < $4))
         ORDER BY network_mended.until DESC, network_mended.id DESC LIMIT $5"
    )))
    .bind(&reporter)
    .bind(cause)
    .bind(until)
    .bind(id)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(database.read())
    .await?;
    let total: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT COUNT(*) FROM network_mended WHERE {WHERE}"
    )))
    .bind(&reporter)
    .bind(cause)
    .fetch_one(database.read())
    .await?;
    let rows = rows
        .iter()
        .map(|row| {
            Ok(MendedRow {
                id: row.try_get("id")?,
                reporter: Reporter::parse(row.try_get("reporter")?)?,
                hostname: row.try_get("hostname")?,
                account: json(row.try_get("content")?)?,
                result: word(row.try_get("result")?)?,
                since: time(row, "since")?,
                until: time(row, "until")?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok((rows, u64::try_from(total).unwrap_or_default()))
}
