//! Reading a program from front to back, without a panic.

use crate::definitions::bytes::{slice, u16_at, u32_at, u64_at};

/// A place in bytes. Every read is checked; `None` means that the program is cut or malformed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'d> {
    bytes: &'d [u8],
    at: usize,
}

impl<'d> Cursor<'d> {
    pub(super) const fn new(bytes: &'d [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        let value = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(value)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        let value = u16_at(self.bytes, self.at)?;
        self.at += 2;
        Some(value)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let value = u32_at(self.bytes, self.at)?;
        self.at += 4;
        Some(value)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        let value = u64_at(self.bytes, self.at)?;
        self.at += 8;
        Some(value.cast_signed())
    }

    pub(super) fn place(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        self.u16().map(usize::from)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'d [u8]> {
        let taken = slice(self.bytes, self.at, length)?;
        self.at += length;
        Some(taken)
    }
}
