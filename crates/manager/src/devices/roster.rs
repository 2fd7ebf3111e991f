//! Every device in memory: who may enter, and what lists are sorted by.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ::store::{Database, StoreError};
use model::{DefinitionRevision, DeviceId, GroupId, NetworkState, Timestamp};
use proto::api::device::DeviceStanding;
use tokio::sync::watch;
use trust::chain::ChainState;

use super::store;
use crate::site::Site;

/// What is known of a device right now.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) hostname: String,
    pub(crate) group: GroupId,
    pub(crate) standing: DeviceStanding,
    pub(crate) enrolled: Timestamp,
    pub(crate) last_seen: Option<Timestamp>,
    /// The device's clock less ours, in milliseconds, at the last check-in.
    pub(crate) clock_skew: i64,
    pub(crate) chain: ChainState,
    /// The lowest policy revision that the device may be given; grows when it changes groups.
    pub(crate) policy_floor: u64,
    pub(crate) policy_in_force: u64,
    pub(crate) definitions: Option<DefinitionRevision>,
    /// Whether the last check-in named a critical issue.
    pub(crate) critical: bool,
    /// Whether commands may wait for it. May be true when none does; never false when one does.
    pub(crate) commands: bool,
    /// What the last check-in said of the network.
    pub(crate) network: Option<NetworkState>,
    /// Of what people are shown besides the above; tells whether it changed.
    pub(crate) shown: u64,
    /// Open notification streams.
    pub(crate) streams: u32,
}

/// What a notification stream watches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signal {
    /// Grows with every request to check in; a stream that was busy sees the latest alone.
    pub(crate) asked: u64,
    /// The stream is to end.
    pub(crate) ended: u64,
}

/// One device.
#[derive(Debug)]
pub struct Entry {
    pub id: DeviceId,
    live: Mutex<Live>,
    signal: watch::Sender<Signal>,
}

/// What a key of a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStanding {
    Current,
    /// Issued by a renewal and not used yet; its first use retires the current one.
    Next,
    /// Replaced by a later one.
    Retired,
}

/// Every device and every key.
#[derive(Debug, Default)]
pub struct Roster {
    devices: RwLock<HashMap<DeviceId, Arc<Entry>>>,
    keys: RwLock<HashMap<[u8; 32], (DeviceId, KeyStanding)>>,
}

impl Entry {
    pub(crate) fn new(id: DeviceId, live: Live) -> Self {
        Self {
            id,
            live: Mutex::new(live),
            signal: watch::Sender::new(Signal::default()),
        }
    }

    /// Looks at the device.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Live) -> T) -> T {
        look(&self.live.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the device in memory; whoever calls has written the database, or will.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Live) -> T) -> T {
        change(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the device's open streams, if any, that it should check in now.
    pub(crate) fn ask_to_check_in(&self) {
        self.signal.send_modify(|signal| signal.asked += 1);
    }

    /// Ends the device's open streams.
    pub(crate) fn end_streams(&self) {
        self.signal.send_modify(|signal| signal.ended += 1);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Signal> {
        self.signal.subscribe()
    }

    /// Where the device stands.
    #[must_use]
    pub fn standing(&self) -> DeviceStanding {
        self.with(|live| live.standing)
    }

    /// How often the device's policy lets it check in.
    #[must_use]
    pub fn check_in_interval(&self, site: &Site) -> Duration {
        let seconds = site
            .groups
            .group(self.with(|live| live.group))
            .map_or(60, |group| group.policy().check_in_seconds);
        Duration::from_secs(u64::from(seconds))
    }
}

impl Roster {
    /// Reads every device and key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(database: &Database) -> Result<Self, StoreError> {
        let roster = Self::default();
        for (id, live) in store::load(database).await? {
            roster.add(Entry::new(id, live));
        }
        for (key, device, standing) in store::keys(database).await? {
            roster.set_key(key, device, standing);
        }
        Ok(roster)
    }

    /// Every device, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.devices
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// The device of that id.
    #[must_use]
    pub fn find(&self, id: DeviceId) -> Option<Arc<Entry>> {
        self.devices
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    /// The device whose key this is.
    #[must_use]
    pub fn identify(&self, key: &[u8; 32]) -> Option<(Arc<Entry>, KeyStanding)> {
        let (id, standing) = *self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)?;
        self.find(id).map(|entry| (entry, standing))
    }

    /// How many devices use that set of definitions.
    #[must_use]
    pub fn count_with_definitions(&self, revision: DefinitionRevision) -> u64 {
        let using = |entry: &Arc<Entry>| {
            entry.with(|live| {
                live.standing == DeviceStanding::Approved && live.definitions == Some(revision)
            })
        };
        let count = self.all().iter().filter(|entry| using(entry)).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    pub(crate) fn add(&self, entry: Entry) -> Arc<Entry> {
        let entry = Arc::new(entry);
        self.devices
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(entry.id, Arc::clone(&entry));
        entry
    }

    pub(crate) fn set_key(&self, key: [u8; 32], device: DeviceId, standing: KeyStanding) {
        self.keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, (device, standing));
    }

    /// The keys of a device that are not retired.
    pub(crate) fn keys_of(&self, device: DeviceId) -> Vec<([u8; 32], KeyStanding)> {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter(|(_, (owner, standing))| *owner == device && *standing != KeyStanding::Retired)
            .map(|(key, (_, standing))| (*key, *standing))
            .collect()
    }
}
