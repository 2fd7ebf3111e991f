//! Dialing through a proxy.

use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use net::{
    ClientIdentity, Dialer, Endpoint, HttpClient, Outcome, Proxy, ProxyCredentials, ProxyError,
    ProxySetting, Stage, StageFailure, Stages, Timeouts,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::site::{SHORT, Setup, text};
use crate::stranger::Stranger;

fn through(stranger: &Stranger, credentials: Option<(&str, &str)>) -> ProxySetting {
    ProxySetting::Explicit(Proxy {
        endpoint: Endpoint::from(stranger.address),
        credentials: credentials.map(|(user, password)| ProxyCredentials {
            user: user.into(),
            password: password.into(),
        }),
    })
}

/// A proxy that wants a user name and password where `demanded` names them.
async fn proxy(demanded: Option<&'static str>) -> Stranger {
    Stranger::new(move |mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let expected = demanded.map(|pair| {
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            format!("Proxy-Authorization: Basic {encoded}\r\n")
        });
        if expected.is_some_and(|line| !head.contains(&line)) {
            let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: Basic realm=\"x\"\r\n\r\n";
            let _ = stream.write_all(answer).await;
            return;
        }
        let target = head.split(' ').nth(1).unwrap();
        let mut onward = TcpStream::connect(target).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut onward).await;
    })
    .await
}

async fn failure(dialer: Dialer) -> ProxyError {
    let error = dialer.connect().await.unwrap_err();
    assert_eq!(error.stage(), Stage::Proxy, "{error}");
    match error.failure {
        StageFailure::Proxy(error) => error,
        other => panic!("{other}"),
    }
}

fn anywhere(setup: &Setup) -> Dialer {
    setup.dialer(([127, 0, 0, 1], 9).into(), &ClientIdentity::none())
}

#[tokio::test]
async fn requests_go_through_the_tunnel_and_the_server_is_verified_as_without() {
    let setup = Setup::new();
    let running = setup.serve(Router::new().route("/", get(|| async { "hello" })));
    for (demanded, credentials) in [(None, None), (Some("ann:p:w"), Some(("ann", "p:w")))] {
        let proxy = proxy(demanded).await;
        let dialer = setup
            .dialer(running.address, &ClientIdentity::none())
            .with_proxy(through(&proxy, credentials));
        let mut stages = Stages::default();
        drop(dialer.connect_observed(&mut stages).await.unwrap());
        let skipped = stages
            .reports()
            .iter()
            .filter(|report| matches!(report.outcome, Outcome::Skipped { .. }))
            .map(|report| report.stage);
        assert_eq!(skipped.collect::<Vec<_>>(), [Stage::Resolve, Stage::Tcp]);
        assert_eq!(text(&HttpClient::new(dialer), "/").await, "hello");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_proxy_that_demands_a_sign_in_says_with_what() {
    let setup = Setup::new();
    for credentials in [None, Some(("ann", "wrong-secret"))] {
        let proxy = proxy(Some("ann:right")).await;
        let error = failure(anywhere(&setup).with_proxy(through(&proxy, credentials))).await;
        let ProxyError::SignInRequired { offered, tried, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(offered, &["Negotiate", "Basic"]);
        assert_eq!(*tried, credentials.is_some());
        assert!(!error.to_string().contains("wrong-secret"), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_the_destination_is_told_apart() {
    let setup = Setup::new();
    let stranger = Stranger::saying(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    let error = failure(anywhere(&setup).with_proxy(through(&stranger, None))).await;
    assert!(
        matches!(error, ProxyError::Refused { status: 403, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_proxy_is_told_apart() {
    let setup = Setup::new();
    for words in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"HTTP/1.1 OK\r\n\r\n"] {
        let stranger = Stranger::saying(words).await;
        let error = failure(anywhere(&setup).with_proxy(through(&stranger, None))).await;
        assert!(matches!(error, ProxyError::NotAProxy { .. }), "{error}");
    }
    let long: &'static [u8] = Box::leak(
        [b"HTTP/1.1 200 ".as_slice(), &[b'x'; 20_000]]
            .concat()
            .into(),
    );
    let stranger = Stranger::saying(long).await;
    let error = failure(anywhere(&setup).with_proxy(through(&stranger, None))).await;
    assert!(matches!(error, ProxyError::NotAProxy { .. }), "{error}");
}

#[tokio::test]
async fn a_silent_proxy_has_a_time_limit() {
    let setup = Setup::new();
    let stranger = Stranger::silent().await;
    let dialer = anywhere(&setup)
        .with_timeouts(Timeouts {
            proxy: SHORT,
            ..Timeouts::default()
        })
        .with_proxy(through(&stranger, None));
    let error = failure(dialer).await;
    assert!(
        matches!(error, ProxyError::TimedOut { limit: SHORT, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_proxy_that_hangs_up_or_is_not_there_is_told_apart() {
    let setup = Setup::new();
    let stranger = Stranger::hanging_up().await;
    let error = failure(anywhere(&setup).with_proxy(through(&stranger, None))).await;
    assert!(matches!(error, ProxyError::Broken { .. }), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::from(listener.local_addr().unwrap());
    drop(listener);
    let proxy = ProxySetting::Explicit(Proxy {
        endpoint,
        credentials: None,
    });
    let error = failure(anywhere(&setup).with_proxy(proxy)).await;
    assert!(matches!(error, ProxyError::Tcp { .. }), "{error}");
}

#[tokio::test]
async fn a_proxy_that_takes_nothing_that_is_spoken_here_is_not_blamed_on_the_password() {
    let setup = Setup::new();
    for offer in ["Negotiate", "Bearer"] {
        let proxy = Stranger::new(move |mut stream| async move {
            let mut heard = [0u8; 4096];
            while stream.read(&mut heard).await.is_ok_and(|length| length > 0) {
                let answer = format!(
                    "HTTP/1.1 407 No\r\nProxy-Authenticate: {offer}\r\nContent-Length: 2\r\n\r\nno"
                );
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        })
        .await;
        let dialer = anywhere(&setup).with_proxy(through(&proxy, Some(("ann", "secret"))));
        match failure(dialer).await {
            ProxyError::SignInFailed { reason, .. } if offer == "Bearer" => {
                assert!(reason.contains(offer), "{reason}");
                assert!(!reason.contains("secret"));
            }
            // The proxy is given by its address, and NTLM it does not take.
            ProxyError::NoTicket { source, .. } if offer == "Negotiate" => {
                assert!(source.to_string().contains("address"), "{source}");
            }
            other => panic!("{other}"),
        }
    }
}
