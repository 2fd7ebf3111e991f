//! What name servers, and this host's own file of names, need.

use super::rendered::{cut, hosts, with_words, words};
use crate::finding::Cased;
use crate::report::{Mend, Verdict};
use crate::verdict::dns::HOSTS_FILE;

/// Names: what a response policy zone or a zone needs.
pub(super) fn names(verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    let hosts = hosts(group);
    match verdict {
        Verdict::Sinkholed => with_words(
            "rpz",
            "in the response policy zone (BIND, Unbound, Knot, PowerDNS), before what blocks them:"
                .to_owned(),
            cut(hosts
                .iter()
                .map(|host| format!("{host} CNAME rpz-passthru."))
                .collect()),
        ),
        Verdict::NoSuchName if hosts.len() > 1 => words(
            "dns",
            "have this name server forward what is not its own, or give this host another one",
        ),
        Verdict::NoSuchName | Verdict::NoAddress => with_words(
            "unbound",
            "let the name server ask the internet for these names, or enter them in its zone:"
                .to_owned(),
            cut(hosts
                .iter()
                .map(|host| format!("local-zone: \"{host}.\" transparent"))
                .collect()),
        ),
        Verdict::SplitHorizon => with_words(
            "unbound",
            "have all name servers of this host give the same answer, that of the internet; in one that has a zone of its own for these names:"
                .to_owned(),
            cut(hosts
                .iter()
                .map(|host| format!("local-zone: \"{host}.\" transparent"))
                .collect()),
        ),
        _ => words(
            "dns",
            "start the name servers, or let this host reach them (UDP and TCP, port 53)",
        ),
    }
}

pub(super) fn of_hosts_file(group: &[Cased<'_, '_>]) -> bool {
    let mut evidence = group.iter().flat_map(|one| &one.check.evidence);
    evidence.any(|one| one.kind == HOSTS_FILE)
}

/// Take names out of this host's hosts file.
pub(super) fn forget(group: &[Cased<'_, '_>]) -> Mend {
    let lines = hosts(group).into_iter().map(|host| {
        let pattern = host.replace('.', "\\.");
        format!("sed -i.bak '/[[:space:]]{pattern}\\([[:space:]]\\|$\\)/d' /etc/hosts")
    });
    with_words(
        "hosts file",
        "on this host, take out the lines that are out of date:".to_owned(),
        cut(lines.collect()),
    )
}
