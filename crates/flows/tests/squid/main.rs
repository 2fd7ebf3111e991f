//! The rendered configuration in a real Squid: what it lets through, and which TLS it opens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops at a broken expectation, and talks to the peers that it started"
)]

mod peer;

use std::process::{Command, Stdio};

use flows::{Catalogue, Format, Options, Site, render, select};
use peer::{Squid, can_run};

/// Hosts on names that the test's own hosts file resolves to loopback.
const CATALOGUE: &str = r#"
id = "judged"
version = "1"
vendor = "Example"
product = "Judged"

[[source]]
id = "doc"
title = "A list"
language = "en"
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

[[variable]]
name = "far"
kind = "hosts"
description = "Addresses of loopback, where nobody listens."
default = ["127.90.0.77", "127.91.0.0/25"]

[[party]]
id = "client"
name = "client"
place = "site"

[[party]]
id = "vendor"
name = "vendor"
place = "outside"

[[flow]]
id = "update"
purpose = "Updates."
from = ["client"]
to = "vendor"
direction = "outbound"
need = "required"
tls = { trust = "public", pinned = "yes", inspection = "forbidden" }
facts = [{ source = "doc", lines = "1", confidence = "stated" }]
endpoints = [
    { match = "exact", value = "update.example.com", transport = "tcp", ports = ["443"], protocol = "https" },
    { match = "exact", value = "update.example.com", transport = "tcp", ports = ["80"], protocol = "http" },
    { match = "one-label", value = "cdn.example.com", transport = "tcp", ports = ["443"], protocol = "https" },
    { match = "any-depth", value = "rep.example.net", transport = "tcp", ports = ["443", "8000-8010"], protocol = "https" },
    { match = "apex-and-subdomains", value = "example.org", transport = "tcp", ports = ["443"], protocol = "https" },
    { match = "variable", value = "far", transport = "tcp", ports = ["443"] },
]
"#;

const NAMES: [&str; 14] = [
    "update.example.com",
    "a.update.example.com",
    "badupdate.example.com",
    "cdn.example.com",
    "a.cdn.example.com",
    "b.a.cdn.example.com",
    "rep.example.net",
    "a.rep.example.net",
    "b.a.rep.example.net",
    "xrep.example.net",
    "example.org",
    "a.example.org",
    "b.a.example.org",
    "notexample.org",
];

fn rendered(format: Format) -> String {
    let catalogue = Catalogue::parse(CATALOGUE).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    let rendered = render(format, &selection, &Options::default()).unwrap();
    assert!(rendered.report.iter().all(|entry| entry.how.is_exact()));
    String::from_utf8(rendered.bytes).unwrap()
}

/// What the catalogue says of a request through the proxy.
fn wanted(host: &str, port: u16, connect: bool) -> bool {
    let catalogue = Catalogue::parse(CATALOGUE).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    selection.flows[0].endpoints.iter().any(|endpoint| {
        let method = match endpoint.protocol.as_deref() {
            Some("http") => !connect,
            Some(_) => connect,
            None => true,
        };
        method
            && endpoint.host.covers(host)
            && endpoint.ports.iter().any(|ports| ports.contains(port))
    })
}

#[test]
fn squid_lets_through_what_the_catalogue_wants_and_nothing_else() {
    if let Err(reason) = can_run() {
        skip::skip(
            "squid_lets_through_what_the_catalogue_wants_and_nothing_else",
            &reason,
        );
        return;
    }
    let rules = rendered(Format::SquidAllow);
    let squid = Squid::start(&NAMES, "", &format!("{rules}\nhttp_access deny all\n"));
    let mut hosts: Vec<&str> = NAMES.to_vec();
    hosts.extend(["127.90.0.77", "127.90.0.78", "127.91.0.1", "127.91.0.128"]);
    let mut allowed = 0;
    for host in hosts {
        for port in [80, 443, 8005, 8011] {
            for connect in [true, false] {
                let expected = wanted(host, port, connect);
                let denied = squid.denies(host, port, connect);
                assert_eq!(
                    !denied, expected,
                    "{host}:{port} CONNECT {connect}\n{rules}"
                );
                allowed += usize::from(expected);
            }
        }
    }
    assert!(allowed >= 10, "{allowed}");
}

#[test]
fn squid_opens_no_tls_that_must_stay_closed_and_opens_the_rest() {
    let name = "squid_opens_no_tls_that_must_stay_closed_and_opens_the_rest";
    if let Err(reason) = can_run() {
        skip::skip(name, &reason);
        return;
    }
    if Command::new("openssl")
        .arg("version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        skip::skip(name, "openssl is not installed");
        return;
    }
    let rules = rendered(Format::SquidBypass);
    let folder = peer::folder();
    let inspector = peer::certificate(folder.path(), "inspector");
    let origin = peer::certificate(folder.path(), "origin");
    let origin = peer::TlsOrigin::start(&origin);
    let Some(forger) = peer::certificate_maker(folder.path()) else {
        skip::skip(name, "this squid has no certificate maker (squid-openssl)");
        return;
    };
    let bump = format!(
        "ssl-bump generate-host-certificates=on tls-cert={}",
        inspector.display()
    );
    let squid = Squid::start_towards(
        origin.address(),
        &NAMES,
        &bump,
        &format!(
            "{forger}\n{rules}\nssl_bump bump all\nsslproxy_cert_error allow all\nsslproxy_cert_sign signTrusted all\nhttp_access allow all\n"
        ),
    );
    for (host, closed) in [
        ("a.rep.example.net", true),
        ("b.a.rep.example.net", true),
        ("rep.example.net", false),
        ("xrep.example.net", false),
        // Right name, but no flow wants it on this port.
        ("update.example.com", false),
    ] {
        let issuer = squid.issuer_seen(host, origin.port());
        let expected = if closed { "origin" } else { "inspector" };
        assert!(
            issuer.contains(expected),
            "{host}: expected the certificate of {expected}, got {issuer:?}\n{rules}"
        );
    }
}
