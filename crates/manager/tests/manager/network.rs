//! Over real connections: TLS, ports, revocation, change streams, shutdown.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::{Method, Request, StatusCode, header};
use flows::GarrisonFlow;
use manager::{Config, Manager, Running};
use net::{ClientIdentity, ClientTls, Dialer, Endpoint, HttpClient, TlsTrust};
use proto::api::Changed;
use proto::problem::ProblemKind;
use proto::{EnrolmentToken, Problem};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use trust::KeyPair;

const LIMIT: Duration = Duration::from_secs(20);

/// A loopback address of this test's own, so that tests never compete for a port.
fn own_address() -> IpAddr {
    let bytes = uuid::Uuid::new_v4().into_bytes();
    IpAddr::from([127, bytes[0], bytes[1], bytes[2] | 1])
}

struct Live {
    folder: tempfile::TempDir,
    running: Running,
}

async fn start() -> Live {
    let folder = tempfile::tempdir().unwrap();
    let running = Manager::start(config(&folder)).await.unwrap();
    Live { folder, running }
}

fn config(folder: &tempfile::TempDir) -> Config {
    Config {
        folder: folder.path().join("manager"),
        bind: own_address(),
        ..Config::default()
    }
}

impl Live {
    fn trust(&self) -> TlsTrust {
        TlsTrust::Pinned {
            ca_pin: self.running.site().keys.ca.pin(),
        }
    }

    fn client(&self, flow: GarrisonFlow, identity: &ClientIdentity) -> HttpClient {
        let address = self.running.address(flow).unwrap().to_string();
        let tls = ClientTls::new(&self.trust(), identity).unwrap();
        HttpClient::new(Dialer::new(
            flow.flow(),
            Endpoint::parse(&address).unwrap(),
            tls,
        ))
    }

    async fn api(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let token = std::fs::read_to_string(self.running.local_token_file()).unwrap();
        let client = self.client(GarrisonFlow::Api, &ClientIdentity::none());
        send(&client, method, path, Some(token.trim()), &body)
            .await
            .unwrap()
    }

    /// A machine that enrolled over the network.
    async fn device(&self) -> (String, HttpClient) {
        let (status, created) = self
            .api(
                Method::POST,
                "/api/v1/enrolment-tokens",
                json!({"name": "t", "group": null, "max_uses": 1, "valid_seconds": 600}),
            )
            .await;
        assert_eq!(status, StatusCode::CREATED, "{created}");
        let token = EnrolmentToken::parse(created["text"].as_str().unwrap()).unwrap();
        assert_eq!(
            token.addresses,
            [self
                .running
                .address(GarrisonFlow::AgentChannel)
                .unwrap()
                .to_string()]
        );
        let key = KeyPair::generate().unwrap();
        let anonymous = self.client(GarrisonFlow::AgentChannel, &ClientIdentity::none());
        let request = json!({
            "secret": token.secret,
            "certificate_request": key.certificate_request().unwrap(),
            "host": crate::stand::host("web-14"),
        });
        let (status, answer) = send(&anonymous, Method::POST, "/agent/v1/enrol", None, &request)
            .await
            .unwrap();
        assert_eq!(status, StatusCode::OK, "{answer}");
        let leaf =
            trust::certificate::der_from_pem(answer["certificate"].as_str().unwrap()).unwrap();
        let identity = ClientIdentity::new(
            vec![CertificateDer::from(leaf)],
            PrivatePkcs8KeyDer::from(key.pkcs8_der()).into(),
        )
        .unwrap();
        let device = answer["device"].as_str().unwrap().to_owned();
        (device, self.client(GarrisonFlow::AgentChannel, &identity))
    }
}

async fn send(
    client: &HttpClient,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Result<(StatusCode, Value), net::DialError> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(net::body::full(body.to_string())).unwrap();
    let response = client.send(request).await?;
    let response = net::read_limited(response, 1 << 20, LIMIT).await.unwrap();
    let json = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    Ok((response.status(), json))
}

fn check_in() -> Value {
    json!({
        "counter": 1, "nonce": "", "attempt": "a", "time": model::Timestamp::now(),
        "state": {
            "host": crate::stand::host("web-14"), "policy_revision": 0, "definitions": null,
            "issues": [], "losses": {"events_evicted": 0, "events_unwritten": 0},
            "spooled_bytes": 0, "spooled_events": 0, "quarantined": 0,
        },
    })
}

fn kind(problem: &Value) -> ProblemKind {
    serde_json::from_value::<Problem>(problem.clone())
        .unwrap()
        .kind()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_enrols_checks_in_and_is_refused_at_once_when_revoked() {
    let live = start().await;
    let (device, client) = live.device().await;
    let (status, answer) = send(
        &client,
        Method::POST,
        "/agent/v1/check-in",
        None,
        &check_in(),
    )
    .await
    .unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");
    let request = Request::builder()
        .uri("/agent/v1/notifications")
        .body(net::body::empty())
        .unwrap();
    let mut stream = client.send(request).await.unwrap().into_body();
    tokio::time::timeout(LIMIT, stream.chunk())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let path = format!("/api/v1/devices/{device}/revoke");
    let (status, _) = live.api(Method::POST, &path, json!({})).await;
    assert_eq!(status, StatusCode::OK);
    // The stream ends, by an end or by a broken connection, and says nothing more.
    let rest = tokio::time::timeout(LIMIT, stream.chunk()).await.unwrap();
    assert!(!matches!(rest, Ok(Some(_))), "{rest:?}");
    let (status, problem) = loop {
        // The client may still hold the connection that was just closed.
        match send(
            &client,
            Method::POST,
            "/agent/v1/check-in",
            None,
            &check_in(),
        )
        .await
        {
            Ok(answer) => break answer,
            Err(error) => println!("dialing again after {error}"),
        }
    };
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(kind(&problem), ProblemKind::DeviceRevoked);
    live.running.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flows_that_are_listed_are_those_that_answer() {
    let live = start().await;
    let (status, flows) = live.api(Method::GET, "/api/v1/flows", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let listed: Vec<&Value> = flows["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|flow| flow["listening"] == true)
        .collect();
    assert_eq!(listed.len(), 3);
    for flow in listed {
        let id = flow["id"].as_str().unwrap();
        let address = live.running.addresses()[id];
        assert_eq!(flow["address"], address.to_string());
        assert_eq!(flow["port"], address.port());
    }
    let ready = std::fs::read_to_string(live.folder.path().join("manager/ready.json")).unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(
        ready["addresses"]["api"],
        live.running.address(GarrisonFlow::Api).unwrap().to_string()
    );
    let health = live.client(GarrisonFlow::Api, &ClientIdentity::none());
    let (status, health) = send(&health, Method::GET, "/health", None, &Value::Null)
        .await
        .unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(health["ready"], true);
    live.running.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_heard_and_a_slow_reader_is_told_to_read_everything() {
    let live = start().await;
    let token = std::fs::read_to_string(live.running.local_token_file()).unwrap();
    let client = live.client(GarrisonFlow::Api, &ClientIdentity::none());
    let request = Request::builder()
        .uri("/api/v1/changes")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(net::body::empty())
        .unwrap();
    let mut stream = client.send(request).await.unwrap().into_body();
    let mut heard = String::new();
    let mut listen = async |heard: &mut String, until: &str| {
        while !heard.contains(until) {
            let piece = tokio::time::timeout(LIMIT, stream.chunk())
                .await
                .unwrap_or_else(|_| panic!("expected {until:?} in {heard:?}"))
                .unwrap()
                .unwrap();
            heard.push_str(&String::from_utf8_lossy(&piece));
        }
    };
    listen(&mut heard, "retry: 2000").await;
    live.running.site().tell(Changed::Group, "first");
    listen(&mut heard, "\"id\":\"first\"").await;
    // Nobody reads: what flows over the windows of TCP and HTTP/2 is dropped and said to be.
    for number in 0..200_000 {
        live.running.site().tell(Changed::Group, number);
    }
    listen(&mut heard, "{\"what\":\"all\"}").await;
    live.running.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_open_streams_and_frees_the_folder_and_the_ports() {
    let live = start().await;
    let (_, client) = live.device().await;
    let request = Request::builder()
        .uri("/agent/v1/notifications")
        .body(net::body::empty())
        .unwrap();
    let mut stream = client.send(request).await.unwrap().into_body();
    tokio::time::timeout(LIMIT, stream.chunk())
        .await
        .unwrap()
        .unwrap();
    let config = live.running.site().config.clone();
    let before = live.running.addresses();
    tokio::time::timeout(LIMIT, live.running.shutdown(LIMIT))
        .await
        .expect("the shutdown ends");
    assert!(!live.folder.path().join("manager/ready.json").exists());
    let again = Manager::start(config).await.unwrap();
    assert_eq!(again.addresses(), before, "the ports are kept");
    again.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_with_what_to_do() {
    let live = start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder);
    config.bind = live.running.site().config.bind;
    config.ports = flows::PortProfile::Garrison;
    let text = Manager::start(config).await.err().unwrap().to_string();
    assert!(
        text.contains("agent-channel") && text.contains("443") && text.contains("--ports auto"),
        "{text}"
    );
    live.running.shutdown(LIMIT).await;
}
