//! The manager's HTTP API, asked over the flow `api`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use flows::GarrisonFlow;
use http::{Method, Request, StatusCode, header};
use net::{ClientIdentity, ClientTls, Dialer, Endpoint, HttpClient, TlsTrust};
use proto::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::folder::Folder;

/// The largest answer that is read.
const MAX_ANSWER: usize = 64 << 20;
/// How long an answer may take; definitions are checked and signed before theirs comes.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const UPLOAD_LIMIT: Duration = Duration::from_secs(600);

/// A manager's API and the credential for it.
#[derive(Debug)]
pub(crate) struct Api {
    client: HttpClient,
    address: String,
    bearer: header::HeaderValue,
}

/// Why the API didn't do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(
        "{folder}: no manager serves this data folder; start one with \"garrison up\", or name another folder with --data",
        folder = .folder.display()
    )]
    NotRunning { folder: PathBuf },
    #[error("{path}: expected {expected}", path = .path.display())]
    File {
        path: PathBuf,
        expected: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{0}")]
    Address(#[from] net::EndpointError),
    #[error("no answer from {address}; is the manager running?")]
    Unreachable {
        address: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "{address} answered {status} with something else than this version expects ({what}); is this program as new as the manager?"
    )]
    Unexpected {
        address: String,
        status: StatusCode,
        what: String,
    },
    #[error("{0}")]
    Problem(Box<Problem>),
}

impl ApiError {
    /// Whether the manager understood the request and said no.
    pub(crate) const fn is_answer(&self) -> bool {
        match self {
            Self::Problem(_) => true,
            Self::NotRunning { .. }
            | Self::File { .. }
            | Self::Address(_)
            | Self::Unreachable { .. }
            | Self::Unexpected { .. } => false,
        }
    }

    fn file<E: std::error::Error + Send + Sync + 'static>(
        path: &Path,
        expected: &'static str,
    ) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            path,
            expected,
            source: Box::new(source),
        }
    }
}

impl Api {
    /// The API of a local installation, with the credential that lies in its folder.
    ///
    /// # Errors
    /// When no manager serves the folder, or its credential can't be read.
    pub(crate) fn local(folder: &Folder) -> Result<Self, ApiError> {
        let manager = folder.manager();
        let ready = crate::up::ready::read(&manager.join(crate::up::ready::FILE))
            .filter(|ready| ready.is_alive())
            .ok_or_else(|| ApiError::NotRunning {
                folder: folder.root().to_owned(),
            })?;
        let address = ready
            .address(GarrisonFlow::Api)
            .ok_or_else(|| ApiError::NotRunning {
                folder: folder.root().to_owned(),
            })?;
        Self::remote(
            &address.to_string(),
            &manager.join("ca.pem"),
            &manager.join("local-api-token"),
        )
    }

    /// The API at an address, by a CA certificate and a token in files.
    ///
    /// # Errors
    /// When the address is none, or a file can't be used.
    pub(crate) fn remote(address: &str, ca: &Path, token: &Path) -> Result<Self, ApiError> {
        let endpoint = Endpoint::parse(address)?;
        let expected = "the certificate of the site's CA in PEM";
        let pem = std::fs::read_to_string(ca).map_err(ApiError::file(ca, expected))?;
        let der = trust::certificate::der_from_pem(&pem).map_err(ApiError::file(ca, expected))?;
        let tls = ClientTls::new(&TlsTrust::Ca { der }, &ClientIdentity::none())
            .map_err(ApiError::file(ca, expected))?;
        let expected = "an API token that only its owner reads";
        let secret = trust::keyfile::read_text(token).map_err(ApiError::file(token, expected))?;
        let mut bearer = header::HeaderValue::try_from(format!("Bearer {}", secret.trim()))
            .map_err(ApiError::file(token, expected))?;
        bearer.set_sensitive(true);
        let dialer = Dialer::new(GarrisonFlow::Api.flow(), endpoint, tls);
        Ok(Self {
            client: HttpClient::new(dialer),
            address: address.to_owned(),
            bearer,
        })
    }

    /// `GET`.
    ///
    /// # Errors
    /// When nobody answers, or with a problem.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.send(Method::GET, path, None).await
    }

    /// A request with a JSON body or none.
    ///
    /// # Errors
    /// When nobody answers, or with a problem.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, ApiError> {
        let body = body.map(|body| ("application/json", Bytes::from(body.to_string())));
        let (status, bytes) = self.exchange(method, path, body, ANSWER_LIMIT).await?;
        self.interpret(status, &bytes)
    }

    /// `POST` of bytes.
    ///
    /// # Errors
    /// When nobody answers, or with a problem.
    pub(crate) async fn upload(&self, path: &str, bytes: Vec<u8>) -> Result<Value, ApiError> {
        let body = Some(("application/octet-stream", Bytes::from(bytes)));
        let (status, bytes) = self
            .exchange(Method::POST, path, body, UPLOAD_LIMIT)
            .await?;
        self.interpret(status, &bytes)
    }

    /// `GET`, answered with a file.
    ///
    /// # Errors
    /// When nobody answers, or with a problem.
    pub(crate) async fn download(&self, path: &str) -> Result<Bytes, ApiError> {
        let (status, bytes) = self.exchange(Method::GET, path, None, ANSWER_LIMIT).await?;
        if status.is_success() {
            return Ok(bytes);
        }
        self.interpret::<Value>(status, &bytes).map(|_| bytes)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
        limit: Duration,
    ) -> Result<(StatusCode, Bytes), ApiError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, self.bearer.clone())
            .header(header::ACCEPT, "application/json");
        if let Some((kind, _)) = &body {
            request = request.header(header::CONTENT_TYPE, *kind);
        }
        let body = body.map_or_else(net::body::empty, |(_, bytes)| net::body::full(bytes));
        let request = request
            .body(body)
            .map_err(|error| self.unreachable(error))?;
        let sending = self.client.send_within(request, limit);
        let response = sending.await.map_err(|error| self.unreachable(error))?;
        let response = net::read_limited(response, MAX_ANSWER, limit)
            .await
            .map_err(|error| self.unreachable(error))?;
        Ok((response.status(), response.into_body()))
    }

    fn unreachable(&self, error: impl std::error::Error + Send + Sync + 'static) -> ApiError {
        ApiError::Unreachable {
            address: self.address.clone(),
            source: Box::new(error),
        }
    }

    fn interpret<T: DeserializeOwned>(
        &self,
        status: StatusCode,
        bytes: &[u8],
    ) -> Result<T, ApiError> {
        let unexpected = |what: String| ApiError::Unexpected {
            address: self.address.clone(),
            status,
            what,
        };
        if !status.is_success() {
            let problem: Problem = serde_json::from_slice(bytes)
                .map_err(|_| unexpected("no problem description".to_owned()))?;
            return Err(ApiError::Problem(Box::new(problem)));
        }
        let text = if bytes.is_empty() { b"null" } else { bytes };
        serde_json::from_slice(text).map_err(|error| unexpected(error.to_string()))
    }
}
