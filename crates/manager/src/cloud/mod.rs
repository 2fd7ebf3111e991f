//! The link to the cloud: enrolled by a token, and told how often which rule hit (no file, path,
//! host or hash goes along).

mod client;
mod delivery;
pub mod http;
mod link;
mod store;

use std::sync::Arc;

use ::store::Transaction;
use model::{DefinitionRevision, DeviceId, RuleMatch, Timestamp};
use proto::EnrolmentToken;
use proto::api::Changed;
use proto::api::network::{CloudEnrolment, CloudLink as LinkState, CloudState};

pub use delivery::deliver;
pub use link::CloudLink;
pub(crate) use store::TABLES;

use crate::access::{Administrator, Operator, Permit, Viewer, rules::label};
use crate::audit;
use crate::connections::Destination;
use crate::refusal::Refusal;
use crate::site::Site;

/// Milliseconds of an hour: pings are counted by it.
const HOUR_MS: i64 = 3_600_000;

/// How the link is.
///
/// # Errors
/// When the database fails.
pub async fn state(site: &Site, _by: &Permit<Viewer>) -> Result<LinkState, Refusal> {
    read(site).await
}

pub(crate) async fn read(site: &Site) -> Result<LinkState, Refusal> {
    let waiting = store::waiting(&site.database).await?;
    let (state, address, last_delivery, failure) = match site.cloud.seen() {
        None => (CloudState::NotEnrolled, None, None, None),
        Some(seen) => {
            let state = match seen.failure {
                None => CloudState::Connected,
                Some(_) => CloudState::Unreachable,
            };
            (state, Some(seen.address), seen.last_delivery, seen.failure)
        }
    };
    Ok(LinkState {
        state,
        address,
        last_delivery,
        waiting,
        failure,
    })
}

/// Where the cloud is, and whose key its certificate must come from; `None` when not enrolled.
///
/// # Errors
/// When the database fails.
pub(crate) async fn destination(site: &Site) -> Result<Option<Destination>, Refusal> {
    let Some(enrolled) = store::enrolled(&site.database).await? else {
        return Ok(None);
    };
    let ca = trust::certificate::der_from_pem(&enrolled.ca_certificate)
        .map_err(Refusal::internal("reading the cloud's authority"))?;
    let pin = trust::certificate::spki_sha256(&ca)
        .map_err(Refusal::internal("reading the cloud's authority"))?;
    Ok(Some(Destination {
        cloud: enrolled.address,
        ca_pin: hex::encode(pin),
    }))
}

/// Enrols this site in a cloud. Again with another token it enrols anew.
///
/// # Errors
/// When the token is none, the cloud can't be reached or refuses it.
pub async fn enrol(
    site: &Arc<Site>,
    by: &Permit<Administrator>,
    request: CloudEnrolment,
) -> Result<LinkState, Refusal> {
    let name = label("name", &request.name)?;
    let token = EnrolmentToken::parse(&request.token)
        .map_err(|error| Refusal::invalid(format!("token: {error}")))?;
    let address = client::enrol(site, &token, &name).await?;
    audit::record(
        site,
        by,
        "cloud.enrol",
        "cloud",
        format!("at {address}, as {name:?}"),
    )
    .await?;
    site.tell_list(Changed::Cloud);
    read(site).await
}

/// Tries the link now instead of at the next turn: delivers what is due, and says how it went.
///
/// # Errors
/// When the database fails. That the cloud is out of reach is no error: the link says so.
pub async fn deliver_now(site: &Arc<Site>, _by: &Permit<Operator>) -> Result<LinkState, Refusal> {
    deliver(site).await?;
    read(site).await
}

/// Counts the rules that hit, inside the transaction of their batch.
pub(crate) async fn count(
    tx: &mut Transaction,
    device: DeviceId,
    matches: &[RuleMatch],
    definitions: DefinitionRevision,
    now: Timestamp,
) -> Result<(), Refusal> {
    let hour = hour_of(now);
    for found in matches {
        store::count(tx, device, found, definitions, hour).await?;
    }
    Ok(())
}

/// The beginning of the hour.
const fn hour_of(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.millis().div_euclid(HOUR_MS) * HOUR_MS)
}
