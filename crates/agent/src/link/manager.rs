//! Requests to the manager, over the flow `agent-channel`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flows::GarrisonFlow;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use net::{
    ClientIdentity, ClientTls, DialError, Dialer, Endpoint, HttpClient, ProxySetting, RequestBody,
    ResponseBody, StageFailure, TlsError, TlsSetupError, TlsTrust, body,
};
use proto::Problem;
use proto::problem::ProblemKind;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of an answer, at most: a check-in's with a policy and many commands.
const MAX_ANSWER: usize = 16 << 20;
/// From the head of an answer to its end.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error(transparent)]
    Unreachable(#[from] DialError),
    #[error("the manager refused: {0}")]
    Refused(Problem),
    #[error("the manager's answer was cut: {0}")]
    Cut(#[from] net::HttpError),
    #[error("expected Garrison's manager, got an answer of another kind ({0}); check the address")]
    Foreign(String),
    #[error("the request could not be written: {0}")]
    Request(String),
}

/// The manager can't be talked to at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Address(#[from] net::EndpointError),
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
}

impl LinkError {
    /// The kind of problem that the manager named.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        match self {
            Self::Refused(problem) => problem.kind(),
            Self::Unreachable(_) | Self::Cut(_) | Self::Foreign(_) | Self::Request(_) => None,
        }
    }

    /// Whether the manager refused the certificate itself.
    #[must_use]
    pub fn is_certificate_refused(&self) -> bool {
        let Self::Unreachable(error) = self else {
            return false;
        };
        let tls = match &error.failure {
            StageFailure::Tls(tls) | StageFailure::Http(net::HttpError::Tls(tls)) => tls,
            StageFailure::Resolve(_)
            | StageFailure::Proxy(_)
            | StageFailure::Tcp(_)
            | StageFailure::Udp(_)
            | StageFailure::Http(_) => return false,
        };
        matches!(tls, TlsError::ClientCertificateRefused { .. })
    }
}

/// The manager, at one of its addresses.
pub(crate) struct Manager {
    clients: Vec<HttpClient>,
    current: AtomicUsize,
}

impl Manager {
    /// Dials nothing yet.
    ///
    /// # Errors
    /// When an address or the CA can't be used.
    pub(crate) fn new(
        addresses: &[String],
        trust: &TlsTrust,
        identity: &ClientIdentity,
        proxy: &ProxySetting,
    ) -> Result<Self, SetupError> {
        let tls = ClientTls::new(trust, identity)?;
        let mut clients = Vec::new();
        for address in addresses {
            let endpoint = Endpoint::parse(address)?;
            let flow = GarrisonFlow::AgentChannel.flow();
            let dialer = Dialer::new(flow, endpoint, tls.clone()).with_proxy(proxy.clone());
            clients.push(HttpClient::new(dialer));
        }
        Ok(Self {
            clients,
            current: AtomicUsize::new(0),
        })
    }

    /// The address in use.
    #[must_use]
    pub(crate) fn address(&self) -> String {
        self.client()
            .map(|client| client.dialer().endpoint().to_string())
            .unwrap_or_default()
    }

    /// Lets go of the connection, so that the next one shows the identity of that moment.
    pub(crate) async fn disconnect(&self) {
        for client in &self.clients {
            client.disconnect().await;
        }
    }

    /// Sends JSON, reads JSON.
    ///
    /// # Errors
    /// When no address can be reached, the manager refuses, or answers something else.
    pub(crate) async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        question: &impl Serialize,
    ) -> Result<A, LinkError> {
        let text =
            serde_json::to_vec(question).map_err(|error| LinkError::Request(error.to_string()))?;
        self.ask(path, None, text).await
    }

    /// Sends JSON that is compressed with zstd, reads JSON.
    ///
    /// # Errors
    /// As [`Self::post`].
    pub(crate) async fn post_compressed<A: DeserializeOwned>(
        &self,
        path: &str,
        compressed: Vec<u8>,
    ) -> Result<A, LinkError> {
        self.ask(path, Some("zstd"), compressed).await
    }

    /// Asks for something large or endless; answers its head and its body to read on.
    ///
    /// # Errors
    /// As [`Self::post`].
    pub(crate) async fn get(&self, path: &str) -> Result<Response<ResponseBody>, LinkError> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(path)
            .body(body::empty())
            .map_err(|error| LinkError::Request(error.to_string()))?;
        let response = self.send(request).await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        Err(refusal(
            net::read_limited(response, MAX_ANSWER, ANSWER_TIME).await?,
        ))
    }

    async fn ask<A: DeserializeOwned>(
        &self,
        path: &str,
        encoding: Option<&'static str>,
        content: Vec<u8>,
    ) -> Result<A, LinkError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(CONTENT_TYPE, "application/json");
        if let Some(encoding) = encoding {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        let request = request
            .body(body::full(content))
            .map_err(|error| LinkError::Request(error.to_string()))?;
        let response = self.send(request).await?;
        let response = net::read_limited(response, MAX_ANSWER, ANSWER_TIME).await?;
        if !response.status().is_success() {
            return Err(refusal(response));
        }
        serde_json::from_slice(response.body())
            .map_err(|error| LinkError::Foreign(error.to_string()))
    }

    async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, LinkError> {
        let Some(client) = self.client() else {
            return Err(LinkError::Request("no address is known".to_owned()));
        };
        match client.send(request).await {
            Ok(response) => Ok(response),
            Err(error) => {
                // The next try goes to the next address.
                self.current.fetch_add(1, Ordering::Relaxed);
                Err(error.into())
            }
        }
    }

    fn client(&self) -> Option<&HttpClient> {
        let current = self.current.load(Ordering::Relaxed);
        self.clients.get(current.checked_rem(self.clients.len())?)
    }
}

fn refusal(response: Response<bytes::Bytes>) -> LinkError {
    match serde_json::from_slice::<Problem>(response.body()) {
        Ok(problem) => LinkError::Refused(problem),
        Err(_) => LinkError::Foreign(format!("status {}", response.status())),
    }
}
