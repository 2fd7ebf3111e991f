//! `garrison ctl` from end to end: what a person types, against a manager that runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::os::unix::fs::PermissionsExt as _;

use system_tests::system::{Place, said};

#[test]
fn what_is_made_is_listed_changed_and_removed() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };

    let settings = file(
        "policy.toml",
        "response = \"quarantine\"\ncheck_in_seconds = 5\n",
    );
    let words = [
        "policies", "create", "--name", "Strict", "--file", &settings,
    ];
    let policy = place.ctl(&words).unwrap();
    assert_eq!(policy["policy"]["response"], "quarantine", "{policy}");
    let settings = file("policy.toml", "check_in_seconds = 7\n");
    let policy = place
        .ctl(&["policies", "set", "strict", "--file", &settings])
        .unwrap();
    assert_eq!(policy["policy"]["response"], "report", "{policy}");
    assert_eq!(policy["policy"]["check_in_seconds"], 7, "{policy}");
    let settings = file("policy.toml", "check_in_second = 7\n");
    let output = place
        .try_ctl(&["policies", "set", "strict", "--file", &settings])
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("check_in_seconds"),
        "{}",
        said(&output)
    );

    place
        .ctl(&["groups", "create", "--name", "Lab", "--policy", "Strict"])
        .unwrap();
    let device = system.device().unwrap();
    let moved = place
        .ctl(&["devices", "move", &device, "--group", "lab"])
        .unwrap();
    assert_eq!(moved["group_name"], "Lab", "{moved}");
    let output = place.try_ctl(&["groups", "delete", "Lab"]).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    place
        .ctl(&["devices", "move", &device, "--group", "Default"])
        .unwrap();
    place.ctl(&["groups", "delete", "Lab"]).unwrap();
    place.ctl(&["policies", "delete", "Strict"]).unwrap();
    let output = place.try_ctl(&["groups", "show", "Lab"]).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));

    let password = file("password", "correct horse battery\n");
    let words = [
        "users",
        "create",
        "eve",
        "--role",
        "viewer",
        "--password-file",
        &password,
    ];
    place.ctl(&words).unwrap();
    let user = place
        .ctl(&["users", "set", "eve", "--disabled", "true"])
        .unwrap();
    assert_eq!(user["disabled"], true, "{user}");
    place.ctl(&["users", "delete", "eve"]).unwrap();
    let names: Vec<String> = place
        .items(&["users", "list"])
        .unwrap()
        .iter()
        .map(|user| user["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["admin"]);

    let audit = place.items(&["audit", "list", "--limit", "3"]).unwrap();
    assert_eq!(audit.len(), 3, "{audit:?}");
    let flows = place.items(&["flows", "list"]).unwrap();
    assert!(
        flows
            .iter()
            .any(|flow| flow["id"] == "api" && flow["listening"] == true)
    );
    let definitions = place.items(&["definitions", "list"]).unwrap();
    assert_eq!(definitions[0]["current"], true, "{definitions:?}");
    system.stop().unwrap();
}

#[test]
fn a_viewers_token_reads_from_afar_and_changes_nothing() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let token = place.path().join("viewer.token");
    let token = token.to_str().unwrap();
    let words = [
        "api-tokens",
        "create",
        "--name",
        "report",
        "--role",
        "viewer",
        "-o",
        token,
    ];
    let created = place.ctl(&words).unwrap();
    assert!(
        created.get("text").is_none(),
        "the secret goes into the file alone"
    );

    let address = system.ready()["addresses"]["api"]
        .as_str()
        .unwrap()
        .to_owned();
    let ca = system.ready()["ca"].as_str().unwrap().to_owned();
    let from_afar = |words: &[&str]| {
        let all = [
            "ctl",
            "--address",
            &address,
            "--ca",
            &ca,
            "--token-file",
            token,
        ];
        place.garrison(all.iter().chain(words)).unwrap()
    };
    let output = from_afar(&["devices", "list"]);
    let text = said(&output);
    assert!(
        output.status.success() && text.contains("approved"),
        "{text}"
    );
    let output = from_afar(&["devices", "revoke", &system.device().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));

    let id = created["id"].as_str().unwrap();
    place.ctl(&["api-tokens", "revoke", id]).unwrap();
    let output = from_afar(&["devices", "list"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    system.stop().unwrap();
    let output = from_afar(&["overview"]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "nobody answers: {}",
        said(&output)
    );
}

#[test]
fn tables_are_read_by_people() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let data = place.data();
    let lists = [
        "devices",
        "detections",
        "quarantine",
        "scan",
        "policies",
        "groups",
        "tokens",
        "api-tokens",
        "definitions",
        "users",
        "audit",
        "flows",
    ];
    for list in lists {
        let words = ["ctl", "--data", data.to_str().unwrap(), list, "list"];
        let output = place.garrison(words).unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{list}: {}", said(&output));
        let first = text.lines().next().unwrap_or_default();
        let is_heading = first == "(none)" || first.chars().all(|one| !one.is_lowercase());
        assert!(is_heading, "{list}: {text}");
        assert!(
            text.lines().all(|line| line == line.trim_end()),
            "{list}: {text}"
        );
    }
    let device = system.device().unwrap();
    for words in [
        ["devices", "show", device.as_str()].as_slice(),
        &["overview"],
        &["cloud", "show"],
    ] {
        let all = ["ctl", "--data", data.to_str().unwrap()];
        let output = place.garrison(all.iter().chain(words)).unwrap();
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        assert!(!output.stdout.starts_with(b"{"), "{words:?}");
    }
    system.stop().unwrap();
}
