//! Which port a listener gets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use flows::{Flow, GarrisonFlow, PortProfile};
use net::{ListenError, Listener, PortBook, PortChoice, listen};
use tokio::net::TcpListener;

/// A loopback address of this test alone, so that no other test's ports are in its way.
fn own_address() -> IpAddr {
    static LAST: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id().to_be_bytes();
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    IpAddr::V4(Ipv4Addr::new(127, process[2] | 1, process[3], number))
}

async fn free_port(address: IpAddr) -> u16 {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

fn declaring(port: u16) -> Flow {
    let mut flow = GarrisonFlow::Api.flow().clone();
    for endpoint in &mut flow.endpoints {
        endpoint.ports = vec![flows::PortRange::single(port).unwrap()];
    }
    flow.profiles = flows::flow::ProfilePorts::default();
    flow
}

fn auto(remembered: Option<u16>) -> PortChoice {
    PortChoice {
        profile: PortProfile::Auto,
        remembered,
    }
}

#[tokio::test]
async fn auto_takes_the_declared_port_and_else_a_free_one() {
    let address = own_address();
    let declared = free_port(address).await;
    let flow = declaring(declared);
    let first = Listener::bind(&flow, address, auto(None)).unwrap();
    assert_eq!(first.address(), SocketAddr::new(address, declared));
    let second = Listener::bind(&flow, address, auto(None)).unwrap();
    assert_ne!(second.address().port(), declared);
    assert_ne!(second.address().port(), 0);
}

#[tokio::test]
async fn auto_prefers_the_remembered_port_to_the_declared_one() {
    let address = own_address();
    let (declared, remembered) = (free_port(address).await, free_port(address).await);
    let flow = declaring(declared);
    let first = Listener::bind(&flow, address, auto(Some(remembered))).unwrap();
    assert_eq!(first.address().port(), remembered);
    let second = Listener::bind(&flow, address, auto(Some(remembered))).unwrap();
    assert_eq!(second.address().port(), declared);
}

#[tokio::test]
async fn other_profiles_take_exactly_their_port_and_name_who_holds_it() {
    let address = own_address();
    let declared = free_port(address).await;
    let flow = declaring(declared);
    let holding = TcpListener::bind((address, declared)).await.unwrap();
    for profile in [
        PortProfile::Garrison,
        PortProfile::Sep,
        PortProfile::Sangfor,
    ] {
        let choice = PortChoice {
            profile,
            remembered: Some(free_port(address).await),
        };
        let error = Listener::bind(&flow, address, choice).unwrap_err();
        let ListenError::Taken {
            address: at,
            holder,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(*at, SocketAddr::new(address, declared));
        let process = holder.as_ref().unwrap().process.as_ref().unwrap();
        assert_eq!(process.id, std::process::id());
        let message = error.to_string();
        for part in [
            "api",
            &declared.to_string(),
            &process.id.to_string(),
            "--ports auto",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }
    drop(holding);
    let choice = PortChoice {
        profile: PortProfile::Sep,
        remembered: None,
    };
    assert_eq!(
        Listener::bind(&flow, address, choice)
            .unwrap()
            .address()
            .port(),
        declared
    );
}

#[tokio::test]
async fn an_address_that_is_not_ours_is_named() {
    // TEST-NET-1 (RFC 5737); binding sends nothing.
    let address = "192.0.2.1".parse().unwrap();
    let error = Listener::bind(&declaring(4711), address, auto(None)).unwrap_err();
    assert!(
        matches!(error, ListenError::NoSuchAddress { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}

#[tokio::test]
async fn a_low_port_without_the_right_to_it_is_named_and_auto_goes_around_it() {
    let name = "a_low_port_without_the_right_to_it_is_named_and_auto_goes_around_it";
    let address = own_address();
    let flow = declaring(443);
    let choice = PortChoice {
        profile: PortProfile::Garrison,
        remembered: None,
    };
    let error = match Listener::bind(&flow, address, choice) {
        Ok(_) => return skip::skip(name, "this user may bind low ports"),
        Err(error) => error,
    };
    assert!(matches!(error, ListenError::Forbidden { .. }), "{error}");
    assert!(
        error.to_string().contains("CAP_NET_BIND_SERVICE"),
        "{error}"
    );
    let listener = Listener::bind(&flow, address, auto(None)).unwrap();
    assert_ne!(listener.address().port(), 443);
}

#[tokio::test]
async fn a_free_port_is_kept_for_the_next_start_and_other_profiles_leave_it() {
    let address = own_address();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ports.json");
    let declared = free_port(address).await;
    let flow = declaring(declared);
    let holding = TcpListener::bind((address, declared)).await.unwrap();

    let mut book = PortBook::open(&path).unwrap();
    let first = listen(&flow, address, PortProfile::Auto, &mut book).unwrap();
    let port = first.address().port();
    drop(first);
    drop(holding);

    let mut book = PortBook::open(&path).unwrap();
    drop(listen(&flow, address, PortProfile::Garrison, &mut book).unwrap());
    let again = listen(&flow, address, PortProfile::Auto, &mut book).unwrap();
    assert_eq!(again.address().port(), port);
}
