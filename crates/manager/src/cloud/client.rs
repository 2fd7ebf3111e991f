//! Talking to the cloud over the flow `manager-cloud`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request, StatusCode, header};
use flows::GarrisonFlow;
use net::{ClientIdentity, ClientTls, Dialer, Endpoint, HttpClient, TlsTrust};
use proto::problem::ProblemKind;
use proto::site::{SiteEnrolAnswer, SiteEnrolRequest};
use proto::{EnrolmentToken, Problem};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trust::{KeyPair, PeerCertificate, keyfile};

use super::link::{Enrolled, Seen};
use super::store;
use crate::refusal::Refusal;
use crate::site::Site;

/// Bytes of an answer of the cloud.
const MAX_ANSWER: usize = 1 << 20;
/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Why a request to the cloud has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CloudError {
    #[error("the cloud can't be reached: {0}")]
    Dial(String),
    #[error("the cloud refused: {0}")]
    Refused(Problem),
    #[error("the cloud answered what this version doesn't understand: {0}")]
    Answer(String),
    #[error("the link to the cloud can't be set up: {0}")]
    Setup(String),
}

impl CloudError {
    fn dial(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::Dial(text)
    }
}

fn setup(error: impl std::fmt::Display) -> CloudError {
    CloudError::Setup(error.to_string())
}

/// Enrols by a token; gives the address that answered.
pub(super) async fn enrol(
    site: &Arc<Site>,
    token: &EnrolmentToken,
    name: &str,
) -> Result<String, Refusal> {
    let _turn = site.cloud.turn.lock().await;
    let key = match site.cloud.read_secret(&site.cloud.key_file())? {
        Some(pem) => {
            KeyPair::from_pem(&pem).map_err(Refusal::internal("reading the cloud's key"))?
        }
        None => {
            let key = KeyPair::generate().map_err(Refusal::internal("making a key"))?;
            keyfile::write(&site.cloud.key_file(), key.to_pem().as_bytes())
                .map_err(Refusal::internal("keeping the cloud's key"))?;
            key
        }
    };
    let mut failure = None;
    for address in &token.addresses {
        match enrol_at(site, token, name, address, &key).await {
            Ok(()) => return Ok(address.clone()),
            Err(error @ CloudError::Refused(_)) => {
                failure = Some(error);
                break;
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(match failure {
        Some(CloudError::Refused(problem)) => {
            Refusal::conflict(format!("the cloud refused the token: {}", problem.detail))
        }
        Some(error) => Refusal::new(ProblemKind::Unavailable, error.to_string()),
        None => Refusal::invalid("token: it names no address"),
    })
}

async fn enrol_at(
    site: &Arc<Site>,
    token: &EnrolmentToken,
    name: &str,
    address: &str,
    key: &KeyPair,
) -> Result<(), CloudError> {
    let mut ca_pin = [0; 32];
    hex::decode_to_slice(&token.ca_pin, &mut ca_pin).map_err(setup)?;
    let client = connect(
        address,
        &TlsTrust::Pinned { ca_pin },
        &ClientIdentity::none(),
    )?;
    let request = SiteEnrolRequest {
        secret: token.secret.clone(),
        certificate_request: key.certificate_request().map_err(setup)?,
        site: site.id,
        name: name.to_owned(),
    };
    let answer: SiteEnrolAnswer = post(&client, "/site/v1/enrol", &request).await?;
    let peer = PeerCertificate::parse_pem(&answer.certificate)
        .map_err(|error| CloudError::Answer(error.to_string()))?;
    if peer.key_sha256 != key.key_sha256() {
        return Err(CloudError::Answer(
            "a certificate for another key".to_owned(),
        ));
    }
    let ca_der = trust::certificate::der_from_pem(&answer.ca_certificate)
        .map_err(|error| CloudError::Answer(error.to_string()))?;
    if trust::certificate::spki_sha256(&ca_der).ok() != Some(ca_pin) {
        return Err(CloudError::Answer(
            "the certificate of another CA".to_owned(),
        ));
    }
    let enrolled = Enrolled {
        address: address.to_owned(),
        name: name.to_owned(),
        certificate: answer.certificate,
        ca_certificate: answer.ca_certificate,
        expires: peer.not_after,
    };
    keyfile::write(&site.cloud.token_file(), token.to_text().as_bytes()).map_err(setup)?;
    store::set_enrolled(&site.database, enrolled.clone())
        .await
        .map_err(setup)?;
    site.cloud.set_client(None);
    site.cloud.set_seen(Seen {
        address: enrolled.address,
        certificate_expires: enrolled.expires,
        last_delivery: Some(site.now()),
        failure: None,
    });
    Ok(())
}

/// Gets a new certificate for the same key, by the token that let the site in.
pub(super) async fn renew(site: &Arc<Site>) -> Result<(), Refusal> {
    let Some(text) = site.cloud.read_secret(&site.cloud.token_file())? else {
        return Ok(());
    };
    let Some(enrolled) = store::enrolled(&site.database).await? else {
        return Ok(());
    };
    let token = EnrolmentToken::parse(text.trim())
        .map_err(|error| Refusal::conflict(format!("the kept cloud token: {error}")))?;
    enrol(site, &token, &enrolled.name).await.map(|_| ())
}

/// The warm connection of an enrolled site.
pub(super) async fn client(site: &Arc<Site>) -> Result<Arc<HttpClient>, CloudError> {
    if let Some(client) = site.cloud.client() {
        return Ok(client);
    }
    let enrolled = store::enrolled(&site.database)
        .await
        .map_err(setup)?
        .ok_or_else(|| setup("the site is not enrolled"))?;
    let pem = site
        .cloud
        .read_secret(&site.cloud.key_file())
        .map_err(setup)?
        .ok_or_else(|| setup("cloud.key is missing; enrol with the cloud anew"))?;
    let key = KeyPair::from_pem(&pem).map_err(setup)?;
    let leaf = trust::certificate::der_from_pem(&enrolled.certificate).map_err(setup)?;
    let ca = trust::certificate::der_from_pem(&enrolled.ca_certificate).map_err(setup)?;
    let identity = ClientIdentity::new(
        vec![CertificateDer::from(leaf)],
        PrivatePkcs8KeyDer::from(key.pkcs8_der()).into(),
    )
    .map_err(setup)?;
    let client = Arc::new(connect(
        &enrolled.address,
        &TlsTrust::Ca { der: ca },
        &identity,
    )?);
    site.cloud.set_client(Some(Arc::clone(&client)));
    Ok(client)
}

fn connect(
    address: &str,
    trust: &TlsTrust,
    identity: &ClientIdentity,
) -> Result<HttpClient, CloudError> {
    let endpoint = Endpoint::parse(address).map_err(setup)?;
    let tls = ClientTls::new(trust, identity).map_err(setup)?;
    Ok(HttpClient::new(Dialer::new(
        GarrisonFlow::ManagerCloud.flow(),
        endpoint,
        tls,
    )))
}

/// Whether the cloud answers at all.
pub(super) async fn is_answered(client: &HttpClient) -> Result<(), CloudError> {
    let request = Request::builder()
        .uri("/health")
        .body(net::body::empty())
        .map_err(setup)?;
    let response = client
        .send(request)
        .await
        .map_err(|error| CloudError::dial(&error))?;
    // Read to its end, so that the connection stays good.
    net::read_limited(response, MAX_ANSWER, ANSWER_LIMIT)
        .await
        .map_err(|error| CloudError::dial(&error))?;
    Ok(())
}

/// Posts JSON and reads JSON.
pub(super) async fn post<T: DeserializeOwned>(
    client: &HttpClient,
    path: &str,
    body: &impl Serialize,
) -> Result<T, CloudError> {
    let json = serde_json::to_vec(body).map_err(setup)?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(net::body::full(json))
        .map_err(setup)?;
    let response = client
        .send(request)
        .await
        .map_err(|error| CloudError::dial(&error))?;
    let response = net::read_limited(response, MAX_ANSWER, ANSWER_LIMIT)
        .await
        .map_err(|error| CloudError::dial(&error))?;
    let (status, bytes) = (response.status(), response.into_body());
    if status == StatusCode::OK || status == StatusCode::CREATED {
        return serde_json::from_slice(&bytes)
            .map_err(|error| CloudError::Answer(error.to_string()));
    }
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => Err(CloudError::Refused(problem)),
        Err(_) => Err(CloudError::Answer(format!("status {status}"))),
    }
}
