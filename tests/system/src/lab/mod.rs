//! Networks of a test's own: hosts as namespaces on a switch, with the peers that live there.
//!
//! [`Network`] is the switch, [`Host`] one machine on it, [`firewall`] what a host lets through.
//! All of it needs root and is gone with its values, also when the test is killed: a namespace
//! lives as long as a process that reads from the test's pipe.

pub mod certificates;
pub mod dns;
pub mod dnsmasq;
pub mod domain;
pub mod firewall;
mod host;
pub mod many;
mod namespace;
mod network;
pub mod ocsp;
mod peer;
pub mod slow;
pub mod squid;
pub mod time;
pub mod web;

pub use host::Host;
pub use namespace::Namespace;
pub use network::Network;

use skip::skip;

use crate::rights::is_root;

/// Whether networks can be made here and these programs are there; else the test is skipped.
pub fn can_make(test: &str, programs: &[&str]) -> bool {
    if !is_root() {
        skip(test, "needs root for network namespaces");
        return false;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &str| {
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .any(|folder| folder.join(program).is_file())
    };
    for program in programs.iter().chain(&["unshare", "nsenter", "ip", "nft"]) {
        if !there(program) {
            skip(test, &format!("{program} is not installed"));
            return false;
        }
    }
    true
}
