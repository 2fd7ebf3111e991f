//! What the kernel says that the system's processes listen on and talk to, against the catalogue.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use flows::{Catalogue, GarrisonFlow, PortProfile, Transport};
use serde_json::Value;
use system_tests::rights::is_root;
use system_tests::sockets::{self, Protocol, Socket, State};
use system_tests::system::{LIMIT, Place, System};
use system_tests::tree::Process;
use system_tests::wait::{Seen, until};

/// Where a flow of ours is served in this system.
type Served = BTreeMap<String, SocketAddr>;

fn served(ready: &Value) -> Served {
    Catalogue::garrison()
        .flows
        .iter()
        .filter_map(|flow| {
            let address = ready["addresses"][flow.id.as_str()].as_str()?;
            Some((flow.id.to_string(), address.parse().unwrap()))
        })
        .collect()
}

/// What sockets contradict the catalogue, in words.
fn contradictions(sockets: &[Socket], served: &Served) -> Vec<String> {
    let mut complaints = Vec::new();
    for flow in &Catalogue::garrison().flows {
        if !flow.default_on || !Catalogue::garrison().has_own_listener(flow) {
            continue;
        }
        let id = flow.id.as_str();
        let listens = served.get(id).is_some_and(|address| {
            sockets
                .iter()
                .any(|socket| socket.state == State::Listening && socket.local == *address)
        });
        if !listens {
            complaints.push(format!(
                "{id}: declared as on by default, and nobody listens"
            ));
        }
    }
    for socket in sockets {
        let known = match socket.state {
            State::Idle => true,
            State::Listening => served.values().any(|address| *address == socket.local),
            State::Connected => {
                let either = [socket.local, socket.remote];
                served.values().any(|address| either.contains(address)) || is_dns(socket)
            }
        };
        if !known {
            complaints.push(format!("no flow of the catalogue: {socket:?}"));
        }
    }
    complaints
}

fn is_dns(socket: &Socket) -> bool {
    let dns = GarrisonFlow::Dns.flow();
    let transport = match socket.protocol {
        Protocol::Tcp => Transport::Tcp,
        Protocol::Udp => Transport::Udp,
    };
    dns.transports().contains(&transport)
        && Some(socket.remote.port()) == dns.port(PortProfile::Garrison)
}

/// The system's processes. A worker, and the template that workers are copies of, are closed even
/// to their own user; where this runs as root, their sockets are seen too.
fn watched(system: &mut System<'_>) -> Vec<Process> {
    let mut tree = system.up().tree().unwrap();
    // The kernel keeps fifteen letters of a name.
    let closed = ["garrison-worker", "garrison-templ"];
    tree.retain(|process| is_root() || !closed.contains(&process.command.as_str()));
    assert!(tree.len() >= 4, "{tree:?}");
    tree
}

#[test]
fn sockets_match_the_catalogue() {
    let place = Place::new().unwrap();
    let mut system = place.start().unwrap();
    let served = served(system.ready());
    // A scan and a listing, so that every kind of connection has been made.
    system.scan(place.path()).unwrap();
    place.ctl(&["flows", "list"]).unwrap();
    for _ in 0..20 {
        let found = sockets::of(&watched(&mut system)).unwrap();
        assert_eq!(contradictions(&found, &served), Vec::<String>::new());
    }
    // The one flow of ours whose dialer stays connected is seen.
    let channel = served["agent-channel"];
    let found = sockets::of(&watched(&mut system)).unwrap();
    assert!(
        found
            .iter()
            .any(|socket| socket.state == State::Connected && socket.remote == channel),
        "{found:#?}"
    );
    system.stop().unwrap();
}

#[test]
fn the_exact_ports_of_a_profile_are_taken() {
    if !is_root() {
        skip::skip(
            "the_exact_ports_of_a_profile_are_taken",
            "ports below 1024 need root",
        );
        return;
    }
    let place = Place::new().unwrap();
    let launch = place
        .up()
        .unwrap()
        .arguments(["--ports", "sangfor", "--no-cloud"]);
    let system = place.start_as(launch).unwrap();
    let address = |port: u16| SocketAddr::new(place.address().into(), port);
    let served = served(system.ready());
    assert_eq!(served["agent-channel"], address(8083));
    assert_eq!(served["console"], address(443));
    assert_eq!(served["api"], address(8446));
    system.stop().unwrap();
}

#[test]
fn a_listener_that_no_flow_declares_is_noticed() {
    // A process of the tree that listens without leave.
    let mut foreign = Command::new("python3")
        .args([
            "-c",
            "import socket,sys; s=socket.create_server(('127.0.0.1',0)); print(s.getsockname()[1],flush=True); sys.stdin.read()",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let Ok(child) = &mut foreign else {
        skip::skip("a_listener_that_no_flow_declares_is_noticed", "no python3");
        return;
    };
    let process = Process {
        id: child.id(),
        parent: std::process::id(),
        command: "python3".to_owned(),
    };
    let seen = until("the foreign listener", LIMIT, || {
        let found = sockets::of(std::slice::from_ref(&process))?;
        Ok(
            match found.iter().find(|one| one.state == State::Listening) {
                Some(socket) => Seen::Yes(socket.clone()),
                None => Seen::NotYet(format!("{found:?}")),
            },
        )
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let seen = seen.unwrap();

    let flow = |id: &str, port| (id.to_owned(), SocketAddr::from(([127, 9, 9, 9], port)));
    let served: Served = [
        flow("agent-channel", 443),
        flow("console", 8443),
        flow("api", 8446),
        flow("manager-cloud", 444),
    ]
    .into();
    let mut all: Vec<Socket> = served
        .values()
        .map(|local| Socket {
            local: *local,
            ..seen.clone()
        })
        .collect();
    assert_eq!(contradictions(&all, &served), Vec::<String>::new());
    all.push(seen);
    let complaints = contradictions(&all, &served);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(
        complaints[0].contains("no flow of the catalogue"),
        "{complaints:?}"
    );
    let peer = Socket {
        state: State::Connected,
        remote: "192.0.2.1:25".parse().unwrap(),
        ..all.pop().unwrap()
    };
    all.push(peer);
    assert_eq!(contradictions(&all, &served).len(), 1);
    let without = &all[..3];
    assert!(
        contradictions(without, &served)
            .iter()
            .any(|one| one.contains("nobody listens"))
    );
}

#[test]
fn every_flow_that_we_serve_has_a_party_that_this_test_starts() {
    for flow in &Catalogue::garrison().flows {
        let ours = Catalogue::garrison().has_own_listener(flow);
        match flow.to.as_str() {
            "manager" | "cloud" => assert!(ours, "{}", flow.id),
            "agent" => panic!("{}: this test starts no listening agent yet", flow.id),
            "browser" | "program" | "operator" | "resolver" | "time-server"
            | "domain-controller" | "any" => {
                assert!(!ours, "{}", flow.id);
            }
            other => panic!("{}: {other} is no party that this test knows", flow.id),
        }
    }
}
