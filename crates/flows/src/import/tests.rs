use proptest::prelude::*;

use super::*;
use crate::endpoint::{MatchKind, PortRange, Transport};
use crate::flow::Need;
use crate::origin::ChangeKind;

fn shown(imported: &Imported) -> Vec<String> {
    imported
        .catalogue
        .flows
        .iter()
        .flat_map(|flow| {
            flow.endpoints.iter().map(|end| {
                let ports: Vec<String> = end.ports.iter().map(PortRange::to_string).collect();
                format!(
                    "{} {} {} {} {}",
                    flow.id,
                    end.kind.as_str(),
                    end.value,
                    end.transport.as_str(),
                    ports.join(",")
                )
            })
        })
        .collect()
}

fn reads_back(imported: &Imported) {
    let text = imported.toml().unwrap();
    let back = Catalogue::parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    assert_eq!(back, imported.catalogue);
}

#[test]
fn a_messy_list_becomes_a_catalogue_and_a_report() {
    let list = "Ports of the product;;;;\n\
        Source;Host name;Protocol / Port;Purpose;Owner\n\
        agents;update.example.com, *.cdn.example.net;\"TCP: 443, 80\";definitions;ops\n\
        198.51.100.0/24;https://licence.example.com/check;;licences;\n\
        agents;;443/tcp;no host;\n\
        agents;console.example.com;ALL;cut off;\n\
        ;;;;\n\
        agents;any;UDP 53;names;\n";
    let imported = csv(list.as_bytes(), &ImportOptions::default()).unwrap();
    assert_eq!(
        shown(&imported),
        [
            "update-example-com exact update.example.com tcp 80,443",
            "update-example-com any-depth cdn.example.net tcp 80,443",
            "licence-example-com exact licence.example.com tcp 443",
            "row-5 unknown  tcp 443",
            "console-example-com exact console.example.com unknown ",
            "row-8 unknown  udp 53",
        ]
    );
    let issues: Vec<(usize, &str)> = imported
        .report
        .issues
        .iter()
        .map(|issue| (issue.line, issue.text.as_str()))
        .collect();
    assert_eq!(issues, [(2, "Owner"), (6, "ALL"), (8, "any")]);
    assert_eq!(imported.report.flows, 5);
    for flow in &imported.catalogue.flows {
        assert!(
            flow.caveats
                .iter()
                .any(|text| text.as_str().contains("way")),
            "{}",
            flow.id
        );
    }
    reads_back(&imported);
    let text = imported.report.text();
    assert!(
        text.contains("line 6, Protocol / Port: expected ports"),
        "{text}"
    );
}

#[test]
fn a_direction_that_is_said_leaves_nothing_unknown() {
    let options = ImportOptions {
        direction: Direction::Outbound,
        ..ImportOptions::default()
    };
    let imported = csv(
        b"host,port,protocol,description\na.example.com,443,tcp,x\n",
        &options,
    )
    .unwrap();
    assert_eq!((imported.report.flows, imported.report.understood), (1, 1));
    assert!(imported.catalogue.flows[0].caveats.is_empty());
    let said = csv(
        b"host,port,direction\na.example.com,443/tcp,sortant\n",
        &ImportOptions::default(),
    )
    .unwrap();
    assert_eq!(said.catalogue.flows[0].direction, Direction::Outbound);
}

#[test]
fn a_list_of_another_encoding_is_read() {
    let wide: Vec<u8> = std::iter::once(0xfeff_u16)
        .chain("hôte\tport\na.example.com\t443\n".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let imported = csv(&wide, &ImportOptions::default()).unwrap();
    assert_eq!(
        shown(&imported),
        ["a-example-com exact a.example.com unknown 443"]
    );
}

#[test]
fn a_list_without_known_columns_says_what_was_expected() {
    let error = csv(b"fruit,colour\napple,red\n", &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("fruit,colour") && error.contains("\"host\""),
        "{error}"
    );
}

const ENDPOINTS: &str = r#"[
  {"id": 1, "serviceArea": "Exchange", "serviceAreaDisplayName": "Exchange Online",
   "urls": ["outlook.example.com", "*.mail.example.com", "autodiscover.*.example.com"],
   "ips": ["192.0.2.0/24", "2001:db8::/32"], "tcpPorts": "80,443", "udpPorts": "443",
   "expressRoute": true, "category": "Optimize", "required": true},
  {"id": 9, "serviceArea": "Common", "urls": ["cdn.example.com"], "tcpPorts": "443",
   "category": "Default", "required": false, "notes": "pictures"}
]"#;

#[test]
fn the_shape_of_microsoft_365_is_read_with_version_and_changes() {
    let options = ImportOptions {
        companions: vec![
            ("version".into(), br#"{"instance": "Worldwide", "latest": "2026103000"}"#.to_vec()),
            (
                "changes".into(),
                br#"[{"id": 5, "endpointSetId": 9, "disposition": "Add", "impact": "AddedUrl",
                     "version": "2026103000", "add": {"effectiveDate": "20261201", "urls": ["cdn.example.com"]}}]"#
                    .to_vec(),
            ),
        ],
        ..ImportOptions::default()
    };
    let imported = m365(ENDPOINTS.as_bytes(), &options).unwrap();
    let catalogue = &imported.catalogue;
    assert_eq!(catalogue.version, "2026103000");
    assert_eq!(catalogue.flows[0].id.as_str(), "exchange-1");
    assert_eq!(catalogue.flows[0].endpoints.len(), 10);
    assert_eq!(catalogue.flows[0].need, Need::Required);
    assert_eq!(catalogue.flows[1].need, Need::Optional);
    assert_eq!(catalogue.flows[1].direction, Direction::Outbound);
    assert!(
        catalogue.flows[0]
            .endpoints
            .iter()
            .any(|end| end.kind == MatchKind::Unknown)
    );
    assert_eq!(imported.report.issues[0].text, "autodiscover.*.example.com");
    assert_eq!(catalogue.changes[0].kind, ChangeKind::Added);
    assert_eq!(catalogue.changes[0].flows[0].as_str(), "common-9");
    assert_eq!(
        catalogue.changes[0].effective.as_ref().unwrap().as_str(),
        "2026-12-01"
    );
    reads_back(&imported);
}

#[test]
fn an_aerleon_policy_becomes_flows() {
    let policy = "filters:\n- header:\n    comment: clients\n    targets:\n      nftables: inet output\n  terms:\n\
        \x20 - name: allow-web\n    comment: pages\n    source-address: CLIENTS\n    destination-address: WEB\n    destination-port: [HTTP, QUIC]\n    protocol: tcp\n    action: accept\n\
        \x20 - name: lost\n    destination-address: NOWHERE\n    destination-port: HTTP\n    protocol: tcp\n    action: accept\n\
        \x20 - name: deny-all\n    action: deny\n";
    let definitions = "networks:\n  CLIENTS:\n    values:\n    - address: 198.51.100.0/24\n  WEB:\n    values:\n    - name: ONE\n    - fqdn: w.example.com\n  ONE:\n    values:\n    - address: 192.0.2.1/32\n\
        services:\n  HTTP:\n  - protocol: tcp\n    port: 80\n  - protocol: tcp\n    port: 8000-8010\n  QUIC:\n  - protocol: udp\n    port: 443\n";
    let options = ImportOptions {
        direction: Direction::Outbound,
        companions: vec![("definitions.yaml".into(), definitions.into())],
        ..ImportOptions::default()
    };
    let imported = aerleon(policy.as_bytes(), &options).unwrap();
    assert_eq!(
        shown(&imported),
        [
            "allow-web ip 192.0.2.1 tcp 80,8000-8010",
            "allow-web exact w.example.com tcp 80,8000-8010",
            "lost unknown  tcp 80,8000-8010",
        ]
    );
    let variable = &imported.catalogue.variables[0];
    assert_eq!(
        (variable.name.as_str(), variable.default.as_slice()),
        ("clients", ["198.51.100.0/24".to_owned()].as_slice())
    );
    let words: Vec<&str> = imported
        .report
        .issues
        .iter()
        .map(|issue| issue.text.as_str())
        .collect();
    assert_eq!(words, ["NOWHERE", "deny-all: deny"]);
    reads_back(&imported);
}

#[test]
fn definitions_that_name_each_other_end() {
    let policy = b"networks:\n  A:\n    values:\n    - name: A\nfilters:\n- terms:\n  - name: a\n    destination-address: A\n    protocol: tcp\n    action: accept\n";
    let imported = aerleon(policy, &ImportOptions::default()).unwrap();
    assert_eq!(
        imported.catalogue.flows[0].endpoints[0].kind,
        MatchKind::Unknown
    );
    assert_eq!(
        imported.catalogue.flows[0].endpoints[0].transport,
        Transport::Tcp
    );
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_make_a_catalogue_that_reads_back(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(host|port|protocol|source|,|;|\n|TCP|443|\\*\\.a\\.example|\"| |/|-|é){0,60}".prop_map(String::into_bytes),
            "host,port\n(((a\\.example|\\*|1\\.2\\.3\\.4/8|https://x\\.y/z:1),([0-9]{1,6}|tcp|/|-| |all){0,6})\n){0,5}".prop_map(String::into_bytes),
        ]
    ) {
        for read in [csv, m365, aerleon] {
            if let Ok(imported) = read(&bytes, &ImportOptions::default()) {
                reads_back(&imported);
            }
        }
    }

    #[test]
    fn any_yaml_ends(text in "(filters|networks|services|terms|name|action|accept|:|- |\n|  |\\[|\\]|\\{|\\}|&a|\\*a|\"|,|x){0,60}") {
        let _ = aerleon(text.as_bytes(), &ImportOptions::default());
    }
}
