//! What a probe sees of TLS, with servers of all kinds.

use std::sync::Arc;
use std::sync::Mutex;

use axum::routing::get;
use axum::{Extension, Router};
use net::probe::{
    CertificateFacts, ProbePlan, ProbeReport, ProbeRequest, ProbeRoots, ProbeTransport, ProbeTrust,
    Prober, TlsEnd, TlsSeen, UpgradeSeen,
};
use net::{ClientAuth, PeerIdentity, StageFailure, TlsError};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::probing::{plan, probe, prober};
use crate::site::{Ca, EXPIRED, LONG, Leaf, NOT_YET, SHORT, Setup, VALID, Validity, listener};
use crate::stranger::{Stranger, config, drain};

const GET: ProbeTransport = ProbeTransport::Https {
    ask: ProbeRequest::Get,
};

pub(crate) fn trusting(host: &[&Ca], public: &[&Ca]) -> Prober {
    let ders = |cas: &[&Ca]| cas.iter().map(|ca| ca.der.clone()).collect::<Vec<_>>();
    prober(ProbeRoots::of(ders(host), ders(public)))
}

/// A server whose requests are kept.
async fn listening(leaf: &Leaf) -> (Stranger, Arc<Mutex<Vec<u8>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    let config = config(leaf, b"http/1.1", &rustls::version::TLS13);
    let server = Stranger::over_tls(config, move |mut stream| {
        let kept = Arc::clone(&kept);
        async move {
            let mut bytes = [0u8; 4096];
            while let Ok(length) = stream.read(&mut bytes).await {
                if length == 0 {
                    break;
                }
                kept.lock().unwrap().extend_from_slice(&bytes[..length]);
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        }
    })
    .await;
    (server, heard)
}

fn tls(report: &ProbeReport) -> &TlsSeen {
    report.tls.as_ref().unwrap()
}

fn failure(report: &ProbeReport) -> &TlsError {
    match report.failure.as_ref().unwrap() {
        StageFailure::Tls(error) | StageFailure::Http(net::HttpError::Tls(error)) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_trusted_connection_has_the_same_exporter_value_at_both_ends() {
    let setup = Setup::new();
    let router = Router::new().route(
        "/exporter",
        get(|Extension(peer): Extension<PeerIdentity>| async move {
            hex::encode(peer.tls_exporter.unwrap())
        }),
    );
    let running = setup.serve(router);
    for alpn in [&b"http/1.1"[..], b"h2"] {
        let mut plan = plan(running.address, GET);
        plan.alpn = vec![alpn.to_vec()];
        plan.path = Some("/exporter".to_owned());
        let report = trusting(&[], &[&setup.ca]).probe(&plan).await;
        assert!(report.failure.is_none(), "{:?}", report.failure);
        let seen = tls(&report);
        assert_eq!(seen.ended, TlsEnd::Established);
        assert_eq!(seen.version, Some("TLS 1.3"));
        assert_eq!(seen.alpn.as_deref(), Some(alpn));
        let http = report.http.as_ref().unwrap();
        assert_eq!(http.status, 200);
        assert_eq!(
            http.version,
            if alpn == b"h2" { "HTTP/2" } else { "HTTP/1.1" }
        );
        assert_eq!(
            String::from_utf8(http.head_of_body.clone()).unwrap(),
            hex::encode(seen.exporter.unwrap())
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn a_websocket_is_asked_for_by_the_version_of_http_that_knows_it() {
    let setup = Setup::new();
    let running = setup.serve(Router::new());
    let ask = ProbeRequest::WebSocket;
    let mut plan = plan(running.address, ProbeTransport::Https { ask });
    plan.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let report = trusting(&[], &[&setup.ca]).probe(&plan).await;
    let http = report.http.unwrap();
    assert_eq!((http.version, http.status), ("HTTP/1.1", 404));
    assert_eq!(http.upgrade, Some(UpgradeSeen::Refused));
    running.stop().await;
}

#[tokio::test]
async fn no_byte_is_sent_to_a_server_that_is_not_trusted_and_its_chain_is_kept() {
    let (ca, other) = (Ca::new("inspector"), Ca::new("other"));
    let leaf = ca.server("127.0.0.1", &VALID);
    let trusts = [
        ProbeTrust::Public,
        ProbeTrust::Pinned {
            ca_pin: other.pin(),
        },
        ProbeTrust::Ca {
            der: other.der.to_vec(),
        },
    ];
    for trust in trusts {
        let (server, heard) = listening(&leaf).await;
        let mut plan = plan(server.address, GET);
        plan.trust = trust.clone();
        let report = trusting(&[&other], &[&other]).probe(&plan).await;
        let seen = tls(&report);
        assert_eq!(seen.ended, TlsEnd::Refused);
        assert!(report.http.is_none());
        assert_eq!(seen.exporter, None);
        assert_eq!(
            seen.chain,
            leaf.chain
                .iter()
                .map(|der| der.to_vec())
                .collect::<Vec<_>>()
        );
        let facts = CertificateFacts::read(&seen.chain[0]).unwrap();
        assert!(facts.issuer.contains("inspector"), "{}", facts.issuer);
        assert_eq!(facts.names, ["127.0.0.1"]);
        match trust {
            ProbeTrust::Pinned { .. } => {
                assert_eq!(seen.pin_matches, Some(false));
                assert!(matches!(failure(&report), TlsError::PinMismatch { .. }));
            }
            ProbeTrust::Public | ProbeTrust::Ca { .. } => {
                assert_eq!(seen.pin_matches, None);
                assert!(matches!(failure(&report), TlsError::Untrusted { .. }));
            }
        }
        // The server read until we closed.
        drop(server);
        assert!(heard.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn both_the_hosts_and_the_publics_opinion_of_the_chain_are_told() {
    let ca = Ca::new("inspector");
    let other = Ca::new("other");
    let leaf = ca.server("127.0.0.1", &VALID);
    for (host, public) in [(true, false), (false, true), (true, true)] {
        let (server, heard) = listening(&leaf).await;
        let store = |trusts: bool| if trusts { &ca } else { &other };
        let prober = trusting(&[store(host)], &[store(public)]);
        let report = prober.probe(&plan(server.address, GET)).await;
        assert!(report.failure.is_none(), "{:?}", report.failure);
        let seen = tls(&report);
        assert_eq!(seen.host_trusts.as_ref().unwrap().is_ok(), host);
        assert_eq!(seen.public_trusts.as_ref().unwrap().is_ok(), public);
        assert_eq!(report.http.unwrap().status, 204);
        assert!(heard.lock().unwrap().starts_with(b"GET / HTTP/1.1\r\n"));
    }
}

#[tokio::test]
async fn the_pinned_ca_is_recognised() {
    let ca = Ca::new("site");
    let (server, _) = listening(&ca.server("127.0.0.1", &VALID)).await;
    let mut plan = plan(server.address, GET);
    plan.trust = ProbeTrust::Pinned { ca_pin: ca.pin() };
    let report = trusting(&[], &[]).probe(&plan).await;
    assert!(report.failure.is_none(), "{:?}", report.failure);
    assert_eq!(tls(&report).pin_matches, Some(true));
    assert!(tls(&report).public_trusts.as_ref().unwrap().is_err());
}

#[tokio::test]
async fn expired_early_and_wrongly_named_certificates_are_told_apart() {
    let check = async |name: &str, validity: &Validity, is: fn(&TlsError) -> bool| {
        let ca = Ca::new("site");
        let (server, _) = listening(&ca.server(name, validity)).await;
        let report = trusting(&[&ca], &[])
            .probe(&plan(server.address, GET))
            .await;
        assert!(is(failure(&report)), "{}", failure(&report));
        assert_eq!(tls(&report).ended, TlsEnd::Refused);
    };
    check(
        "127.0.0.1",
        &EXPIRED,
        |error| matches!(error, TlsError::Expired { seconds } if *seconds > 0),
    )
    .await;
    check("127.0.0.1", &NOT_YET, |error| {
        matches!(error, TlsError::NotYetValid { .. })
    })
    .await;
    check("other.test", &VALID, |error| {
        matches!(error, TlsError::NameMismatch { presented, .. } if presented[0].contains("other.test"))
    })
    .await;
}

#[tokio::test]
async fn an_older_version_of_tls_is_spoken_and_has_no_exporter_value() {
    let ca = Ca::new("site");
    let leaf = ca.server("127.0.0.1", &VALID);
    let config = config(&leaf, b"http/1.1", &rustls::version::TLS12);
    let server = Stranger::over_tls(config, |mut stream| async move {
        let _ = stream.read_u8().await;
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    let report = trusting(&[], &[&ca])
        .probe(&plan(server.address, GET))
        .await;
    assert!(report.failure.is_none(), "{:?}", report.failure);
    assert_eq!(tls(&report).version, Some("TLS 1.2"));
    assert_eq!(tls(&report).exporter, None);
    assert_eq!(report.http.unwrap().status, 204);
}

async fn handshake_with(script: impl Fn(TcpStream) -> SomeFuture + Send + 'static) -> ProbeReport {
    let server = Stranger::new(script).await;
    let mut plan = plan(server.address, ProbeTransport::Tls);
    plan.timeouts.tls = SHORT * 5;
    probe(&plan).await
}

type SomeFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn hear(stream: &mut TcpStream) {
    let mut hello = [0u8; 4096];
    assert!(stream.read(&mut hello).await.unwrap() > 0);
}

#[tokio::test]
async fn a_reset_and_a_close_after_the_hello_are_told_apart() {
    let report = handshake_with(move |mut stream| {
        Box::pin(async move {
            hear(&mut stream).await;
            stream.set_zero_linger().unwrap();
        })
    })
    .await;
    assert_eq!(tls(&report).ended, TlsEnd::ResetAfterHello);
    assert!(matches!(failure(&report), TlsError::Closed { .. }));

    let report =
        handshake_with(move |mut stream| Box::pin(async move { hear(&mut stream).await })).await;
    assert_eq!(tls(&report).ended, TlsEnd::ClosedAfterHello);
    assert!(tls(&report).chain.is_empty() && tls(&report).host_trusts.is_none());
}

#[tokio::test]
async fn what_is_no_tls_is_named_with_its_first_bytes() {
    // Long enough for a record's head, and too short for it.
    for words in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"hm"] {
        let server = Stranger::saying(words).await;
        let mut plan = plan(server.address, ProbeTransport::Tls);
        plan.timeouts.tls = SHORT;
        let report = probe(&plan).await;
        assert_eq!(tls(&report).ended, TlsEnd::NotTls);
        assert_eq!(*failure(&report), TlsError::NotTls);
        assert_eq!(tls(&report).first_bytes, words);
    }
}

#[tokio::test]
async fn alerts_silence_and_a_cut_are_told_apart() {
    // Alerts (RFC 8446, section 6): handshake_failure, and protocol_version.
    let server = Stranger::saying(b"\x15\x03\x03\x00\x02\x02\x28").await;
    let report = probe(&plan(server.address, ProbeTransport::Tls)).await;
    assert_eq!(
        tls(&report).ended,
        TlsEnd::Alert("HandshakeFailure".to_owned())
    );
    let server = Stranger::saying(b"\x15\x03\x03\x00\x02\x02\x46").await;
    let report = probe(&plan(server.address, ProbeTransport::Tls)).await;
    assert_eq!(
        tls(&report).ended,
        TlsEnd::Alert("ProtocolVersion".to_owned())
    );
    assert!(matches!(failure(&report), TlsError::Incompatible { .. }));

    let silent = Stranger::silent().await;
    let mut plan = plan(silent.address, ProbeTransport::Tls);
    plan.timeouts.tls = SHORT;
    let report = probe(&plan).await;
    assert_eq!(tls(&report).ended, TlsEnd::TimedOut);

    let report = handshake_with(|mut stream| {
        Box::pin(async move {
            let mut hello = [0u8; 4096];
            let _ = stream.read(&mut hello).await;
            // The head of a handshake record, and no more.
            let _ = stream.write_all(b"\x16\x03\x03\x00\x50\x02").await;
        })
    })
    .await;
    assert_eq!(tls(&report).ended, TlsEnd::Cut);
}

#[tokio::test]
async fn a_wanted_client_certificate_is_noticed_and_a_demanded_one_is_a_failure() {
    let setup = Setup::new();
    let cas = vec![setup.ca.der.clone()];
    for (required, auth) in [
        (false, ClientAuth::Optional { cas: cas.clone() }),
        (true, ClientAuth::Required { cas }),
    ] {
        let running = setup.serve_on(listener(), auth, Router::new());
        for transport in [ProbeTransport::Tls, GET] {
            let mut anonymous = plan(running.address, transport.clone());
            let prober = trusting(&[], &[&setup.ca]);
            let report = prober.probe(&anonymous).await;
            assert!(tls(&report).client_certificate_wanted);
            if required {
                assert_eq!(*failure(&report), TlsError::ClientCertificateRequired);
            } else {
                assert!(report.failure.is_none(), "{:?}", report.failure);
            }
            anonymous.identity = setup.ca.device(&VALID).as_client();
            let report = prober.probe(&anonymous).await;
            assert!(report.failure.is_none(), "{:?}", report.failure);
        }
        running.stop().await;
    }
    let unasked = setup.serve_on(listener(), ClientAuth::None, Router::new());
    let report = trusting(&[], &[&setup.ca])
        .probe(&plan(unasked.address, ProbeTransport::Tls))
        .await;
    assert!(!tls(&report).client_certificate_wanted);
    unasked.stop().await;
}

#[tokio::test]
async fn an_older_server_that_demands_a_certificate_refuses_within_the_handshake() {
    let ca = Ca::new("site");
    let leaf = ca.server("127.0.0.1", &VALID);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(ca.der.to_vec())).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(leaf.chain.clone(), leaf.key())
        .unwrap();
    let server = Stranger::over_tls(config, |stream| async move {
        let (mut tcp, _) = stream.into_inner();
        drain(&mut tcp).await;
    })
    .await;
    let mut plan = plan(server.address, ProbeTransport::Tls);
    plan.timeouts.tls = LONG;
    let report = trusting(&[&ca], &[]).probe(&plan).await;
    assert!(tls(&report).client_certificate_wanted);
    assert!(
        matches!(tls(&report).ended, TlsEnd::Alert(_)),
        "{:?}",
        tls(&report).ended
    );
}

#[test]
fn a_plan_has_limits_that_somebody_can_wait_for() {
    let limits = ProbePlan::time_limits();
    let sum = limits.resolve + limits.proxy + limits.tcp + limits.tls + limits.response;
    assert!(sum < LONG);
}
