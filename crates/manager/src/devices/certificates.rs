//! Certificates of devices: renewed before they end, and made anew for forks.

use std::sync::Arc;

use model::{DeviceId, Timestamp};
use proto::agent::{RekeyAnswer, RenewAnswer, RenewRequest, Standing};
use proto::api::Changed;
use proto::api::device::DeviceStanding;
use proto::problem::ProblemKind;
use trust::{IssuedCertificate, Subject};

use super::holder::{Holder, revoked};
use super::roster::{Entry, KeyStanding};
use super::store::{self, NewDevice};
use crate::access::Caller;
use crate::audit;
use crate::refusal::Refusal;
use crate::site::{Site, next_revision};

/// Forks of one suspended identity; a key that leaked to more is to be revoked.
const MAX_FORKS: i64 = 16;

/// A certificate for a device's key.
pub(crate) fn issue(
    site: &Site,
    request_pem: &str,
    device: DeviceId,
) -> Result<IssuedCertificate, Refusal> {
    site.keys
        .ca
        .issue_client(
            request_pem,
            Subject::Device(device),
            site.config.certificate_lifetime(),
            site.now(),
        )
        .map_err(|error| Refusal::invalid(format!("certificate_request: {error}")))
}

/// The key in a request, after its self-signature was verified.
pub(crate) fn requested_key(request_pem: &str) -> Result<[u8; 32], Refusal> {
    trust::identity::request_key_sha256(request_pem)
        .map_err(|error| Refusal::invalid(format!("certificate_request: {error}")))
}

/// Whether a certificate that ends then should be renewed now: when half of the lifetime that new
/// ones have is left, so that a device that is off for two weeks still comes back.
#[must_use]
pub(crate) fn renewal_is_due(site: &Site, expires: Timestamp, now: Timestamp) -> bool {
    now >= expires.minus(site.config.certificate_lifetime() / 2)
}

/// A new certificate for the same key or a new one. Both keys are good until the new one is first
/// used, so that a lost answer locks nobody out.
///
/// # Errors
/// When the request is malformed, or its key is another device's.
pub async fn renew(
    site: &Arc<Site>,
    holder: &Holder,
    request: &RenewRequest,
) -> Result<RenewAnswer, Refusal> {
    let device = holder.entry.id;
    let key = requested_key(&request.certificate_request)?;
    let standing = match site.roster.identify(&key) {
        None => KeyStanding::Next,
        Some((owner, standing)) if owner.id == device && standing != KeyStanding::Retired => {
            standing
        }
        Some(_) => {
            return Err(Refusal::conflict(
                "certificate_request: this key is in use or was replaced already; make a new one",
            ));
        }
    };
    let certificate = issue(site, &request.certificate_request, device)?;
    let (issued, expires) = (certificate.issued, certificate.expires);
    let dropped: Vec<[u8; 32]> = if standing == KeyStanding::Next {
        site.roster
            .keys_of(device)
            .into_iter()
            .filter(|(other, other_standing)| *other != key && *other_standing == KeyStanding::Next)
            .map(|(other, _)| other)
            .collect()
    } else {
        Vec::new()
    };
    let retired = dropped.clone();
    site.database
        .write(|tx| {
            Box::pin(async move {
                for old in &retired {
                    store::retire_key(tx, old).await?;
                }
                store::set_key(tx, device, &key, standing, issued, expires).await?;
                store::set_certificate_expires(tx, device, expires).await?;
                Ok::<_, Refusal>(())
            })
        })
        .await?;
    for old in dropped {
        site.roster.set_key(old, device, KeyStanding::Retired);
    }
    site.roster.set_key(key, device, standing);
    site.tell(Changed::Device, device);
    Ok(RenewAnswer {
        certificate: certificate.pem,
    })
}

/// The first use of a renewed key: the one before it is retired.
pub(crate) async fn promote(site: &Site, holder: &Holder) -> Result<(), Refusal> {
    let device = holder.entry.id;
    let new = holder.key;
    let old: Vec<[u8; 32]> = site
        .roster
        .keys_of(device)
        .into_iter()
        .map(|(key, _)| key)
        .filter(|key| *key != new)
        .collect();
    let retired = old.clone();
    site.database
        .write(|tx| {
            Box::pin(async move {
                for key in &retired {
                    store::retire_key(tx, key).await?;
                }
                store::promote_key(tx, &new).await?;
                Ok::<_, Refusal>(())
            })
        })
        .await?;
    site.roster.set_key(new, device, KeyStanding::Current);
    for key in old {
        site.roster.set_key(key, device, KeyStanding::Retired);
    }
    Ok(())
}

/// One holder of a suspended identity becomes a device of its own. The same new key gives the
/// same fork again.
///
/// # Errors
/// When the identity is not suspended, the key is not new, or there are too many forks already.
pub async fn rekey(
    site: &Arc<Site>,
    holder: &Holder,
    request: &RenewRequest,
) -> Result<RekeyAnswer, Refusal> {
    let parent = holder.entry.id;
    match holder.entry.standing() {
        DeviceStanding::Suspended => {}
        DeviceStanding::Revoked => return Err(revoked()),
        DeviceStanding::Approved | DeviceStanding::AwaitingApproval => {
            return Err(Refusal::conflict(
                "this identity is not suspended; a new certificate comes from /agent/v1/renew",
            ));
        }
    }
    let key = requested_key(&request.certificate_request)?;
    let (hostname, group) = holder
        .entry
        .with(|live| (live.hostname.clone(), live.group));
    let approve = site
        .groups
        .group(group)
        .is_some_and(|group| group.approves_forks());
    let standing = if approve {
        DeviceStanding::Approved
    } else {
        DeviceStanding::AwaitingApproval
    };
    let now = site.now();
    let expires = now.plus(site.config.certificate_lifetime());
    let id = DeviceId::generate();
    let by = device_caller(holder);
    let line = audit::Line::new(
        site,
        &by,
        "device.fork",
        format!("device {id}"),
        format!(
            "fork of {parent} ({hostname:?}), {}",
            if approve {
                "approved by its group"
            } else {
                "awaits approval"
            }
        ),
    );
    let made = site
        .database
        .write(|tx| {
            Box::pin(async move {
                if let Some(owner) = store::key_owner(tx, &key).await? {
                    return if owner.fork_of == Some(parent) {
                        Ok((owner.device, owner.standing, None))
                    } else {
                        Err(Refusal::conflict(
                            "certificate_request: this key is known already; make a new one",
                        ))
                    };
                }
                if store::forks(tx, parent).await? >= MAX_FORKS {
                    return Err(Refusal::new(
                        ProblemKind::TooMany,
                        format!(
                            "this identity has {MAX_FORKS} forks already; an administrator must revoke it, and new machines enrol with a token"
                        ),
                    ));
                }
                let policy_floor = next_revision(tx).await?;
                let new = NewDevice {
                    id,
                    hostname: &hostname,
                    group,
                    standing,
                    fork_of: Some(parent),
                    token: None,
                    enrolled: now,
                    certificate_expires: expires,
                    policy_floor,
                };
                store::insert(tx, &new).await?;
                store::set_key(tx, id, &key, KeyStanding::Current, now, expires).await?;
                audit::insert(tx, &line).await?;
                Ok((id, standing, Some(new.live())))
            })
        })
        .await?;
    let (device, standing, live) = made;
    if let Some(live) = live {
        site.roster.add(Entry::new(device, live));
        site.roster.set_key(key, device, KeyStanding::Current);
        site.tell(Changed::Device, device);
        audit::tell(site);
    }
    let standing = match standing {
        DeviceStanding::Approved => Standing::Approved,
        DeviceStanding::AwaitingApproval => Standing::AwaitingApproval,
        DeviceStanding::Suspended => return Err(super::holder::suspended()),
        DeviceStanding::Revoked => return Err(revoked()),
    };
    let certificate = issue(site, &request.certificate_request, device)?;
    Ok(RekeyAnswer {
        device,
        fork_of: parent,
        certificate: certificate.pem,
        standing,
    })
}

/// A device as it stands in the audit log.
pub(crate) fn device_caller(holder: &Holder) -> Caller {
    Caller {
        name: format!("device {}", holder.entry.id),
        address: Some(holder.address),
        ..Caller::manager()
    }
}
