//! Reading a program from front to back, without a panic.

use crate::definitions::bytes::{slice, u16_at, u32_at, u64_at};
use crate::definitions::pages::Section;

/// What a program is read from.
pub(super) trait Source<'d>: Copy {
    /// Bytes that were compared with what was signed; `None` outside, or when they differ.
    fn bytes(&self, at: usize, length: usize) -> Option<&'d [u8]>;
}

impl<'d> Source<'d> for &'d [u8] {
    #[inline]
    fn bytes(&self, at: usize, length: usize) -> Option<&'d [u8]> {
        slice(self, at, length)
    }
}

impl<'d> Source<'d> for Section<'d> {
    #[inline]
    fn bytes(&self, at: usize, length: usize) -> Option<&'d [u8]> {
        self.get(at, length).ok()
    }
}

/// A place in bytes. Every read is checked; `None` means that the program is cut or malformed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<S> {
    source: S,
    at: usize,
}

impl<'d, S: Source<'d>> Cursor<S> {
    pub(super) const fn new(source: S, at: usize) -> Self {
        Self { source, at }
    }

    /// Where the next read begins.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        u16_at(self.take(2)?, 0)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        u32_at(self.take(4)?, 0)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        u64_at(self.take(8)?, 0).map(u64::cast_signed)
    }

    pub(super) fn place(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        self.u16().map(usize::from)
    }

    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Option<&'d [u8]> {
        let taken = self.source.bytes(self.at, length)?;
        self.at += length;
        Some(taken)
    }
}
