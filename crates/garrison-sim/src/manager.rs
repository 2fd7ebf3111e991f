//! One agent's connection to the manager, and the requests on it.

use std::time::Duration;

use flows::GarrisonFlow;
use http::{Request, header};
use model::EndpointPath;
use model::event::{Event, EventBody, Initiator, Sequence, SpoolId};
use model::health::{AgentState, HostFacts, LossCounters};
use model::verdict::ScanTotals;
use model::{DefinitionRevision, ScanId, Timestamp};
use net::{
    ClientIdentity, ClientTls, DialError, Dialer, Endpoint, HttpClient, HttpError, ResponseBody,
    TlsTrust, body,
};
use proto::Problem;
use proto::agent::{CheckInAnswer, CheckInRequest, EventBatch, EventReceipt};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use trust::KeyPair;

use crate::identity::Identity;

const ENROL: &str = "/agent/v1/enrol";
const CHECK_IN: &str = "/agent/v1/check-in";
const EVENTS: &str = "/agent/v1/events";
const NOTIFICATIONS: &str = "/agent/v1/notifications";
/// For a whole answer. Longer than an agent waits: here a late answer is a figure, not a fault.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Larger answers are refused, bytes.
const MAX_ANSWER: usize = 4 << 20;

/// A request that was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("{0}")]
    Dial(Box<DialError>),
    #[error("{0}")]
    Http(#[from] HttpError),
    #[error("{0}")]
    Problem(Problem),
    #[error("status {status}, and no problem that says why")]
    Status { status: u16 },
    #[error("an answer of another shape: {0}")]
    Answer(#[from] serde_json::Error),
    #[error("a request that can't be made: {0}")]
    Request(String),
}

impl From<DialError> for RequestError {
    fn from(error: DialError) -> Self {
        Self::Dial(Box::new(error))
    }
}

impl RequestError {
    /// A short name to count by.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Dial(error) => format!("dial-{}", error.stage()),
            Self::Http(_) => "connection".to_owned(),
            Self::Problem(problem) => problem
                .kind()
                .map_or_else(|| problem.kind.clone(), |kind| kind.name().to_owned()),
            Self::Status { status } => format!("status-{status}"),
            Self::Answer(_) => "answer".to_owned(),
            Self::Request(_) => "request".to_owned(),
        }
    }
}

/// A connection to the manager.
#[derive(Debug)]
pub(crate) struct Manager(HttpClient);

impl Manager {
    /// Without a certificate, for enrolment.
    pub(crate) fn stranger(endpoint: &Endpoint, ca_pin: [u8; 32]) -> anyhow::Result<Self> {
        let trust = TlsTrust::Pinned { ca_pin };
        Self::new(endpoint, &trust, &ClientIdentity::none())
    }

    /// With a device's certificate.
    pub(crate) fn device(endpoint: &Endpoint, identity: &Identity) -> anyhow::Result<Self> {
        let key = KeyPair::from_pem(&identity.key_pem)?;
        let leaf = trust::certificate::der_from_pem(&identity.certificate)?;
        let key = PrivatePkcs8KeyDer::from(key.pkcs8_der());
        let shown = ClientIdentity::new(vec![leaf.into()], key.into())?;
        let der = trust::certificate::der_from_pem(&identity.ca_certificate)?;
        Self::new(endpoint, &TlsTrust::Ca { der }, &shown)
    }

    fn new(
        endpoint: &Endpoint,
        trust: &TlsTrust,
        identity: &ClientIdentity,
    ) -> anyhow::Result<Self> {
        let tls = ClientTls::new(trust, identity)?;
        let flow = GarrisonFlow::AgentChannel.flow();
        let dialer = Dialer::new(flow, endpoint.clone(), tls);
        Ok(Self(HttpClient::new(dialer)))
    }

    pub(crate) async fn enrol<A: DeserializeOwned>(
        &self,
        request: &impl Serialize,
    ) -> Result<A, RequestError> {
        self.post(ENROL, request).await
    }

    pub(crate) async fn check_in(
        &self,
        request: &CheckInRequest,
    ) -> Result<CheckInAnswer, RequestError> {
        self.post(CHECK_IN, request).await
    }

    pub(crate) async fn deliver(&self, batch: &EventBatch) -> Result<EventReceipt, RequestError> {
        let plain = serde_json::to_vec(batch)?;
        let compressed = zstd::bulk::compress(&plain, 0)
            .map_err(|error| RequestError::Request(error.to_string()))?;
        let request = Request::post(EVENTS)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_ENCODING, "zstd")
            .body(body::full(compressed));
        self.answer(request).await
    }

    /// Opens the notification stream.
    pub(crate) async fn notifications(&self) -> Result<ResponseBody, RequestError> {
        let request = Request::get(NOTIFICATIONS)
            .body(body::empty())
            .map_err(|error| RequestError::Request(error.to_string()))?;
        let response = self.0.send_within(request, ANSWER_LIMIT).await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let response = net::read_limited(response, MAX_ANSWER, ANSWER_LIMIT).await?;
        Err(refusal(response.status().as_u16(), response.body()))
    }

    async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        content: &impl Serialize,
    ) -> Result<A, RequestError> {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body::full(serde_json::to_vec(content)?));
        self.answer(request).await
    }

    async fn answer<A: DeserializeOwned>(
        &self,
        request: http::Result<Request<net::RequestBody>>,
    ) -> Result<A, RequestError> {
        let request = request.map_err(|error| RequestError::Request(error.to_string()))?;
        let response = self.0.send_within(request, ANSWER_LIMIT).await?;
        let response = net::read_limited(response, MAX_ANSWER, ANSWER_LIMIT).await?;
        if response.status().is_success() {
            Ok(serde_json::from_slice(response.body())?)
        } else {
            Err(refusal(response.status().as_u16(), response.body()))
        }
    }
}

fn refusal(status: u16, content: &[u8]) -> RequestError {
    serde_json::from_slice(content).map_or(RequestError::Status { status }, RequestError::Problem)
}

/// The facts of a simulated machine.
pub(crate) fn host(number: u32) -> HostFacts {
    HostFacts {
        hostname: format!("sim-{number:05}"),
        os: "Debian GNU/Linux 12 (simulated)".to_owned(),
        kernel: "6.1.0".to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        privileged: true,
    }
}

/// The state of an agent with which all is well.
pub(crate) fn state(
    number: u32,
    policy_revision: u64,
    definitions: Option<DefinitionRevision>,
) -> AgentState {
    AgentState {
        host: host(number),
        policy_revision,
        definitions,
        issues: Vec::new(),
        losses: LossCounters::default(),
        spooled_bytes: 0,
        spooled_events: 0,
        quarantined: 0,
        network: None,
    }
}

/// Events that an agent may have to tell: scans that ended and found nothing.
pub(crate) fn batch(spool: &str, delivered: u64, count: u32) -> EventBatch {
    let event = |sequence| Event {
        sequence: Sequence(sequence),
        time: Timestamp::now(),
        body: EventBody::ScanActivity {
            scan: ScanId::generate(),
            initiator: Initiator::LocalUser { uid: 1000 },
            paths: vec![EndpointPath::from_bytes(b"/home/user/Downloads")],
            totals: Some(ScanTotals {
                clean: 1234,
                scanned_bytes: 56_789_012,
                ..ScanTotals::default()
            }),
            cancelled: false,
            definitions: None,
        },
    };
    EventBatch {
        spool: SpoolId(spool.to_owned()),
        events: (1..=u64::from(count))
            .map(|step| event(delivered + step))
            .collect(),
        gaps: Vec::new(),
    }
}
