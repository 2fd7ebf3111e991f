//! The first HTTP request, and what comes back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ACCEPT, CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::plan::{ProbePlan, ProbeRequest};
use super::recorded::{Record, tls_behind};
use super::report::{BodyEnd, HttpSeen, UpgradeSeen};
use super::{MAX_HEADERS, MAX_READ};
use crate::dial::{HttpError, within};

/// Characters of a header that a report keeps.
const MAX_VALUE: usize = 512;
/// A response whose head is longer is none that a probe reads.
const MAX_HEAD: usize = 64 * 1024;
/// RFC 6455, section 1.3.
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// How to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// HTTP/1.1 to the server itself.
    Origin,
    /// HTTP/1.1 to a proxy, with the whole URL.
    Absolute,
    Http2,
}

/// The task that moves the bytes; ends when dropped.
struct Driver(JoinHandle<Result<(), hyper::Error>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An open connection on which requests can be sent, one after the other.
pub(super) struct Conversation {
    sender: Sender,
    record: Record,
    _driver: Driver,
}

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Conversation {
    /// Begins to speak HTTP.
    pub(super) async fn open<S>(stream: S, form: Form) -> Result<Self, HttpError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (stream, record) = Record::of(stream);
        let io = TokioIo::new(stream);
        let opened = match form {
            Form::Origin | Form::Absolute => http1::Builder::new()
                .max_buf_size(MAX_HEAD)
                .handshake(io)
                .await
                .map(|(sender, connection)| {
                    (Sender::Http1(sender), Driver(tokio::spawn(connection)))
                }),
            Form::Http2 => http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
                .handshake(io)
                .await
                .map(|(sender, connection)| {
                    (Sender::Http2(sender), Driver(tokio::spawn(connection)))
                }),
        };
        match opened {
            Ok((sender, driver)) => Ok(Self {
                sender,
                record,
                _driver: driver,
            }),
            Err(error) => Err(explain(&record, error)),
        }
    }

    /// Sends the plan's request and reads the answer.
    pub(super) async fn send(
        &mut self,
        plan: &ProbePlan,
        ask: ProbeRequest,
        form: Form,
        proxy_authorization: Option<&str>,
    ) -> Result<HttpSeen, HttpError> {
        let (mut request, expected) = request(plan, ask, form).map_err(HttpError::Request)?;
        if let Some(value) = proxy_authorization {
            let value = HeaderValue::try_from(value);
            let value = value.map_err(|error| HttpError::Request(error.into()))?;
            request.headers_mut().insert(PROXY_AUTHORIZATION, value);
        }
        let limit = plan.timeouts.response;
        let response = match &mut self.sender {
            Sender::Http1(sender) => within(limit, sender.send_request(request)).await,
            Sender::Http2(sender) => within(limit, sender.send_request(request)).await,
        };
        match response {
            Some(Ok(response)) => {
                Ok(read(response, expected.as_deref(), plan.keep_body, limit).await)
            }
            Some(Err(error)) => Err(explain(&self.record, error)),
            None => Err(HttpError::TimedOut {
                waiting_for: "the head of the response",
                limit,
            }),
        }
    }

    /// Whether another request can be sent.
    pub(super) async fn is_ready(&mut self, limit: Duration) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => within(limit, sender.ready())
                .await
                .is_some_and(|ready| ready.is_ok()),
            Sender::Http2(sender) => within(limit, sender.ready())
                .await
                .is_some_and(|ready| ready.is_ok()),
        }
    }

    /// What the other side said first, also where it is no HTTP.
    pub(super) fn first_bytes(&self) -> Vec<u8> {
        self.record.first_bytes()
    }
}

fn explain(record: &Record, error: hyper::Error) -> HttpError {
    let tls = record.tls_error().or_else(|| tls_behind(&error));
    match tls {
        Some(tls) => HttpError::Tls(tls),
        None if is_reset(&error) && record.first_bytes().is_empty() => HttpError::Reset,
        None if is_end(&error) => HttpError::Closed,
        None => HttpError::Protocol(error),
    }
}

/// The request, and the Sec-WebSocket-Accept that it must be answered with.
fn request(
    plan: &ProbePlan,
    ask: ProbeRequest,
    form: Form,
) -> Result<(Request<Empty<Bytes>>, Option<String>), http::Error> {
    let path = plan.path.as_deref().unwrap_or("/");
    let authority = authority(plan, form);
    let uri = match form {
        Form::Origin => path.to_owned(),
        Form::Absolute => absolute(plan),
        Form::Http2 => format!("https://{authority}{path}"),
    };
    let method = method(ask);
    let mut builder = Request::builder()
        .method(method)
        .uri(uri)
        .header(ACCEPT, "*/*");
    if form != Form::Http2 {
        builder = builder.header(HOST, authority);
    }
    if let Some(user_agent) = &plan.user_agent {
        builder = builder.header(USER_AGENT, user_agent);
    }
    let mut expected = None;
    if ask == ProbeRequest::WebSocket && form != Form::Http2 {
        let (key, accept) = websocket_key();
        expected = Some(accept);
        builder = builder
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", key);
    }
    Ok((builder.body(Empty::new())?, expected))
}

/// The URL that a proxy is asked for.
pub(super) fn absolute(plan: &ProbePlan) -> String {
    let path = plan.path.as_deref().unwrap_or("/");
    format!("http://{}{path}", authority(plan, Form::Absolute))
}

pub(super) const fn method(ask: ProbeRequest) -> Method {
    match ask {
        ProbeRequest::Head => Method::HEAD,
        ProbeRequest::Get | ProbeRequest::WebSocket => Method::GET,
    }
}

/// Without the port that the scheme implies, as browsers write it: some servers know no other.
fn authority(plan: &ProbePlan, form: Form) -> String {
    let implied = match (form, &plan.transport) {
        (Form::Absolute, _) | (Form::Origin, super::ProbeTransport::Http { .. }) => 80,
        (Form::Origin | Form::Http2, _) => 443,
    };
    let whole = plan.endpoint.to_string();
    let bare = whole.strip_suffix(&format!(":{implied}"));
    match bare {
        Some(bare) if plan.endpoint.port == implied => bare.to_owned(),
        Some(_) | None => whole,
    }
}

/// A key and what answers it (RFC 6455, section 4.2.2).
fn websocket_key() -> (String, String) {
    let mut random = [0u8; 16];
    // A key that is all zero is a key too: it only tells servers from echoes.
    let _ = aws_lc_rs::rand::fill(&mut random);
    let key = STANDARD.encode(random);
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}{WEBSOCKET_GUID}").as_bytes(),
    );
    (key, STANDARD.encode(digest))
}

async fn read(
    response: Response<Incoming>,
    expected: Option<&str>,
    keep: usize,
    limit: Duration,
) -> HttpSeen {
    let (parts, mut body) = response.into_parts();
    let upgrade = expected.map(|expected| upgrade(parts.status, &parts.headers, expected));
    let mut seen = HttpSeen {
        version: match parts.version {
            Version::HTTP_2 => "HTTP/2",
            Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        },
        status: parts.status.as_u16(),
        headers: headers(&parts.headers),
        head_of_body: Vec::new(),
        body: BodyEnd::Complete,
        upgrade,
    };
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return seen;
    }
    let reading = async {
        let mut total = 0usize;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return BodyEnd::Truncated;
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let room = keep.saturating_sub(seen.head_of_body.len());
            seen.head_of_body.extend(data.iter().take(room));
            total = total.saturating_add(data.len());
            if total > MAX_READ.max(keep) && !body.is_end_stream() {
                return BodyEnd::Longer;
            }
        }
        BodyEnd::Complete
    };
    let end = within(limit, reading).await.unwrap_or(BodyEnd::TimedOut);
    seen.body = end;
    seen
}

fn upgrade(status: StatusCode, headers: &HeaderMap, expected: &str) -> UpgradeSeen {
    let accept = headers.get("sec-websocket-accept");
    if status != StatusCode::SWITCHING_PROTOCOLS {
        UpgradeSeen::Refused
    } else if accept.is_some_and(|accept| accept.as_bytes() == expected.as_bytes()) {
        UpgradeSeen::Accepted
    } else {
        UpgradeSeen::WrongAccept
    }
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8], limit: usize| {
        let text = String::from_utf8_lossy(bytes);
        text.chars().take(limit).collect()
    };
    headers
        .iter()
        .take(MAX_HEADERS)
        .map(|(name, value)| {
            // A challenge is of use only whole.
            let limit = if name == PROXY_AUTHENTICATE {
                MAX_HEAD
            } else {
                MAX_VALUE
            };
            (name.as_str().to_owned(), text(value.as_bytes(), limit))
        })
        .collect()
}

fn is_reset(error: &hyper::Error) -> bool {
    let io =
        std::error::Error::source(error).and_then(|error| error.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset)
}

/// Whether the other side went away before its answer was whole.
fn is_end(error: &hyper::Error) -> bool {
    let io =
        std::error::Error::source(error).and_then(|error| error.downcast_ref::<std::io::Error>());
    error.is_closed() || error.is_canceled() || error.is_incomplete_message() || io.is_some()
}
