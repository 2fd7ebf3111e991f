//! A manager that keeps everything in memory and can be told to misbehave.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use flows::{GarrisonFlow, PortProfile};
use model::event::{EventBody, Sequence};
use model::policy::{Action, CommandDocument, Policy, PolicyDocument};
use model::{CommandId, DefinitionRevision, DeviceId, Event, GroupId, SiteId, Timestamp};
use net::{
    CancellationToken, ClientAuth, Listener, PeerIdentity, PortChoice, Server, ServerIdentity,
    ServerTls,
};
use proto::agent::*;
use proto::problem::ProblemKind;
use proto::{EnrolmentToken, Problem, Signed};
use sha2::Digest as _;
use trust::chain::{ChainLink, ChainState, ChainVerdict};
use trust::{CertificateAuthority, SigningKey, Subject};

const LIFE: Duration = Duration::from_secs(86_400);
pub const SECRET: &str = "the-secret-of-the-token";

pub struct Site {
    pub ca: CertificateAuthority,
    pub signing: SigningKey,
    pub id: SiteId,
    pub group: GroupId,
    chain_key: [u8; 32],
    state: Mutex<Memory>,
}

#[derive(Default)]
pub struct Memory {
    /// Key → device.
    pub devices: BTreeMap<[u8; 32], DeviceId>,
    chains: BTreeMap<DeviceId, ChainState>,
    pub suspended: BTreeSet<DeviceId>,
    pub forks: BTreeMap<DeviceId, DeviceId>,
    pub awaiting: BTreeSet<DeviceId>,
    pub revoked: BTreeSet<DeviceId>,
    pub policy: Option<Signed>,
    pub commands: Vec<Signed>,
    pub definitions: Option<(DefinitionRevision, Vec<u8>)>,
    /// Device, spool and sequence → event.
    pub events: BTreeMap<(DeviceId, String, Sequence), Event>,
    pub gaps: Vec<model::event::Gap>,
    pub last_state: BTreeMap<DeviceId, model::health::AgentState>,
    /// Answers to lose, by route.
    pub lose: BTreeMap<&'static str, u32>,
    pub served: BTreeMap<&'static str, u32>,
    pub refuse_enrolment: Option<ProblemKind>,
}

pub struct Running {
    pub site: Arc<Site>,
    pub address: SocketAddr,
    stop: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Site {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            ca: CertificateAuthority::create("Test", Timestamp::now()).unwrap(),
            signing: SigningKey::generate().unwrap(),
            id: SiteId::generate(),
            group: GroupId::generate(),
            chain_key: [9; 32],
            state: Mutex::default(),
        })
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_policy(&self, signer: &SigningKey, revision: u64, policy: Policy) {
        let document = PolicyDocument {
            group: self.group,
            revision,
            issued: Timestamp::now(),
            policy,
        };
        let signed = trust::signing::sign(signer, Signed::POLICY, &document).unwrap();
        self.memory().policy = Some(signed);
    }

    pub fn command(&self, signer: &SigningKey, device: DeviceId, action: Action) -> CommandId {
        let now = Timestamp::now();
        let document = CommandDocument {
            id: CommandId::generate(),
            device,
            issued: now,
            expires: now.plus(LIFE),
            action,
        };
        let signed = trust::signing::sign(signer, Signed::COMMAND, &document).unwrap();
        self.memory().commands.push(signed);
        document.id
    }

    pub fn bodies(&self) -> Vec<EventBody> {
        self.memory()
            .events
            .values()
            .map(|event| event.body.clone())
            .collect()
    }

    pub fn device(&self) -> Option<DeviceId> {
        self.memory().devices.values().next().copied()
    }
}

impl Running {
    /// On a free port.
    pub fn start(site: &Arc<Site>) -> Self {
        Self::start_at(site, None)
    }

    /// On the port of an earlier one.
    pub fn start_at(site: &Arc<Site>, port: Option<u16>) -> Self {
        net::install_crypto();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let stop = CancellationToken::new();
        let address = runtime.block_on(async {
            let listener = super::wait_for("the port", || {
                let choice = PortChoice {
                    profile: PortProfile::Auto,
                    remembered: port,
                };
                let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let flow = GarrisonFlow::AgentChannel.flow();
                let bound = Listener::bind(flow, localhost, choice).unwrap();
                port.is_none_or(|port| bound.address().port() == port)
                    .then_some(bound)
            });
            let address = listener.address();
            let names = ["127.0.0.1".to_owned()];
            let server = site
                .ca
                .issue_server(&names, LIFE, Timestamp::now())
                .unwrap();
            let chain = server.chain_der.into_iter().map(Into::into).collect();
            let identity =
                ServerIdentity::new(chain, server.key_pkcs8_der.try_into().unwrap()).unwrap();
            let cas = vec![site.ca.certificate_der().to_vec().into()];
            let tls = ServerTls::new(&identity, ClientAuth::Optional { cas }).unwrap();
            let server = Server::new(listener, Some(tls), router(Arc::clone(site), stop.clone()));
            tokio::spawn(server.serve(stop.clone()));
            address
        });
        Self {
            site: Arc::clone(site),
            address,
            stop,
            runtime: Some(runtime),
        }
    }

    pub fn token(&self) -> String {
        EnrolmentToken {
            addresses: vec![self.address.to_string()],
            ca_pin: self.site.ca.pin_hex(),
            secret: SECRET.to_owned(),
            group: "Default".to_owned(),
            expires: Timestamp::now().plus(LIFE),
        }
        .to_text()
    }

    /// Stops, and frees the port.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

type App = State<Arc<Site>>;
type Peer = Extension<PeerIdentity>;

fn router(site: Arc<Site>, stop: CancellationToken) -> Router {
    Router::new()
        .route("/agent/v1/enrol", post(enrol))
        .route("/agent/v1/check-in", post(check_in))
        .route("/agent/v1/events", post(events))
        .route("/agent/v1/definitions/{revision}", get(definitions))
        .route("/agent/v1/renew", post(renew))
        .route("/agent/v1/rekey", post(rekey))
        .route("/agent/v1/notifications", get(move || notifications(stop)))
        .with_state(site)
}

/// An answer, or none at all although the work was done.
fn answer(site: &Site, route: &'static str, value: impl serde::Serialize) -> Response {
    let mut memory = site.memory();
    *memory.served.entry(route).or_default() += 1;
    if let Some(left) = memory.lose.get_mut(route).filter(|left| **left > 0) {
        *left -= 1;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    Json(value).into_response()
}

fn problem(kind: ProblemKind) -> Response {
    let status = StatusCode::from_u16(kind.status()).unwrap();
    (status, Json(Problem::new(kind, "as the test wants it"))).into_response()
}

async fn enrol(State(site): App, Json(request): Json<EnrolRequest>) -> Response {
    if let Some(kind) = site.memory().refuse_enrolment {
        return problem(kind);
    }
    if request.secret != SECRET {
        return problem(ProblemKind::TokenUnknown);
    }
    let key = trust::identity::request_key_sha256(&request.certificate_request).unwrap();
    let device = *site
        .memory()
        .devices
        .entry(key)
        .or_insert_with(DeviceId::generate);
    let value = EnrolAnswer {
        device,
        site: site.id,
        group: site.group,
        certificate: certificate(&site, &request.certificate_request, device),
        ca_certificate: site.ca.certificate_pem().to_owned(),
        site_key: site.signing.public_hex(),
        server_time: Timestamp::now(),
    };
    answer(&site, "enrol", value)
}

fn certificate(site: &Site, request: &str, device: DeviceId) -> String {
    let now = Timestamp::now();
    site.ca
        .issue_client(request, Subject::Device(device), LIFE, now)
        .unwrap()
        .pem
}

fn holder(site: &Site, peer: &PeerIdentity) -> Result<DeviceId, Box<Response>> {
    let refused = |kind| Err(Box::new(problem(kind)));
    let Some(certificate) = &peer.certificate else {
        return refused(ProblemKind::Unauthenticated);
    };
    let memory = site.memory();
    let Some(device) = memory.devices.get(&certificate.spki_sha256) else {
        return refused(ProblemKind::Unauthenticated);
    };
    if memory.revoked.contains(device) {
        return refused(ProblemKind::DeviceRevoked);
    }
    Ok(*device)
}

async fn check_in(State(site): App, peer: Peer, Json(request): Json<CheckInRequest>) -> Response {
    let device = match holder(&site, &peer) {
        Ok(device) => device,
        Err(refusal) => return *refusal,
    };
    let value = {
        let mut memory = site.memory();
        if memory.suspended.contains(&device) {
            return problem(ProblemKind::IdentitySuspended);
        }
        let last = memory.chains.entry(device).or_default().clone();
        let link = ChainLink {
            counter: request.counter,
            nonce: &request.nonce,
            attempt: &request.attempt,
        };
        match trust::chain::judge(&last, link, &site.chain_key, device) {
            ChainVerdict::Advance | ChainVerdict::AheadOfManager | ChainVerdict::Repeat => {}
            ChainVerdict::Replayed => {
                memory.suspended.insert(device);
                return problem(ProblemKind::IdentitySuspended);
            }
            ChainVerdict::BadNonce => return problem(ProblemKind::Conflict),
        }
        memory.chains.insert(
            device,
            ChainState {
                counter: request.counter,
                attempt: request.attempt.clone(),
            },
        );
        memory.last_state.insert(device, request.state.clone());
        let awaiting = memory.awaiting.contains(&device);
        let definitions = memory
            .definitions
            .as_ref()
            .filter(|(revision, _)| request.state.definitions != Some(*revision))
            .map(|(revision, bytes)| DefinitionsOffer {
                revision: *revision,
                bytes: bytes.len() as u64,
                sha256: model::Sha256(sha2::Sha256::digest(bytes).into()),
            });
        CheckInAnswer {
            counter: request.counter,
            nonce: trust::chain::nonce(&site.chain_key, device, request.counter),
            server_time: Timestamp::now(),
            standing: if awaiting {
                Standing::AwaitingApproval
            } else {
                Standing::Approved
            },
            policy: memory.policy.clone().filter(|_| !awaiting),
            commands: if awaiting {
                Vec::new()
            } else {
                memory.commands.clone()
            },
            definitions: definitions.filter(|_| !awaiting),
            renew_certificate: false,
        }
    };
    answer(&site, "check-in", value)
}

async fn events(State(site): App, peer: Peer, body: Bytes) -> Response {
    let device = match holder(&site, &peer) {
        Ok(device) => device,
        Err(refusal) => return *refusal,
    };
    assert!(body.len() <= batch_limits::COMPRESSED_BYTES);
    let plain = zstd::bulk::decompress(&body, batch_limits::PLAIN_BYTES).unwrap();
    let batch: EventBatch = serde_json::from_slice(&plain).unwrap();
    let mut through = Sequence(0);
    {
        let mut memory = site.memory();
        if memory.awaiting.contains(&device) {
            return problem(ProblemKind::AwaitingApproval);
        }
        for gap in batch.gaps {
            through = through.max(gap.last);
            memory.gaps.push(gap);
        }
        for event in batch.events {
            through = through.max(event.sequence);
            let name = (device, batch.spool.0.clone(), event.sequence);
            if let Some(known) = memory.events.get(&name) {
                assert_eq!(*known, event, "one sequence, two events");
            }
            memory.events.insert(name, event);
        }
    }
    let receipt = EventReceipt {
        spool: batch.spool,
        stored_through: through,
    };
    answer(&site, "events", receipt)
}

async fn definitions(State(site): App, Path(_revision): Path<u64>) -> Response {
    let bytes = site.memory().definitions.clone().unwrap().1;
    Body::from(bytes).into_response()
}

async fn renew(State(site): App, peer: Peer, Json(request): Json<RenewRequest>) -> Response {
    let device = match holder(&site, &peer) {
        Ok(device) => device,
        Err(refusal) => return *refusal,
    };
    let key = trust::identity::request_key_sha256(&request.certificate_request).unwrap();
    site.memory().devices.insert(key, device);
    let value = RenewAnswer {
        certificate: certificate(&site, &request.certificate_request, device),
    };
    answer(&site, "renew", value)
}

async fn rekey(State(site): App, peer: Peer, Json(request): Json<RenewRequest>) -> Response {
    let device = match holder(&site, &peer) {
        Ok(device) => device,
        Err(refusal) => return *refusal,
    };
    let key = trust::identity::request_key_sha256(&request.certificate_request).unwrap();
    let new = {
        let mut memory = site.memory();
        let new = *memory.devices.entry(key).or_insert_with(DeviceId::generate);
        memory.forks.insert(new, device);
        memory.awaiting.insert(new);
        new
    };
    let value = RekeyAnswer {
        device: new,
        fork_of: device,
        certificate: certificate(&site, &request.certificate_request, new),
        standing: Standing::AwaitingApproval,
    };
    answer(&site, "rekey", value)
}

/// Says "check in" all the time, so that no test waits for an interval.
async fn notifications(stop: CancellationToken) -> Response {
    let lines = futures_util::stream::unfold(stop, |stop| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let line = Bytes::from_static(b"{\"say\":\"check_in\"}\n");
        (!stop.is_cancelled()).then_some((Ok::<_, std::convert::Infallible>(line), stop))
    });
    Body::from_stream(lines).into_response()
}
