//! The real program: answers, exit codes, errors.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_garrison-flows"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&done(arguments)).unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const CATALOGUE: &str = r#"
id = "acme"
version = "1"
vendor = "Acme"
product = "Shield"
[[variable]]
name = "server"
kind = "hosts"
description = "The server."
[[party]]
id = "client"
name = { en = "client", fr = "poste client" }
place = "site"
[[party]]
id = "server"
name = "server"
place = "site"
variable = "server"
[[flow]]
id = "update"
aliases = ["download"]
purpose = { en = "Clients fetch updates.", fr = "Les postes téléchargent les mises à jour." }
from = ["client"]
to = "server"
direction = "internal"
need = "required"
endpoints = [
    { match = "variable", value = "server", transport = "tcp", ports = ["443", "8000-8010"] },
    { match = "any-depth", value = "example.com", transport = "tcp", ports = ["443"] },
]
"#;

#[test]
fn list_prints_the_shape_that_programs_rely_on() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = write(folder.path(), "acme.toml", CATALOGUE);
    let list = json(&[
        "list",
        "--json",
        "--catalog",
        &catalogue,
        "--set",
        "server=192.0.2.10,a.example",
    ]);
    assert_eq!(list["catalog"], "acme");
    let flow = &list["flows"][0];
    assert_eq!(flow["id"], "update");
    assert_eq!(flow["endpoints"][0]["match"], "ip");
    assert_eq!(flow["endpoints"][0]["value"], "192.0.2.10");
    assert_eq!(flow["endpoints"][0]["transport"], "tcp");
    let ports = flow["endpoints"][0]["ports"].as_array().unwrap();
    assert_eq!(ports, &["443", "8000-8010"]);
    assert_eq!(flow["endpoints"][1]["value"], "a.example");
    assert_eq!(flow["endpoints"][2]["match"], "any-depth");
    let shown = json(&["show", "download", "--json", "--catalog", &catalogue]);
    assert_eq!(shown["flows"][0]["id"], "update");
    assert_eq!(shown["flows"][0]["endpoints"][0]["match"], "variable");
}

#[test]
fn every_built_in_catalogue_is_listed_in_text_and_json() {
    for id in flows::built_in::ids() {
        let list = json(&["list", "--json", "--catalog", id]);
        let catalogue = flows::Catalogue::built_in(id).unwrap();
        let listed = list["flows"].as_array().unwrap().len();
        let left_out = list["left_out"].as_array().unwrap().len();
        assert_eq!(listed + left_out, catalogue.flows.len(), "{id}");
        let text = done(&["list", "--catalog", id]);
        for flow in &catalogue.flows {
            assert!(text.contains(flow.id.as_str()), "{id}: {}", flow.id);
        }
        for flow in catalogue.flows.iter().step_by(9) {
            let page = done(&["show", flow.id.as_str(), "--catalog", id]);
            assert!(page.contains(flow.id.as_str()), "{id}: {}", flow.id);
        }
    }
}

#[test]
fn a_catalogue_tells_what_may_be_said_of_a_site() {
    for id in flows::built_in::ids() {
        let catalogue = flows::Catalogue::built_in(id).unwrap();
        let page = done(&["show", "--catalog", id]);
        for variable in &catalogue.variables {
            assert!(page.contains(&format!("--set {}=", variable.name)), "{id}");
        }
        for feature in &catalogue.features {
            assert!(page.contains(&format!("{}:", feature.id)), "{id}");
        }
    }
}

#[test]
fn a_short_name_is_the_catalogues_own() {
    for (short, id) in [
        ("sep", "symantec-endpoint-protection"),
        ("wss", "symantec-web-security-service"),
        ("sangfor", "sangfor-endpoint-secure"),
    ] {
        let list = json(&["list", "--json", "--catalog", short]);
        assert_eq!(list["catalog"], id);
    }
}

#[test]
fn a_flow_of_another_catalogue_is_found_there() {
    let output = run(&["show", "client-reputation"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("add --catalog symantec-endpoint-protection"),
        "{error}"
    );
}

#[test]
fn what_wants_the_port_comes_first_and_the_rest_is_counted() {
    let text = done(&["match", "192.0.2.10", "8014", "--set", "manager=192.0.2.10"]);
    assert!(
        text.contains("client-http") && !text.contains("client-https"),
        "{text}"
    );
    assert!(text.contains("more want the host on other ports"), "{text}");
    let text = done(&["match", "192.0.2.10", "--set", "manager=192.0.2.10"]);
    assert!(text.contains("client-https"), "{text}");
}

#[test]
fn a_site_file_says_what_the_command_line_could_and_serves_several_catalogues() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = write(folder.path(), "acme.toml", CATALOGUE);
    let site = write(
        folder.path(),
        "site.toml",
        "lang = \"fr\"\nset = { server = \"192.0.2.10\", manager = [\"192.0.2.1\"] }\n",
    );
    let text = done(&["list", "--catalog", &catalogue, "--site", &site]);
    assert!(
        text.contains("192.0.2.10 tcp/443,8000-8010") && text.contains("Les postes"),
        "{text}"
    );
    let text = done(&[
        "list",
        "--catalog",
        &catalogue,
        "--site",
        &site,
        "--set",
        "server=192.0.2.11",
        "--lang",
        "en",
    ]);
    assert!(
        text.contains("192.0.2.11") && !text.contains("192.0.2.10") && text.contains("Clients"),
        "the command line goes before the file: {text}"
    );
}

#[test]
fn output_goes_to_the_file_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    assert_eq!(done(&["list", "-o", path.to_str().unwrap()]), "");
    assert_eq!(std::fs::read_to_string(path).unwrap(), done(&["list"]));
}

#[test]
fn match_says_which_flow_wants_a_host_and_the_exit_code_whether_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = write(folder.path(), "acme.toml", CATALOGUE);
    let ask = |host: &str, port: &str| run(&["match", host, port, "--catalog", &catalogue]);
    let yes = ask("a.b.example.com", "443");
    assert_eq!(yes.status.code(), Some(0));
    let text = String::from_utf8(yes.stdout).unwrap();
    assert!(
        text.contains("a.b.example.com is below example.com"),
        "{text}"
    );
    let other = ask("a.b.example.com", "25");
    assert_eq!(other.status.code(), Some(1));
    let text = String::from_utf8(other.stdout).unwrap();
    assert!(text.contains("but the host is known"), "{text}");
    assert_eq!(ask("192.0.2.1", "443").status.code(), Some(1));
    let none = run(&["match", "example.com", "--json", "--catalog", &catalogue]);
    assert_eq!(none.stdout, b"[]\n", "no match, and still JSON");
}

#[test]
fn diff_tells_what_to_open_and_close() {
    let folder = tempfile::tempdir().unwrap();
    let old = write(folder.path(), "old.toml", CATALOGUE);
    let later = CATALOGUE.replace("\"any-depth\"", "\"apex-and-subdomains\"");
    let new = write(folder.path(), "new.toml", &later);
    assert_eq!(run(&["diff", &old, &old]).status.code(), Some(0));
    let output = run(&["diff", &old, &new]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("open   example.com and *.example.com tcp/443")
            && text.contains("close  *.example.com tcp/443"),
        "{text}"
    );
}

#[test]
fn an_imported_list_is_a_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    let list = write(
        folder.path(),
        "list.csv",
        "name,host,port,protocol\nUpdates,*.example.com,443,tcp\n",
    );
    let path = folder.path().join("mine.toml");
    let path = path.to_str().unwrap();
    done(&[
        "import",
        "csv",
        &list,
        "--direction",
        "outbound",
        "-o",
        path,
    ]);
    let found = json(&["match", "a.example.com", "443", "--json", "--catalog", path]);
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[test]
fn errors_say_what_was_expected_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broken = CATALOGUE.replace("to = \"server\"", "to = \"sever\"");
    let catalogues = [
        ("key.toml", CATALOGUE.replace("vendor =", "vendr =")),
        ("reference.toml", broken),
        ("site.toml", "verison = \"14\"\n".to_owned()),
        ("bytes.toml", "\u{0}\u{1b}[31m".to_owned()),
    ];
    for (name, text) in &catalogues {
        write(folder, name, text);
    }
    let mut texts = String::new();
    for words in [
        &["list", "--catalog", "symantec-endpont-protection"][..],
        &["list", "--catalog", "missing.toml"],
        &["list", "--catalog", "key.toml"],
        &["list", "--catalog", "reference.toml"],
        &["list", "--catalog", "bytes.toml"],
        &["list", "--site", "site.toml"],
        &["list", "--set", "manger=192.0.2.1"],
        &["list", "--set", "manager"],
        &["list", "--set", "manager=192.0.2.1/24"],
        &["list", "--set", "manager=*.example.com"],
        &["list", "--region", "eu"],
        &["list", "--feature", "sandbox"],
        &["list", "--version", "newest"],
        &["list", "--on", "yesterday"],
        &["list", "--ports", "sangfr"],
        &["show", "consol"],
        &["match", "https://example.com", "443"],
        &["match", "example.com", "0"],
        &["diff", "garrison", "garison"],
        &["import", "csv", "missing.csv"],
        &["import", "csv", "bytes.toml"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_garrison-flows"))
            .args(words)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(output.stdout.is_empty(), "{words:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        texts.push_str(&format!("$ garrison-flows {}\n{error}\n", words.join(" ")));
    }
    insta::assert_snapshot!("errors", texts);
}

#[test]
fn audit_says_what_rules_block_and_the_exit_code_whether_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = write(folder.path(), "acme.toml", CATALOGUE);
    let rules = "table inet filter {\n  chain forward {\n    type filter hook forward priority 0; policy drop;\n    PASS\n  }\n}\n";
    let pass = "ip daddr 192.0.2.10 tcp dport { 443, 8000-8010 } accept";
    let audit = |name: &str, pass: &str| {
        let path = write(folder.path(), name, &rules.replace("PASS", pass));
        run(&[
            "audit",
            &path,
            "--catalog",
            &catalogue,
            "--set",
            "server=192.0.2.10",
            "--address",
            "*.example.com=192.0.2.10",
        ])
    };
    let good = audit("good.nft", pass);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let bad = audit("bad.nft", "tcp dport 22 accept");
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let text = String::from_utf8(bad.stdout).unwrap();
    assert!(
        text.contains("BLOCKED") && text.contains("update"),
        "{text}"
    );
}

#[test]
fn coverage_counts_the_rows_of_every_vendor() {
    let rows: usize = flows::built_in::ids()
        .filter(|id| *id != flows::built_in::GARRISON)
        .map(|id| flows::Catalogue::built_in(id).unwrap().flows.len())
        .sum();
    let text = done(&["coverage"]);
    assert!(text.contains(&format!("{rows} rows: ")), "{text}");
    let json = json(&["coverage", "--json"]);
    assert_eq!(json["rows"].as_array().unwrap().len(), rows);
}

#[test]
fn schemas_are_printed() {
    for of in ["catalog", "list"] {
        let schema = json(&["schema", of]);
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
    }
}

#[test]
fn a_saved_page_is_held_against_the_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    let page = write(
        folder.path(),
        "page.txt",
        "New update host: https://brand-new.example.com port 443\n",
    );
    let output = run(&[
        "diff",
        "symantec-endpoint-protection",
        "--page",
        &page,
        "--json",
    ]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["new"][0]["host"], "brand-new.example.com");
}

#[test]
fn a_rendering_is_the_same_twice_and_strict_refuses_what_is_not_exact() {
    let rules = [
        "render",
        "squid-allow",
        "--catalog",
        "symantec-endpoint-protection",
    ];
    assert_eq!(done(&rules), done(&rules));
    let strict = run(&[
        "render",
        "nftables",
        "--catalog",
        "symantec-endpoint-protection",
        "--strict",
    ]);
    assert_eq!(strict.status.code(), Some(1), "{strict:?}");
    assert!(strict.stdout.is_empty());
}
