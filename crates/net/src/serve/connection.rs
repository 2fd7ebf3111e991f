//! One connection from its handshake to its end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service as _;

use super::Shared;
use super::activity::{Activity, Now, TrackedBody};
use super::connections::Registered;
use super::handlers::Handlers;
use super::limits::ServeLimits;
use super::peer::{ConnectionId, PeerCertificate, PeerIdentity};
use crate::tls::{ALPN_HTTP2, ServerTls, TlsError, tls_exporter};

/// After a failed handshake the client gets this long to read why.
const LINGER: Duration = Duration::from_secs(1);
/// And may send this much meanwhile.
const LINGER_BYTES: u64 = 64 * 1024;
/// The smallest buffer that hyper takes for HTTP/1.
const HTTP1_BUFFER: usize = 8 * 1024;

/// Why a connection ended, for the log.
enum End {
    Finished,
    Broken(hyper::Error),
    ClosedByUs,
    DrainLimit,
}

pub(super) async fn serve(stream: TcpStream, address: SocketAddr, shared: &Shared) {
    let connection = shared.connections.next_id();
    // Small responses go out at once; a socket that refuses this is about to fail anyway.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &shared.tls else {
        let peer = PeerIdentity {
            connection,
            address,
            certificate: None,
            tls_exporter: None,
        };
        return http1_connection(stream, peer, shared).await;
    };
    let Some(stream) = handshake(stream, connection, tls, shared).await else {
        return;
    };
    let session = stream.get_ref().1;
    let certificate = match session.peer_certificates().and_then(<[_]>::first) {
        None => None,
        Some(leaf) => match PeerCertificate::from_der(leaf) {
            Some(certificate) => Some(Arc::new(certificate)),
            // Verified and yet unreadable: not to be taken for a peer without a certificate.
            None => return,
        },
    };
    let is_http2 = session.alpn_protocol() == Some(ALPN_HTTP2);
    let peer = PeerIdentity {
        connection,
        address,
        certificate,
        tls_exporter: tls_exporter(session),
    };
    if is_http2 {
        http2_connection(stream, peer, shared).await;
    } else {
        http1_connection(stream, peer, shared).await;
    }
}

async fn handshake(
    stream: TcpStream,
    connection: ConnectionId,
    tls: &ServerTls,
    shared: &Shared,
) -> Option<TlsStream<TcpStream>> {
    let limit = shared.limits.handshake;
    let accepting = TlsAcceptor::from(Arc::clone(&tls.config))
        .accept(stream)
        .into_fallible();
    let accepted = tokio::select! {
        accepted = timeout(limit, accepting) => accepted,
        () = shared.shutdown.cancelled() => return None,
    };
    match accepted {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err((error, stream))) => {
            shared
                .connections
                .count(|counters| &counters.failed_handshakes);
            refused(&error, connection, shared);
            linger(stream).await;
            None
        }
        Err(_) => {
            shared
                .connections
                .count(|counters| &counters.failed_handshakes);
            tracing::debug!(%connection, ?limit, "no TLS handshake within the limit");
            None
        }
    }
}

fn refused(error: &io::Error, connection: ConnectionId, shared: &Shared) {
    let certificate = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .filter(|error| {
            matches!(
                error,
                rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented
            )
        });
    match certificate {
        Some(rustls::Error::NoCertificatesPresented) => {
            shared
                .connections
                .count(|counters| &counters.refused_certificates);
            tracing::debug!(%connection, "refused: the client presented no certificate");
        }
        Some(error) => {
            shared
                .connections
                .count(|counters| &counters.refused_certificates);
            let reason = TlsError::from_rustls(error, None);
            tracing::info!(%connection, reason = reason.summary(), "refused a client's certificate");
        }
        None => {
            let reason = TlsError::from_handshake(error, None);
            tracing::debug!(%connection, %reason, "TLS handshake failed");
        }
    }
}

/// Reads what the client sends before closing: closing with unread bytes resets the connection,
/// and the client might then never read the alert that says why it was refused.
async fn linger(mut stream: TcpStream) {
    let reading = async {
        if stream.shutdown().await.is_ok() {
            let mut bytes = stream.take(LINGER_BYTES);
            let mut buffer = [0u8; 1024];
            while bytes.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
        }
    };
    // Closed in any case.
    let _ = timeout(LINGER, reading).await;
}

async fn http2_connection<S>(stream: S, peer: PeerIdentity, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &shared.limits;
    let registered = shared.connections.register(peer.clone());
    let mut builder = http2::Builder::new(Handlers {
        tasks: shared.tasks.clone(),
        end: registered.close.clone(),
    });
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_streams)
        .max_pending_accept_reset_streams(limits.max_pending_resets)
        .max_local_error_reset_streams(limits.max_error_resets)
        .max_header_list_size(limits.max_headers)
        .initial_stream_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_send_buf_size(limits.send_buffer)
        .keep_alive_interval(limits.ping_every)
        .keep_alive_timeout(limits.ping_limit);
    let activity = Activity::new();
    let service = service(peer, activity.clone(), shared);
    let serving = builder.serve_connection(TokioIo::new(stream), service_fn(service));
    drive(serving, registered, activity, shared).await;
}

async fn http1_connection<S>(stream: S, peer: PeerIdentity, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &shared.limits;
    let buffer = usize::try_from(limits.max_headers)
        .unwrap_or(HTTP1_BUFFER)
        .max(HTTP1_BUFFER);
    let registered = shared.connections.register(peer.clone());
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(buffer);
    let activity = Activity::new();
    let service = service(peer, activity.clone(), shared);
    let serving = builder.serve_connection(TokioIo::new(stream), service_fn(service));
    drive(serving, registered, activity, shared).await;
}

type Answer = std::pin::Pin<
    Box<dyn Future<Output = Result<Response<TrackedBody>, Infallible>> + Send + 'static>,
>;

fn service(
    peer: PeerIdentity,
    activity: Activity,
    shared: &Shared,
) -> impl Fn(Request<Incoming>) -> Answer + use<> {
    let router = shared.router.clone();
    move |mut request| {
        let mut router = router.clone();
        let under_way = activity.begin();
        request.extensions_mut().insert(peer.clone());
        Box::pin(async move {
            let response = router.call(request).await?;
            Ok(response.map(|body| under_way.track(body)))
        })
    }
}

async fn drive<C>(serving: C, registered: Registered, activity: Activity, shared: &Shared)
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let connection = registered.id;
    let mut serving = pin!(serving);
    let mut drain_until: Option<Instant> = None;
    let mut look_again = Instant::now() + first_look(&shared.limits);
    let end = loop {
        tokio::select! {
            ended = serving.as_mut() => break ended.map_or_else(End::Broken, |()| End::Finished),
            () = registered.close.cancelled() => break End::ClosedByUs,
            () = shared.shutdown.cancelled(), if drain_until.is_none() => {
                serving.as_mut().graceful_shutdown();
                drain_until = Some(Instant::now() + shared.limits.drain);
            }
            () = sleep_until(drain_until.unwrap_or(look_again)) => {
                if drain_until.is_some() {
                    break End::DrainLimit;
                }
                match due(&activity, &shared.limits) {
                    Some(next) => look_again = next,
                    None => {
                        serving.as_mut().graceful_shutdown();
                        drain_until = Some(Instant::now() + shared.limits.drain);
                    }
                }
            }
        }
    };
    // Whatever still runs for this connection has nobody to answer any more.
    registered.close.cancel();
    match end {
        End::Finished => tracing::trace!(%connection, "connection finished"),
        End::Broken(error) => tracing::debug!(%connection, %error, "connection broke"),
        End::ClosedByUs => tracing::debug!(%connection, "connection closed by us"),
        End::DrainLimit => tracing::debug!(%connection, "connection closed at the drain limit"),
    }
}

fn first_look(limits: &ServeLimits) -> Duration {
    limits.first_request.min(limits.idle)
}

/// When to look again whether the connection is still in use; `None` when it is to be closed now.
fn due(activity: &Activity, limits: &ServeLimits) -> Option<Instant> {
    let now = Instant::now();
    let until = match activity.now() {
        Now::Busy => now + limits.idle,
        Now::Unused(since) => since + limits.first_request,
        Now::Idle(since) => since + limits.idle,
    };
    (until > now).then_some(until)
}
