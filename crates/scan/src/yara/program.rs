//! A Windows program, parsed once for all parts that ask for what it says of itself.

use md5::{Digest as _, Md5};
use yara_x::mods::PE;

use super::start::Start;

/// Bytes of the hash of a program's imports.
pub const IMPORTS_BYTES: usize = 16;
/// The MD5 hash that rules call `pe.imphash()`.
pub(super) type ImportsHash = [u8; IMPORTS_BYTES];

/// Endings of libraries' names that do not count.
const ENDINGS: [&str; 3] = [".dll", ".sys", ".ocx"];

/// What is known of a program.
pub(super) struct Program {
    parsed: Option<Box<PE>>,
    /// Parts that are still to be told.
    pub(super) readers: usize,
}

impl Program {
    /// Parses bytes, if they begin as a program does.
    pub(super) fn parse(start: Start, bytes: &[u8]) -> Option<Self> {
        let parsed = (start == Start::Pe).then(|| yara_x::mods::invoke::<PE>(bytes));
        Some(Self {
            parsed: Some(parsed??),
            readers: 0,
        })
    }

    /// The hash of its imports, as yara-x makes it of the same.
    pub(super) fn imports_hash(&self) -> Option<ImportsHash> {
        let program = self.parsed.as_deref().filter(|program| program.is_pe())?;
        let mut hash = Md5::new();
        let mut separator = "";
        for library in &program.import_details {
            let name = without_ending(library.library_name()).to_lowercase();
            for function in &library.functions {
                hash.update(separator);
                hash.update(&name);
                hash.update(".");
                hash.update(function.name().to_lowercase());
                separator = ",";
            }
        }
        Some(hash.finalize().into())
    }

    /// What the next part is told.
    pub(super) fn next(&mut self) -> Option<Box<PE>> {
        self.readers = self.readers.saturating_sub(1);
        if self.readers == 0 {
            self.parsed.take()
        } else {
            self.parsed.clone()
        }
    }
}

fn without_ending(name: &str) -> &str {
    name.rfind('.')
        .and_then(|dot| name.split_at_checked(dot))
        .filter(|(_, ending)| ENDINGS.iter().any(|one| one.eq_ignore_ascii_case(ending)))
        .map_or(name, |(before, _)| before)
}
