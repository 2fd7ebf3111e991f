//! What every slice works on: the site's configuration, keys, database and live state.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{SiteId, Timestamp};
use net::CancellationToken;
use proto::api::{Change, Changed};
use store::{Bus, Database, GroupCommit, StoreError, Transaction};
use trust::{CertificateAuthority, SigningKey};

use crate::access::Access;
use crate::cloud::CloudLink;
use crate::config::Config;
use crate::connections::Book;
use crate::definitions::Shelf;
use crate::devices::{CheckInRow, Roster, store_check_in};
use crate::groups::GroupBook;
use crate::network::Network;
use crate::refusal::Refusal;

pub(crate) const TABLES: &str = "
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE revision_counter (
    only BIGINT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO revision_counter (only, value) VALUES (1, 0);
";

/// Changes that a slow listener may be behind before it is told to read everything again.
const CHANGES_KEPT: usize = 1024;

/// The site's secrets. Made at the first start, kept in files of their own.
pub struct Keys {
    pub ca: CertificateAuthority,
    /// Signs policies, commands and definitions.
    pub signing: SigningKey,
    /// Makes the nonces of check-ins and seals what is kept for a repeated request.
    pub chain: [u8; 32],
}

/// One site, running. Shared by all slices.
pub struct Site {
    pub id: SiteId,
    pub config: Config,
    pub keys: Keys,
    pub database: Database,
    pub access: Access,
    /// Every device, in memory: who may enter, and what lists are sorted by.
    pub roster: Roster,
    /// Every group with its policy, in memory.
    pub groups: GroupBook,
    /// The definitions that agents are told to use.
    pub definitions: Shelf,
    /// The link to the cloud, when there is one.
    pub cloud: CloudLink,
    /// What everybody reported of their connections last, in memory.
    pub connections: Book,
    /// Where this manager listens, and who is connected.
    pub network: Network,
    /// Ends every stream and every task of the site.
    pub shutdown: CancellationToken,
    pub(crate) check_ins: GroupCommit<CheckInRow>,
    clock: Clock,
    changes: Bus<Change>,
}

/// Where the time comes from.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// One that stands still until it is moved, for tests.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at.millis()))))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            None => Timestamp::now(),
            Some(millis) => Timestamp::from_millis(millis.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual clock on; does nothing to the system's.
    pub fn advance(&self, duration: Duration) {
        if let Some(millis) = &self.0 {
            let step = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            millis.fetch_add(step, Ordering::Relaxed);
        }
    }
}

impl Site {
    /// Reads the live state from the database and puts the site together.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn assemble(
        config: Config,
        keys: Keys,
        database: Database,
        clock: Clock,
    ) -> Result<Self, Refusal> {
        let id = site_id(&database).await?;
        let groups = GroupBook::load(&database).await?;
        let roster = Roster::load(&database).await?;
        let definitions = Shelf::load(&database, &config.folder.join("definitions")).await?;
        let cloud = CloudLink::load(&database, &config.folder).await?;
        let connections = Book::load(&database).await?;
        let check_ins = GroupCommit::start(database.clone(), store_check_in);
        let access = Access::new();
        Ok(Self {
            id,
            config,
            keys,
            database,
            access,
            roster,
            groups,
            definitions,
            cloud,
            connections,
            network: Network::default(),
            shutdown: CancellationToken::new(),
            check_ins,
            clock,
            changes: Bus::new(CHANGES_KEPT),
        })
    }

    /// The time now, by the site's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The manager's own folder.
    #[must_use]
    pub fn folder(&self) -> &PathBuf {
        &self.config.folder
    }

    /// Tells everyone who listens that something changed.
    pub fn tell(&self, what: Changed, id: impl ToString) {
        self.changes.publish(Change {
            what,
            id: Some(id.to_string()),
        });
    }

    /// Tells everyone who listens that a whole list changed.
    pub fn tell_list(&self, what: Changed) {
        self.changes.publish(Change { what, id: None });
    }

    /// Hears every change from now on.
    #[must_use]
    pub fn listen(&self) -> store::Subscription<Change> {
        self.changes.subscribe()
    }
}

/// The next number of the site's one counter of revisions: larger than every one before it, so
/// that a device that moves between groups always sees its policy's revision grow.
pub(crate) async fn next_revision(tx: &mut Transaction) -> Result<u64, StoreError> {
    let value: i64 = sqlx::query_scalar(
        "UPDATE revision_counter SET value = value + 1 WHERE only = 1 RETURNING value",
    )
    .fetch_one(tx)
    .await?;
    Ok(u64::try_from(value).unwrap_or_default())
}

/// Moves the counter to that number at least.
pub(crate) async fn raise_revision(tx: &mut Transaction, to: u64) -> Result<(), StoreError> {
    sqlx::query("UPDATE revision_counter SET value = $1 WHERE only = 1 AND value < $1")
        .bind(i64::try_from(to).unwrap_or(i64::MAX))
        .execute(tx)
        .await?;
    Ok(())
}

async fn site_id(database: &Database) -> Result<SiteId, StoreError> {
    let stored: Option<String> =
        sqlx::query_scalar("SELECT value FROM setting WHERE name = 'site_id'")
            .fetch_optional(database.read())
            .await?;
    if let Some(text) = stored {
        return SiteId::parse(&text).map_err(|error| StoreError::content("the site's id", error));
    }
    let id = SiteId::generate();
    database
        .write(|tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO setting (name, value) VALUES ('site_id', $1)")
                    .bind(id.to_string())
                    .execute(tx)
                    .await?;
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    Ok(id)
}
