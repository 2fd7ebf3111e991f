//! A server that runs out of descriptors. Alone in its process, whose limit it lowers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "this is a test, and its clients need sockets of their own"
)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use flows::GarrisonFlow;
use net::{CancellationToken, Listener, PortChoice, Server};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const LONG: Duration = Duration::from_secs(30);
/// Room for what the test itself opens.
const FEW: u64 = 128;

fn ask(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = vec![0u8; 1024];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(answer.get(..length).unwrap()).into_owned()
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect_timeout(&address, LONG).unwrap()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn without_descriptors_a_server_waits_serves_whom_it_has_and_recovers() {
    let limit = getrlimit(Resource::Nofile);
    let lowered = Rlimit {
        current: Some(FEW),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, lowered).unwrap();

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let free = PortChoice {
        remembered: Some(0),
        ..PortChoice::default()
    };
    let listener = {
        let _guard = runtime.enter();
        Listener::bind(GarrisonFlow::Api.flow(), [127, 0, 0, 1].into(), free).unwrap()
    };
    let address = listener.address();
    let router = Router::new().route("/", get(|| async { "served" }));
    let server = Server::new(listener, None, router);
    let connections = server.connections();
    let shutdown = CancellationToken::new();
    let task = runtime.spawn(server.serve(shutdown.clone()));

    let mut first = connect(address);
    assert!(ask(&mut first).contains("served"));

    // All descriptors but one are taken, and the client takes that one.
    let mut fillers: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    fillers.pop();
    let mut second = connect(address);
    until("the server runs out of descriptors", || {
        connections.counters().accept_errors >= 2
    });
    let before = connections.counters().accept_errors;
    std::thread::sleep(Duration::from_millis(500));
    let errors = connections.counters().accept_errors - before;
    assert!(errors < 20, "{errors} tries in half a second");
    assert!(
        ask(&mut first).contains("served"),
        "who is connected is served all the same"
    );

    drop(fillers);
    assert!(ask(&mut second).contains("served"), "who waited is served");
    shutdown.cancel();
    runtime
        .block_on(async { tokio::time::timeout(LONG, task).await })
        .unwrap()
        .unwrap();
}
