//! Resolving names, by name servers of all kinds.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use net::ResolveError;
use net::dns::Resolver;

use crate::nameserver::{NameServer, Says};
use crate::site::{LONG, SHORT};

fn asking(servers: &[&NameServer]) -> Resolver {
    Resolver::with_servers(servers.iter().map(|server| server.address).collect())
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn no_such_name_a_broken_server_silence_and_no_address_are_told_apart() {
    let server = NameServer::new(|name| match name {
        "missing.test" => Says::Code(ResponseCode::NXDomain),
        "broken.test" => Says::Code(ResponseCode::ServFail),
        "refused.test" => Says::Code(ResponseCode::Refused),
        "silent.test" => Says::Nothing,
        "empty.test" => Says::Addresses(Vec::new()),
        _ => Says::Addresses(addresses(&["192.0.2.1", "2001:db8::1"])),
    })
    .await;
    let resolver = asking(&[&server]);

    let (seen, error) = resolver.lookup("missing.test", LONG).await;
    assert!(
        matches!(error, Err(ResolveError::NoSuchName { server: said, .. }) if said == server.address)
    );
    assert_eq!(seen.rcode.as_deref(), Some("NXDOMAIN"));
    assert_eq!(seen.servers, [server.address]);

    for (name, code) in [("broken.test", "SERVFAIL"), ("refused.test", "REFUSED")] {
        let (seen, error) = resolver.lookup(name, LONG).await;
        assert!(
            matches!(&error, Err(ResolveError::ServerFailure { reason, .. }) if reason == code),
            "{error:?}"
        );
        assert_eq!(seen.rcode.as_deref(), Some(code));
    }

    let (_, error) = resolver.lookup("silent.test", SHORT).await;
    assert!(
        matches!(error, Err(ResolveError::TimedOut { .. })),
        "{error:?}"
    );

    let (seen, error) = resolver.lookup("empty.test", LONG).await;
    assert!(
        matches!(error, Err(ResolveError::NoAddress { .. })),
        "{error:?}"
    );
    assert_eq!(seen.rcode.as_deref(), Some("NOERROR"));

    let (seen, found) = resolver.lookup("there.test", LONG).await;
    assert_eq!(found.unwrap(), addresses(&["2001:db8::1", "192.0.2.1"]));
    assert_eq!(seen.ttl, Some(Duration::from_secs(300)));
    assert!(!seen.from_hosts);
}

#[tokio::test]
async fn a_name_server_whose_port_is_closed_is_a_broken_one() {
    let closed: SocketAddr = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let resolver = Resolver::with_servers(vec![closed]);
    let (_, error) = resolver.lookup("a.test", LONG).await;
    assert!(
        matches!(&error, Err(ResolveError::ServerFailure { reason, .. }) if reason.contains("closed")),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_fails_and_not_where_one_knows() {
    let broken = NameServer::new(|_| Says::Code(ResponseCode::ServFail)).await;
    let good = NameServer::new(|name| match name {
        "a.test" => Says::Addresses(addresses(&["192.0.2.1"])),
        _ => Says::Code(ResponseCode::NXDomain),
    })
    .await;
    let resolver = asking(&[&broken, &good]);
    let (seen, found) = resolver.lookup("a.test", LONG).await;
    assert_eq!(found.unwrap(), addresses(&["192.0.2.1"]));
    assert_eq!(seen.servers, [broken.address, good.address]);

    let resolver = asking(&[&good, &broken]);
    let before = broken.questions();
    let (_, error) = resolver.lookup("b.test", LONG).await;
    assert!(
        matches!(error, Err(ResolveError::NoSuchName { .. })),
        "{error:?}"
    );
    assert_eq!(broken.questions(), before);
}

#[tokio::test]
async fn an_answer_too_long_for_a_datagram_comes_by_tcp() {
    let server = NameServer::new(|_| Says::TooLong(addresses(&["192.0.2.1"]))).await;
    let (_, found) = asking(&[&server]).lookup("a.test", LONG).await;
    assert_eq!(found.unwrap(), addresses(&["192.0.2.1"]));
}

#[tokio::test]
async fn aliases_are_followed_and_told() {
    let server = NameServer::new(|_| Says::Alias("cdn.test.", addresses(&["192.0.2.1"]))).await;
    let (seen, found) = asking(&[&server]).lookup("a.test", LONG).await;
    assert_eq!(found.unwrap(), addresses(&["192.0.2.1"]));
    assert_eq!(seen.aliases, ["cdn.test"]);
    assert_eq!(seen.ttl, Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn a_name_is_asked_for_once_however_many_want_it() {
    let server = NameServer::new(|_| Says::Addresses(addresses(&["192.0.2.1"]))).await;
    let resolver = asking(&[&server]);
    let many = (0..50).map(|_| resolver.lookup("a.test", LONG));
    for (_, found) in futures_util::future::join_all(many).await {
        assert_eq!(found.unwrap().len(), 1);
    }
    // One for each kind of address.
    assert_eq!(server.questions(), 2);
}

#[tokio::test]
async fn the_hosts_file_goes_before_every_server() {
    let resolver = Resolver::read("nameserver 127.0.0.1", "192.0.2.9 Manager.test manager\n");
    for name in ["manager.test", "manager"] {
        let (seen, found) = resolver.lookup(name, LONG).await;
        assert_eq!(found.unwrap(), addresses(&["192.0.2.9"]));
        assert!(seen.from_hosts && seen.servers.is_empty());
    }
    let (_, found) = resolver.lookup("localhost", LONG).await;
    assert!(found.unwrap().iter().all(IpAddr::is_loopback));
}
