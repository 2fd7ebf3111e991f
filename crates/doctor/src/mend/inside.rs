//! Lines for rows that stay inside the site, of which the catalogue's renderers for proxies write
//! nothing, and which meet a proxy all the same.

use std::net::IpAddr;

/// Squid: TLS to these hosts passes unopened.
pub(super) fn splice(hosts: &[String]) -> Vec<String> {
    let bare = |host: &str| {
        host.trim_matches(|sign| sign == '[' || sign == ']')
            .to_owned()
    };
    let (addresses, names): (Vec<String>, Vec<String>) = hosts
        .iter()
        .map(|host| bare(host))
        .partition(|host| host.parse::<IpAddr>().is_ok());
    let mut lines = vec![
        "acl inside_step1 at_step SslBump1".to_owned(),
        "ssl_bump peek inside_step1".to_owned(),
    ];
    for (list, kind, values) in [
        ("inside_names", "ssl::server_name", names),
        ("inside_addresses", "dst", addresses),
    ] {
        if !values.is_empty() {
            lines.push(format!("acl {list} {kind} {}", values.join(" ")));
            lines.push(format!("ssl_bump splice {list}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_spliced_by_lists_of_their_own() {
        let hosts = ["a.test", "192.0.2.1", "b.test", "[2001:db8::1]"].map(str::to_owned);
        let lines = splice(&hosts);
        assert_eq!(
            lines[2..],
            [
                "acl inside_names ssl::server_name a.test b.test",
                "ssl_bump splice inside_names",
                "acl inside_addresses dst 192.0.2.1 2001:db8::1",
                "ssl_bump splice inside_addresses",
            ]
        );
        assert_eq!(splice(&hosts[..1]).len(), 4);
    }
}
