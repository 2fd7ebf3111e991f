//! Sites: who may use this cloud.
//!
//! A site enrols with the limited-use secret of a site token, and is its key from then on.

pub(crate) mod http;
mod rules;
pub(crate) mod store;
mod token;

use model::{SiteId, Timestamp};
use proto::agent::{RenewAnswer, RenewRequest};
use proto::problem::ProblemKind;
use proto::site::{SiteEnrolAnswer, SiteEnrolRequest};
use trust::ca::CaError;
use trust::certificate::Subject;
use trust::identity::request_key_sha256;
use trust::{IssuedCertificate, PeerCertificate, secret};

use crate::refusal::Refusal;
use crate::state::CloudState;

pub(crate) use store::TABLES;
pub use token::{MadeToken, NewToken, TokenError, new_token};
pub(crate) use token::{keep_addresses, write_first_token};

/// Takes a site in, or gives one that was taken in by the same token and key its answer again.
///
/// # Errors
/// When the token is unknown, expired or used up, the request or the name is malformed, or the
/// site is enrolled with another key.
pub async fn enrol(
    state: &CloudState,
    request: SiteEnrolRequest,
    now: Timestamp,
) -> Result<SiteEnrolAnswer, Refusal> {
    let name = rules::site_name(&request.name)?;
    let key = request_key_sha256(&request.certificate_request).map_err(malformed)?;
    let digest = secret::digest(&request.secret);
    let worker = state.clone();
    let certificate = state
        .database()
        .write(|tx| {
            Box::pin(async move {
                let token = store::token_by_digest(tx, &digest).await?;
                let known = store::site(tx, request.site).await?;
                let key_holder = store::site_of_key(tx, &key).await?;
                let entry = rules::entry(token, known, key_holder, request.site, &key, now)?;
                let issued = worker
                    .authority()
                    .issue_client(
                        &request.certificate_request,
                        Subject::Site(request.site),
                        worker.certificate_lifetime(),
                        now,
                    )
                    .map_err(not_issued)?;
                store::enter(tx, &entry, &name, &issued, now).await?;
                Ok::<_, Refusal>(issued)
            })
        })
        .await?;
    tracing::info!(site = %request.site, "a site enrolled");
    Ok(SiteEnrolAnswer {
        certificate: certificate.pem,
        ca_certificate: state.authority().certificate_pem().to_owned(),
        server_time: now,
    })
}

/// Gives an enrolled site a new certificate, for the key that it has or for a new one. The old
/// key is good until the new one is used for the first time, so that a lost answer costs nothing.
///
/// # Errors
/// When the request is malformed, or its key belongs to another site.
pub async fn renew(
    state: &CloudState,
    site: SiteId,
    request: RenewRequest,
    now: Timestamp,
) -> Result<RenewAnswer, Refusal> {
    let key = request_key_sha256(&request.certificate_request).map_err(malformed)?;
    let issued: IssuedCertificate = state
        .authority()
        .issue_client(
            &request.certificate_request,
            Subject::Site(site),
            state.certificate_lifetime(),
            now,
        )
        .map_err(not_issued)?;
    let record = issued.clone();
    state
        .database()
        .write(|tx| {
            Box::pin(async move {
                if store::site_of_key(tx, &key)
                    .await?
                    .is_some_and(|holder| holder != site)
                {
                    return Err(rules::key_of_another());
                }
                store::renewed(tx, site, &record).await
            })
        })
        .await?;
    Ok(RenewAnswer {
        certificate: issued.pem,
    })
}

/// Whether the holder of a verified certificate is an enrolled site, by the key that it has now
/// or is about to have.
///
/// # Errors
/// When the site is unknown here, or has another key by now.
pub(crate) async fn recognise(
    state: &CloudState,
    peer: &PeerCertificate,
) -> Result<SiteId, Refusal> {
    let stranger = |detail: &str| Err(Refusal::new(ProblemKind::Unauthenticated, detail));
    let Subject::Site(site) = peer.subject else {
        return stranger("expected the certificate of a site, got one of a device");
    };
    let keys = store::keys(state.database().read(), site).await?;
    match keys {
        None => stranger(
            "this site is not enrolled here; enrol it with a site token of this cloud (\"garrison cloud new-token\")",
        ),
        Some(keys) if keys.current == peer.key_sha256 => Ok(site),
        Some(keys) if keys.next == Some(peer.key_sha256) => {
            let key = peer.key_sha256;
            state
                .database()
                .write(|tx| Box::pin(store::take_next_key(tx, site, key)))
                .await?;
            Ok(site)
        }
        Some(_) => stranger(
            "the site has another key by now; if that wasn't you, make a token with \"garrison cloud new-token\" that replaces the site's key, and enrol anew",
        ),
    }
}

fn malformed(error: trust::identity::IdentityError) -> Refusal {
    Refusal::invalid(format!("certificate_request: {error}"))
}

fn not_issued(error: CaError) -> Refusal {
    match error {
        CaError::Request(error) => malformed(error),
        other => Refusal::internal("issuing a certificate")(other),
    }
}
