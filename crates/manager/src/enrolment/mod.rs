//! Enrolment: tokens for machines, and the machines that come with one.

pub mod http;
mod store;

use std::net::IpAddr;
use std::sync::Arc;

use model::{DeviceId, EnrolmentTokenId};
use proto::agent::{EnrolAnswer, EnrolRequest};
use proto::api::Changed;
use proto::api::access::{CreatedEnrolmentToken, EnrolmentTokenInfo, NewEnrolmentToken};
use proto::api::device::DeviceStanding;
use proto::problem::ProblemKind;
use proto::{EnrolmentToken, Page};
use trust::enrolment::{TokenStanding, admit};

pub(crate) use store::TABLES;

use crate::access::{Administrator, Caller, Permit, Viewer, rules as texts};
use crate::devices::{self, Entry, KeyStanding, NewDevice};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::cursor::{self, Cursor};
use crate::{audit, network};

/// Enrolment tokens, the newest first, without their secrets.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn list(
    site: &Site,
    _by: &Permit<Viewer>,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<EnrolmentTokenInfo>, Refusal> {
    let limit = cursor::page_limit(limit)?;
    let after = Cursor::<()>::parse_optional(after)?;
    let (items, total) = store::list(&site.database, after, limit + 1).await?;
    Ok(cursor::page(items, limit, total, |last| {
        Cursor((), last.id.to_string())
    }))
}

/// Makes an enrolment token. Its text is told this once.
///
/// # Errors
/// When a value is outside its range, or there is no such group.
pub async fn create(
    site: &Site,
    by: &Permit<Administrator>,
    new: NewEnrolmentToken,
) -> Result<CreatedEnrolmentToken, Refusal> {
    let name = texts::label("name", &new.name)?;
    let lifetime = texts::seconds("valid_seconds", new.valid_seconds, 60..=90 * 86_400)?;
    if !(1..=100_000).contains(&new.max_uses) {
        return Err(Refusal::invalid(format!(
            "max_uses: expected 1 to 100000, got {}",
            new.max_uses
        )));
    }
    let group = match new.group {
        Some(group) => group,
        None => site.groups.default_group()?,
    };
    let group_name = site
        .groups
        .group(group)
        .ok_or_else(|| Refusal::not_found("group", group))?
        .name()
        .to_owned();
    let now = site.now();
    let info = EnrolmentTokenInfo {
        id: EnrolmentTokenId::generate(),
        name,
        group,
        group_name: group_name.clone(),
        uses: 0,
        max_uses: new.max_uses,
        created: now,
        expires: now.plus(lifetime),
        revoked: false,
        created_by: by.name.clone(),
    };
    let secret = trust::secret::random_text().map_err(Refusal::internal("making a token"))?;
    let token = EnrolmentToken {
        addresses: network::agent_channel_addresses(site),
        ca_pin: site.keys.ca.pin_hex(),
        secret: secret.clone(),
        group: group_name,
        expires: info.expires,
    };
    let line = audit::Line::new(
        site,
        by,
        "enrolment_token.create",
        format!("enrolment token {}", info.id),
        format!(
            "{:?}, group {:?}, {}, until {}",
            info.name,
            info.group_name,
            audit::counted(info.max_uses as usize, "use"),
            info.expires
        ),
    );
    let stored = info.clone();
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::insert(tx, &stored, &hex::encode(trust::secret::digest(&secret))).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    site.tell(Changed::EnrolmentToken, info.id);
    audit::tell(site);
    Ok(CreatedEnrolmentToken {
        info,
        text: token.to_text(),
    })
}

/// Revokes an enrolment token; fine when it was revoked already.
///
/// # Errors
/// When there is none such.
pub async fn revoke(
    site: &Site,
    by: &Permit<Administrator>,
    id: EnrolmentTokenId,
) -> Result<EnrolmentTokenInfo, Refusal> {
    let line = audit::Line::new(
        site,
        by,
        "enrolment_token.revoke",
        format!("enrolment token {id}"),
        "",
    );
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::revoke(tx, id).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    site.tell(Changed::EnrolmentToken, id);
    audit::tell(site);
    store::find(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("enrolment token", id))
}

/// What became of an enrolment inside its transaction.
enum Admitted {
    New(DeviceId, model::GroupId, Box<devices::Live>),
    /// The same key came with the same token before.
    Again(DeviceId, model::GroupId),
}

/// Takes a machine in.
///
/// # Errors
/// `token-unknown`, `token-expired`, `token-used-up`, `token-revoked`; `conflict` when the key is
/// enrolled already by another token; `device-revoked` when the key's device was revoked.
pub async fn enrol(
    site: &Arc<Site>,
    request: EnrolRequest,
    address: Option<IpAddr>,
) -> Result<EnrolAnswer, Refusal> {
    devices::rules::check_host(&request.host)?;
    let key = devices::requested_key(&request.certificate_request)?;
    let digest = hex::encode(trust::secret::digest(&request.secret));
    let now = site.now();
    let expires = now.plus(site.config.certificate_lifetime());
    let id = DeviceId::generate();
    let hostname = request.host.hostname.clone();
    let by = Caller {
        name: format!("device {id}"),
        address,
        ..Caller::manager()
    };
    let line = audit::Line::new(
        site,
        &by,
        "device.enrol",
        format!("device {id}"),
        format!("{hostname:?}"),
    );
    let admitted = site
        .database
        .write(|tx| {
            Box::pin(async move {
                let token = store::by_secret(tx, &digest).await?.ok_or_else(|| {
                    Refusal::new(
                        ProblemKind::TokenUnknown,
                        "this site knows no such enrolment token; copy the whole token again, or ask for a new one",
                    )
                })?;
                if let Some(owner) = devices::key_owner(tx, &key).await? {
                    if owner.standing == DeviceStanding::Revoked {
                        return Err(devices::revoked());
                    }
                    if owner.token.as_deref() != Some(token.id.to_string().as_str()) {
                        return Err(Refusal::conflict(
                            "this key is enrolled already; a machine that enrols with another token makes a new key",
                        ));
                    }
                    devices::set_certificate_expires(tx, owner.device, expires).await?;
                    return Ok(Admitted::Again(owner.device, owner.group));
                }
                let standing = TokenStanding {
                    expires: token.expires,
                    uses: token.uses.into(),
                    max_uses: token.max_uses.into(),
                    revoked: token.revoked,
                };
                admit(standing, now)
                    .map_err(|refusal| Refusal::new(refusal.problem(), refusal.to_string()))?;
                let new = NewDevice {
                    id,
                    hostname: &hostname,
                    group: token.group,
                    standing: DeviceStanding::Approved,
                    fork_of: None,
                    token: Some(token.id.to_string()),
                    enrolled: now,
                    certificate_expires: expires,
                    policy_floor: 0,
                };
                devices::insert(tx, &new).await?;
                devices::set_key(tx, id, &key, KeyStanding::Current, now, expires).await?;
                store::count_use(tx, token.id).await?;
                audit::insert(tx, &line).await?;
                Ok(Admitted::New(id, token.group, Box::new(new.live())))
            })
        })
        .await;
    let (device, group) = match admitted {
        Ok(Admitted::New(device, group, live)) => {
            site.roster.add(Entry::new(device, *live));
            site.roster.set_key(key, device, KeyStanding::Current);
            site.tell(Changed::Device, device);
            site.tell_list(Changed::EnrolmentToken);
            audit::tell(site);
            (device, group)
        }
        Ok(Admitted::Again(device, group)) => (device, group),
        Err(refusal) => {
            record_refusal(site, &by, &refusal).await;
            return Err(refusal);
        }
    };
    let certificate = devices::issue(site, &request.certificate_request, device)?;
    Ok(EnrolAnswer {
        device,
        site: site.id,
        group,
        certificate: certificate.pem,
        ca_certificate: site.keys.ca.certificate_pem().to_owned(),
        site_key: site.keys.signing.public_hex(),
        server_time: now,
    })
}

/// A line about a machine that was not let in; few for one address, so that nobody fills the log.
async fn record_refusal(site: &Site, by: &Caller, refusal: &Refusal) {
    let now = site.now();
    let key = format!("enrol {:?}", by.address);
    if site.access.throttle.admit(&key, None, now).is_err() {
        return;
    }
    site.access.throttle.failed(&key, None, now);
    let by = Caller {
        name: "unknown machine".to_owned(),
        ..by.clone()
    };
    let detail = refusal.kind().name();
    if let Err(error) = audit::record(site, &by, "device.enrol_refused", "enrolment", detail).await
    {
        tracing::warn!(%error, "a refused enrolment was not written to the audit log");
    }
}
