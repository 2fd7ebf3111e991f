//! What to change in a proxy, or in another thing that opens TLS.

use flows::render::ProxyAddress;
use flows::{Format, Options};

use super::inside;
use super::product::{Product, product};
use super::rendered::{cut, hosts, rendered, with_words, words};
use crate::finding::Cased;
use crate::report::{Mend, Stage, Verdict};

/// Leave the TLS of these destinations closed.
pub(super) fn bypass(group: &[Cased<'_, '_>]) -> Mend {
    let options = Options::default();
    let squid = |text: String| {
        let mut lines = rendered(Format::SquidBypass, group, &options);
        if lines.is_empty() {
            lines = inside::splice(&hosts(group));
        }
        with_words("squid", text, lines)
    };
    match product(group) {
        Product::Squid => squid("above the first ssl_bump line:".to_owned()),
        Product::Fortigate => with_words(
            "fortigate",
            "exempt these from the SSL inspection profile:".to_owned(),
            exempt(group),
        ),
        Product::PanOs => with_words(
            "pan-os",
            "a decryption rule with the action no-decrypt, above those that decrypt:".to_owned(),
            no_decrypt(group),
        ),
        Product::Other(name) => squid(format!(
            "{name}: except these destinations from TLS inspection; as Squid would write it:"
        )),
        Product::Unknown => squid(
            "except these destinations from TLS inspection; in Squid, above the first ssl_bump line:"
                .to_owned(),
        ),
    }
}

/// Let these destinations through a proxy.
pub(super) fn allow(stage: Stage, verdict: Verdict, group: &[Cased<'_, '_>]) -> Mend {
    let lines = rendered(Format::SquidAllow, group, &Options::default());
    let what = match (stage, verdict) {
        (Stage::Proxy, Verdict::SignInRequired) => "let these destinations through without sign-in",
        (Stage::Proxy, Verdict::Refused | Verdict::TimeOut | Verdict::NoSuchName) => {
            return words(
                "proxy",
                "start the proxy, or name the right host and port in this host's settings",
            );
        }
        (Stage::Dns, _) => "let the proxy resolve these names",
        (Stage::Transport, _) => "let the proxy connect to these destinations",
        (Stage::Proxy | Stage::Tls | Stage::Upper | Stage::Revocation, _) => {
            "let these destinations through"
        }
    };
    match product(group) {
        Product::Squid => {
            let place = match verdict {
                Verdict::SignInRequired => "above the first http_access line with proxy_auth:",
                _ => "above the first http_access deny line:",
            };
            with_words("squid", format!("{what}; {place}"), lines)
        }
        Product::Fortigate => with_words(
            "fortigate",
            format!("{what}:"),
            rendered(Format::Fortigate, group, &Options::default()),
        ),
        Product::PanOs => with_words(
            "pan-os",
            format!("{what}:"),
            rendered(Format::PanOs, group, &Options::default()),
        ),
        Product::Other(name) => with_words(
            "squid",
            format!("{name}: {what}; as Squid would write it:"),
            lines,
        ),
        Product::Unknown => with_words(
            "squid",
            format!("{what}; in Squid, above the first http_access line that denies or asks:"),
            lines,
        ),
    }
}

pub(super) fn pac(group: &[Cased<'_, '_>]) -> Mend {
    let options = Options {
        proxy: ProxyAddress::parse("proxy.example:3128").ok(),
        ..Options::default()
    };
    let lines = rendered(Format::Pac, group, &options);
    with_words(
        "pac",
        "mend the script; one that lets these destinations go directly:".to_owned(),
        lines,
    )
}

/// FortiOS: a custom wildcard FQDN for each host, and its exemption.
fn exempt(group: &[Cased<'_, '_>]) -> Vec<String> {
    let mut lines = vec!["config firewall wildcard-fqdn custom".to_owned()];
    let hosts = hosts(group);
    for host in &hosts {
        lines.push(format!("    edit \"{host}\""));
        lines.push(format!("        set wildcard-fqdn \"{host}\""));
        lines.push("    next".to_owned());
    }
    lines.push("end".to_owned());
    lines.push("config firewall ssl-ssh-profile".to_owned());
    lines.push("    edit \"PROFILE\"".to_owned());
    lines.push("        config ssl-exempt".to_owned());
    for host in &hosts {
        lines.push("            edit 0".to_owned());
        lines.push("                set type wildcard-fqdn".to_owned());
        lines.push(format!("                set wildcard-fqdn \"{host}\""));
        lines.push("            next".to_owned());
    }
    lines.push("        end".to_owned());
    lines.push("    next".to_owned());
    lines.push("end".to_owned());
    cut(lines)
}

/// PAN-OS: the predefined list of hosts that are not decrypted.
fn no_decrypt(group: &[Cased<'_, '_>]) -> Vec<String> {
    let lines = hosts(group)
        .into_iter()
        .map(|host| format!("set shared ssl-decrypt ssl-exclude-cert {host} exclude yes"));
    cut(lines.collect())
}
