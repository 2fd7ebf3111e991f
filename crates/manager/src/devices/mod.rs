//! Devices: who they are, where they stand, what they want.
//!
//! [`Roster`] holds every device in memory; the database is the truth that it is loaded from and
//! that each change is written to first.

mod certificates;
mod check_in;
mod holder;
pub mod http;
mod list;
mod notifications;
mod roster;
pub mod rules;
mod standing;
mod store;

use std::sync::Arc;

use model::{DeviceId, GroupId, PolicyId};
use proto::api::device::{Device, DeviceCounts};

pub(crate) use certificates::{device_caller, issue, requested_key};
pub use certificates::{rekey, renew};
pub use check_in::check_in;
pub(crate) use holder::revoked;
pub use holder::{ActiveDevice, ApprovedDevice, Holder};
pub use list::{DeviceFilter, DeviceSort, list};
pub(crate) use roster::Live;
pub use roster::{Entry, KeyStanding, Roster};
pub use standing::{approve, ask, change, revoke};
pub(crate) use store::{
    CheckInRow, NewDevice, TABLES, add_lost, id as parse_id, insert, key_owner,
    set_certificate_expires, set_key, store_check_in,
};

use crate::access::{Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;

/// One device.
///
/// # Errors
/// When there is none such.
pub async fn find(site: &Site, _by: &Permit<Viewer>, id: DeviceId) -> Result<Device, Refusal> {
    read(site, id).await
}

/// How many devices, and how they are.
#[must_use]
pub fn counts(site: &Site) -> DeviceCounts {
    let now = site.now();
    let mut counts = DeviceCounts::default();
    for entry in site.roster.all() {
        let interval = entry.check_in_interval(site);
        entry.with(|live| rules::count(&mut counts, live, interval, now));
    }
    counts
}

/// Events that the agents' budgets evicted before delivery, of all devices.
///
/// # Errors
/// When the database fails.
pub async fn events_lost(site: &Site) -> Result<u64, Refusal> {
    Ok(store::events_lost(&site.database).await?)
}

pub(crate) async fn read(site: &Site, id: DeviceId) -> Result<Device, Refusal> {
    store::by_ids(site, &[id])
        .await?
        .pop()
        .ok_or_else(|| Refusal::not_found("device", id))
}

/// Tells the connected devices of a group to check in.
pub(crate) fn check_in_group(site: &Site, group: GroupId) {
    for entry in site.roster.all() {
        if entry.with(|live| live.group == group) {
            entry.ask_to_check_in();
        }
    }
}

/// Tells the connected devices of every group that uses the policy to check in.
pub(crate) fn check_in_groups_of(site: &Site, policy: PolicyId) {
    for group in site.groups.with_policy(policy) {
        check_in_group(site, group);
    }
}

/// The device of that id.
pub(crate) fn entry(site: &Site, id: DeviceId) -> Result<Arc<Entry>, Refusal> {
    site.roster
        .find(id)
        .ok_or_else(|| Refusal::not_found("device", id))
}
