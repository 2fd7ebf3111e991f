//! What a probe sees below and above TLS.

use std::net::{SocketAddr, UdpSocket};

use axum::Router;
use axum::routing::get;
use flows::GarrisonFlow;
use net::dns::Resolver;
use net::probe::{
    BodyEnd, MAX_BODY, ProbePlan, ProbeReport, ProbeRequest, ProbeRoots, ProbeTransport, Prober,
    UpgradeSeen,
};
use net::{
    Endpoint, Host, HttpError, Outcome, ResolveError, Stage, StageFailure, TcpError, Timeouts,
    UdpError,
};

use crate::nameserver::{NameServer, Says};
use crate::site::{LONG, SHORT, Setup};
use crate::stranger::Stranger;

pub(crate) fn plan(address: SocketAddr, transport: ProbeTransport) -> ProbePlan {
    let flow = GarrisonFlow::AgentChannel.flow().id.clone();
    let mut plan = ProbePlan::new(flow, Endpoint::from(address), transport);
    plan.timeouts = Timeouts {
        resolve: LONG,
        proxy: LONG,
        tcp: LONG,
        tls: LONG,
        http: LONG,
        response: LONG,
    };
    plan
}

pub(crate) fn prober(roots: ProbeRoots) -> Prober {
    Prober::new(Resolver::with_servers(Vec::new()), roots)
}

/// By a prober that trusts nobody.
pub(crate) async fn probe(plan: &ProbePlan) -> ProbeReport {
    prober(ProbeRoots::of(Vec::new(), Vec::new()))
        .probe(plan)
        .await
}

const GET: ProbeTransport = ProbeTransport::Http {
    ask: ProbeRequest::Get,
};
const HEAD: ProbeTransport = ProbeTransport::Http {
    ask: ProbeRequest::Head,
};
const WEBSOCKET: ProbeTransport = ProbeTransport::Http {
    ask: ProbeRequest::WebSocket,
};

fn closed_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn an_open_port_and_a_closed_one_are_told_apart() {
    let open = Stranger::silent().await;
    let report = probe(&plan(open.address, ProbeTransport::Tcp)).await;
    assert!(report.failure.is_none(), "{:?}", report.failure);
    assert_eq!(report.peer, Some(open.address));

    let report = probe(&plan(closed_port(), ProbeTransport::Tcp)).await;
    assert!(matches!(
        report.failure,
        Some(StageFailure::Tcp(TcpError::Refused { .. }))
    ));
}

#[tokio::test]
async fn the_names_resolution_is_reported_with_the_servers_asked() {
    let server = NameServer::new(|name| match name {
        "there.test" => Says::Addresses(vec!["127.0.0.1".parse().unwrap()]),
        _ => Says::Code(hickory_proto::op::ResponseCode::NXDomain),
    })
    .await;
    let open = Stranger::silent().await;
    let prober = Prober::new(
        Resolver::with_servers(vec![server.address]),
        ProbeRoots::of(Vec::new(), Vec::new()),
    );
    let mut plan = plan(open.address, ProbeTransport::Tcp);
    plan.endpoint.host = Host::parse("there.test").unwrap();
    let report = prober.probe(&plan).await;
    assert!(report.failure.is_none(), "{:?}", report.failure);
    assert_eq!(report.dns.unwrap().servers, [server.address]);
    let stages: Vec<Stage> = report
        .stages
        .reports()
        .iter()
        .map(|report| report.stage)
        .collect();
    assert_eq!(stages, [Stage::Resolve, Stage::Proxy, Stage::Tcp]);
    assert!(
        matches!(&report.stages.reports()[0].outcome, Outcome::Passed { detail } if detail == "127.0.0.1")
    );

    plan.endpoint.host = Host::parse("missing.test").unwrap();
    let report = prober.probe(&plan).await;
    assert!(matches!(
        report.failure,
        Some(StageFailure::Resolve(ResolveError::NoSuchName { .. }))
    ));
    assert_eq!(report.dns.unwrap().rcode.as_deref(), Some("NXDOMAIN"));
}

#[tokio::test]
async fn the_answers_head_and_the_beginning_of_its_body_are_kept() {
    let server = Stranger::saying(
        b"HTTP/1.1 403 Forbidden\r\nServer: box\r\nX-Cache: miss\r\nContent-Length: 6\r\n\r\ndenied",
    )
    .await;
    for transport in [GET, HEAD] {
        let report = probe(&plan(server.address, transport.clone())).await;
        assert!(report.failure.is_none(), "{:?}", report.failure);
        let http = report.http.unwrap();
        assert_eq!((http.version, http.status), ("HTTP/1.1", 403));
        assert_eq!(http.header("server"), Some("box"));
        assert_eq!(http.header("x-cache"), Some("miss"));
        assert_eq!(http.body, BodyEnd::Complete);
        let body: &[u8] = if transport == GET { b"denied" } else { b"" };
        assert_eq!(http.head_of_body, body);
    }
}

/// Answers with this head and as many bytes, and then closes.
async fn body_of(announced: usize, sent: usize) -> ProbeReport {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Stranger::new(move |mut stream| async move {
        let mut heard = [0u8; 4096];
        let _ = stream.read(&mut heard).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&vec![b'x'; sent]).await;
    })
    .await;
    probe(&plan(server.address, GET)).await
}

#[tokio::test]
async fn whole_cut_and_long_bodies_are_told_apart_and_little_of_them_is_kept() {
    for (announced, sent, end) in [
        (MAX_BODY + 1, MAX_BODY + 1, BodyEnd::Complete),
        (MAX_BODY + 1, MAX_BODY, BodyEnd::Truncated),
        (10_000_000, 10_000_000, BodyEnd::Longer),
    ] {
        let http = body_of(announced, sent).await.http.unwrap();
        assert_eq!(http.body, end, "{announced} {sent}");
        assert_eq!(http.head_of_body.len(), MAX_BODY);
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_failure_with_its_first_bytes() {
    let server = Stranger::saying(b"220 mail.test ESMTP\r\n").await;
    let report = probe(&plan(server.address, GET)).await;
    assert!(matches!(
        report.failure,
        Some(StageFailure::Http(HttpError::Protocol(_)))
    ));
    assert_eq!(report.first_bytes, b"220 mail.test ESMTP\r\n");

    let server = Stranger::hanging_up().await;
    let report = probe(&plan(server.address, GET)).await;
    assert!(matches!(
        report.failure,
        Some(StageFailure::Http(HttpError::Closed))
    ));

    let server = Stranger::silent().await;
    let mut plan = plan(server.address, GET);
    plan.timeouts.response = SHORT;
    let report = probe(&plan).await;
    assert!(matches!(
        report.failure,
        Some(StageFailure::Http(HttpError::TimedOut { .. }))
    ));
}

#[tokio::test]
async fn an_upgrade_is_accepted_only_by_who_understood_it() {
    use base64::Engine as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let knowing = Stranger::new(|mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("sec-websocket-key: "))
            .unwrap();
        let digest = aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
            format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes(),
        );
        let accept = base64::engine::general_purpose::STANDARD.encode(digest);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        let _ = stream.write_all(answer.as_bytes()).await;
        crate::stranger::drain(&mut stream).await;
    })
    .await;
    let parrot = Stranger::saying(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    )
    .await;
    let refusing = Stranger::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    for (server, expected) in [
        (&knowing, UpgradeSeen::Accepted),
        (&parrot, UpgradeSeen::WrongAccept),
        (&refusing, UpgradeSeen::Refused),
    ] {
        let report = probe(&plan(server.address, WEBSOCKET)).await;
        assert!(report.failure.is_none(), "{:?}", report.failure);
        assert_eq!(report.http.unwrap().upgrade, Some(expected));
    }
}

#[tokio::test]
async fn a_datagrams_answer_refusal_and_silence_are_told_apart() {
    let echo = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = echo.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut buffer = [0u8; 100];
        let (length, from) = echo.recv_from(&mut buffer).await.unwrap();
        echo.send_to(&buffer[..length], from).await.unwrap();
    });
    let ping = ProbeTransport::Udp {
        payload: b"ping".to_vec(),
    };
    let report = probe(&plan(address, ping.clone())).await;
    assert!(report.failure.is_none(), "{:?}", report.failure);
    assert_eq!(report.udp_answer.as_deref(), Some(&b"ping"[..]));
    task.await.unwrap();

    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let report = probe(&plan(closed, ping.clone())).await;
    assert!(matches!(
        report.failure,
        Some(StageFailure::Udp(UdpError::Refused { .. }))
    ));

    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut plan = plan(silent.local_addr().unwrap(), ping);
    plan.timeouts.response = SHORT;
    let report = probe(&plan).await;
    assert!(matches!(
        report.failure,
        Some(StageFailure::Udp(UdpError::Unconfirmed { .. }))
    ));
}

#[tokio::test]
async fn hundreds_of_probes_at_once_ask_for_each_name_once() {
    let server = NameServer::new(|_| Says::Addresses(vec!["127.0.0.1".parse().unwrap()])).await;
    let setup = Setup::new();
    let router = Router::new().route("/", get(|| async { "here" }));
    let running = setup.serve(router);
    let prober = Prober::new(
        Resolver::with_servers(vec![server.address]),
        ProbeRoots::of(Vec::new(), Vec::new()),
    );
    let names = ["a.test", "b.test", "c.test"];
    let probes = (0..300).map(|number| {
        let ask = ProbeRequest::Head;
        let mut plan = plan(running.address, ProbeTransport::Https { ask });
        plan.endpoint.host = Host::parse(names[number % names.len()]).unwrap();
        let prober = prober.clone();
        async move { prober.probe(&plan).await }
    });
    for report in futures_util::future::join_all(probes).await {
        // The certificate is for an address, and nobody trusts its CA.
        assert!(matches!(report.failure, Some(StageFailure::Tls(_))));
        assert_eq!(report.tls.unwrap().chain.len(), 2);
    }
    assert_eq!(server.questions(), 2 * names.len());
    running.stop().await;
}
