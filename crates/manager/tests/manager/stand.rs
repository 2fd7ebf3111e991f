//! A site in a temporary folder, with devices that speak to it without a network.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use manager::site::Clock;
use manager::{Config, Manager, Opened, Site};
use model::health::{AgentState, HostFacts, LossCounters};
use model::{DeviceId, GroupId, Timestamp};
use net::{ConnectionId, PeerCertificate, PeerIdentity};
use proto::Problem;
use proto::agent::{CheckInAnswer, CheckInRequest, EnrolAnswer, EnrolRequest};
use proto::problem::ProblemKind;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use trust::KeyPair;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// A site and what is needed to speak to it.
pub(crate) struct Stand {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) site: Arc<Site>,
    pub(crate) clock: Clock,
    /// The local administrator's token.
    pub(crate) token: String,
    api: Router,
    agents: Router,
    opened: Option<Opened>,
}

pub(crate) fn config(folder: &std::path::Path) -> Config {
    Config {
        folder: folder.join("manager"),
        ..Config::default()
    }
}

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::at(START).await
    }

    pub(crate) async fn at(time: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::open(folder, Clock::manual(time)).await
    }

    async fn open(folder: tempfile::TempDir, clock: Clock) -> Self {
        let opened = Manager::open(config(folder.path()), clock.clone())
            .await
            .unwrap();
        let site = Arc::clone(&opened.site);
        let token = std::fs::read_to_string(folder.path().join("manager/local-api-token")).unwrap();
        Self {
            folder,
            api: manager::api::router(Arc::clone(&site)),
            agents: manager::agent_channel::router(Arc::clone(&site)),
            site,
            clock,
            token,
            opened: Some(opened),
        }
    }

    /// The same site after its process ended and another began.
    pub(crate) async fn restarted(mut self) -> Self {
        self.site.shutdown.cancel();
        self.site.database.close().await;
        drop(self.opened.take());
        Self::open(self.folder, self.clock).await
    }

    pub(crate) async fn api(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.api_with(token, method, path, body, &[]).await
    }

    pub(crate) async fn api_with(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Some(json) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(json.to_string())),
            None => request.body(Body::empty()),
        };
        self.send_api(request.unwrap()).await
    }

    pub(crate) async fn send_api(&self, request: Request<Body>) -> Answer {
        Answer::read(self.api.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.api(Some(&self.token), Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.api(Some(&self.token), Method::POST, path, Some(body))
            .await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.api(Some(&self.token), Method::PATCH, path, Some(body))
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.api(Some(&self.token), Method::PUT, path, Some(body))
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.api(Some(&self.token), Method::DELETE, path, None)
            .await
    }

    /// An API token of that role.
    pub(crate) async fn token_of(&self, role: &str) -> String {
        let answer = self
            .post(
                "/api/v1/api-tokens",
                json!({"name": role, "role": role, "valid_seconds": 86400}),
            )
            .await;
        answer.expect(StatusCode::CREATED)["text"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The secret of a fresh enrolment token.
    pub(crate) async fn enrolment_secret(&self, max_uses: u32, group: Option<GroupId>) -> String {
        let answer = self
            .post(
                "/api/v1/enrolment-tokens",
                json!({"name": "t", "group": group, "max_uses": max_uses, "valid_seconds": 3600}),
            )
            .await;
        let text = answer.expect(StatusCode::CREATED)["text"]
            .as_str()
            .unwrap()
            .to_owned();
        // Without a network the token has no address, which its reader would refuse.
        let body = text.strip_prefix("garrison-enrol-1.").unwrap();
        let json = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, body)
            .unwrap();
        let token: Value = serde_json::from_slice(&json).unwrap();
        token["secret"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn enrol_with(&self, secret: &str, key: &KeyPair) -> Answer {
        let request = EnrolRequest {
            secret: secret.to_owned(),
            certificate_request: key.certificate_request().unwrap(),
            host: host("web-14"),
        };
        self.agent(None, "/agent/v1/enrol", &request).await
    }

    /// A device of the default group.
    pub(crate) async fn device(&self) -> Agent {
        self.device_in(None).await
    }

    pub(crate) async fn device_in(&self, group: Option<GroupId>) -> Agent {
        let secret = self.enrolment_secret(1, group).await;
        let key = KeyPair::generate().unwrap();
        let answer: EnrolAnswer = self.enrol_with(&secret, &key).await.read_as();
        Agent::new(answer.device, key, &answer.certificate)
    }

    /// Posts JSON to the agent channel.
    pub(crate) async fn agent<T: serde::Serialize>(
        &self,
        peer: Option<&PeerIdentity>,
        path: &str,
        body: &T,
    ) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(serde_json::to_vec(body).unwrap()))
            .unwrap();
        Answer::read(self.send_agent(peer, request).await).await
    }

    pub(crate) async fn send_agent(
        &self,
        peer: Option<&PeerIdentity>,
        mut request: Request<Body>,
    ) -> Response {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer.clone());
        }
        self.agents.clone().oneshot(request).await.unwrap()
    }
}

/// A device's side of the check-in chain.
pub(crate) struct Agent {
    pub(crate) id: DeviceId,
    pub(crate) key: KeyPair,
    pub(crate) peer: PeerIdentity,
    pub(crate) counter: u64,
    pub(crate) nonce: String,
    pub(crate) state: AgentState,
}

impl Agent {
    pub(crate) fn new(id: DeviceId, key: KeyPair, certificate: &str) -> Self {
        Self {
            id,
            peer: peer(certificate),
            key,
            counter: 0,
            nonce: String::new(),
            state: AgentState {
                host: host("web-14"),
                policy_revision: 0,
                definitions: None,
                issues: Vec::new(),
                losses: LossCounters::default(),
                spooled_bytes: 0,
                spooled_events: 0,
                quarantined: 0,
                network: None,
            },
        }
    }

    /// A second holder of the same identity, as a copied folder makes one.
    pub(crate) fn copied(&self) -> Self {
        let key = KeyPair::from_pem(&self.key.to_pem()).unwrap();
        Self {
            id: self.id,
            key,
            peer: PeerIdentity {
                connection: ConnectionId::from_number(2),
                ..self.peer.clone()
            },
            counter: self.counter,
            nonce: self.nonce.clone(),
            state: self.state.clone(),
        }
    }

    pub(crate) fn request(&self, attempt: &str) -> CheckInRequest {
        CheckInRequest {
            counter: self.counter + 1,
            nonce: self.nonce.clone(),
            attempt: attempt.to_owned(),
            time: START,
            state: self.state.clone(),
        }
    }

    /// Checks in once, and remembers the answer.
    pub(crate) async fn check_in(&mut self, stand: &Stand) -> CheckInAnswer {
        let attempt = format!("{}-{}", self.counter, uuid::Uuid::new_v4());
        let answer: CheckInAnswer = self.try_check_in(stand, &attempt).await.read_as();
        self.counter = answer.counter;
        self.nonce = answer.nonce.clone();
        answer
    }

    pub(crate) async fn try_check_in(&self, stand: &Stand, attempt: &str) -> Answer {
        stand
            .agent(
                Some(&self.peer),
                "/agent/v1/check-in",
                &self.request(attempt),
            )
            .await
    }
}

pub(crate) fn peer(certificate_pem: &str) -> PeerIdentity {
    let der = trust::certificate::der_from_pem(certificate_pem).unwrap();
    let parsed = trust::PeerCertificate::parse(&der).unwrap();
    PeerIdentity {
        connection: ConnectionId::from_number(1),
        address: "192.0.2.7:40000".parse().unwrap(),
        tls_exporter: None,
        certificate: Some(Arc::new(PeerCertificate {
            der,
            spki_sha256: parsed.key_sha256,
            not_after: parsed.not_after.seconds(),
        })),
    }
}

pub(crate) fn host(hostname: &str) -> HostFacts {
    HostFacts {
        hostname: hostname.to_owned(),
        os: "Debian".to_owned(),
        kernel: "6.1".to_owned(),
        architecture: "x86_64".to_owned(),
        agent_version: "0.1.0".to_owned(),
        privileged: true,
    }
}

/// An answer that was read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(Duration::from_secs(20), body.collect())
            .await
            .expect("the answer ends")
            .unwrap()
            .to_bytes()
            .to_vec();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("JSON, got {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON of an answer with that status.
    pub(crate) fn expect(&self, status: StatusCode) -> Value {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self.json()
    }

    /// The object of a good answer.
    pub(crate) fn read_as<T: DeserializeOwned>(&self) -> T {
        assert!(
            self.status.is_success(),
            "{} {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Which problem this is.
    pub(crate) fn problem(&self) -> ProblemKind {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{} {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status.as_u16());
        assert!(!problem.detail.is_empty());
        problem.kind().unwrap()
    }

    pub(crate) fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}
