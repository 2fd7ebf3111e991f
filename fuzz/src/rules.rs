//! The readers of existing rules: each ends with a report or an error.

use std::sync::LazyLock;

use flows::audit::{AuditFormat, AuditOptions, audit};
use flows::{Catalogue, Format, Options, Selection, Site, render, select};

use crate::Target;

static SELECTION: LazyLock<Selection<'static>> =
    LazyLock::new(|| select(Catalogue::garrison(), &Site::default()).expect("an empty site"));

fn judge(format: AuditFormat, bytes: &[u8]) {
    let runner = pac::Quick::default();
    let options = AuditOptions {
        pac: Some(&runner),
        ..AuditOptions::default()
    };
    if let Ok(report) = audit(bytes, Some(format), &SELECTION, &options) {
        assert!(!report.text().is_empty());
    }
}

/// Garrison's own rendering of a format, if it has one without a site's addresses.
pub(crate) fn rendered(format: Format) -> Option<Vec<u8>> {
    let rendered = render(format, &SELECTION, &Options::default()).ok()?;
    Some(rendered.bytes)
}

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target {
        name,
        run,
        seeds,
        words: &[],
        most_bytes: 8 << 10,
        short: 100,
    }
}

pub(crate) const NFTABLES: Target = Target {
    words: &[
        "table inet f {",
        "chain c {",
        "type filter hook output priority 0; policy drop;",
        "ct state established,related accept",
        "tcp dport ",
        "{ 80, 443 }",
        "ip daddr ",
        "192.0.2.0/24",
        "set s {",
        "type ipv4_addr . inet_service;",
        "flags interval;",
        "elements = {",
        "@s",
        "vmap",
        "jump c",
        "goto c",
        "return",
        "drop",
        "accept",
        "reject",
        "meta l4proto",
        "ip6 daddr",
        "define a = ",
        "$a",
        "!=",
        "80-443",
        "counter",
        "limit rate 1/second",
        "include \"a\"",
        "\"nftables\"",
        "{\"rule\":",
    ],
    ..target(
        "rules-nftables",
        |bytes| judge(AuditFormat::Nftables, bytes),
        || {
            let mut seeds: Vec<Vec<u8>> = [
                "table inet f {\n set s { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.1 } }\n chain o { type filter hook output priority 0; policy drop;\n ct state established,related accept\n oif lo accept\n ip daddr @s tcp dport { 80, 443, 8000-8999 } accept\n udp dport 53 jump n\n ip daddr . tcp dport vmap { 192.0.2.1 . 443 : accept }\n }\n chain n { limit rate 5/second accept; return }\n}\n",
                "flush ruleset\nadd table ip t\nadd chain ip t c { type filter hook forward priority filter; policy accept; }\nadd rule ip t c meta l4proto tcp tcp dport != 443 counter reject with tcp reset\n",
                "{\"nftables\":[{\"table\":{\"family\":\"inet\",\"name\":\"f\"}},{\"chain\":{\"family\":\"inet\",\"table\":\"f\",\"name\":\"o\",\"type\":\"filter\",\"hook\":\"output\",\"prio\":0,\"policy\":\"drop\"}},{\"rule\":{\"family\":\"inet\",\"table\":\"f\",\"chain\":\"o\",\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"right\":{\"set\":[80,{\"range\":[443,445]}]}}},{\"accept\":null}]}}]}",
            ]
            .map(|text| text.as_bytes().to_vec())
            .into();
            seeds.extend(rendered(Format::Nftables));
            seeds
        },
    )
};

pub(crate) const SQUID: Target = Target {
    words: &[
        "acl a ",
        "dstdomain ",
        ".example.com",
        "dstdom_regex -i ",
        "port 443",
        "dst 192.0.2.0/24",
        "method CONNECT",
        "time MTWHF 9:00-17:00",
        "http_access allow ",
        "http_access deny all",
        "ssl_bump splice ",
        "ssl_bump bump all",
        "ssl::server_name ",
        "\"/etc/a\"",
        "!a",
        "proto ",
        "url_regex ",
        "src all",
    ],
    ..target(
        "rules-squid",
        |bytes| judge(AuditFormat::Squid, bytes),
        || {
            let mut seeds: Vec<_> = rendered(Format::SquidAllow).into_iter().collect();
            seeds.extend(rendered(Format::SquidBypass));
            seeds.push(b"acl Safe_ports port 80 443 1025-65535\nacl CONNECT method CONNECT\nacl own dstdomain .example.com update.example.net\nacl net dst 192.0.2.0/24 2001:db8::/32\nacl re dstdom_regex -i ^a.*\\.example$\nhttp_access deny !Safe_ports\nhttp_access deny CONNECT !own\nhttp_access allow own net\nacl step1 at_step SslBump1\nssl_bump peek step1\nssl_bump splice own\nssl_bump bump all\nhttp_access deny all\n".to_vec());
            seeds
        },
    )
};

pub(crate) const FORTIGATE: Target = Target {
    words: &[
        "config firewall policy\n",
        "config firewall address\n",
        "config firewall service custom\n",
        "edit 1\n",
        "edit \"a\"\n",
        "set srcaddr \"all\"\n",
        "set dstaddr ",
        "set service \"HTTPS\"\n",
        "set action accept\n",
        "set subnet 192.0.2.0 255.255.255.0\n",
        "set type fqdn\n",
        "set fqdn \"a.example\"\n",
        "set tcp-portrange 80-90:1-2\n",
        "next\n",
        "end\n",
        "config vdom\n",
        "unset ",
        "set member ",
        "config firewall addrgrp\n",
    ],
    ..target(
        "rules-fortigate",
        |bytes| judge(AuditFormat::Fortigate, bytes),
        || {
            let mut seeds: Vec<_> = rendered(Format::Fortigate).into_iter().collect();
            seeds.push(b"#config-version=FGT60F-7.2.5-FW-build1517\nconfig firewall address\n edit \"own\"\n  set subnet 192.0.2.0 255.255.255.0\n next\n edit \"name\"\n  set type fqdn\n  set fqdn \"update.example.com\"\n next\nend\nconfig firewall addrgrp\n edit \"g\"\n  set member \"own\" \"name\"\n next\nend\nconfig firewall service custom\n edit \"s\"\n  set tcp-portrange 443 8000-8999:1-65535\n next\nend\nconfig firewall policy\n edit 1\n  set srcintf \"lan\"\n  set dstintf \"wan\"\n  set srcaddr \"all\"\n  set dstaddr \"g\"\n  set action accept\n  set schedule \"always\"\n  set service \"s\" \"HTTPS\"\n next\n edit 2\n  set srcaddr \"all\"\n  set dstaddr \"all\"\n  set service \"ALL\"\n next\nend\n".to_vec());
            seeds
        },
    )
};

pub(crate) const PAC: Target = Target {
    short: 20,
    words: &[
        "function FindProxyForURL(url, host) {",
        "return \"PROXY a:8080\";",
        "return \"DIRECT\";",
        "dnsDomainIs(host, ",
        "shExpMatch(host, ",
        "isInNet(",
        "dnsResolve(host)",
        "myIpAddress()",
        "isPlainHostName(host)",
        "weekdayRange(",
        "while(1);",
        "; SOCKS5 b:1; ",
    ],
    ..target(
        "rules-pac",
        |bytes| judge(AuditFormat::Pac, bytes),
        || {
            vec![b"function FindProxyForURL(url, host) {\n  if (isPlainHostName(host) || dnsDomainIs(host, \".example.com\")) return \"DIRECT\";\n  if (isInNet(dnsResolve(host), \"192.0.2.0\", \"255.255.255.0\")) return \"PROXY a.example:8080; DIRECT\";\n  if (shExpMatch(url, \"https://*.example.net/*\")) return \"HTTPS b.example:443\";\n  return \"PROXY c.example:3128; SOCKS5 d.example:1080\";\n}\n".to_vec()]
        },
    )
};
