//! What `import` makes of a policy, beside what Aerleon itself makes of it.

use std::collections::BTreeSet;

use flows::import::{ImportOptions, aerleon};
use flows::{Host, IpNet};
use serde_json::{Value, json};

use crate::reader::{python, read};

const POLICY: &str = "
filters:
- header:
    comment: clients
    targets:
      nftables: inet output
  terms:
  - name: allow-web
    comment: pages
    source-address: CLIENTS
    destination-address: WEB
    destination-port: [HTTP, QUIC]
    protocol: tcp
    action: accept
  - name: allow-dns
    destination-address: [RESOLVERS, ONE]
    destination-port: DNS
    protocol: [udp, tcp]
    action: accept
  - name: deny-all
    action: deny
";

const DEFINITIONS: &str = "
networks:
  CLIENTS:
    values:
    - address: 198.51.100.0/24
  WEB:
    values:
    - name: ONE
    - address: 203.0.113.0/28
  ONE:
    values:
    - address: 192.0.2.1/32
  RESOLVERS:
    values:
    - address: 192.0.2.53/32
    - address: 2001:db8::53/128
services:
  HTTP:
  - protocol: tcp
    port: 80
  - protocol: tcp
    port: 8000-8010
  QUIC:
  - protocol: udp
    port: 443
  DNS:
  - protocol: tcp
    port: 53
  - protocol: udp
    port: 53
";

/// Prints the terms as Aerleon expands them.
const READ: &str = r#"
import json, sys, yaml
from aerleon.lib import naming, policy, policy_builder
given = json.load(sys.stdin)
names = naming.Naming()
names.ParseDefinitionsObject(yaml.safe_load(given["definitions"]), "definitions")
raw = {"filename": "policy", **yaml.safe_load(given["policy"])}
built = policy.FromBuilder(policy_builder.PolicyBuilder(raw, names, False, False))
json.dump([{"name": term.name, "action": str(term.action[0]),
            "to": [str(one) for one in term.destination_address or []],
            "protocols": list(term.protocol),
            "ports": [f"{first}-{last}" for first, last in term.destination_port]}
           for header, terms in built.filters for term in terms], sys.stdout)
"#;

/// Term, network, transport, first and last port.
type Permitted = BTreeSet<(String, IpNet, String, u16, u16)>;

fn by_aerleon(terms: &Value) -> Permitted {
    let all = |value: &Value| -> Vec<String> {
        let texts = value.as_array().unwrap().iter();
        texts.map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let mut permitted = Permitted::new();
    for term in terms.as_array().unwrap() {
        if term["action"] != "accept" {
            continue;
        }
        for network in all(&term["to"]) {
            for protocol in all(&term["protocols"]) {
                for port in all(&term["ports"]) {
                    let (first, last) = port.split_once('-').unwrap();
                    permitted.insert((
                        term["name"].as_str().unwrap().to_owned(),
                        network.parse().unwrap(),
                        protocol.clone(),
                        first.parse().unwrap(),
                        last.parse().unwrap(),
                    ));
                }
            }
        }
    }
    permitted
}

fn by_import() -> Permitted {
    let options = ImportOptions {
        companions: vec![("definitions.yaml".into(), DEFINITIONS.into())],
        ..ImportOptions::default()
    };
    let imported = aerleon(POLICY.as_bytes(), &options).unwrap();
    let mut permitted = Permitted::new();
    for flow in &imported.catalogue.flows {
        for endpoint in &flow.endpoints {
            let network = match Host::parse(&endpoint.value).unwrap() {
                Host::Ip(address) => IpNet::from(address),
                Host::Cidr(network) => network,
                other => panic!("{other:?}"),
            };
            for port in &endpoint.ports {
                permitted.insert((
                    flow.id.to_string(),
                    network,
                    endpoint.transport.as_str().to_owned(),
                    port.first(),
                    port.last(),
                ));
            }
        }
    }
    permitted
}

#[test]
fn a_policy_is_imported_as_aerleon_itself_expands_it() {
    let Some(python) = python("aerleon") else {
        return skip::skip(
            "a_policy_is_imported_as_aerleon_itself_expands_it",
            "aerleon is not there; scripts/python-tools installs it",
        );
    };
    let given = json!({"policy": POLICY, "definitions": DEFINITIONS}).to_string();
    let terms = read(&python, READ, &given);
    let expanded = by_aerleon(&terms);
    assert_eq!(expanded.len(), 10, "{terms}");
    assert_eq!(by_import(), expanded);
}
