//! A definitions file that is not exactly what was signed is refused.

use crate::setup::{file, key, scan, source, trusted};
use ::scan::layout::{HASH_BYTES, PAGE_BYTES, TRAILER_BYTES};
use ::scan::{
    Definitions, DefinitionsError, DefinitionsFile, TrustedKeys, VerifyMode, WholeError,
    check_whole,
};
use definitions::{SigningKey, build, sign};
use model::DefinitionRevision;
use model::verdict::Remark;
use proptest::prelude::*;

fn sample() -> Vec<u8> {
    let list = format!(
        "{}:12:Test.Hash\n{}:*:Test.Any\n",
        "ab".repeat(16),
        "cd".repeat(32)
    );
    let rule = "rule one { strings: $a = \"abcdef\" condition: $a }";
    file(&[source("list.hdb", &list), source("one.yar", rule)], 7)
}

/// Opens a file with every page, in both ways that there are: they must agree.
fn open(bytes: Vec<u8>) -> Result<DefinitionsFile, DefinitionsError> {
    let whole = check_whole(&mut bytes.as_slice(), bytes.len() as u64, &trusted());
    let opened = DefinitionsFile::open(bytes, &trusted(), VerifyMode::EveryPage);
    match (&opened, &whole) {
        (Ok(file), Ok(said)) => assert_eq!((file.revision(), file.signer()), *said),
        (Err(error), Err(WholeError::Definitions(said))) => {
            assert_eq!(error.to_string(), said.to_string());
        }
        _ => panic!("{opened:?} and {whole:?}"),
    }
    opened
}

#[test]
fn what_was_signed_opens_and_says_what_is_in_it() {
    let definitions = Definitions::load(open(sample()).unwrap()).unwrap();
    let counts = definitions.counts();
    assert_eq!(
        (counts.md5, counts.sha1, counts.sha256, counts.yara),
        (1, 0, 1, 1)
    );
    assert_eq!(definitions.revision(), DefinitionRevision(7));
    assert_eq!(definitions.signer(), key().public_key());
}

#[test]
fn each_kind_of_damage_has_its_own_message() {
    let good = sample();
    let pages = (good.len() - TRAILER_BYTES) / (PAGE_BYTES + HASH_BYTES);
    let text = |bytes: Vec<u8>| open(bytes).unwrap_err().to_string();
    let altered = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    assert!(text(Vec::new()).contains("not a definitions file"));
    assert!(text(b"PK\x03\x04".to_vec()).contains("garrison definitions build"));
    let cut = text(good[..good.len() - 1].to_vec());
    let expected = format!("expected {} bytes, got {}", good.len(), good.len() - 1);
    assert!(
        cut.contains("truncated") && cut.contains(&expected),
        "{cut}"
    );
    assert!(text([good.as_slice(), b"x"].concat()).contains("after their end"));
    assert!(text(altered(8)).contains("format version"));
    let page = text(altered(2 * PAGE_BYTES + 5));
    assert!(page.contains(&format!("page 2 of {pages}")), "{page}");
    assert!(text(altered(pages * PAGE_BYTES + 3)).contains("signature"));
    assert!(text(altered(good.len() - 1)).contains("signature"));
}

#[test]
fn a_page_that_was_altered_is_refused_when_it_is_first_touched() {
    use ::scan::layout::SectionKind;
    let mut bytes = sample();
    let open = |bytes: Vec<u8>| DefinitionsFile::open(bytes, &trusted(), VerifyMode::WhenTouched);
    let sections: Vec<(SectionKind, usize)> = open(bytes.clone()).unwrap().sections().collect();
    let whole = open(bytes.clone()).unwrap();
    for (kind, length) in &sections {
        assert_eq!(whole.section(*kind).unwrap().len(), *length);
    }
    // The first section begins on page 1, and no section of this file is without bytes.
    bytes[PAGE_BYTES] ^= 1;
    let file = open(bytes).unwrap();
    for _ in 0..2 {
        let error = file.section(sections[0].0).unwrap_err();
        assert!(matches!(
            error,
            DefinitionsError::PageAltered { page: 1, .. }
        ));
        assert!(file.pages(sections[0].0).get(0, 1).is_err());
        assert!(file.section(sections[1].0).is_ok());
    }
    assert!(file.pages(sections[1].0).get(0, usize::MAX).is_err());
    assert!(file.pages(SectionKind::Sha1).whole().unwrap().is_empty());
}

#[test]
fn a_strangers_definitions_name_the_key_and_what_to_do() {
    let stranger = SigningKey::from_seed(&[9; 32]).unwrap();
    let rule = source("a.yar", "rule a { condition: false }");
    let compiled = build(&[rule], DefinitionRevision(1), &mut |_| {}).unwrap();
    let error = open(sign(&compiled, &stranger)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, DefinitionsError::SignedByStranger { .. }));
    assert!(
        text.contains(&format!("--trust {}", stranger.public_key())),
        "{text}"
    );
    assert!(DefinitionsFile::open(sample(), &TrustedKeys::none(), VerifyMode::HeaderPage).is_err());
}

#[test]
fn the_part_before_the_signature_is_reproducible() {
    let sources = [
        source(
            "b.yar",
            "rule b { strings: $x = /ab[cd]+ef/ condition: $x }",
        ),
        source("a.hsb", &format!("{}:5:A\n", "ab".repeat(20))),
        source(
            "c.yara",
            "rule c { strings: $x = \"xyz\" nocase condition: #x > 2 }",
        ),
    ];
    let mut backwards = sources.clone();
    backwards.reverse();
    let one = build(&sources, DefinitionRevision(3), &mut |_| {}).unwrap();
    let two = build(&backwards, DefinitionRevision(3), &mut |_| {}).unwrap();
    assert_eq!(one, two);
    let other = SigningKey::from_seed(&[1; 32]).unwrap();
    let (left, right) = (sign(&one, &key()), sign(&one, &other));
    let unsigned = left.len() - TRAILER_BYTES;
    assert_eq!(left[..unsigned], right[..unsigned]);
    assert_ne!(left[unsigned..], right[unsigned..]);
}

#[test]
fn every_cut_is_refused() {
    let good = sample();
    for length in (0..good.len())
        .step_by(61)
        .chain(good.len() - 200..good.len())
    {
        assert!(open(good[..length].to_vec()).is_err(), "cut to {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_bit_is_refused(at in any::<prop::sample::Index>(), bit in 0..8u32) {
        let mut bytes = sample_once().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(open(bytes).is_err(), "bit {bit} of byte {at}");
    }

    /// What stands in signed pages is read without a panic, whatever it is: a trusted key may sign
    /// what a broken compiler wrote. The compiled rules themselves are yara-x's affair.
    #[test]
    fn signed_nonsense_is_read_without_a_panic(
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..200u16, any::<u8>()), 1..20,
        ),
    ) {
        let mut bytes = hashes_once().to_vec();
        let pages = (bytes.len() - TRAILER_BYTES) / (PAGE_BYTES + HASH_BYTES);
        for (page, at, value) in changes {
            bytes[page.index(pages) * PAGE_BYTES + usize::from(at)] = value;
        }
        resign(&mut bytes, pages);
        if let Ok(file) = open(bytes) {
            let _ = file.counts();
            if let Ok(definitions) = Definitions::load(file) {
                scan(&definitions, CONTENT);
            }
        }
    }

    /// A page that was altered is not used by a scan that comes upon it, and the scan says so.
    #[test]
    fn a_scan_that_comes_upon_an_altered_page_says_so(
        at in any::<prop::sample::Index>(), bit in 0..8u32,
    ) {
        let mut bytes = hashes_once().to_vec();
        let pages = (bytes.len() - TRAILER_BYTES) / (PAGE_BYTES + HASH_BYTES);
        let at = at.index(pages * PAGE_BYTES);
        bytes[at] ^= 1 << bit;
        let opened = Definitions::open(bytes, &trusted(), VerifyMode::WhenTouched);
        if let Ok(definitions) = opened {
            let verdict = scan(&definitions, CONTENT);
            let found = verdict.matches.iter().any(|found| found.rule == "Test.Content-1");
            let damaged = verdict
                .remarks
                .iter()
                .any(|at| at.remark == Remark::DefinitionsDamaged);
            prop_assert!(found || damaged, "bit {bit} of byte {at}: {verdict:?}");
        }
    }
}

/// Matches the rule `Test.Content-1` of [`hashes_once`] by its MD5.
const CONTENT: &[u8] = b"content";

/// Definitions without YARA rules: those steer an interpreter and are another crate's affair.
fn hashes_once() -> &'static [u8] {
    static SAMPLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    SAMPLE.get_or_init(|| {
        let md5 = "9a0364b9e99bb480dd25e1f0284c8555";
        let list = format!(
            "{md5}:7:Test.Content-1\n{}:7:Test.Other-2\n",
            "cd".repeat(32)
        );
        let allowed = format!("{}:*:Test.Allowed:73\n", "ef".repeat(20));
        file(
            &[source("list.hdb", &list), source("list.sfp", &allowed)],
            7,
        )
    })
}

fn sample_once() -> &'static [u8] {
    static SAMPLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    SAMPLE.get_or_init(sample)
}

/// Hashes and signs pages again, as their owner could.
fn resign(bytes: &mut Vec<u8>, pages: usize) {
    bytes.truncate(pages * PAGE_BYTES);
    let hashes: Vec<u8> = bytes
        .chunks_exact(PAGE_BYTES)
        .flat_map(::scan::layout::page_hash)
        .collect();
    bytes.extend_from_slice(&hashes);
    let root = ::scan::layout::root_hash(pages as u64, &hashes);
    let signature = key().sign_message(&::scan::layout::signed_message(&root));
    bytes.extend_from_slice(&::scan::layout::trailer(&key().public_key(), &signature));
}
