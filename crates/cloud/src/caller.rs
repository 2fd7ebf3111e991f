//! Who calls: the enrolled site behind a connection's certificate.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use model::{SiteId, Timestamp};
use net::PeerIdentity;
use proto::problem::ProblemKind;
use trust::PeerCertificate;

use crate::refusal::Refusal;
use crate::sites;
use crate::state::CloudState;

/// The site that calls. A handler that takes it as an argument refuses everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerSite(pub SiteId);

impl FromRequestParts<CloudState> for CallerSite {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &CloudState) -> Result<Self, Refusal> {
        let presented = parts
            .extensions
            .get::<PeerIdentity>()
            .and_then(|peer| peer.certificate.as_ref());
        let Some(presented) = presented else {
            return Err(Refusal::new(
                ProblemKind::Unauthenticated,
                "expected the certificate of an enrolled site on this connection, got none; enrol at /site/v1/enrol first",
            ));
        };
        let certificate = PeerCertificate::parse(&presented.der)
            .map_err(|error| Refusal::new(ProblemKind::Unauthenticated, error.to_string()))?;
        // A connection may outlive the certificate that it began with.
        if Timestamp::now() > certificate.not_after {
            return Err(Refusal::new(
                ProblemKind::Unauthenticated,
                format!(
                    "the site's certificate ended at {}; enrol anew with a new token",
                    certificate.not_after
                ),
            ));
        }
        sites::recognise(state, &certificate).await.map(Self)
    }
}
