use super::*;
use crate::built_in;
use crate::catalogue::CatalogueError;

const CATALOGUE: &str = r#"
id = "acme"
version = "1"
vendor = "Acme"
product = "Shield"

[[source]]
id = "page"
title = "Ports of Shield"
language = "en"
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

[[variable]]
name = "server"
kind = "hosts"
description = "The server."

[[variable]]
name = "web-port"
kind = "port"
description = "The console's port."

[[feature]]
id = "sandbox"
name = "sandbox"

[[component]]
id = "core"
name = "core"

[[party]]
id = "client"
name = "client"
place = "site"

[[party]]
id = "server"
name = "server"
place = "site"
variable = "server"

[[change]]
version = "1"
date = "2024-01-02"
kind = "added"
flows = ["console"]
impact = "Open it."

[[flow]]
id = "console"
aliases = ["web-console"]
purpose = "People sign in."
component = "core"
features = ["sandbox"]
from = ["client"]
to = "server"
direction = "internal"
need = "required"
effective = "2020"
proxies = ["http"]
probe = { path = "/", status = [200] }
facts = [{ about = ["purpose"], source = "page", lines = "3,7-9", confidence = "stated" }]
counterpart = { flows = ["console"] }
endpoints = [
    { match = "variable", value = "server", transport = "tcp", ports = ["8443", "9000-9010"], port_variable = "web-port" },
]

[[flow]]
id = "beacon"
purpose = "Clients find each other."
from = ["client"]
to = "client"
direction = "loopback"
need = "unknown"
facts = [{ source = "page", lines = "12", confidence = "garbled" }]
endpoints = [
    { match = "ip", value = "127.0.0.1", transport = "udp", ports = ["7"] },
]
"#;

/// The only problem after one change of the text.
fn altered(from: &str, to: &str) -> String {
    assert!(CATALOGUE.contains(from), "{from:?} is in the text");
    match Catalogue::parse(&CATALOGUE.replacen(from, to, 1)) {
        Ok(_) => panic!("{from:?} → {to:?} was taken"),
        Err(CatalogueError::Problems(problems)) => {
            let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(texts.len(), 1, "{texts:#?}");
            texts.concat()
        }
        Err(error @ (CatalogueError::Syntax { .. } | CatalogueError::TooLarge(_))) => {
            panic!("{error}")
        }
    }
}

#[test]
fn the_catalogue_that_the_others_are_altered_from_is_valid() {
    Catalogue::parse(CATALOGUE).unwrap();
}

#[test]
fn a_reference_that_leads_nowhere_is_named_with_the_nearest_name() {
    for (from, to, expected) in [
        (
            "to = \"server\"",
            "to = \"sever\"",
            "flow console: there is no party \"sever\"; did you mean \"server\"?",
        ),
        (
            "component = \"core\"",
            "component = \"cor\"",
            "flow console: there is no component \"cor\"; did you mean \"core\"?",
        ),
        (
            "features = [\"sandbox\"]",
            "features = [\"x\"]",
            "flow console: there is no feature \"x\"; there are: sandbox",
        ),
        (
            "source = \"page\"",
            "source = \"pag\"",
            "flow console: there is no source \"pag\"; did you mean \"page\"?",
        ),
        (
            "variable = \"server\"\n\n[[change",
            "variable = \"servers\"\n\n[[change",
            "party server: there is no variable of the kind hosts named \"servers\"; did you mean \"server\"?",
        ),
        (
            "value = \"server\"",
            "value = \"web-port\"",
            "flow console: there is no variable of the kind hosts named \"web-port\"; there are: server",
        ),
        (
            "port_variable = \"web-port\"",
            "port_variable = \"server\"",
            "flow console: there is no variable of the kind port named \"server\"; there are: web-port",
        ),
        (
            "counterpart = { flows = [\"console\"] }",
            "counterpart = { flows = [\"consol\"] }",
            "flow console: there is no flow of Garrison named \"consol\"; did you mean \"console\"?",
        ),
        (
            "about = [\"purpose\"]",
            "about = [\"purpos\"]",
            "flow console: there is no key of a flow named \"purpos\"; did you mean \"purpose\"?",
        ),
        (
            "flows = [\"console\"]\nimpact",
            "flows = [\"consul\"]\nimpact",
            "change of version 1: there is no flow \"consul\"; did you mean \"console\"?",
        ),
    ] {
        assert_eq!(altered(from, to), expected);
    }
}

#[test]
fn an_id_or_alias_occurs_once() {
    for (from, to, id) in [
        (
            "id = \"beacon\"",
            "id = \"web-console\"",
            "flow or alias \"web-console\"",
        ),
        (
            "aliases = [\"web-console\"]",
            "aliases = [\"beacon\"]",
            "flow or alias \"beacon\"",
        ),
        (
            "[[component]]",
            "[[feature]]\nid = \"sandbox\"\nname = \"x\"\n[[component]]",
            "feature \"sandbox\"",
        ),
        (
            "[[feature]]",
            "[[variable]]\nname = \"server\"\nkind = \"hosts\"\ndescription = \"x\"\n[[feature]]",
            "variable \"server\"",
        ),
        (
            "endpoints = [\n    { match = \"ip\"",
            "endpoints = [\n    { match = \"ip\", value = \"127.0.0.1\", transport = \"udp\", ports = [\"7\"] },\n    { match = \"ip\"",
            "endpoint \"ip 127.0.0.1\"",
        ),
    ] {
        let error = altered(from, to);
        assert!(error.contains(&format!("{id} occurs twice")), "{error}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (from, to, words) in [
        (
            "match = \"ip\", value = \"127.0.0.1\"",
            "match = \"ip\", value = \"localhost\"",
            "expected an IPv4 or IPv6 address",
        ),
        (
            "match = \"variable\", value = \"server\"",
            "match = \"any-depth\", value = \"*.example.com\"",
            "without wildcard signs",
        ),
        (
            "transport = \"udp\", ports = [\"7\"]",
            "transport = \"icmp\", ports = [\"7\"]",
            "icmp has no ports",
        ),
        (
            "\"9000-9010\"",
            "\"8000-9000\"",
            "ports 8000-9000 and 8443 overlap",
        ),
        (
            "direction = \"loopback\"",
            "direction = \"internal\"",
            "go together",
        ),
        (
            "value = \"127.0.0.1\"",
            "value = \"192.0.2.1\"",
            "go together",
        ),
        (
            "lines = \"3,7-9\"",
            "lines = \"9-7\"",
            "expected lines such as",
        ),
        ("path = \"/\"", "path = \"ping\"", "begins with /"),
        ("status = [200]", "status = [20]", "an HTTP status"),
        (
            "effective = \"2020\"",
            "effective = \"2020\"\nretired = { since = \"2019\", reason = \"x\" }",
            "retired before it is effective",
        ),
        (
            "effective = \"2020\"",
            "versions = { from = \"14\", before = \"14\" }",
            "no version is in the range",
        ),
        (
            "transport = \"tcp\"",
            "transport = \"udp\"",
            "no endpoint is TCP",
        ),
        ("language = \"en\"", "language = \"english\"", "ISO 639-1"),
        (
            "sha256 = \"e3b",
            "sha256 = \"E3B",
            "64 small hexadecimal digits",
        ),
        (
            "purpose = \"People sign in.\"",
            "purpose = \" \"",
            "purpose is missing",
        ),
        (
            "from = [\"client\"]\nto = \"server\"",
            "from = []\nto = \"server\"",
            "party that dials",
        ),
        (
            "counterpart = { flows = [\"console\"] }",
            "counterpart = {}",
            "the reason why there is none",
        ),
        (
            "facts = [{ source = \"page\", lines = \"12\", confidence = \"garbled\" }]\n",
            "",
            "which source says it",
        ),
        (
            "value = \"server\", transport",
            "value = \"server\", set_by = \"server\", transport",
            "fills in unknown hosts alone",
        ),
        ("kind = \"added\"", "kind = \"removed\"", "is still there"),
    ] {
        let error = altered(from, to);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_is_unknown_has_a_caveat() {
    for (from, to, what) in [
        (
            "direction = \"internal\"",
            "direction = \"unknown\"",
            "the direction",
        ),
        (
            "match = \"variable\", value = \"server\"",
            "match = \"unknown\"",
            "a host",
        ),
        (
            "transport = \"udp\"",
            "transport = \"unknown\"",
            "a transport",
        ),
        (", ports = [\"7\"]", "", "a port"),
    ] {
        let error = altered(from, to);
        assert!(error.contains(&format!("{what} is unknown")), "{error}");
        let altered = CATALOGUE.replacen(from, to, 1);
        let with_caveat = altered.replace("need = ", "caveats = [\"Lost.\"]\nneed = ");
        Catalogue::parse(&with_caveat).unwrap();
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let text = CATALOGUE.replace("from = [\"client\"]", "from = [\"clien\"]");
    let error = Catalogue::parse(&text).unwrap_err().to_string();
    assert!(
        error.starts_with("the catalogue has 2 problem(s)\n"),
        "{error}"
    );
    assert!(
        error.contains("flow beacon: there is no party \"clien\""),
        "{error}"
    );
}

fn own(from: &str, to: &str) -> String {
    let text = built_in::text(built_in::GARRISON).unwrap();
    assert!(text.contains(from), "{from:?} is in the text");
    Catalogue::parse(&text.replacen(from, to, 1))
        .unwrap_err()
        .to_string()
}

#[test]
fn two_listeners_of_one_party_cannot_share_a_port() {
    let error = own("ports = [\"8443\"]", "ports = [\"443\"]");
    assert!(
        error.contains("flows agent-channel and console both want tcp port 443 of manager"),
        "{error}"
    );
}

#[test]
fn a_profile_takes_its_number_from_a_flow_of_the_vendor() {
    let error = own("sep = \"client-https\"", "sep = \"client-htps\"");
    assert!(
        error.contains("named \"client-htps\"; did you mean \"client-https\"?"),
        "{error}"
    );
    let error = altered("effective = \"2020\"", "profiles = { sep = \"console\" }");
    assert!(error.contains("Garrison's own catalogue"), "{error}");
}

#[test]
fn port_zero_is_refused() {
    let error = own("ports = [\"8443\"]", "ports = [\"0\"]");
    assert!(error.contains("expected a port (1 to 65535)"), "{error}");
}

#[test]
fn a_listener_of_ours_has_tls() {
    let error = own(
        "tls = { trust = \"site-ca\", pinned = \"yes\", inspection = \"forbidden\", client_certificate = \"optional\" }\n",
        "",
    );
    assert!(error.contains("TLS"), "{error}");
}

#[test]
fn the_keys_of_a_flow_are_those_that_facts_may_be_about() {
    let text = CATALOGUE.replacen("effective = \"2020\"", "effective_from = \"2020\"", 1);
    let error = Catalogue::parse(&text).unwrap_err().to_string();
    for key in flow::KEYS {
        assert!(error.contains(&format!("`{key}`")), "{key}: {error}");
    }
    let named = error.matches('`').count() / 2;
    assert_eq!(named, flow::KEYS.len() + 1, "{error}");
}
