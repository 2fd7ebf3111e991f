//! What every slice works on.

use std::sync::Arc;
use std::time::Duration;

use store::Database;
use trust::CertificateAuthority;

use crate::config::Config;

/// The cloud's database, authority and settings. Clones share them.
#[derive(Clone)]
pub struct CloudState(Arc<Inner>);

struct Inner {
    database: Database,
    authority: CertificateAuthority,
    config: Config,
}

impl CloudState {
    pub(crate) fn new(database: Database, authority: CertificateAuthority, config: Config) -> Self {
        Self(Arc::new(Inner {
            database,
            authority,
            config,
        }))
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    pub(crate) fn authority(&self) -> &CertificateAuthority {
        &self.0.authority
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn certificate_lifetime(&self) -> Duration {
        days(self.0.config.certificate_days)
    }

    pub(crate) fn ping_lifetime(&self) -> Duration {
        days(self.0.config.ping_days)
    }
}

fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 86_400)
}
