//! The commands that the papers show work as they stand there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::process::{Command, Stdio};

const PAPERS: [&str; 4] = [
    "README.md",
    "docs/flows.md",
    "docs/how-to/add-a-flow.md",
    "docs/how-to/add-a-catalogue.md",
];

/// The lines of fenced blocks that begin with the program, without their remarks.
fn commands(paper: &str) -> Vec<String> {
    let mut fenced = false;
    let mut commands = Vec::new();
    for line in paper.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let program = ["garrison-flows ", "target/static/garrison-flows "]
            .iter()
            .find_map(|name| line.trim_start().strip_prefix(name));
        if let (true, Some(rest)) = (fenced, program) {
            let rest = rest.split("  #").next().unwrap();
            commands.push(format!("garrison-flows {}", rest.trim()));
        }
    }
    commands
}

#[test]
fn every_command_of_the_papers_works_in_its_order() {
    let program = Path::new(env!("CARGO_BIN_EXE_garrison-flows"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    for paper in PAPERS {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(root.join(paper)).unwrap();
        let site = "version = \"14.3\"\n[set]\nmanager = \"192.0.2.10\"\nclients = [\"198.51.100.0/24\"]\n";
        for (name, text) in [
            ("site.toml", site),
            (
                "list.csv",
                "name,host,port,protocol\nUpdates,a.example.com,443,tcp\n",
            ),
            ("page.txt", "liveupdate.symantec.com port 443\n"),
            (
                "squid.conf",
                "acl all_of_them src all\nhttp_access deny all_of_them\n",
            ),
            (
                "rules.nft",
                "table inet filter { chain forward { type filter hook forward priority 0; policy drop; tcp dport 22 accept; } }\n",
            ),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let commands = commands(&text);
        assert!(!commands.is_empty(), "{paper} shows no command");
        for command in commands {
            let output = Command::new("sh")
                .args(["-c", &command])
                .env("PATH", &path)
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(
                matches!(output.status.code(), Some(0 | 1)),
                "{paper}: {command}: {error}"
            );
        }
    }
}
