//! What this host's own rows of the catalogue (names, time) are about.

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use agent::network::time_servers;
use garrison_flows::doctor::Identity;
use net::{Endpoint, Host};

/// A longer hosts file is not read.
const MAX_HOSTS_FILE: u64 = 4 << 20;

/// With the name servers that this host asks, and the servers that it keeps its clock by.
///
/// The name servers are those of resolv.conf(5). Where that is a resolver on this very host (such
/// as systemd-resolved's at 127.0.0.53), that one is asked and checked, as it is the one that every
/// program here asks; that its own servers are out of reach shows in its answers. The row `dns`
/// applies where the manager or the proxy is out of reach without a name server; the row `time`
/// where a time service runs and names its servers. Otherwise the row is skipped.
pub(crate) fn with_host(mut found: Identity, addresses: &[String]) -> Identity {
    let hosts = hosts_file();
    let manager: Vec<Host> = addresses
        .iter()
        .filter_map(|address| Some(Endpoint::parse(address).ok()?.host))
        .collect();
    let proxy = found.proxy.as_ref().map(|proxy| &proxy.endpoint.host);
    if needs_names(&manager, proxy, &hosts) {
        let resolver = net::dns::Resolver::of_this_machine();
        let servers = resolver.servers().iter().map(|server| server.ip());
        let servers: Vec<String> = servers
            .filter(has_a_meaning_alone)
            .map(|address| address.to_string())
            .collect();
        add(&mut found, "resolver", servers);
    }
    add(&mut found, "time-servers", time_servers::of_this_host());
    found
}

fn add(found: &mut Identity, variable: &str, values: Vec<String>) {
    if !values.is_empty() {
        found.values.push((variable.to_owned(), values));
    }
}

/// Whether nothing works without a name server: the proxy needs it, or each of the manager's
/// addresses, which stand for one another.
fn needs_names(manager: &[Host], proxy: Option<&Host>, hosts_file: &str) -> bool {
    let asked = |host: &Host| is_asked_for(host, hosts_file);
    proxy.is_some_and(asked) || (!manager.is_empty() && manager.iter().all(asked))
}

/// Whether a name server is asked for this host.
fn is_asked_for(host: &Host, hosts_file: &str) -> bool {
    match host {
        Host::Address(_) => false,
        Host::Name(name) => !knows(hosts_file, name),
    }
}

/// Whether a hosts(5) has the name.
fn knows(hosts_file: &str, name: &str) -> bool {
    hosts_file.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut names = line.split_ascii_whitespace().skip(1);
        names.any(|known| known.trim_end_matches('.').eq_ignore_ascii_case(name))
    })
}

/// A link-local address means nothing without its interface, for which a row has no place.
fn has_a_meaning_alone(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => !Ipv6Addr::is_unicast_link_local(address),
    }
}

fn hosts_file() -> String {
    let path = Path::new("/etc/hosts");
    match std::fs::metadata(path) {
        Ok(facts) if facts.len() <= MAX_HOSTS_FILE => {
            std::fs::read_to_string(path).unwrap_or_default()
        }
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str = "127.0.0.1 localhost\n192.0.2.1 vm manager.example. # other.example\n";

    #[test]
    fn name_servers_matter_for_a_name_that_the_hosts_file_does_not_know() {
        for (host, wanted) in [
            ("192.0.2.1", false),
            ("2001:db8::1", false),
            ("vm", false),
            ("MANAGER.example", false),
            ("other.example", true),
            ("1.example", true),
        ] {
            let host = Host::parse(host).unwrap();
            assert_eq!(is_asked_for(&host, HOSTS), wanted, "{host}");
        }
    }

    #[test]
    fn one_address_of_the_manager_that_needs_no_name_server_is_enough_and_a_proxy_is_not() {
        let host = |text: &str| Host::parse(text).unwrap();
        let (name, known, address) = (host("m.example"), host("vm"), host("192.0.2.1"));
        let needs = |manager: &[Host], proxy| needs_names(manager, proxy, HOSTS);
        assert!(needs(std::slice::from_ref(&name), None));
        assert!(!needs(&[name.clone(), known.clone()], None));
        assert!(!needs(&[address.clone(), name.clone()], None));
        assert!(needs(std::slice::from_ref(&address), Some(&name)));
        assert!(!needs(&[address], Some(&known)));
        assert!(!needs(&[], None));
    }

    #[test]
    fn a_link_local_name_server_is_left_out() {
        for (address, wanted) in [
            ("127.0.0.53", true),
            ("2001:db8::53", true),
            ("fe80::1", false),
        ] {
            assert_eq!(has_a_meaning_alone(&address.parse().unwrap()), wanted);
        }
    }

    #[test]
    fn without_names_and_without_servers_nothing_is_set() {
        let found = with_host(Identity::default(), &["192.0.2.1:443".to_owned()]);
        assert!(!found.values.iter().any(|(name, _)| name == "resolver"));
        let mut found = Identity::default();
        add(&mut found, "time-servers", Vec::new());
        assert!(found.values.is_empty());
    }
}
