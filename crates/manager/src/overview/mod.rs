//! The answers to "are we protected, what needs me now".

pub mod http;

use proto::api::Overview;
use proto::api::device::DeviceStanding;

use crate::access::{Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::{cloud, connections, definitions, detections, devices};

/// The overview.
///
/// # Errors
/// When the database fails.
pub async fn read(site: &Site, by: &Permit<Viewer>) -> Result<Overview, Refusal> {
    let current = site.definitions.current_revision();
    let older = site
        .roster
        .all()
        .iter()
        .filter(|entry| {
            entry.with(|live| {
                live.standing == DeviceStanding::Approved && live.definitions < current
            })
        })
        .count();
    Ok(Overview {
        devices: devices::counts(site),
        detections: detections::counts(site).await?,
        definitions: definitions::current(site, by).await?,
        devices_with_older_definitions: u64::try_from(older).unwrap_or(u64::MAX),
        events_lost: devices::events_lost(site).await?,
        cloud: cloud::read(site).await?,
        connections: connections::summary(site, by, None),
        time: site.now(),
    })
}
