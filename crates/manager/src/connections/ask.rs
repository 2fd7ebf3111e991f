//! "Check now": asks devices to check their network, and to report what it comes to.

use model::policy::Action;
use model::{DeviceId, GroupId};
use proto::api::connection::{ConnectionCheckAsked, NewConnectionCheck};

use crate::access::{Operator, Permit};
use crate::audit;
use crate::commands::{self, About, Prepared};
use crate::refusal::Refusal;
use crate::site::Site;

/// Asks devices to check their network now. One that was asked and has not answered is not asked
/// twice.
///
/// # Errors
/// When the request names no device that takes commands, both devices and a group, or too many.
pub async fn ask_to_check(
    site: &Site,
    by: &Permit<Operator>,
    new: NewConnectionCheck,
) -> Result<ConnectionCheckAsked, Refusal> {
    let devices = commands::chosen(site, new.devices.as_deref(), new.group)?;
    let prepared: Vec<Prepared> = devices
        .iter()
        .map(|device| commands::prepare(site, by, *device, Action::CheckNetwork, About::default()))
        .collect::<Result<_, _>>()?;
    let expires = prepared
        .first()
        .map_or_else(|| site.now(), |command| command.accepted().expires);
    let line = audit::Line::new(
        site,
        by,
        "connection.check",
        object(&devices, new.group),
        audit::counted(devices.len(), "device"),
    );
    let already = site
        .database
        .write(|tx| {
            Box::pin(async move {
                let mut already: u64 = 0;
                for command in &prepared {
                    if commands::waits_already(tx, command).await? {
                        already = already.saturating_add(1);
                    } else {
                        commands::insert(tx, command).await?;
                    }
                }
                audit::insert(tx, &line).await?;
                Ok::<_, Refusal>(already)
            })
        })
        .await?;
    for device in &devices {
        commands::announce(site, *device);
    }
    audit::tell(site);
    Ok(ConnectionCheckAsked {
        devices: u64::try_from(devices.len()).unwrap_or(u64::MAX),
        already,
        expires,
    })
}

/// Asks every device of the site that takes commands.
///
/// # Errors
/// When there is none, or too many.
pub async fn ask_all_to_check(
    site: &Site,
    by: &Permit<Operator>,
) -> Result<ConnectionCheckAsked, Refusal> {
    let new = NewConnectionCheck {
        devices: Some(commands::taking(site, None)),
        group: None,
    };
    ask_to_check(site, by, new).await
}

fn object(devices: &[DeviceId], group: Option<GroupId>) -> String {
    match (devices, group) {
        (_, Some(group)) => format!("group {group}"),
        ([device], None) => format!("device {device}"),
        (_, None) => "devices".to_owned(),
    }
}
