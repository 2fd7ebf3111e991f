//! What `render` writes can be given back to `audit`: nothing that it allows is blocked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use flows::audit::{AuditOptions, AuditReport, audit};
use flows::{
    Catalogue, Format, Host, How, IpNet, Options, PartyId, Rendered, Selection, Site, VariableKind,
    built_in, select,
};

/// A site that says everything that the catalogue asks for.
fn site(catalogue: &Catalogue) -> Site {
    let mut site = Site::default();
    for (number, variable) in catalogue.variables.iter().enumerate() {
        let value = match variable.kind {
            VariableKind::Hosts => format!("10.9.{number}.1,10.9.{number}.128/26,fd00:{number}::1"),
            VariableKind::Port => format!("{}", 20_000 + number),
        };
        site.set(&format!("{}={value}", variable.name)).unwrap();
    }
    site
}

/// Addresses for every name of the selection, each name its own.
fn addresses(selection: &Selection<'_>) -> BTreeMap<String, Vec<IpNet>> {
    let hosts = selection.flows.iter().flat_map(|flow| &flow.endpoints);
    let keys: BTreeSet<String> = hosts
        .flat_map(|endpoint| endpoint.from.iter().chain([&endpoint.host]))
        .filter_map(|host| match host {
            Host::Exact(name) => Some(name.to_string()),
            Host::OneLabel(name) | Host::AnyDepth(name) | Host::ApexAndSubdomains(name) => {
                Some(format!("*.{name}"))
            }
            Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => None,
        })
        .collect();
    keys.into_iter()
        .enumerate()
        .map(|(number, key)| {
            let v4 = format!("172.16.{}.{}/32", number / 200, number % 200 + 1);
            let v6 = format!("2001:db8:{number:x}::1/128");
            (key, vec![v4.parse().unwrap(), v6.parse().unwrap()])
        })
        .collect()
}

/// The endpoints that a rendering says it allows, as the audit names their flows.
fn allowed(rendered: &Rendered) -> BTreeSet<&str> {
    let lost = |how: &How| matches!(how, How::NotAtAll(_) | How::Narrowed(_));
    let flows = rendered.report.iter();
    let some_lost: BTreeSet<&str> = flows
        .clone()
        .filter(|entry| lost(&entry.how))
        .map(|entry| entry.flow.as_str())
        .collect();
    flows
        .filter(|entry| matches!(entry.how, How::Exact | How::Widened(_)))
        .map(|entry| entry.flow.as_str())
        .filter(|flow| !some_lost.contains(flow))
        .collect()
}

fn read_back(
    what: &str,
    bytes: &[u8],
    selection: &Selection<'_>,
    options: &AuditOptions<'_>,
) -> AuditReport {
    audit(bytes, None, selection, options)
        .unwrap_or_else(|error| panic!("{what}: {error}\n{}", String::from_utf8_lossy(bytes)))
}

/// Nothing that the rendering allows is found wanting.
fn nothing_is_blocked(what: &str, rendered: &Rendered, report: &AuditReport) {
    let allowed = allowed(rendered);
    for finding in &report.findings {
        for flow in &finding.flows {
            assert!(
                !allowed.contains(flow.flow.as_str()),
                "{what}: {} is {:?}\n{}\n{}",
                flow.flow,
                finding.kind,
                report.text(),
                String::from_utf8_lossy(&rendered.bytes)
            );
        }
    }
}

fn roles(catalogue: &Catalogue) -> Vec<Option<PartyId>> {
    let parties = catalogue.parties.iter().map(|party| Some(party.id.clone()));
    std::iter::once(None).chain(parties).collect()
}

fn each_catalogue(test: impl Fn(&Catalogue, &Selection<'_>, BTreeMap<String, Vec<IpNet>>)) {
    for id in built_in::ids() {
        let catalogue = built_in::catalogue(id).unwrap();
        let site = site(catalogue);
        let selection = select(catalogue, &site).unwrap();
        let addresses = addresses(&selection);
        test(catalogue, &selection, addresses);
    }
}

#[test]
fn nftables_for_every_role_blocks_nothing_that_it_allows() {
    each_catalogue(|catalogue, selection, addresses| {
        for role in roles(catalogue) {
            let what = format!("{}, role {role:?}", catalogue.id);
            let options = Options {
                role: role.clone(),
                addresses: addresses.clone(),
                ..Options::default()
            };
            let rendered = flows::render(Format::Nftables, selection, &options).unwrap();
            for said in [role.clone(), None] {
                let options = AuditOptions {
                    role: said,
                    addresses: addresses.clone(),
                    ..AuditOptions::default()
                };
                let report = read_back(&what, &rendered.bytes, selection, &options);
                nothing_is_blocked(&what, &rendered, &report);
                assert_eq!(
                    report.position.as_ref().unwrap().role,
                    role,
                    "{what}: {}",
                    report.text()
                );
                assert!(
                    !report.text().contains("not read"),
                    "{what}: {}",
                    report.text()
                );
                assert!(role.is_some() || report.counts.permitted > 0, "{what}");
            }
        }
    });
}

#[test]
fn nftables_without_addresses_blocks_names_and_says_which_sets_wait() {
    let catalogue = built_in::catalogue("symantec-endpoint-protection").unwrap();
    let selection = select(catalogue, &Site::default()).unwrap();
    let rendered = flows::render(Format::Nftables, &selection, &Options::default()).unwrap();
    let report = read_back("sep", &rendered.bytes, &selection, &AuditOptions::default());
    let text = report.text();
    assert!(report.counts.blocked > 0, "{text}");
    assert!(text.contains("empty in the file"), "{text}");
    assert!(text.contains("no chain has a hook"), "{text}");
}

#[test]
fn iptables_for_every_role_blocks_nothing_once_it_is_translated() {
    let name = "iptables_for_every_role_blocks_nothing_once_it_is_translated";
    let translate = |program: &str, file: &std::path::Path| {
        let output = Command::new(program).arg("-f").arg(file).output();
        output.ok().map(|output| {
            assert!(output.status.success(), "{program}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules");
    std::fs::write(&file, "*filter\nCOMMIT\n").unwrap();
    if translate("iptables-restore-translate", &file).is_none() {
        skip::skip(name, "the program iptables-restore-translate is missing");
        return;
    }
    each_catalogue(|catalogue, selection, addresses| {
        for role in roles(catalogue) {
            let what = format!("{}, role {role:?}", catalogue.id);
            let options = Options {
                role: role.clone(),
                addresses: addresses.clone(),
                ..Options::default()
            };
            let rendered = flows::render(Format::Iptables, selection, &options).unwrap();
            std::fs::write(&file, &rendered.bytes).unwrap();
            let both = ["iptables-restore-translate", "ip6tables-restore-translate"]
                .map(|program| translate(program, &file).unwrap())
                .concat();
            let options = AuditOptions {
                role,
                addresses: addresses.clone(),
                ..AuditOptions::default()
            };
            let report = read_back(&what, both.as_bytes(), selection, &options);
            nothing_is_blocked(&what, &rendered, &report);
        }
    });
}

#[test]
fn proxies_and_fortigate_block_nothing_that_they_allow() {
    let runner = pac::Quick::default();
    each_catalogue(|catalogue, selection, addresses| {
        for format in [
            Format::SquidAllow,
            Format::SquidBypass,
            Format::Pac,
            Format::Fortigate,
        ] {
            for known in [BTreeMap::new(), addresses.clone()] {
                let what = format!("{}, {format}", catalogue.id);
                let options = Options {
                    addresses: known.clone(),
                    ..Options::default()
                };
                let rendered = flows::render(format, selection, &options).unwrap();
                let options = AuditOptions {
                    addresses: known,
                    pac: Some(&runner),
                    ..AuditOptions::default()
                };
                let report = read_back(&what, &rendered.bytes, selection, &options);
                nothing_is_blocked(&what, &rendered, &report);
            }
        }
    });
}
