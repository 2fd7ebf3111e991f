//! Each stage of a dial, and how its failure reads.

use axum::Router;
use axum::routing::get;
use net::{
    ClientIdentity, ClientTls, Dialer, Endpoint, Host, HttpError, Outcome, Protocol, ResolveError,
    Stage, StageFailure, Stages, TcpError, Timeouts, TlsError,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::site::{LONG, SHORT, Setup, flow, request, text};
use crate::stranger::{self, Stranger};

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

fn short() -> Timeouts {
    Timeouts {
        proxy: SHORT,
        tls: SHORT,
        http: SHORT,
        response: SHORT,
        ..Timeouts::default()
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_fails_at_the_stage_resolve() {
    let setup = Setup::new();
    // No resolver takes such a name, so that no question leaves this machine.
    let endpoint = Endpoint {
        host: Host::Name("a\0b".into()),
        port: 443,
    };
    let tls = ClientTls::new(&setup.ca.pinned(), &ClientIdentity::none()).unwrap();
    let error = Dialer::new(flow(), endpoint, tls)
        .connect()
        .await
        .unwrap_err();
    assert_eq!(error.stage(), Stage::Resolve);
    let failed = matches!(
        &error.failure,
        StageFailure::Resolve(ResolveError::Failed { .. })
    );
    assert!(failed, "{error}");
}

#[tokio::test]
async fn a_refused_port_fails_at_the_stage_tcp_and_the_message_is_complete() {
    let setup = Setup::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let dialer = setup.dialer(address, &ClientIdentity::none());
    let mut stages = Stages::default();
    let error = dialer.connect_observed(&mut stages).await.unwrap_err();
    assert!(
        matches!(&error.failure, StageFailure::Tcp(TcpError::Refused { address: at }) if *at == address),
        "{error}"
    );
    let message = error.to_string();
    for part in ["agent-channel", &address.to_string(), "tcp", "refused"] {
        assert!(message.contains(part), "{part} in {message}");
    }
    let seen: Vec<Stage> = stages.reports().iter().map(|report| report.stage).collect();
    assert_eq!(seen, [Stage::Resolve, Stage::Proxy, Stage::Tcp]);
    assert!(matches!(
        stages.reports()[2].outcome,
        Outcome::Failed { .. }
    ));
}

#[tokio::test]
async fn a_silent_server_fails_at_the_stage_tls_within_its_limit() {
    let setup = Setup::new();
    let stranger = Stranger::silent().await;
    let dialer = setup
        .dialer(stranger.address, &ClientIdentity::none())
        .with_timeouts(short());
    let error = dialer.connect().await.unwrap_err();
    assert_eq!(
        error.tls(),
        Some(&TlsError::TimedOut { limit: SHORT }),
        "{error}"
    );
}

#[tokio::test]
async fn something_else_than_tls_is_named_as_such() {
    let setup = Setup::new();
    for words in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        &[0xff; 64],
    ] {
        let stranger = Stranger::saying(words).await;
        let dialer = setup.dialer(stranger.address, &ClientIdentity::none());
        let error = dialer.connect().await.unwrap_err();
        assert_eq!(error.tls(), Some(&TlsError::NotTls), "{error}");
    }
}

#[tokio::test]
async fn a_connection_closed_in_the_handshake_is_named_as_such() {
    let setup = Setup::new();
    let stranger = Stranger::hanging_up().await;
    let dialer = setup.dialer(stranger.address, &ClientIdentity::none());
    let error = dialer.connect().await.unwrap_err();
    assert!(
        matches!(error.tls(), Some(TlsError::Closed { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_never_begins_http_2_fails_at_the_stage_http() {
    let setup = Setup::new();
    let config = stranger::config(&setup.leaf, b"h2", &rustls::version::TLS13);
    let stranger = Stranger::over_tls(config, |mut stream| async move {
        let mut heard = [0u8; 1024];
        while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {}
    })
    .await;
    let dialer = setup.dialer(stranger.address, &ClientIdentity::none());
    let timeouts = Timeouts {
        http: SHORT,
        ..Timeouts::default()
    };
    let error = dialer.with_timeouts(timeouts).connect().await.unwrap_err();
    assert_eq!(error.stage(), Stage::Http);
    let timed_out = matches!(
        &error.failure,
        StageFailure::Http(HttpError::TimedOut { .. })
    );
    assert!(timed_out, "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_up_instead_of_http_2_fails_at_the_stage_http() {
    let setup = Setup::new();
    let config = stranger::config(&setup.leaf, b"h2", &rustls::version::TLS13);
    let stranger = Stranger::over_tls(config, |mut stream| async move {
        let _ = stream.shutdown().await;
    })
    .await;
    let dialer = setup.dialer(stranger.address, &ClientIdentity::none());
    let error = dialer.connect().await.unwrap_err();
    assert_eq!(error.stage(), Stage::Http, "{error}");
    assert!(
        matches!(&error.failure, StageFailure::Http(HttpError::Closed)),
        "{error}"
    );
}

#[tokio::test]
async fn http_1_1_is_spoken_with_those_who_know_nothing_newer() {
    let setup = Setup::new();
    let config = stranger::config(&setup.leaf, b"http/1.1", &rustls::version::TLS13);
    let stranger = Stranger::over_tls(config, |mut stream| async move {
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else {
                return;
            };
            heard.push(byte);
        }
        let heard = String::from_utf8(heard).unwrap();
        assert!(heard.starts_with("GET /path?x=1 HTTP/1.1\r\n"), "{heard}");
        assert!(heard.to_lowercase().contains("host: 127.0.0.1:"), "{heard}");
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
            .await;
        let _ = stream.flush().await;
        let _ = stream.read(&mut [0u8; 16]).await;
    })
    .await;
    let connection = setup
        .dialer(stranger.address, &ClientIdentity::none())
        .connect()
        .await
        .unwrap();
    assert_eq!(connection.protocol(), Protocol::Http1);
    let response = connection.send(request("/path?x=1")).await.unwrap();
    let response = net::read_limited(response, 100, LONG).await.unwrap();
    assert_eq!(response.body().as_ref(), b"old");
}

#[tokio::test]
async fn a_request_has_a_time_limit() {
    let setup = Setup::new();
    let router = Router::new().route("/never", get(std::future::pending::<()>));
    let running = setup.serve(router);
    let client = setup.anonymous(running.address);
    let error = client
        .send_within(request("/never"), SHORT)
        .await
        .unwrap_err();
    let limit = matches!(
        &error.failure,
        StageFailure::Http(HttpError::TimedOut { limit: SHORT, .. })
    );
    assert!(limit, "{error}");
    running.stop().await;
}

#[tokio::test]
async fn every_stage_reports_what_it_did() {
    let setup = Setup::new();
    let running = setup.serve(hello());
    let mut stages = Stages::default();
    let dialer = setup.dialer(running.address, &ClientIdentity::none());
    let connection = dialer.connect_observed(&mut stages).await.unwrap();
    assert_eq!(connection.protocol(), Protocol::Http2);
    let seen: Vec<Stage> = stages.reports().iter().map(|report| report.stage).collect();
    // A dialer sends no datagrams.
    let expected = Stage::ALL.into_iter().filter(|stage| *stage != Stage::Udp);
    assert_eq!(seen, expected.collect::<Vec<_>>());
    for report in stages.reports() {
        match &report.outcome {
            Outcome::Passed { detail } => assert!(!detail.is_empty(), "{report:?}"),
            Outcome::Skipped { .. } => assert_eq!(report.stage, Stage::Proxy),
            Outcome::Failed { error } => panic!("{error}"),
        }
        assert!(report.elapsed < LONG);
    }
    running.stop().await;
}

#[tokio::test]
async fn a_client_dials_again_when_its_connection_is_gone() {
    let setup = Setup::new();
    let running = setup.serve(hello());
    let client = setup.anonymous(running.address);
    for round in 0..10 {
        assert_eq!(text(&client, "/").await, "hello", "round {round}");
        assert_eq!(running.connections.close_where(|_| true), 1);
        crate::site::until("it is gone", || running.connections.is_empty()).await;
        // This one may be lost with the connection, if the client did not yet hear of its end.
        let _ = client.send(request("/")).await;
    }
    assert!(running.connections.counters().accepted >= 10);
    running.stop().await;
}
