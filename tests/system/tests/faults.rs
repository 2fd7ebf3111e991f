//! Bad input and faults: each is met with a message that says what to do, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::path::Path;
use std::process::Command;

use system_tests::rights::is_root;
use system_tests::system::{LIMIT, Place, eicar, said};
use system_tests::wait::{Seen, until};

/// What `garrison up` says when it can't come up.
fn refusal(place: &Place) -> String {
    let mut up = place.up().unwrap().start().unwrap();
    let status = up.wait(LIMIT * 2).unwrap();
    assert_eq!(status.code(), Some(1), "{}", up.log());
    up.log()
}

/// A place where a system has been up and is no more.
fn used_place() -> Place {
    let place = Place::new().unwrap();
    place.start().unwrap().stop().unwrap();
    place
}

#[test]
fn a_corrupt_database_is_named_and_kept() {
    let place = used_place();
    let database = place.data().join("manager/garrison.db");
    let broken = vec![b'x'; 64 << 10];
    std::fs::write(&database, &broken).unwrap();
    let text = refusal(&place);
    assert!(text.contains("garrison.db"), "{text}");
    assert!(text.contains("backup"), "{text}");
    assert_eq!(std::fs::read(&database).unwrap(), broken);
}

#[test]
fn an_unknown_key_is_named_with_its_nearest_neighbour() {
    let place = used_place();
    for (file, wrong, right) in [
        (
            "manager/manager.toml",
            "certificate_day = 7\n",
            "certificate_days",
        ),
        ("cloud/cloud.toml", "ping_dais = 7\n", "ping_days"),
        ("agent/agent.toml", "scan_worker = 7\n", "scan_workers"),
    ] {
        let path = place.data().join(file);
        std::fs::write(&path, wrong).unwrap();
        let text = refusal(&place);
        let name = Path::new(file).file_name().unwrap().to_str().unwrap();
        assert!(
            text.contains(name) && text.contains(right),
            "{file}: {text}"
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_file(place.path().join("up.log")).unwrap();
    }
    place.start().unwrap().stop().unwrap();
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "somebody else's listener, which stands in the way"
)]
fn a_port_that_cannot_be_had_is_named_with_what_to_do() {
    let place = Place::new().unwrap();
    let taken = std::net::TcpListener::bind((place.address(), 8443)).unwrap();
    let data = place.path().join("manager");
    let address = place.address().to_string();
    let words = [
        "manager", "--ports", "garrison", "--bind", &address, "--data",
    ];
    let output = place
        .garrison(words.into_iter().chain([data.to_str().unwrap()]))
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("--ports auto"), "{text}");
    if is_root() {
        // Which one is not for this test to say: for a moment, a child that another test starts
        // holds this process's listener too.
        assert!(text.contains("8443"), "{text}");
        assert!(text.contains("taken by process"), "{text}");
    } else {
        assert!(text.contains("443") && text.contains("root"), "{text}");
    }
    drop(taken);
}

#[test]
fn definitions_from_a_stranger_are_refused_everywhere() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let stranger = place.path().join("stranger.gdef");
    let sources = place.path().join("source/definitions");
    let built = Command::new(system_tests::places::program("garrison").unwrap())
        .args(["definitions", "build", sources.to_str().unwrap(), "-o"])
        .arg(&stranger)
        .env("XDG_CONFIG_HOME", place.path().join("stranger"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", said(&built));
    let file = stranger.to_str().unwrap();

    let verified = place.garrison(["definitions", "verify", file]).unwrap();
    let text = said(&verified);
    assert_eq!(verified.status.code(), Some(1), "{text}");
    assert!(
        text.contains("stranger") && text.contains("--trust"),
        "{text}"
    );

    let scanned = place
        .garrison_agent(["scan", "--definitions", file, sources.to_str().unwrap()])
        .unwrap();
    let text = said(&scanned);
    assert_eq!(scanned.status.code(), Some(2), "{text}");
    assert!(
        text.contains("stranger") && text.contains("--trust"),
        "{text}"
    );

    let shown = place
        .garrison(["definitions", "show", "--json", file])
        .unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let signer = shown["signer"].as_str().unwrap();
    let trusted = place
        .garrison(["definitions", "verify", file, "--trust", signer])
        .unwrap();
    assert!(trusted.status.success(), "{}", said(&trusted));
    system.stop().unwrap();
}

#[test]
fn a_damaged_definitions_file_is_not_published_and_the_old_one_stays() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let before = place.ctl(&["overview"]).unwrap()["definitions"]["revision"].clone();
    let file = place.path().join("new.gdef");
    let sources = place.path().join("source/definitions");
    let built = place
        .garrison([
            "definitions",
            "build",
            sources.to_str().unwrap(),
            "--revision",
            "99999999999",
            "-o",
            file.to_str().unwrap(),
        ])
        .unwrap();
    assert!(built.status.success(), "{}", said(&built));
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[5000] ^= 1;
    for (name, bytes) in [
        ("truncated", &whole[..whole.len() / 2]),
        ("flipped", flipped.as_slice()),
        ("empty", &[]),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let output = place
            .try_ctl(&["definitions", "publish", file.to_str().unwrap()])
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {}", said(&output));
    }
    let after = place.ctl(&["overview"]).unwrap()["definitions"]["revision"].clone();
    assert_eq!(before, after);
    system.stop().unwrap();
}

/// A file system that is gone with its value.
struct Mounted<'p>(&'p Path);

impl<'p> Mounted<'p> {
    fn new(path: &'p Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={size}"),
                "garrison-test",
            ])
            .arg(path)
            .output();
        mounted.ok()?.status.success().then_some(Self(path))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_is_told() {
    const NAME: &str = "a_full_disk_loses_nothing_and_is_told";
    if !is_root() {
        skip::skip(NAME, "mounting a small file system needs root");
        return;
    }
    let place = Place::new().unwrap();
    let data = place.data();
    let Some(_mounted) = Mounted::new(&data, "48m") else {
        skip::skip(NAME, "a tmpfs can't be mounted here");
        return;
    };
    let system = place.start().unwrap();
    let files = place.path().join("files");
    std::fs::create_dir(&files).unwrap();
    let detect = |name: &str| {
        let file = files.join(name);
        std::fs::write(&file, eicar()).unwrap();
        let output = place
            .garrison_agent([
                "scan",
                "--data",
                data.join("agent").to_str().unwrap(),
                file.to_str().unwrap(),
            ])
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        file.to_str().unwrap().to_owned()
    };
    let before = detect("before");
    place
        .until_item("the detection before", &["detections", "list"], |item| {
            (item["path"] == before.as_str()).then_some(())
        })
        .unwrap();

    // To the last byte.
    let filler = data.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    for size in [1 << 20, 4096, 1] {
        while std::io::Write::write_all(&mut file, &vec![0; size]).is_ok() {}
    }
    drop(file);
    let output = place
        .try_ctl(&["groups", "create", "--name", "no room"])
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("disk") || text.contains("room"), "{text}");
    // What is there can still be read.
    place.ctl(&["overview"]).unwrap();

    std::fs::remove_file(&filler).unwrap();
    until("the manager stores again", LIMIT, || {
        let output = place.try_ctl(&["groups", "create", "--name", "room"])?;
        Ok(if output.status.success() {
            Seen::Yes(())
        } else {
            Seen::NotYet(said(&output))
        })
    })
    .unwrap();
    let after = detect("after");
    place
        .until_item("the detection after", &["detections", "list"], |item| {
            (item["path"] == after.as_str()).then_some(())
        })
        .unwrap();
    let kept = place.items(&["detections", "list"]).unwrap();
    assert!(
        kept.iter().any(|item| item["path"] == before.as_str()),
        "{kept:#?}"
    );
    system.stop().unwrap();
}
