//! Runs against a small stand-in of a manager that keeps the rules of the protocol: a real
//! authority, mutual TLS, and the chain of check-ins judged as a manager judges it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use flows::{GarrisonFlow, PortProfile};
use model::policy::{Policy, PolicyDocument};
use model::{DeviceId, GroupId, Sequence, SiteId, Timestamp};
use net::{
    CancellationToken, ClientAuth, Listener, PeerIdentity, PortChoice, Server, ServerIdentity,
    ServerTls,
};
use proto::agent::{
    CheckInAnswer, CheckInRequest, EnrolAnswer, EnrolRequest, EventBatch, EventReceipt, Standing,
    batch_limits,
};
use proto::problem::ProblemKind;
use proto::{EnrolmentToken, Problem, Signed};
use rustls::pki_types::PrivatePkcs8KeyDer;
use trust::chain::{ChainLink, ChainState, ChainVerdict, judge, nonce};
use trust::{CertificateAuthority, PeerCertificate, SigningKey, Subject};

use crate::options::Options;

const SECRET: &str = "secret of the stand-in";
const NONCE_KEY: [u8; 32] = [9; 32];
const DAY: Duration = Duration::from_secs(86_400);

struct StandIn {
    authority: CertificateAuthority,
    signing: SigningKey,
    chains: Mutex<HashMap<DeviceId, ChainState>>,
    events: Mutex<HashMap<DeviceId, u64>>,
    replays: Mutex<u64>,
}

fn problem(kind: ProblemKind) -> Response {
    let problem = Problem::new(kind, "stand-in");
    let status = StatusCode::from_u16(problem.status).unwrap();
    (status, Json(problem)).into_response()
}

fn device(request: &Request) -> DeviceId {
    let peer = request.extensions().get::<PeerIdentity>().unwrap();
    let certificate = PeerCertificate::parse(&peer.certificate.as_ref().unwrap().der).unwrap();
    match certificate.subject {
        Subject::Device(device) => device,
        Subject::Site(_) => panic!("a site at the agent channel"),
    }
}

async fn content(request: Request) -> Bytes {
    axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .unwrap()
}

async fn enrol(State(manager): State<Arc<StandIn>>, request: Request) -> Response {
    let request: EnrolRequest = serde_json::from_slice(&content(request).await).unwrap();
    if request.secret != SECRET {
        return problem(ProblemKind::TokenUnknown);
    }
    let device = DeviceId::generate();
    let now = Timestamp::now();
    let subject = Subject::Device(device);
    let issued = manager
        .authority
        .issue_client(&request.certificate_request, subject, DAY, now)
        .unwrap();
    Json(EnrolAnswer {
        device,
        site: SiteId::generate(),
        group: GroupId::generate(),
        certificate: issued.pem,
        ca_certificate: manager.authority.certificate_pem().to_owned(),
        site_key: manager.signing.public_hex(),
        server_time: now,
    })
    .into_response()
}

async fn check_in(State(manager): State<Arc<StandIn>>, request: Request) -> Response {
    let device = device(&request);
    let request: CheckInRequest = serde_json::from_slice(&content(request).await).unwrap();
    let link = ChainLink {
        counter: request.counter,
        nonce: &request.nonce,
        attempt: &request.attempt,
    };
    let mut chains = manager.chains.lock().unwrap();
    let chain = chains.entry(device).or_default();
    match judge(chain, link, &NONCE_KEY, device) {
        ChainVerdict::Advance => {
            *chain = ChainState {
                counter: request.counter,
                attempt: request.attempt.clone(),
            };
        }
        ChainVerdict::Repeat => {}
        ChainVerdict::Replayed | ChainVerdict::AheadOfManager | ChainVerdict::BadNonce => {
            *manager.replays.lock().unwrap() += 1;
            return problem(ProblemKind::IdentitySuspended);
        }
    }
    let document = PolicyDocument {
        group: GroupId::generate(),
        revision: 3,
        issued: Timestamp::now(),
        policy: Policy::default(),
    };
    let policy = (request.state.policy_revision < 3)
        .then(|| trust::signing::sign(&manager.signing, Signed::POLICY, &document).unwrap());
    Json(CheckInAnswer {
        counter: request.counter,
        nonce: nonce(&NONCE_KEY, device, request.counter),
        server_time: Timestamp::now(),
        standing: Standing::Approved,
        policy,
        commands: Vec::new(),
        definitions: None,
        renew_certificate: false,
    })
    .into_response()
}

async fn events(State(manager): State<Arc<StandIn>>, request: Request) -> Response {
    let device = device(&request);
    let content = content(request).await;
    let plain = zstd::bulk::decompress(&content, batch_limits::PLAIN_BYTES).unwrap();
    let batch: EventBatch = serde_json::from_slice(&plain).unwrap();
    let mut all = manager.events.lock().unwrap();
    let stored = all.entry(device).or_default();
    for event in &batch.events {
        assert_eq!(event.sequence.0, *stored + 1, "no hole, nothing twice");
        *stored += 1;
    }
    Json(EventReceipt {
        spool: batch.spool,
        stored_through: Sequence(*stored),
    })
    .into_response()
}

/// Says "check in" once, then stays open.
async fn notifications(request: Request) -> Response {
    device(&request);
    let first = futures_util::stream::once(async {
        Ok::<_, Infallible>(Bytes::from_static(b"{\"say\":\"check_in\"}\n"))
    });
    let rest = futures_util::stream::pending();
    Body::from_stream(futures_util::StreamExt::chain(first, rest)).into_response()
}

/// A stand-in that serves, and its token's file.
struct World {
    folder: tempfile::TempDir,
    manager: Arc<StandIn>,
    shutdown: CancellationToken,
}

fn start() -> World {
    let now = Timestamp::now();
    let authority = CertificateAuthority::create("stand-in", now).unwrap();
    let bytes = *uuid::Uuid::new_v4().as_bytes();
    let address = IpAddr::V4(Ipv4Addr::new(127, bytes[0] | 0x10, bytes[1], bytes[2] | 2));
    let made = authority
        .issue_server(&[address.to_string()], DAY, now)
        .unwrap();
    let chain = made.chain_der.into_iter().map(Into::into).collect();
    let key = PrivatePkcs8KeyDer::from(made.key_pkcs8_der);
    let identity = ServerIdentity::new(chain, key.into()).unwrap();
    let cas = vec![authority.certificate_der().to_vec().into()];
    let tls = ServerTls::new(&identity, ClientAuth::Optional { cas }).unwrap();
    let choice = PortChoice {
        profile: PortProfile::Auto,
        remembered: None,
    };
    let flow = GarrisonFlow::AgentChannel.flow();
    let listener = Listener::bind(flow, address, choice).unwrap();
    let token = EnrolmentToken {
        addresses: vec![listener.address().to_string()],
        ca_pin: authority.pin_hex(),
        secret: SECRET.to_owned(),
        group: "Default".to_owned(),
        expires: now.plus(DAY),
    };
    let folder = tempfile::tempdir().unwrap();
    trust::keyfile::write(&folder.path().join("token"), token.to_text().as_bytes()).unwrap();
    let manager = Arc::new(StandIn {
        authority,
        signing: SigningKey::generate().unwrap(),
        chains: Mutex::default(),
        events: Mutex::default(),
        replays: Mutex::default(),
    });
    let router = Router::new()
        .route("/agent/v1/enrol", post(enrol))
        .route("/agent/v1/check-in", post(check_in))
        .route("/agent/v1/events", post(events))
        .route("/agent/v1/notifications", get(notifications))
        .with_state(Arc::clone(&manager));
    let shutdown = CancellationToken::new();
    tokio::spawn(Server::new(listener, Some(tls), router).serve(shutdown.clone()));
    World {
        folder,
        manager,
        shutdown,
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn options(folder: &Path) -> Options {
    Options {
        token_file: folder.join("token"),
        agents: 20,
        seconds: 2,
        check_in_seconds: Duration::from_millis(200),
        events_per_check_in: 3,
        concurrency: 8,
        report: None,
        manager_pid: Some(std::process::id()),
        state: Some(folder.join("state")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_the_rules_of_the_protocol_and_counts_what_the_manager_counts() {
    let world = start();
    let options = options(world.folder.path());
    let report = crate::run::run(&options).await.unwrap();
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    report.verdict().unwrap();
    assert_eq!(report.enrolment.done, 20);
    assert_eq!(report.connecting.done, 20);
    assert!(report.steady.notified >= 20, "{report:?}");
    let answered: u64 = {
        let chains = world.manager.chains.lock().unwrap();
        assert_eq!(chains.len(), 20);
        chains.values().map(|chain| chain.counter).sum()
    };
    assert!(report.steady.check_ins + 20 <= answered, "{report:?}");
    assert!(report.steady.events > 0 && report.steady.manager.is_some());
    assert!(report.in_words().contains("20 agents"));
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_identities_go_on_where_they_stopped() {
    let world = start();
    let options = options(world.folder.path());
    for enrolled in [20, 0] {
        let report = crate::run::run(&options).await.unwrap();
        assert!(report.errors.is_empty(), "{:?}", report.errors);
        assert_eq!(report.enrolment.done, enrolled);
    }
    assert_eq!(world.manager.chains.lock().unwrap().len(), 20);
    assert_eq!(*world.manager.replays.lock().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_named() {
    let world = start();
    let path = world.folder.path().join("token");
    let text = trust::keyfile::read_text(&path).unwrap();
    let mut token = EnrolmentToken::parse(&text).unwrap();
    token.secret = "another".to_owned();
    trust::keyfile::write(&path, token.to_text().as_bytes()).unwrap();
    let error = crate::run::run(&options(world.folder.path()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("token is not known"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_token_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = crate::run::run(&options(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("token"), "{error}");
}

#[test]
fn the_command_line_is_well_formed() {
    use clap::CommandFactory as _;
    Options::command().debug_assert();
    let parsed = |seconds: &str| {
        use clap::Parser as _;
        let arguments = ["sim", "--token-file", "t", "--check-in-seconds", seconds];
        Options::try_parse_from(arguments)
    };
    assert_eq!(
        parsed("0.5").unwrap().check_in_seconds,
        Duration::from_millis(500)
    );
    for bad in ["0", "-1", "x", "NaN", "inf"] {
        assert!(parsed(bad).is_err(), "{bad}");
    }
}
