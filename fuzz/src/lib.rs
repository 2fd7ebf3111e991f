//! What is fuzzed: for each reader of bytes that others wrote, a target, its seeds, and what must
//! hold whatever the bytes are.
//!
//! A target may stop at a broken expectation, and at nothing else: no panic, no overflow, no step
//! beyond the limits. `main.rs` hands a target to libFuzzer (`cargo xtask fuzz`). No seed is kept
//! here: they are made, or come from the corpora that GARRISON_CORPUS names.
//!
//! Start reading at [`Target`], then [`ALL`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target stops at a broken expectation, which is what it is for"
)]

mod certificates;
pub mod change;
mod containers;
mod corpus;
mod definitions_file;
mod der;
mod executables;
mod kerberos;
mod lists;
mod messages;
mod network;
mod patterns;
mod program;
mod rules;
mod scanning;
#[path = "../../crates/definitions/tests/setup/mod.rs"]
#[allow(
    unused_qualifications,
    clippy::all,
    reason = "the tests' own makers of files, as they are"
)]
mod setup;
mod signatures;

pub use certificates::revocation;
pub use program::{run, start};

/// A reader, and bytes to begin with.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    /// Reads bytes and checks what must hold.
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What the format is written with, for libFuzzer's dictionary.
    pub words: &'static [&'static str],
    /// Bytes of the largest input.
    pub most_bytes: usize,
    /// Changed seeds in a short round.
    pub short: usize,
}

/// All targets: the least proven first.
pub const ALL: &[Target] = &[
    executables::PE,
    signatures::LDB,
    patterns::SECTIONS,
    containers::OLE2,
    containers::PDF,
    containers::SEVEN_ZIP,
    definitions_file::MENDED,
    definitions_file::AS_IT_IS,
    signatures::NDB,
    executables::ELF,
    executables::MACHO,
    containers::ZIP,
    containers::MAIL,
    signatures::CONTAINER,
    signatures::HASHES,
    signatures::PLAIN_HASHES,
    signatures::IGNORED,
    signatures::FILE_TYPES,
    signatures::YARA,
    containers::TAR,
    containers::CPIO,
    containers::AR,
    containers::RPM,
    containers::XZ,
    containers::LZMA,
    containers::GZIP,
    containers::BZIP2,
    containers::ZSTD,
    containers::HTML,
    containers::UNIVERSAL,
    containers::BEHIND,
    scanning::ANY,
    network::SIGN_IN,
    network::NTLM,
    network::DNS,
    kerberos::ANSWERS,
    kerberos::PARTS,
    kerberos::CACHE,
    kerberos::SETTINGS,
    certificates::OCSP,
    certificates::OCSP_SIGNED,
    certificates::CRL,
    certificates::CERTIFICATE,
    network::PROXY,
    network::HTTP,
    network::HTTP2,
    network::RESOLVER,
    network::ENDPOINTS,
    network::REPORT,
    messages::REPORTS,
    rules::NFTABLES,
    rules::SQUID,
    rules::FORTIGATE,
    rules::PAC,
    lists::CSV,
    lists::M365,
    lists::AERLEON,
    lists::PAGE,
    lists::CATALOGUE,
    lists::SITE,
];

/// The target with a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

impl Target {
    /// The seeds that are not longer than an input may be.
    #[must_use]
    pub fn all_seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = (self.seeds)();
        seeds.retain(|seed| seed.len() <= self.most_bytes);
        seeds.sort();
        seeds.dedup();
        seeds
    }
}
