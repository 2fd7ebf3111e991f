//! ClamAV's containers: those of its own tests are opened, and altered ones are not.

use std::io::Write as _;

use crate::setup;
use crate::setup::corpus;
use definitions::{BuildOptions, Source, Why, build_with, lint};
use model::DefinitionRevision;
use sha2::{Digest as _, Sha256};

/// The databases that ClamAV's tests update from one to the next.
fn published(test: &str) -> Option<Vec<Source>> {
    let folder = corpus(test, "clamav-samples", "freshclam_testfiles")?;
    let sources = (1..=6).map(|number| {
        let name = format!("test-{number}.cvd");
        let bytes = std::fs::read(folder.path().join(&name)).unwrap();
        Source { name, bytes }
    });
    Some(sources.collect())
}

fn container(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append_data(&mut header, name, *content).unwrap();
    }
    let packed = archive.into_inner().unwrap().finish().unwrap();
    let mut bytes = format!("ClamAV-VDB:now:1:1:73:{}:a:me:1", "ab".repeat(16)).into_bytes();
    bytes.resize(512, b' ');
    bytes.write_all(&packed).unwrap();
    bytes
}

fn faults(sources: &[Source]) -> Vec<(Why, String)> {
    let report = lint(&BuildOptions::default(), sources, &mut |_| {}).unwrap();
    let unusable = report.unusable.into_iter();
    unusable
        .filter(|found| found.why.is_fault())
        .map(|found| (found.why, found.reason.into_owned()))
        .collect()
}

#[test]
fn published_databases_are_opened_and_their_lists_are_read() {
    let Some(sources) = published("published_databases_are_opened_and_their_lists_are_read") else {
        return;
    };
    for source in &sources {
        let report = lint(
            &BuildOptions::default(),
            std::slice::from_ref(source),
            &mut |_| {},
        )
        .unwrap();
        assert_eq!(report.kinds["cvd"].used, 1, "{:?}", report.unusable);
    }
    let report = lint(&BuildOptions::default(), &sources[5..], &mut |_| {}).unwrap();
    assert_eq!(report.kinds["hdb"].used, 2);
    assert_eq!(report.kinds["hsb"].used, 1);
    assert_eq!(report.kinds["hdu"].not_used[&Why::Unwanted], 1);
}

#[test]
fn an_altered_database_is_refused_wherever_it_was_altered() {
    let name = "an_altered_database_is_refused_wherever_it_was_altered";
    let Some(sources) = published(name) else {
        return;
    };
    let good = &sources[5];
    let step = good.bytes.len() / 40;
    let places = (512..good.bytes.len()).step_by(step);
    // In the header: its mark, its MD5, its signature.
    for at in places.chain([0, 60, 120]) {
        let mut altered = good.clone();
        altered.bytes[at] ^= 1;
        let found = faults(&[altered]);
        let [(why, _)] = found.as_slice() else {
            panic!("byte {at}: {found:?}");
        };
        assert!(matches!(why, Why::Unverified | Why::Malformed), "byte {at}");
    }
    for length in [0, 511, 512, 600, good.bytes.len() - 1] {
        let mut cut = good.clone();
        cut.bytes.truncate(length);
        assert_eq!(faults(&[cut]).len(), 1, "cut to {length}");
    }
}

#[test]
fn a_database_that_was_updated_in_place_is_vouched_for_by_the_list_of_its_files() {
    let name = "a_database_that_was_updated_in_place_is_vouched_for_by_the_list_of_its_files";
    let Some(mut sources) = published(name) else {
        return;
    };
    // What freshclam writes after an update: the header's sums no longer fit, the files are plain.
    let mut source = sources.pop().unwrap();
    let mut plain = source.bytes[..512].to_vec();
    std::io::copy(
        &mut flate2::read::GzDecoder::new(&source.bytes[512..]),
        &mut plain,
    )
    .unwrap();
    source.name = "test.cld".into();
    source.bytes = plain;
    let report = |source: &Source| {
        let sources = std::slice::from_ref(source);
        lint(&BuildOptions::default(), sources, &mut |_| {}).unwrap()
    };
    let whole = report(&source);
    assert_eq!(whole.kinds["cld"].used, 1, "{:?}", whole.unusable);
    assert_eq!(whole.kinds["hdb"].used, 2);
    let name = source
        .bytes
        .windows(20)
        .position(|window| window == b"44d88612fea8a8f36de8")
        .unwrap();
    source.bytes[name] ^= 1;
    let altered = report(&source);
    assert!(!altered.kinds.contains_key("hdb"));
    assert_eq!(altered.unusable[0].why, Why::Unverified);
    assert!(altered.unusable[0].reason.contains("test.hdb"));
}

#[test]
fn what_nobody_signed_needs_a_user_who_names_it() {
    let line = format!("{}:5:Mine-1\n", "ab".repeat(16));
    let bytes = container(&[("mine.hdb", line.as_bytes())]);
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    for extension in ["cud", "cvd", "cld"] {
        let source = Source {
            name: format!("mine.{extension}"),
            bytes: bytes.clone(),
        };
        let found = faults(std::slice::from_ref(&source));
        let option = format!("--trust-container {}", hex::encode(hash));
        assert_eq!(found.len(), 1, "{extension}: {found:?}");
        assert_eq!(found[0].0, Why::Unverified);
        assert!(found[0].1.contains(&option), "{extension}: {found:?}");
        let named = BuildOptions {
            trusted_containers: vec![hash],
            ..BuildOptions::default()
        };
        let built = build_with(&named, &[source], DefinitionRevision(1), &mut |_| {});
        assert_eq!(built.unwrap().counts().md5, 1);
    }
}

#[test]
fn odd_archives_in_a_container_are_refused() {
    let mut far = container(&[("folder/mine.hdb", b"x")]);
    let hash: [u8; 32] = Sha256::digest(&far).into();
    let named = BuildOptions {
        trusted_containers: vec![hash],
        ..BuildOptions::default()
    };
    let source = |bytes: &[u8]| Source {
        name: "mine.cud".into(),
        bytes: bytes.to_vec(),
    };
    let report = lint(&named, &[source(&far)], &mut |_| {}).unwrap();
    assert!(report.unusable[0].reason.contains("plain names"));
    far.truncate(530);
    let hash: [u8; 32] = Sha256::digest(&far).into();
    let named = BuildOptions {
        trusted_containers: vec![hash],
        ..BuildOptions::default()
    };
    let report = lint(&named, &[source(&far)], &mut |_| {}).unwrap();
    assert_eq!(report.unusable[0].why, Why::Malformed);
    let text = setup::source("mine.cud", "no container");
    assert_eq!(faults(&[text])[0].0, Why::Malformed);
}
