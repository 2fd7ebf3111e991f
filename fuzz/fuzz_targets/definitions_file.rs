//! The reader of definitions: any bytes, as they are and as a trusted key would have signed them.
#![no_main]

use std::sync::LazyLock;

use definitions::SigningKey;
use libfuzzer_sys::fuzz_target;
use scan::layout::{self, PAGE_BYTES, SectionKind};
use scan::{Definitions, DefinitionsFile, TrustedKeys, VerifyMode};

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_seed(&[42; 32]).expect("a seed is a key"));

fuzz_target!(|bytes: &[u8]| {
    let trusted = TrustedKeys::none().with(KEY.public_key());
    let as_they_are = DefinitionsFile::open(bytes.to_vec(), &trusted, VerifyMode::EveryPage);
    assert!(as_they_are.is_err(), "nobody signed this");

    let Ok(file) = DefinitionsFile::open(signed(bytes), &trusted, VerifyMode::EveryPage) else {
        return;
    };
    let _ = file.counts();
    // Compiled rules are yara-x's to read, and only ever from who is trusted.
    if file.pages(SectionKind::Yara).is_empty() {
        let _ = Definitions::load(file);
    }
});

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
    let signature = KEY.sign_message(&layout::signed_message(&root));
    file.extend_from_slice(&layout::trailer(&KEY.public_key(), &signature));
    file
}
