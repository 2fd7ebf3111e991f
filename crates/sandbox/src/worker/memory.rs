//! What a worker keeps mapped of the definitions.
//!
//! Who reads a few bytes of a mapped file gets the pages around them, too, so that reading here and
//! there soon maps all of a large file, though hardly any of it is needed again. So a worker lets
//! go of it now and then: the kernel still has the pages as long as there is room.

use std::ops::Range;

use crate::map::Mapped;

/// Definitions up to this size stay mapped, in bytes.
const SMALL_BYTES: usize = 24 << 20;
/// Files and members of them, and bytes of files, after which a worker lets go of all but the hot
/// part. Looking up the hashes of one maps up to ten times 64 KiB.
const FILES: u64 = 8;
const BYTES: u64 = 2 << 20;

pub(super) struct Memory {
    definitions: Mapped,
    hot: Range<usize>,
    files: u64,
    bytes: u64,
}

impl Memory {
    pub(super) const fn new(definitions: Mapped, hot: Range<usize>) -> Self {
        Self {
            definitions,
            hot,
            files: 0,
            bytes: 0,
        }
    }

    /// After so many files and members of files, of so many bytes.
    pub(super) fn scanned(&mut self, files: u64, bytes: u64) {
        self.files = self.files.saturating_add(files);
        self.bytes = self.bytes.saturating_add(bytes);
        let all = self.definitions.range();
        if (self.files < FILES && self.bytes < BYTES) || all.len() <= SMALL_BYTES {
            return;
        }
        (self.files, self.bytes) = (0, 0);
        self.definitions.let_go(all.start..self.hot.start);
        self.definitions.let_go(self.hot.end..all.end);
    }

    /// When there is nothing to do.
    pub(super) fn rest(&self) {
        self.definitions.let_go(self.definitions.range());
    }
}
