use super::*;

fn pairs(text: &str) -> Vec<String> {
    let page = read(text).unwrap();
    let words = page.pairs.iter().map(|pair| {
        let transport = pair.transport.as_str();
        format!(
            "{} {} {transport} {}",
            pair.line,
            pair.host.value(),
            pair.ports
        )
    });
    words.collect()
}

fn ports(text: &str) -> Vec<String> {
    let page = read(text).unwrap();
    let words = page
        .ports
        .iter()
        .map(|port| format!("{} {}", port.transport.as_str(), port.ports));
    words.collect()
}

fn hosts(text: &str) -> Vec<String> {
    let page = read(text).unwrap();
    page.hosts.iter().map(|host| host.host.value()).collect()
}

#[test]
fn ports_are_found_in_every_layout() {
    for (text, expected) in [
        ("TCP 139, 445", &["tcp 139", "tcp 445"][..]),
        ("UDP4500 if behind", &["udp 4500"]),
        ("TCP 8080/8443", &["tcp 8080", "tcp 8443"]),
        ("TCP 8084*", &["tcp 8084"]),
        ("Agent TCP/UDP 443 TLS", &["tcp 443", "udp 443"]),
        ("x\tTCP: 443, 80\tFor y", &["tcp 443", "tcp 80"]),
        ("x\tTCP: 443,\tFor y", &["tcp 443"]),
        ("49152-65535 TCP Open", &["tcp 49152-65535"]),
        ("HTTPS 8082", &["tcp 8082"]),
        ("Port 80/443 to ( (", &["unknown 80", "unknown 443"]),
        ("TCP port 443 to", &["tcp 443"]),
        ("ports distants 80 et 443.", &["unknown 80", "unknown 443"]),
        ("(port 445).", &["unknown 445"]),
        ("UDP 4500 (NAT-T)", &["udp 4500"]),
    ] {
        assert_eq!(ports(text), expected, "{text:?}");
    }
}

#[test]
fn versions_years_and_page_numbers_are_no_ports() {
    for text in [
        "14.3 MP1 and later",
        "TCP since 14.2",
        "HTTP/2 and HTTP 1.1",
        "Windows Server 2012",
        "Change Log\t2",
        "443",
        "port 4.9.1",
        "TCP 70000",
        "ports",
        "TCP",
    ] {
        assert_eq!(ports(text), [""; 0], "{text:?}");
    }
}

#[test]
fn hosts_are_found_and_prose_is_not() {
    for (text, expected) in [
        ("see https://a.example.com/x?y.", &["a.example.com"][..]),
        ("* https://b.example.com", &["b.example.com"]),
        (
            "a.example.com b.example.net",
            &["a.example.com", "b.example.net"],
        ),
        ("192.0.2.7\tALL", &["192.0.2.7"]),
        (
            "198.51.100.0/24, 2001:db8::1",
            &["198.51.100.0/24", "2001:db8::1"],
        ),
        ("user@example.com svchost.exe 14.2.x v4.9.1", &[]),
        ("the server.Then the clients.Si perimètre.Utilisez", &[]),
        ("e.g. this, i.e. that", &[]),
    ] {
        assert_eq!(hosts(text), expected, "{text:?}");
    }
}

#[test]
fn a_cell_below_belongs_to_the_hosts_above() {
    let text = "https://a.example.com\nhttps://b.example.com\n8443\nhttps://c.example.com\n443";
    assert_eq!(
        pairs(text),
        [
            "1 a.example.com tcp 8443",
            "2 b.example.com tcp 8443",
            "4 c.example.com tcp 443"
        ]
    );
}

#[test]
fn without_a_cell_the_scheme_says_the_port() {
    assert_eq!(
        pairs("http://a.example.com\nhttps://b.example.com"),
        ["1 a.example.com tcp 80", "2 b.example.com tcp 443"]
    );
    assert_eq!(
        pairs("http://a.example.com\nhttps://b.example.com\n443"),
        ["1 a.example.com tcp 80", "2 b.example.com tcp 443"]
    );
    assert_eq!(
        pairs("https://a.example.com:8443/x"),
        ["1 a.example.com tcp 8443"]
    );
}

#[test]
fn hosts_and_ports_on_one_line_belong_together() {
    assert_eq!(
        pairs("x\ta.example.com b.example.com\tTCP: 443, 80\tWhy"),
        [
            "1 a.example.com tcp 80",
            "1 a.example.com tcp 443",
            "1 b.example.com tcp 80",
            "1 b.example.com tcp 443"
        ]
    );
    assert_eq!(
        pairs("a.example.com\t443\tWhy"),
        ["1 a.example.com unknown 443"]
    );
}

#[test]
fn a_page_that_names_too_much_is_refused() {
    let text = "a.example.com\n".repeat(MAX_MENTIONS + 1);
    assert!(matches!(read(&text), Err(ImportError::TooManyMentions)));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in "([a-z0-9.:/*@\\[\\]\t\n -]|TCP|port|https://|–|é|\u{a0}){0,200}") {
        read(&text).unwrap();
    }
}
