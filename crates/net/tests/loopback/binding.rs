//! What a server tells of its end of a connection, and what the other end makes of it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};
use net::PeerIdentity;
use net::probe::{ProbePlan, ProbeReport, ProbeRequest, ProbeTransport, TlsEnd};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::probing::plan;
use crate::probing_tls::trusting;
use crate::site::{Ca, Running, Setup, VALID};
use crate::stranger::{Stranger, config};

const PATH: &str = "/binding";

/// As our servers tell it.
fn telling() -> Router {
    Router::new().route("/", get(|| async { "here" })).route(
        PATH,
        get(|Extension(peer): Extension<PeerIdentity>| async move {
            let value = hex::encode(peer.tls_exporter.unwrap());
            format!("{{\"tls_exporter\":\"{value}\"}}")
        }),
    )
}

fn asking(address: SocketAddr, ask: ProbeRequest) -> ProbePlan {
    let mut plan = plan(address, ProbeTransport::Https { ask });
    plan.alpn = vec![b"http/1.1".to_vec()];
    plan.binding_path = Some(PATH.to_owned());
    plan
}

/// Both ends' values, of a probe that reached the server.
fn values(report: &ProbeReport) -> (Option<[u8; 32]>, Option<[u8; 32]>) {
    assert!(report.failure.is_none(), "{:?}", report.failure);
    let tls = report.tls.as_ref().unwrap();
    assert_eq!(tls.ended, TlsEnd::Established);
    assert_eq!(report.http.as_ref().unwrap().status, 200);
    (tls.exporter, report.server_exporter)
}

/// One that hands on what it hears, byte by byte.
async fn relay(behind: SocketAddr) -> Stranger {
    Stranger::new(move |mut near| async move {
        let mut far = TcpStream::connect(behind).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    })
    .await
}

/// One that opens TLS with certificates of this authority, and closes it again towards the server.
async fn inspecting(
    ca: &Ca,
    version: &'static SupportedProtocolVersion,
    server: &Setup,
    behind: SocketAddr,
) -> Stranger {
    let leaf = ca.server("127.0.0.1", &VALID);
    let mut roots = RootCertStore::empty();
    roots.add(server.ca.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut towards = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    towards.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = TlsConnector::from(Arc::new(towards));
    Stranger::over_tls(config(&leaf, b"http/1.1", version), move |mut near| {
        let connector = connector.clone();
        async move {
            let tcp = TcpStream::connect(behind).await.unwrap();
            let name = ServerName::IpAddress(behind.ip().into());
            let mut far = connector.connect(name, tcp).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        }
    })
    .await
}

async fn serving() -> (Setup, Running) {
    let setup = Setup::new();
    let running = setup.serve(telling());
    (setup, running)
}

#[tokio::test]
async fn where_nothing_opens_tls_both_ends_have_the_same_value() {
    let (setup, running) = serving().await;
    let relay = relay(running.address).await;
    let prober = trusting(&[&setup.ca], &[]);
    for address in [running.address, relay.address] {
        for ask in [ProbeRequest::Get, ProbeRequest::Head] {
            for alpn in [&b"http/1.1"[..], b"h2"] {
                let mut plan = asking(address, ask);
                plan.alpn = vec![alpn.to_vec()];
                let (here, there) = values(&prober.probe(&plan).await);
                assert!(here.is_some(), "{address} {ask:?}");
                assert_eq!(here, there, "{address} {ask:?}");
            }
        }
    }
    drop(relay);
    running.stop().await;
}

#[tokio::test]
async fn where_something_trusted_opens_tls_the_values_differ() {
    let (setup, running) = serving().await;
    let other = Ca::new("inspecting");
    let version = &rustls::version::TLS13;
    let between = inspecting(&other, version, &setup, running.address).await;
    let plan = asking(between.address, ProbeRequest::Get);
    let (here, there) = values(&trusting(&[&other], &[]).probe(&plan).await);
    assert!(here.is_some() && there.is_some());
    assert_ne!(here, there);
    drop(between);
    running.stop().await;
}

#[tokio::test]
async fn where_it_speaks_an_older_version_here_the_server_alone_has_a_value() {
    let (setup, running) = serving().await;
    let other = Ca::new("inspecting");
    let version = &rustls::version::TLS12;
    let between = inspecting(&other, version, &setup, running.address).await;
    let plan = asking(between.address, ProbeRequest::Get);
    let (here, there) = values(&trusting(&[&other], &[]).probe(&plan).await);
    assert_eq!(here, None);
    assert!(there.is_some());
    drop(between);
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_does_not_know_the_question_spoils_nothing() {
    let setup = Setup::new();
    let running = setup.serve(Router::new().route("/", get(|| async { "here" })));
    let prober = trusting(&[&setup.ca], &[]);
    let report = prober
        .probe(&asking(running.address, ProbeRequest::Get))
        .await;
    let (here, there) = values(&report);
    assert!(here.is_some());
    assert_eq!(there, None);
    assert_eq!(report.http.unwrap().head_of_body, b"here");
    running.stop().await;
}

#[tokio::test]
async fn without_a_path_for_it_a_server_is_not_asked() {
    let (setup, running) = serving().await;
    let mut plan = asking(running.address, ProbeRequest::Get);
    plan.binding_path = None;
    let report = trusting(&[&setup.ca], &[]).probe(&plan).await;
    assert_eq!(values(&report).1, None);
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_not_asked() {
    let (_, running) = serving().await;
    let plan = asking(running.address, ProbeRequest::Get);
    let report = trusting(&[], &[]).probe(&plan).await;
    assert!(report.failure.is_some());
    assert_eq!(report.server_exporter, None);
    running.stop().await;
}
