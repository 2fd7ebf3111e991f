//! Who can mend a cause, and the lines to add, in the syntax of the product that has to change.
//!
//! The lines come from the catalogue's own renderers ([`rendered`]); a file for each kind of thing
//! that has to change.

mod filter;
mod inside;
mod names;
mod product;
mod proxy;
mod rendered;

use crate::finding::Cased;
use crate::report::{Evidence, Mend, Stage, Verdict, Who};
use crate::verdict::transport::HELD_BACK;
use filter::{controller, firewall, held_back, let_out};
use names::{forget, names, of_hosts_file};
pub(crate) use product::names_product;
use proxy::{allow, bypass, pac};
use rendered::{hosts, words};

/// The evidence that names a domain controller which can't be reached.
const CONTROLLER: &str = "unreachable_controller";
/// The evidence of what a domain controller says of a ticket.
pub(crate) const TICKET: &str = "kerberos";
/// The product of rules that name addresses.
pub(crate) const PACKET_FILTER: &str = "nftables";

/// Whether lines are made of what only the host itself could see.
pub(crate) fn depends_on_the_host(evidence: &[Evidence]) -> bool {
    let mut kinds = evidence.iter().map(|one| one.kind.as_str());
    kinds.any(|kind| kind == HELD_BACK || kind == CONTROLLER)
}

fn says<'g>(group: &'g [Cased<'_, '_>], kind: &str) -> Option<&'g str> {
    let all = group.iter().flat_map(|one| &one.check.evidence);
    let mut all = all.filter(|one| one.kind == kind);
    all.next().map(|one| one.value.as_str())
}

/// Who can mend it.
pub(crate) fn who(stage: Stage, verdict: Verdict, group: &[Cased<'_, '_>]) -> Who {
    if !held_back(group).is_empty() {
        return Who::Host;
    }
    let through = group.iter().any(|one| one.check.via.is_some());
    let between = if through { Who::Proxy } else { Who::Firewall };
    match (stage, verdict) {
        (Stage::Dns, Verdict::SplitHorizon) if of_hosts_file(group) => Who::Host,
        (Stage::Dns, _) => Who::Dns,
        (Stage::Proxy, Verdict::SignInFailed) if says(group, CONTROLLER).is_some() => Who::Firewall,
        (Stage::Proxy, Verdict::SignInFailed | Verdict::ClockSkew) => Who::Host,
        (Stage::Proxy, _) => Who::Proxy,
        (Stage::Transport, Verdict::Refused) if !through => Who::Host,
        (Stage::Transport, _) => between,
        (Stage::Tls, Verdict::Expired | Verdict::NameMismatch | Verdict::Untrusted)
        | (Stage::Revocation, Verdict::Revoked) => Who::Certificate,
        (Stage::Tls, Verdict::ClockSkew | Verdict::ClientCertificateRequired)
        | (Stage::Upper, Verdict::CaptivePortal) => Who::Host,
        (Stage::Tls | Stage::Upper, _) => between,
        (Stage::Revocation, _) => between,
    }
}

/// What `who` is to add, and where.
pub(crate) fn mend(who: Who, stage: Stage, verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    match who {
        Who::Proxy => match (stage, verdict) {
            (Stage::Proxy, Verdict::PacError | Verdict::PacUnreachable) => pac(group),
            (Stage::Tls, _) => bypass(group),
            (Stage::Proxy | Stage::Dns | Stage::Transport | Stage::Upper, _)
            | (Stage::Revocation, _) => allow(stage, verdict, group),
        },
        Who::Firewall => match (stage, verdict) {
            (Stage::Proxy, _) => controller(group),
            (Stage::Tls, Verdict::Inspected | Verdict::PinMismatch | Verdict::Untrusted) => {
                bypass(group)
            }
            (Stage::Revocation, _) => words(
                "firewall",
                "let the issuers' revocation services through (plain HTTP), as named in the evidence",
            ),
            _ => firewall(group),
        },
        Who::Dns => names(verdict, group),
        Who::Certificate => certificate(verdict, group),
        Who::Host => host(stage, verdict, group),
    }
}

fn certificate(verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    let hosts = hosts(group).join(", ");
    let text = match verdict {
        Verdict::Expired => format!("renew the certificate of {hosts}"),
        Verdict::NameMismatch => format!("have a certificate issued with the name {hosts}"),
        Verdict::Revoked => format!("replace the key and the certificate of {hosts}"),
        _ => format!(
            "have {hosts} present a certificate of an authority that is trusted, with the whole chain"
        ),
    };
    words("certificate", &text)
}

fn host(stage: Stage, verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    let matches = held_back(group);
    if !matches.is_empty() {
        return let_out(matches);
    }
    let hosts = hosts(group).join(", ");
    match (stage, verdict) {
        (Stage::Dns, Verdict::SplitHorizon) => forget(group),
        (Stage::Tls | Stage::Proxy, Verdict::ClockSkew) => Mend {
            product: "host".to_owned(),
            lines: vec!["timedatectl set-ntp true".to_owned()],
        },
        (Stage::Tls, _) => words(
            "host",
            "enrol this host, so that it has a certificate to show",
        ),
        (Stage::Upper, _) => words("host", "open a browser and sign in to the network"),
        (Stage::Proxy, _) if says(group, TICKET).is_some() => words(
            "host",
            "mend the account or the settings of Kerberos, as the domain controller's word in the evidence says",
        ),
        (Stage::Proxy, _) => words(
            "host",
            "set the right user name and password for the proxy on this host",
        ),
        (Stage::Dns | Stage::Transport | Stage::Revocation, _) => words(
            "host",
            &format!(
                "start the service on {hosts}, or let the firewall there (or before it) accept the connection"
            ),
        ),
    }
}
