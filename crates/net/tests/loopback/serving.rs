//! Serving: many requests on a connection, long ones, limits, and the end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::Request;
use http_body_util::StreamBody;
use net::{
    CancellationToken, ClientAuth, HttpClient, HttpError, PeerIdentity, Server, StageFailure, body,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, mpsc};
use tokio_rustls::TlsConnector;

use crate::site::{LONG, SHORT, Setup, VALID, listener, request, text, until};

fn connection_number() -> Router {
    Router::new().route(
        "/",
        get(|Extension(peer): Extension<PeerIdentity>| async move { peer.connection.to_string() }),
    )
}

/// A response whose pieces the test sends; the counter is 1 while the server is at it.
struct Drip {
    pieces: mpsc::Sender<&'static str>,
    under_way: Arc<AtomicUsize>,
}

fn dripping() -> (Router, Drip) {
    let (pieces, receiver) = mpsc::channel::<&'static str>(4);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let under_way = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&under_way);
    let router = Router::new().route(
        "/drip",
        get(|| async move {
            let receiver = receiver.lock_owned().await;
            counter.fetch_add(1, Ordering::SeqCst);
            Body::new(Pieces { receiver, counter })
        }),
    );
    (router, Drip { pieces, under_way })
}

impl Drip {
    async fn send(&self, piece: &'static str) {
        self.pieces.send(piece).await.unwrap();
    }
}

struct Pieces {
    receiver: tokio::sync::OwnedMutexGuard<mpsc::Receiver<&'static str>>,
    counter: Arc<AtomicUsize>,
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::SeqCst);
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let piece = self.receiver.poll_recv(context);
        piece.map(|piece| piece.map(|text| Ok(http_body::Frame::data(Bytes::from(text)))))
    }
}

#[tokio::test]
async fn requests_share_a_connection_and_do_not_wait_for_each_other() {
    let setup = Setup::new();
    let together = Arc::new(Barrier::new(20));
    let router = Router::new().route(
        "/meet",
        get(|Extension(peer): Extension<PeerIdentity>| async move {
            together.wait().await;
            peer.connection.to_string()
        }),
    );
    let running = setup.serve(router);
    let client = Arc::new(setup.anonymous(running.address));
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { text(&client, "/meet").await })
        })
        .collect();
    let mut numbers = Vec::new();
    for request in requests {
        numbers.push(request.await.unwrap());
    }
    numbers.dedup();
    assert_eq!(numbers.len(), 1, "{numbers:?}");
    assert_eq!(running.connections.counters().accepted, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_refused_announced_or_not() {
    let setup = Setup::new();
    let (router, drip) = dripping();
    let router = router.route("/large", get(|| async { "x".repeat(5000) }));
    let running = setup.serve(router);
    let client = setup.anonymous(running.address);

    let response = client.send(request("/large")).await.unwrap();
    assert_eq!(
        net::read_limited(response, 5000, LONG)
            .await
            .unwrap()
            .body()
            .len(),
        5000
    );
    let response = client.send(request("/large")).await.unwrap();
    let error = net::read_limited(response, 4999, LONG).await.unwrap_err();
    assert!(
        matches!(error, HttpError::BodyTooLarge { limit: 4999 }),
        "{error}"
    );

    for _ in 0..3 {
        drip.send("1234567890").await;
    }
    let response = client.send(request("/drip")).await.unwrap();
    let error = net::read_limited(response, 25, LONG).await.unwrap_err();
    assert!(
        matches!(error, HttpError::BodyTooLarge { limit: 25 }),
        "{error}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_body_that_never_ends_has_a_time_limit_when_read_whole() {
    let setup = Setup::new();
    let (router, drip) = dripping();
    let running = setup.serve(router);
    let client = setup.anonymous(running.address);
    drip.send("begin").await;
    let response = client.send(request("/drip")).await.unwrap();
    let error = net::read_limited(response, 100, SHORT).await.unwrap_err();
    assert!(
        matches!(error, HttpError::TimedOut { limit: SHORT, .. }),
        "{error}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_streamed_request_body_arrives_whole() {
    let setup = Setup::new();
    let router = Router::new().route(
        "/sum",
        post(|bytes: Bytes| async move { bytes.len().to_string() }),
    );
    let running = setup.serve(router);
    let client = setup.anonymous(running.address);
    let pieces = (0..100).map(|_| Ok(http_body::Frame::data(Bytes::from(vec![7u8; 10_000]))));
    let pieces = StreamBody::new(futures_util::stream::iter(pieces));
    let request = Request::post("/sum").body(body::stream(pieces)).unwrap();
    let response = client.send(request).await.unwrap();
    let response = net::read_limited(response, 100, LONG).await.unwrap();
    assert_eq!(response.body().as_ref(), b"1000000");
    running.stop().await;
}

#[tokio::test]
async fn events_pass_through_as_they_are_sent_also_past_the_idle_limit() {
    let mut setup = Setup::new();
    setup.limits.idle = SHORT;
    setup.limits.first_request = SHORT;
    let (router, drip) = dripping();
    let running = setup.serve(router);
    let client = setup.anonymous(running.address);
    let waiting = client.send(request("/drip"));
    let mut events = waiting.await.unwrap().into_body();
    for event in ["one", "two", "three"] {
        drip.send(event).await;
        assert_eq!(events.chunk().await.unwrap().unwrap(), event);
        // Longer than the limit on connections without a request under way.
        tokio::time::sleep(SHORT * 2).await;
    }
    assert_eq!(running.connections.len(), 1);
    drop(drip);
    assert_eq!(events.chunk().await.unwrap(), None);
    until("the connection is closed once idle", || {
        running.connections.is_empty()
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn a_revoked_key_loses_its_connections_at_once_and_others_keep_theirs() {
    let setup = Setup::new();
    let (router, drip) = dripping();
    let running = setup.serve(router.merge(connection_number()));
    let (revoked, other) = (setup.ca.device(&VALID), setup.ca.device(&VALID));
    let first = setup.client(running.address, &revoked);
    let second = setup.client(running.address, &other);
    let mut events = first.send(request("/drip")).await.unwrap().into_body();
    drip.send("hello").await;
    assert_eq!(events.chunk().await.unwrap().unwrap(), "hello");
    let number = text(&second, "/").await;

    assert_eq!(running.connections.close_key(&revoked.spki()), 1);
    let error = events.chunk().await.unwrap_err();
    assert!(
        matches!(error, HttpError::Closed | HttpError::Protocol(_)),
        "{error}"
    );
    until("the handler is gone too", || {
        drip.under_way.load(Ordering::SeqCst) == 0
    })
    .await;
    assert_eq!(
        text(&second, "/").await,
        number,
        "the other connection is the same as before"
    );
    assert_eq!(running.connections.counters().closed, 1);
    until("one is left", || running.connections.len() == 1).await;
    running.stop().await;
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_takes_no_more() {
    let setup = Setup::new();
    let (router, drip) = dripping();
    let running = setup.serve(router);
    let client = setup.anonymous(running.address);
    let response = client.send(request("/drip")).await.unwrap();
    let address = running.address;
    running.shutdown.cancel();
    tokio::time::timeout(LONG, async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the listener closes");
    drip.send("the ").await;
    drip.send("end").await;
    drop(drip);
    let response = net::read_limited(response, 100, LONG).await.unwrap();
    assert_eq!(response.body().as_ref(), b"the end");
    running.stop().await;
}

#[tokio::test]
async fn shutdown_cuts_what_does_not_finish_within_the_limit() {
    let mut setup = Setup::new();
    setup.limits.drain = SHORT;
    let (router, drip) = dripping();
    let router = router.route("/never", get(std::future::pending::<()>));
    let running = setup.serve(router);
    let client = Arc::new(setup.anonymous(running.address));
    let mut events = client.send(request("/drip")).await.unwrap().into_body();
    let waiting = Arc::clone(&client);
    let never = tokio::spawn(async move { waiting.send(request("/never")).await });
    running.stop().await;
    assert!(events.chunk().await.is_err());
    assert!(never.await.unwrap().is_err());
    drop(drip);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_turned_away_and_counted() {
    let mut setup = Setup::new();
    setup.limits.max_connections = 2;
    let running = setup.serve(connection_number());
    let clients: Vec<HttpClient> = (0..2).map(|_| setup.anonymous(running.address)).collect();
    for client in &clients {
        text(client, "/").await;
    }
    let third = setup.anonymous(running.address);
    assert!(third.send(request("/")).await.is_err());
    assert_eq!(running.connections.counters().turned_away, 1);
    for client in &clients {
        text(client, "/").await;
    }
    clients[0].disconnect().await;
    until("a place is free", || running.connections.len() == 1).await;
    let served = async {
        while third.send(request("/")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, served)
        .await
        .expect("a freed place is given again");
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_never_shakes_hands_is_let_go() {
    let mut setup = Setup::new();
    setup.limits.handshake = SHORT;
    let running = setup.serve(connection_number());
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let end = tokio::time::timeout(LONG, silent.read(&mut [0u8; 16]))
        .await
        .expect("let go");
    assert!(matches!(end, Ok(0) | Err(_)));
    until("counted", || {
        running.connections.counters().failed_handshakes == 1
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_sends_no_request_is_let_go() {
    let mut setup = Setup::new();
    setup.limits.first_request = SHORT;
    setup.limits.header_read = SHORT;
    setup.limits.drain = SHORT;
    let running = setup.serve(connection_number());
    for alpn in [&b"h2"[..], b"http/1.1"] {
        let mut silent = raw(&setup, running.address, alpn).await;
        until("it is connected", || running.connections.len() == 1).await;
        let mut rest = Vec::new();
        tokio::time::timeout(LONG, silent.read_to_end(&mut rest))
            .await
            .expect("let go")
            .ok();
        until("it is gone", || running.connections.is_empty()).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_request_head_that_trickles_in_is_given_up() {
    let mut setup = Setup::new();
    setup.limits.header_read = SHORT;
    let running = setup.serve(connection_number());
    let mut slow = raw(&setup, running.address, b"http/1.1").await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        .await
        .unwrap();
    slow.flush().await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(LONG, slow.read_to_end(&mut answer))
        .await
        .expect("given up")
        .ok();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_request_head_beyond_its_limit_is_refused() {
    let mut setup = Setup::new();
    setup.limits.max_headers = 16 * 1024;
    let running = setup.serve(connection_number());
    let client = setup.anonymous(running.address);
    let large = Request::get("/")
        .header("x", "y".repeat(20_000))
        .body(body::empty())
        .unwrap();
    let refused = match client.send(large).await {
        Ok(response) => response.status() == 431,
        Err(error) => matches!(error.failure, StageFailure::Http(_)),
    };
    assert!(refused);
    assert_eq!(text(&client, "/").await.get(..1), Some("c"));
    running.stop().await;
}

#[tokio::test]
async fn several_servers_share_a_registry() {
    let setup = Setup::new();
    let connections = net::Connections::new();
    let shutdown = CancellationToken::new();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let listener = listener();
        let address = listener.address();
        let tls = net::ServerTls::new(&setup.leaf.as_server(), ClientAuth::None).unwrap();
        let server = Server::new(listener, Some(tls), connection_number())
            .with_connections(connections.clone());
        tasks.push((address, tokio::spawn(server.serve(shutdown.clone()))));
    }
    let one = setup.anonymous(tasks[0].0);
    let other = setup.anonymous(tasks[1].0);
    assert_ne!(text(&one, "/").await, text(&other, "/").await);
    assert_eq!(connections.len(), 2);
    shutdown.cancel();
    for (_, task) in tasks {
        tokio::time::timeout(LONG, task)
            .await
            .expect("stops")
            .unwrap();
    }
    assert!(connections.is_empty());
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_sent_twice() {
    let setup = Setup::new();
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&arrived);
    let router = Router::new().route(
        "/once",
        post(|| async move {
            counter.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }),
    );
    let running = setup.serve(router);
    let client = Arc::new(setup.anonymous(running.address));
    let sending = Arc::clone(&client);
    let sent = tokio::spawn(async move {
        sending
            .send(Request::post("/once").body(body::full("x")).unwrap())
            .await
    });
    until("it arrived", || arrived.load(Ordering::SeqCst) == 1).await;
    assert_eq!(running.connections.close_where(|_| true), 1);
    assert!(sent.await.unwrap().is_err());
    assert_eq!(arrived.load(Ordering::SeqCst), 1);
    running.stop().await;
}

#[tokio::test]
async fn many_connections_are_held_and_all_answer() {
    let setup = Setup::new();
    let running = setup.serve(connection_number());
    let device = setup.ca.device(&VALID);
    let clients: Vec<HttpClient> = (0..100)
        .map(|_| setup.client(running.address, &device))
        .collect();
    let mut numbers = std::collections::HashSet::new();
    for client in &clients {
        numbers.insert(text(client, "/").await);
    }
    for client in &clients {
        numbers.insert(text(client, "/").await);
    }
    assert_eq!(numbers.len(), 100);
    assert_eq!(running.connections.len(), 100);
    assert_eq!(running.connections.close_key(&device.spki()), 100);
    until("all are gone", || running.connections.is_empty()).await;
    running.stop().await;
}

#[tokio::test]
async fn plain_http_is_served_where_no_tls_is_given() {
    let listener = listener();
    let address = listener.address();
    let shutdown = CancellationToken::new();
    let server = Server::new(listener, None, connection_number());
    let task = tokio::spawn(server.serve(shutdown.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    shutdown.cancel();
    tokio::time::timeout(LONG, task)
        .await
        .expect("stops")
        .unwrap();
}

/// A TLS stream on which the test speaks by itself.
async fn raw(
    setup: &Setup,
    address: std::net::SocketAddr,
    alpn: &[u8],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(setup.ca.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = rustls::pki_types::ServerName::from(address.ip());
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}
