//! What resolv.conf(5) and hosts(5) say.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// As resolv.conf(5) has it.
const MAX_SERVERS: usize = 3;
/// As older versions of resolv.conf(5) had it; newer ones have no limit.
const MAX_SEARCHED: usize = 6;
/// As resolv.conf(5) has it.
const MAX_DOTS: usize = 15;
/// More lines of a hosts file are not read: lists of advertisers may be long, but not longer.
const MAX_HOSTS: usize = 1_000_000;
const PORT: u16 = 53;

/// Whom to ask, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) search: Vec<String>,
    /// Names with fewer dots are first looked for in the searched domains.
    pub(super) dots: usize,
    pub(super) hosts: HashMap<String, Vec<IpAddr>>,
}

impl Settings {
    /// Reads both files. Lines of no known form are passed over, as every resolver does; without
    /// a name server it is the one on this machine.
    pub(super) fn read(resolv_conf: &str, hosts: &str) -> Self {
        let mut settings = Self {
            servers: Vec::new(),
            search: Vec::new(),
            dots: 1,
            hosts: self::hosts(hosts),
        };
        for line in resolv_conf.lines() {
            settings.take(line);
        }
        if settings.servers.is_empty() {
            settings.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        settings
    }

    fn take(&mut self, line: &str) {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("nameserver") => {
                let server = words.next().and_then(server);
                if let Some(server) = server.filter(|_| self.servers.len() < MAX_SERVERS) {
                    self.servers.push(server);
                }
            }
            // The last of them counts.
            Some("search" | "domain") => {
                let domains = words.map(|domain| domain.trim_end_matches('.').to_ascii_lowercase());
                let domains = domains.filter(|domain| !domain.is_empty());
                self.search = domains.take(MAX_SEARCHED).collect();
            }
            Some("options") => {
                let mut dots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok());
                if let Some(dots) = dots.next_back() {
                    self.dots = MAX_DOTS.min(dots);
                }
            }
            Some(_) | None => {}
        }
    }

    /// The full names to ask for, in order.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        let searched = self.search.iter().map(|domain| format!("{name}.{domain}"));
        let mut candidates: Vec<String> = searched.collect();
        let has_enough_dots = name.matches('.').count() >= self.dots;
        let place = if has_enough_dots { 0 } else { candidates.len() };
        candidates.insert(place, name.to_owned());
        candidates
    }
}

/// An address, with the interface's number where it is link-local.
fn server(text: &str) -> Option<SocketAddr> {
    let Some((address, scope)) = text.split_once('%') else {
        return Some(SocketAddr::new(text.parse().ok()?, PORT));
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let scope = match scope.parse() {
        Ok(number) => number,
        Err(_) => std::fs::read_to_string(format!("/sys/class/net/{scope}/ifindex"))
            .ok()
            .filter(|_| !scope.contains('/'))?
            .trim()
            .parse()
            .ok()?,
    };
    Some(SocketAddrV6::new(address, PORT, 0, scope).into())
}

fn hosts(text: &str) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in text.lines().take(MAX_HOSTS) {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else {
            continue;
        };
        for name in words {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let addresses = hosts.entry(name).or_default();
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    // RFC 6761, section 6.3.
    hosts
        .entry("localhost".to_owned())
        .or_insert_with(|| vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_domains_and_dots_are_read_and_the_rest_is_passed_over() {
        let settings = Settings::read(
            "# by hand\nnameserver 192.0.2.1\nnameserver fe80::1%3 # near\nnameserver what\n\
             domain old.example\nsearch A.example. b.example\noptions rotate ndots:2 edns0\n",
            "",
        );
        let expected: [SocketAddr; 2] = [
            "192.0.2.1:53".parse().unwrap(),
            SocketAddrV6::new("fe80::1".parse().unwrap(), 53, 0, 3).into(),
        ];
        assert_eq!(settings.servers, expected);
        assert_eq!(settings.search, ["a.example", "b.example"]);
        assert_eq!(
            settings.candidates("x.y"),
            ["x.y.a.example", "x.y.b.example", "x.y"]
        );
        assert_eq!(settings.candidates("x.y.z")[0], "x.y.z");
    }

    #[test]
    fn without_a_name_server_it_is_the_one_on_this_machine_and_never_more_than_three() {
        assert_eq!(
            Settings::read("", "").servers,
            ["127.0.0.1:53".parse().unwrap()]
        );
        let many = "nameserver 192.0.2.1\n".repeat(9);
        assert_eq!(Settings::read(&many, "").servers.len(), MAX_SERVERS);
    }

    #[test]
    fn the_hosts_file_knows_names_in_any_case_and_localhost_is_always_known() {
        let hosts = hosts("192.0.2.7 Manager.example m # ours\n2001:db8::7 m\nnonsense m\n");
        assert_eq!(hosts["manager.example"].len(), 1);
        assert_eq!(hosts["m"].len(), 2);
        assert_eq!(hosts["localhost"].len(), 2);
    }
}
