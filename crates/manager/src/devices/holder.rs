//! The device at the other end of the agent channel: who holds the key, and what it may do.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use model::Timestamp;
use net::{ConnectionId, PeerIdentity};
use proto::api::device::DeviceStanding;
use proto::problem::ProblemKind;

use super::{Entry, KeyStanding};
use crate::refusal::Refusal;
use crate::site::Site;

/// Somebody who holds a key that this site knows, wherever its device stands.
#[derive(Debug, Clone)]
pub struct Holder {
    pub entry: Arc<Entry>,
    pub key: [u8; 32],
    pub key_standing: KeyStanding,
    pub address: IpAddr,
    pub connection: ConnectionId,
    /// When the certificate that it showed ends.
    pub certificate_expires: Timestamp,
}

/// A device that may speak: approved, or a fork that awaits approval.
#[derive(Debug, Clone)]
pub struct ActiveDevice(Holder);

/// A device that has its full rights.
#[derive(Debug, Clone)]
pub struct ApprovedDevice(Holder);

impl Deref for ActiveDevice {
    type Target = Holder;

    fn deref(&self) -> &Holder {
        &self.0
    }
}

impl Deref for ApprovedDevice {
    type Target = Holder;

    fn deref(&self) -> &Holder {
        &self.0
    }
}

/// Judges where a device stands, at each request: who is revoked is refused at once.
///
/// # Errors
/// When it is revoked or suspended.
pub(crate) fn require_active(standing: DeviceStanding) -> Result<(), Refusal> {
    match standing {
        DeviceStanding::Approved | DeviceStanding::AwaitingApproval => Ok(()),
        DeviceStanding::Suspended => Err(suspended()),
        DeviceStanding::Revoked => Err(revoked()),
    }
}

pub(crate) fn revoked() -> Refusal {
    Refusal::new(
        ProblemKind::DeviceRevoked,
        "an administrator revoked this device; enrol it anew with a new token if it should come back",
    )
}

pub(crate) fn suspended() -> Refusal {
    Refusal::new(
        ProblemKind::IdentitySuspended,
        "two machines used this identity (a copied disk or folder); each must make a new key and send it to /agent/v1/rekey, and an administrator approves it",
    )
}

impl FromRequestParts<Arc<Site>> for Holder {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Refusal> {
        let unknown = |detail: &str| Refusal::new(ProblemKind::Unauthenticated, detail);
        let peer = parts.extensions.get::<PeerIdentity>();
        let (peer, certificate) = peer
            .and_then(|peer| Some((peer, peer.certificate.as_ref()?)))
            .ok_or_else(|| {
                unknown("expected a connection with a device's certificate; enrol to get one")
            })?;
        let (entry, key_standing) = site
            .roster
            .identify(&certificate.spki_sha256)
            .ok_or_else(|| unknown("this site doesn't know the certificate's key; enrol anew"))?;
        Ok(Self {
            entry,
            key: certificate.spki_sha256,
            key_standing,
            address: peer.address.ip(),
            connection: peer.connection,
            certificate_expires: Timestamp::from_millis(certificate.not_after.saturating_mul(1000)),
        })
    }
}

impl FromRequestParts<Arc<Site>> for ActiveDevice {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Refusal> {
        let mut holder = Holder::from_request_parts(parts, site).await?;
        require_active(holder.entry.standing())?;
        match holder.key_standing {
            KeyStanding::Current => {}
            KeyStanding::Next => {
                super::certificates::promote(site, &holder).await?;
                holder.key_standing = KeyStanding::Current;
            }
            KeyStanding::Retired => {
                return Err(Refusal::new(
                    ProblemKind::Unauthenticated,
                    "a renewal replaced this key and the newer one is in use; use the newer one, or enrol anew",
                ));
            }
        }
        Ok(Self(holder))
    }
}

impl FromRequestParts<Arc<Site>> for ApprovedDevice {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Refusal> {
        let ActiveDevice(holder) = ActiveDevice::from_request_parts(parts, site).await?;
        if holder.entry.standing() == DeviceStanding::AwaitingApproval {
            return Err(Refusal::new(
                ProblemKind::AwaitingApproval,
                "this fork awaits an administrator's approval; until then it only checks in",
            ));
        }
        Ok(Self(holder))
    }
}
