//! The table of the audit log.

use ::store::{Database, StoreError, Transaction};
use model::{AuditId, Timestamp};
use proto::api::audit::AuditLine;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{AuditFilter, Line};
use crate::refusal::Refusal;
use crate::web::cursor::Cursor;

pub(crate) const TABLES: &str = "
CREATE TABLE audit_line (
    id TEXT NOT NULL PRIMARY KEY,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_time ON audit_line (time, id);
";

pub(crate) async fn insert(tx: &mut Transaction, line: &Line) -> Result<(), Refusal> {
    let AuditLine {
        id,
        time,
        actor,
        address,
        action,
        object,
        detail,
    } = &line.0;
    sqlx::query(
        "INSERT INTO audit_line (id, time, actor, address, action, object, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id.to_string())
    .bind(time.millis())
    .bind(actor)
    .bind(address)
    .bind(action)
    .bind(object)
    .bind(detail)
    .execute(tx)
    .await?;
    Ok(())
}

const WHERE: &str = "
    ($1 IS NULL OR actor = $1)
    AND ($2 IS NULL OR action = $2 OR action LIKE $2 || '.%')
    AND ($3 IS NULL OR object LIKE $3 ESCAPE '\\' OR detail LIKE $3 ESCAPE '\\')
    AND ($4 IS NULL OR time >= $4)
    AND ($5 IS NULL OR time < $5)";

pub(super) async fn list(
    database: &Database,
    filter: &AuditFilter,
    after: Option<Cursor<i64>>,
    limit: usize,
) -> Result<(Vec<AuditLine>, u64), StoreError> {
    let (time, id) = after.map_or((None, None), |Cursor(time, id)| (Some(time), Some(id)));
    let search = filter.search.as_deref().map(crate::web::like);
    macro_rules! filtered {
        ($query:expr) => {
            $query
                .bind(filter.actor.clone())
                .bind(filter.action.clone())
                .bind(search.clone())
                .bind(filter.since.map(Timestamp::millis))
                .bind(filter.until.map(Timestamp::millis))
        };
    }
    let rows = filtered!(sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT * FROM audit_line WHERE {WHERE}
         AND ($6 IS NULL OR time < $6 OR (time = $6 AND id < $7))
         ORDER BY time DESC, id DESC LIMIT $8"
    ))))
    .bind(time)
    .bind(id)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(database.read())
    .await?;
    let total: i64 = filtered!(sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT COUNT(*) FROM audit_line WHERE {WHERE}"
    ))))
    .fetch_one(database.read())
    .await?;
    let items = rows.iter().map(line).collect::<Result<_, _>>()?;
    Ok((items, u64::try_from(total).unwrap_or_default()))
}

fn line(row: &SqliteRow) -> Result<AuditLine, StoreError> {
    Ok(AuditLine {
        id: AuditId::parse(row.try_get("id")?)
            .map_err(|error| StoreError::content("an audit line", error))?,
        time: Timestamp::from_millis(row.try_get("time")?),
        actor: row.try_get("actor")?,
        address: row.try_get("address")?,
        action: row.try_get("action")?,
        object: row.try_get("object")?,
        detail: row.try_get("detail")?,
    })
}
