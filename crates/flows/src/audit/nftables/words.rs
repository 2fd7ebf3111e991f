//! Values of nft's language as numbers.

use std::net::IpAddr;

use crate::audit::packet::{Field, number, state};

/// Names of ports that rulesets write (from the registry of services of IANA).
const SERVICES: &[(&str, u16)] = &[
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap2", 143),
    ("imap", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("bgp", 179),
    ("ldap", 389),
    ("https", 443),
    ("microsoft-ds", 445),
    ("isakmp", 500),
    ("syslog", 514),
    ("submission", 587),
    ("submissions", 465),
    ("ldaps", 636),
    ("imaps", 993),
    ("pop3s", 995),
    ("openvpn", 1194),
    ("ms-sql-s", 1433),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("postgresql", 5432),
    ("mdns", 5353),
    ("ipsec-nat-t", 4500),
    ("http-alt", 8080),
    ("nfs", 2049),
];

/// Protocol numbers of IANA.
const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("vrrp", 112),
    ("comp", 108),
    ("sctp", 132),
    ("udplite", 136),
];

pub(super) fn service(name: &str) -> Option<u16> {
    SERVICES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, port)| *port)
}

pub(super) fn protocol(name: &str) -> Option<u8> {
    PROTOCOLS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}

/// The bits of TCP's flags (RFC 9293, section 3.1).
pub(super) fn flag(name: &str) -> Option<u8> {
    Some(match name {
        "fin" => 1,
        "syn" => 2,
        "rst" => 4,
        "psh" => 8,
        "ack" => 16,
        "urg" => 32,
        "ecn" => 64,
        "cwr" => 128,
        "0" | "0x0" => 0,
        _ => return None,
    })
}

/// A word such as `80`, `80-90`, `192.0.2.0/24`, `ssh` or `*` as a range of the field's numbers.
pub(super) fn range(field: Field, word: &str) -> Option<(u128, u128)> {
    if word == "*" {
        return Some((0, field.largest()));
    }
    if let Some((network, length)) = word.split_once('/') {
        return prefix(field, network, length.parse().ok()?);
    }
    if let Some(one) = value(field, word) {
        return Some((one, one));
    }
    let (first, last) = word.split_once('-')?;
    let (first, last) = (value(field, first)?, value(field, last)?);
    (first <= last).then_some((first, last))
}

fn prefix(field: Field, network: &str, length: u32) -> Option<(u128, u128)> {
    let bits = match field {
        Field::SourceV4 | Field::DestinationV4 => 32,
        Field::SourceV6 | Field::DestinationV6 => 128,
        Field::Family
        | Field::Protocol
        | Field::SourcePort
        | Field::DestinationPort
        | Field::State
        | Field::IcmpType
        | Field::In
        | Field::Out => return None,
    };
    let address = value(field, network)?;
    let free = u32::checked_sub(bits, length)?;
    let mask = match free {
        128 => u128::MAX,
        free => (1_u128 << free) - 1,
    };
    Some((address & !mask, address | mask))
}

fn value(field: Field, word: &str) -> Option<u128> {
    let plain = || match word.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).ok(),
        None => word.parse::<u128>().ok(),
    };
    let found = match field {
        Field::SourceV4 | Field::DestinationV4 => match word.parse().ok()? {
            address @ IpAddr::V4(_) => number(address),
            IpAddr::V6(_) => return None,
        },
        Field::SourceV6 | Field::DestinationV6 => match word.parse().ok()? {
            address @ IpAddr::V6(_) => number(address),
            IpAddr::V4(_) => return None,
        },
        Field::SourcePort | Field::DestinationPort => {
            plain().or_else(|| service(word).map(u128::from))?
        }
        Field::Protocol => plain().or_else(|| protocol(word).map(u128::from))?,
        Field::Family => match word {
            "ipv4" | "ip" => 2,
            "ipv6" | "ip6" => 10,
            _ => plain()?,
        },
        Field::State => match word {
            "invalid" => state::INVALID,
            "established" => state::ESTABLISHED,
            "related" => state::RELATED,
            "new" => state::NEW,
            "untracked" => state::UNTRACKED,
            _ => return None,
        },
        Field::IcmpType => match word {
            "echo-reply" => 0,
            "destination-unreachable" => 3,
            "echo-request" => 8,
            "time-exceeded" => 11,
            "parameter-problem" => 12,
            _ => plain()?,
        },
        Field::In | Field::Out => return None,
    };
    (found <= field.largest()).then_some(found)
}
