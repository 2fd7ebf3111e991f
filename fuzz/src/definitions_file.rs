//! The reader of definitions: any bytes as they are, and as a trusted key would have signed them.

use std::sync::OnceLock;

use definitions::{SigningKey, Source, build, sign};
use model::DefinitionRevision;
use scan::layout::{self, HASH_BYTES, PAGE_BYTES, SectionKind, TRAILER_BYTES};
use scan::{Definitions, DefinitionsFile, TrustedKeys, VerifyMode, check_whole};

use crate::Target;
use crate::scanning::scan;
use crate::setup::{self, source};

const MOST_BYTES: usize = 96 << 10;

/// Nobody signed what comes: it is refused, by both ways to look at a file, and for the same
/// reason. What was signed opens.
pub(crate) const AS_IT_IS: Target = Target {
    name: "definitions-as-they-are",
    run: |bytes| {
        let trusted = trusted();
        let whole = check_whole(&mut &*bytes, bytes.len() as u64, &trusted);
        let opened = DefinitionsFile::open(bytes.to_vec(), &trusted, VerifyMode::EveryPage);
        assert_eq!(opened.is_ok(), whole.is_ok(), "{opened:?} {whole:?}");
        assert!(
            opened.is_err() || files().iter().any(|file| file == bytes),
            "nobody signed this"
        );
        for mode in [VerifyMode::HeaderPage, VerifyMode::WhenTouched] {
            let Ok(file) = DefinitionsFile::open(bytes.to_vec(), &trusted, mode) else {
                continue;
            };
            for (kind, _) in file.sections().collect::<Vec<_>>() {
                let _ = file.section(kind);
            }
        }
        assert!(
            DefinitionsFile::open(bytes.to_vec(), &TrustedKeys::none(), VerifyMode::HeaderPage)
                .is_err()
        );
    },
    seeds: files,
    words: &["\u{89}GDEF\r\n\x1a", "GDEFSIG1"],
    most_bytes: MOST_BYTES,
    short: 150,
};

/// What stands in signed pages is read and matched without harm, whatever it is. Compiled YARA
/// rules are yara-x's to read, and only ever from who is trusted.
pub(crate) const MENDED: Target = Target {
    name: "definitions-mended",
    run: |bytes| {
        let Ok(file) = DefinitionsFile::open(signed(bytes), &trusted(), VerifyMode::WhenTouched)
        else {
            return;
        };
        let _ = file.counts();
        if !file.pages(SectionKind::Yara).is_empty() {
            return;
        }
        let Ok(definitions) = Definitions::load(file) else {
            return;
        };
        let _ = definitions.counts();
        for content in CONTENTS {
            scan(&definitions, content);
        }
        scan(&definitions, program());
    },
    seeds: || {
        let unsigned = |file: Vec<u8>| {
            let pages = (file.len() - TRAILER_BYTES) / (PAGE_BYTES + HASH_BYTES);
            file[..pages * PAGE_BYTES].to_vec()
        };
        files().into_iter().map(unsigned).collect()
    },
    words: &[],
    most_bytes: MOST_BYTES,
    short: 150,
};

/// Files that the rules of [`files`] find: by hash, by pattern.
const CONTENTS: [&[u8]; 3] = [b"content", b"", b"MZ..abcdeg h.jk..lmn ABC abcd42ef"];

/// A small program with two sections and imports.
fn program() -> &'static [u8] {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    PROGRAM.get_or_init(|| crate::executables::few().swap_remove(1))
}

/// Small definitions, without YARA rules.
fn files() -> Vec<Vec<u8>> {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| make(&key())).clone()
}

/// A key that signs these files and no others: files that a compiler of another day made stay in
/// the corpus of libFuzzer, and for this key a stranger signed them.
fn key() -> SigningKey {
    static SEED: OnceLock<[u8; HASH_BYTES]> = OnceLock::new();
    let seed = SEED.get_or_init(|| layout::root_hash(0, &make(&setup::key()).concat()));
    SigningKey::from_seed(seed).expect("any 32 bytes are a key")
}

fn trusted() -> TrustedKeys {
    TrustedKeys::none().with(key().public_key())
}

fn make(key: &SigningKey) -> Vec<Vec<u8>> {
    let file = |sources: &[Source], revision| {
        let compiled = build(sources, DefinitionRevision(revision), &mut |_| {});
        sign(&compiled.expect("these are signatures"), key)
    };
    let md5 = "9a0364b9e99bb480dd25e1f0284c8555";
    let long = "cd".repeat(32);
    let hashes = [
        source(
            "a.hdb",
            &format!("{md5}:7:Test.Content-1\n{long}:7:Test.Other-2\n"),
        ),
        source("a.sfp", &format!("{}:*:Test.Allowed:73\n", "ef".repeat(20))),
    ];
    let sections = [
        source(
            "b.mdb",
            &format!("512:{md5}:Test.Section-1\n*:{long}:Test.Section-2:73\n"),
        ),
        source("b.imp", &format!("{md5}:*:Test.Imports-1\n")),
    ];
    let patterns = [
        source(
            "c.ndb",
            "Test.A:0:*:61626364(65|66)67*68??6a6b{2-5}6c6d6e\nTest.B:1:EP+0,4:558bec{-9}83ec!(10|20)50\n",
        ),
        source(
            "c.ldb",
            "Test.C;Target:0;(0|1)>1&2;616263::iw;(B)64656667(L);68[1-3]6a6b6c\n\
             Test.D;Engine:81-255,FileSize:1-9999,Target:0;0&1;61626364;0(>>4#db2#>41)\n\
             Test.E;Engine:81-255,Target:0;0&1;4d5a;0/a.c+d/gi\n",
        ),
    ];
    let mut many: Vec<_> = (0..400)
        .map(|number| {
            format!(
                "{:032x}:{number}:Test.Many-{number}\n",
                number * 0x1234_5678_9abc_u128
            )
        })
        .collect();
    many.push(format!("{md5}:*:Test.Any\n"));
    let all: Vec<_> = [hashes.as_slice(), &sections, &patterns].concat();
    vec![
        file(&hashes, 7),
        file(&sections, 8),
        file(&patterns, 9),
        file(&[source("d.hsb", &many.concat())], 10),
        file(&all, 11),
    ]
}

/// Makes the bytes pages with right magic, version, counts, hashes and signature.
fn signed(bytes: &[u8]) -> Vec<u8> {
    let mut file = bytes.to_vec();
    file.resize(file.len().max(1).next_multiple_of(PAGE_BYTES), 0);
    let pages = (file.len() / PAGE_BYTES) as u64;
    let length = layout::file_length(pages).expect("small");
    file[..8].copy_from_slice(&layout::MAGIC);
    file[8..10].copy_from_slice(&layout::VERSION.to_le_bytes());
    file[12..16].fill(0);
    file[24..32].copy_from_slice(&pages.to_le_bytes());
    file[32..40].copy_from_slice(&length.to_le_bytes());
    let hashes: Vec<u8> = file
        .chunks_exact(PAGE_BYTES)
        .flat_map(layout::page_hash)
        .collect();
    file.extend_from_slice(&hashes);
    let root = layout::root_hash(pages, &hashes);
    let signature = key().sign_message(&layout::signed_message(&root));
    file.extend_from_slice(&layout::trailer(&key().public_key(), &signature));
    file
}
