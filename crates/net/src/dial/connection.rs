//! Stage 5: HTTP over the TLS stream, and requests on it.

use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::watched::{TlsFailure, watched};
use super::{DialError, Dialer, HttpError, within};
use crate::body::{RequestBody, ResponseBody};
use crate::tls::ALPN_HTTP2;

/// A silent connection is asked for a sign of life this often.
const PING_EVERY: Duration = Duration::from_secs(40);
/// It is given up when none comes within this time.
const PING_LIMIT: Duration = Duration::from_secs(20);
/// What a server may send ahead of our reading, for each response and in all.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Larger heads of responses are refused.
const MAX_HEADERS: u32 = 64 * 1024;
/// Bytes of one request's body that wait for the network.
const SEND_BUFFER: usize = 64 * 1024;
/// How long a connection that nobody uses any more may take to say goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);

/// The version of HTTP that the two sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// An open connection. It closes when it and all bodies of its responses are dropped.
#[derive(Debug)]
pub struct Connection {
    dialer: Dialer,
    sender: Sender,
    driver: Arc<Driver>,
}

#[derive(Debug)]
enum Sender {
    Http2(http2::SendRequest<RequestBody>),
    // An async lock: HTTP/1 sends one request after the other, so the next one waits for it.
    Http1(Mutex<http1::SendRequest<RequestBody>>),
}

/// Keeps the task alive that moves the connection's bytes.
#[derive(Debug)]
pub(crate) struct Driver {
    failure: TlsFailure,
    _ends_when_dropped: DropGuard,
}

/// A request that failed; with the request itself if none of it was sent.
pub(crate) struct Unsent {
    pub(crate) error: DialError,
    pub(crate) request: Option<Request<RequestBody>>,
}

impl Driver {
    /// Says what ended the connection, TLS first.
    pub(crate) fn explain(&self, error: hyper::Error) -> HttpError {
        if let Some(tls) = self.failure.get() {
            return HttpError::Tls(tls.clone());
        }
        let closed = error.is_closed() || error.is_canceled() || error.is_incomplete_message();
        if closed {
            HttpError::Closed
        } else {
            HttpError::Protocol(error)
        }
    }
}

impl Connection {
    pub(super) async fn open(
        dialer: Dialer,
        stream: TlsStream<TcpStream>,
        pin: Option<[u8; 32]>,
        limit: Duration,
    ) -> Result<(Self, String), HttpError> {
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2);
        let (watched, first_byte, failure) = watched(stream, pin);
        let end = CancellationToken::new();
        let driver = Arc::new(Driver {
            failure,
            _ends_when_dropped: end.clone().drop_guard(),
        });
        let io = TokioIo::new(watched);
        if is_http2 {
            let (sender, connection) = http2_builder()
                .handshake(io)
                .await
                .map_err(|error| driver.explain(error))?;
            drive(connection, end);
            spoken(first_byte, limit, &driver).await?;
            let sender = Sender::Http2(sender);
            Ok((
                Self {
                    dialer,
                    sender,
                    driver,
                },
                "HTTP/2".to_owned(),
            ))
        } else {
            let (sender, connection) = http1::handshake(io)
                .await
                .map_err(|error| driver.explain(error))?;
            drive(connection, end);
            let sender = Sender::Http1(Mutex::new(sender));
            Ok((
                Self {
                    dialer,
                    sender,
                    driver,
                },
                "HTTP/1.1".to_owned(),
            ))
        }
    }

    /// The version of HTTP on it.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match &self.sender {
            Sender::Http2(_) => Protocol::Http2,
            Sender::Http1(_) => Protocol::Http1,
        }
    }

    /// Whether no further request can be sent on it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http2(sender) => sender.is_closed(),
            // A held lock means that a request is under way.
            Sender::Http1(sender) => sender.try_lock().is_ok_and(|sender| sender.is_closed()),
        }
    }

    /// Sends a request (its URI needs a path only) and waits for the head of the response, at
    /// most as long as the dialer's limit for responses.
    ///
    /// # Errors
    /// When the connection breaks, or the limit passes.
    pub async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, DialError> {
        self.send_within(request, self.dialer.timeouts().response)
            .await
    }

    /// As [`Connection::send`], with a limit of the caller's. The limit covers sending the
    /// request's body, and never the response's body.
    ///
    /// # Errors
    /// When the connection breaks, or the limit passes.
    pub async fn send_within(
        &self,
        request: Request<RequestBody>,
        limit: Duration,
    ) -> Result<Response<ResponseBody>, DialError> {
        self.try_send(request, limit)
            .await
            .map_err(|unsent| unsent.error)
    }

    pub(crate) async fn try_send(
        &self,
        mut request: Request<RequestBody>,
        limit: Duration,
    ) -> Result<Response<ResponseBody>, Box<Unsent>> {
        let failed = |error: HttpError, request| {
            Box::new(Unsent {
                error: self.dialer.error(error),
                request,
            })
        };
        if let Err(error) = self.address(&mut request) {
            return Err(failed(HttpError::Request(error), None));
        }
        match within(limit, self.exchange(request)).await {
            Some(Ok(response)) => {
                Ok(response.map(|body| ResponseBody::new(body, Arc::clone(&self.driver))))
            }
            Some(Err(mut error)) => {
                let request = error.take_message();
                Err(failed(self.driver.explain(error.into_error()), request))
            }
            None => {
                let waiting_for = "the head of the response";
                Err(failed(HttpError::TimedOut { waiting_for, limit }, None))
            }
        }
    }

    async fn exchange(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        match &self.sender {
            Sender::Http2(sender) => sender.clone().try_send_request(request).await,
            Sender::Http1(sender) => {
                let mut sender = sender.lock().await;
                // A connection that is not ready because it closed gives the request back below.
                let _ = sender.ready().await;
                let response = sender.try_send_request(request);
                drop(sender);
                response.await
            }
        }
    }

    /// Gives the request its scheme and authority (HTTP/2), or its Host (HTTP/1.1).
    fn address(&self, request: &mut Request<RequestBody>) -> Result<(), http::Error> {
        let authority = self.dialer.endpoint().to_string();
        let path = request.uri().path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut parts = http::uri::Parts::default();
        match &self.sender {
            Sender::Http2(_) => {
                parts.scheme = Some(Scheme::HTTPS);
                parts.authority = Some(Authority::try_from(authority)?);
            }
            Sender::Http1(_) => {
                request
                    .headers_mut()
                    .insert(HOST, HeaderValue::try_from(authority)?);
            }
        }
        parts.path_and_query = Some(path);
        *request.uri_mut() = Uri::from_parts(parts)?;
        Ok(())
    }
}

fn http2_builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_LIMIT)
        .keep_alive_while_idle(true);
    builder
}

/// Moves the connection's bytes until it ends, or until nobody uses it any more.
fn drive<C>(connection: C, end: CancellationToken)
where
    C: Future<Output = Result<(), hyper::Error>> + Send + 'static,
{
    tokio::spawn(async move {
        let mut connection = Box::pin(connection);
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = end.cancelled() => within(GOODBYE_LIMIT, &mut connection).await,
        };
        if let Some(Err(error)) = ended {
            tracing::debug!(%error, "connection ended");
        }
    });
}

/// An HTTP/2 server speaks first, so silence or an end means that it won't serve us.
async fn spoken(
    first_byte: oneshot::Receiver<()>,
    limit: Duration,
    driver: &Driver,
) -> Result<(), HttpError> {
    match within(limit, first_byte).await {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) => Err(match driver.failure.get() {
            Some(tls) => HttpError::Tls(tls.clone()),
            None => HttpError::Closed,
        }),
        None => Err(HttpError::TimedOut {
            waiting_for: "the server's first bytes of HTTP/2",
            limit,
        }),
    }
}
