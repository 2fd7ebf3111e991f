//! Changes of where a device stands: revoked, suspended, approved, moved.

use std::sync::Arc;

use model::DeviceId;
use proto::api::Changed;
use proto::api::device::{Device, DeviceChange, DeviceStanding};

use super::certificates::device_caller;
use super::holder::Holder;
use super::roster::Entry;
use super::{entry, read, store};
use crate::access::{Administrator, Operator, Permit};
use crate::audit;
use crate::connections;
use crate::refusal::Refusal;
use crate::site::{Site, next_revision, raise_revision};

/// A revision that no site reaches by itself; what a device claims beyond it is not followed.
const ABSURD_REVISION: u64 = 1 << 52;

/// Revokes a device, at once: its next request is refused, its connections are closed. Fine when
/// it was revoked already.
///
/// # Errors
/// When there is none such.
pub async fn revoke(
    site: &Site,
    by: &Permit<Administrator>,
    id: DeviceId,
) -> Result<Device, Refusal> {
    let entry = entry(site, id)?;
    let line = audit::Line::new(
        site,
        by,
        "device.revoke",
        format!("device {id}"),
        format!("{:?}", entry.with(|live| live.hostname.clone())),
    );
    set(site, &entry, DeviceStanding::Revoked, line).await?;
    entry.end_streams();
    close_connections(site, id, None);
    read(site, id).await
}

/// Approves a fork.
///
/// # Errors
/// When there is none such, or it doesn't await approval.
pub async fn approve(
    site: &Site,
    by: &Permit<Administrator>,
    id: DeviceId,
) -> Result<Device, Refusal> {
    let entry = entry(site, id)?;
    match entry.standing() {
        DeviceStanding::AwaitingApproval => {}
        DeviceStanding::Approved => return read(site, id).await,
        DeviceStanding::Suspended | DeviceStanding::Revoked => {
            return Err(Refusal::conflict(
                "only a fork that awaits approval can be approved; this device is suspended or revoked",
            ));
        }
    }
    let line = audit::Line::new(
        site,
        by,
        "device.approve",
        format!("device {id}"),
        format!("{:?}", entry.with(|live| live.hostname.clone())),
    );
    set(site, &entry, DeviceStanding::Approved, line).await?;
    entry.ask_to_check_in();
    read(site, id).await
}

/// Two hold this identity: neither may go on with it.
pub(crate) async fn suspend(site: &Site, holder: &Holder) -> Result<(), Refusal> {
    let id = holder.entry.id;
    let line = audit::Line::new(
        site,
        &device_caller(holder),
        "device.suspend",
        format!("device {id}"),
        format!(
            "{:?}: a check-in was replayed, two machines hold this identity",
            holder.entry.with(|live| live.hostname.clone())
        ),
    );
    set(site, &holder.entry, DeviceStanding::Suspended, line).await?;
    holder.entry.end_streams();
    // The connection that this came on stays, so that its holder reads why.
    close_connections(site, id, Some(holder));
    Ok(())
}

async fn set(
    site: &Site,
    entry: &Arc<Entry>,
    standing: DeviceStanding,
    line: audit::Line,
) -> Result<(), Refusal> {
    let id = entry.id;
    // Refuse first, write then: who is to be kept out must not slip in between.
    let before = entry.change(|live| std::mem::replace(&mut live.standing, standing));
    let written = site
        .database
        .write(|tx| {
            Box::pin(async move {
                store::set_standing(tx, id, standing).await?;
                if standing == DeviceStanding::Revoked {
                    connections::forget(tx, id).await?;
                }
                audit::insert(tx, &line).await
            })
        })
        .await;
    if let Err(error) = written {
        entry.change(|live| live.standing = before);
        return Err(error);
    }
    if standing == DeviceStanding::Revoked {
        connections::forgotten(site, id);
    }
    site.tell(Changed::Device, id);
    audit::tell(site);
    Ok(())
}

fn close_connections(site: &Site, id: DeviceId, except: Option<&Holder>) {
    let Some(connections) = site.network.connections(flows::GarrisonFlow::AgentChannel) else {
        return;
    };
    let keys: Vec<[u8; 32]> = site
        .roster
        .keys_of(id)
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    connections.close_where(|peer| {
        except.is_none_or(|holder| holder.connection != peer.connection)
            && peer
                .certificate
                .as_ref()
                .is_some_and(|certificate| keys.contains(&certificate.spki_sha256))
    });
}

/// Changes a device. In another group it gets that group's policy, under a higher revision than
/// any before.
///
/// # Errors
/// When there is no such device or group.
pub async fn change(
    site: &Site,
    by: &Permit<Administrator>,
    id: DeviceId,
    change: DeviceChange,
) -> Result<Device, Refusal> {
    let entry = entry(site, id)?;
    let Some(group) = change
        .group
        .filter(|group| entry.with(|live| live.group != *group))
    else {
        return read(site, id).await;
    };
    let name = site
        .groups
        .group(group)
        .ok_or_else(|| Refusal::not_found("group", group))?
        .name()
        .to_owned();
    let line = audit::Line::new(
        site,
        by,
        "device.move",
        format!("device {id}"),
        format!("to group {name:?}"),
    );
    let floor = site
        .database
        .write(|tx| {
            Box::pin(async move {
                let floor = next_revision(tx).await?;
                store::set_group(tx, id, group, floor)
                    .await
                    .map_err(|error| {
                        if error.is_foreign_key_violation() {
                            Refusal::not_found("group", group)
                        } else {
                            error.into()
                        }
                    })?;
                audit::insert(tx, &line).await?;
                Ok::<_, Refusal>(floor)
            })
        })
        .await?;
    entry.change(|live| {
        live.group = group;
        live.policy_floor = floor;
    });
    entry.ask_to_check_in();
    site.tell(Changed::Device, id);
    audit::tell(site);
    read(site, id).await
}

/// Asks a device to check in now. True when it is connected and was told.
///
/// # Errors
/// When there is none such.
pub fn ask(site: &Site, _by: &Permit<Operator>, id: DeviceId) -> Result<bool, Refusal> {
    let entry = entry(site, id)?;
    entry.ask_to_check_in();
    Ok(entry.with(|live| live.streams > 0))
}

/// Moves the site's counter beyond a revision that a device has and the manager forgot; gives the
/// device's new floor.
pub(crate) async fn overtake_revision(
    site: &Site,
    entry: &Entry,
    claimed: u64,
) -> Result<u64, Refusal> {
    let (group, floor) = entry.with(|live| (live.group, live.policy_floor));
    if claimed >= ABSURD_REVISION {
        return Ok(floor);
    }
    let id = entry.id;
    let floor = site
        .database
        .write(|tx| {
            Box::pin(async move {
                raise_revision(tx, claimed).await?;
                let floor = next_revision(tx).await?;
                store::set_group(tx, id, group, floor).await?;
                Ok::<_, Refusal>(floor)
            })
        })
        .await?;
    entry.change(|live| live.policy_floor = floor);
    Ok(floor)
}
