//! What is enrolled in what: this machine's agent at the manager, the manager in the cloud.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http::Method;
use model::{DefinitionRevision, DeviceId};
use proto::api::access::{CreatedEnrolmentToken, NewEnrolmentToken};
use proto::api::device::{Device, DeviceStanding};
use proto::api::network::{CloudEnrolment, CloudLink, CloudState};
use serde::Deserialize;

use crate::api::{Api, ApiError};

/// How long the token for this machine's own agent is good, in seconds.
const TOKEN_SECONDS: u32 = 600;
/// How long this machine's agent may take until it has policy and definitions.
const DEVICE_LIMIT: Duration = Duration::from_secs(120);
const DEVICE_POLL: Duration = Duration::from_millis(100);
/// Between two requests to a device to check in.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What the agent keeps of its enrolment, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Identity {
    device: DeviceId,
}

/// The device that the agent in this folder is; none before it enrolled.
pub(crate) fn device_of(agent_folder: &Path) -> Option<DeviceId> {
    let text = std::fs::read(agent_folder.join("identity/site.json")).ok()?;
    let identity: Identity = serde_json::from_slice(&text).ok()?;
    Some(identity.device)
}

/// Makes an enrolment token for one machine, in a file for its owner alone.
///
/// # Errors
/// When the manager refuses, or the file can't be written.
pub(super) async fn make_token(api: &Api, root: &Path) -> anyhow::Result<PathBuf> {
    let wanted = NewEnrolmentToken {
        name: "garrison up".to_owned(),
        group: None,
        max_uses: 1,
        valid_seconds: TOKEN_SECONDS,
    };
    let created: CreatedEnrolmentToken = api
        .send(
            Method::POST,
            "/api/v1/enrolment-tokens",
            Some(serde_json::to_value(wanted)?),
        )
        .await?;
    let path = root.join("enrolment-token");
    trust::keyfile::write(&path, created.text.as_bytes())?;
    Ok(path)
}

/// Enrols the manager in the cloud beside it, once.
///
/// # Errors
/// When manager or cloud refuse.
pub(super) async fn join_cloud(api: &Api, cloud_folder: &Path) -> anyhow::Result<()> {
    let link: CloudLink = api.read("/api/v1/cloud").await?;
    match link.state {
        CloudState::Connected | CloudState::Unreachable => return Ok(()),
        CloudState::NotEnrolled => {}
    }
    let token = trust::keyfile::read_text(&cloud_folder.join("first-site-token"))?;
    let enrolment = CloudEnrolment {
        token: token.trim().to_owned(),
        name: host_name(),
    };
    let _: CloudLink = api
        .send(
            Method::POST,
            "/api/v1/cloud",
            Some(serde_json::to_value(enrolment)?),
        )
        .await?;
    Ok(())
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "Garrison" } else { name }.to_owned()
}

/// Waits until this machine's agent has checked in and uses policy and definitions. A device that
/// somebody revoked or suspended is told of and not waited for.
///
/// # Errors
/// When it takes too long.
pub(super) async fn await_device(
    api: &Api,
    agent_folder: &Path,
    definitions: Option<DefinitionRevision>,
) -> anyhow::Result<Device> {
    let until = Instant::now() + DEVICE_LIMIT;
    let mut seen = "has not enrolled";
    let mut asked: Option<Instant> = None;
    loop {
        if let Some(id) = device_of(agent_folder) {
            match api.read::<Device>(&format!("/api/v1/devices/{id}")).await {
                Ok(device) if settled(&device, definitions) => return Ok(device),
                Ok(device) if device.last_seen.is_none() => seen = "has not checked in",
                Ok(_) => {
                    seen = "has not taken policy and definitions up";
                    if asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN) {
                        asked = Some(Instant::now());
                        ask_for_check_in(api, id).await?;
                    }
                }
                Err(ApiError::Problem(problem)) if problem.status == 404 => {
                    seen = "is enrolled at another manager; move its folder (agent) away to enrol anew";
                }
                Err(error) => return Err(error.into()),
            }
        }
        if Instant::now() >= until {
            anyhow::bail!("{seen} after {} s", DEVICE_LIMIT.as_secs());
        }
        tokio::time::sleep(DEVICE_POLL).await;
    }
}

/// What a device took up shows at its next check-in, which may be a while.
async fn ask_for_check_in(api: &Api, id: DeviceId) -> anyhow::Result<()> {
    let path = format!("/api/v1/devices/{id}/check-in");
    match api.send::<Device>(Method::POST, &path, None).await {
        Ok(_) | Err(ApiError::Problem(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn settled(device: &Device, definitions: Option<DefinitionRevision>) -> bool {
    match device.standing {
        DeviceStanding::Revoked | DeviceStanding::Suspended | DeviceStanding::AwaitingApproval => {
            true
        }
        DeviceStanding::Approved => device.state.as_ref().is_some_and(|state| {
            device.connected && state.policy_revision > 0 && state.definitions >= definitions
        }),
    }
}
