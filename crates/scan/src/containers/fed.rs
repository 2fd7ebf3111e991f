//! Packed bytes, as decoders of several streams are given them.
//!
//! Between two streams such a decoder looks for the next by itself. Very many of them without
//! content would keep it busy with nothing coming out, where no limit and no clock is looked at: so
//! it gets its bytes a few at a time, and no more of them after very many for which it gave nothing.

use std::cell::Cell;
use std::io::{self, BufRead, ErrorKind, Read};
use std::rc::Rc;

/// Bytes that a decoder is shown at once.
const AT_ONCE_BYTES: usize = 64 << 10;
/// Bytes that it may take while nothing comes out. Blocks of bzip2 have 0.9 MiB, of Zstandard
/// 128 KiB, and LZMA gives what it has at once.
const SILENT_BYTES: usize = 4 << 20;

/// What a decoder reads from.
pub(super) struct Fed<R> {
    packed: R,
    silent: Rc<Cell<usize>>,
}

/// A decoder whose packed bytes are counted for as long as nothing comes out.
///
/// Reading fails with [`ErrorKind::QuotaExceeded`] after 4 MiB of them.
pub(super) struct Yielding<D> {
    decoder: D,
    silent: Rc<Cell<usize>>,
}

impl<D> Yielding<D> {
    /// The decoder that `make` makes, over `packed`.
    pub(super) fn new<R, E>(
        packed: R,
        make: impl FnOnce(Fed<R>) -> Result<D, E>,
    ) -> Result<Self, E> {
        let silent = Rc::new(Cell::new(0));
        let decoder = make(Fed {
            packed,
            silent: Rc::clone(&silent),
        })?;
        Ok(Self { decoder, silent })
    }
}

impl<D: Read> Read for Yielding<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer)?;
        if read > 0 {
            self.silent.set(0);
        }
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Fed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.silent.get() > SILENT_BYTES {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        let bytes = self.packed.fill_buf()?;
        Ok(bytes.get(..AT_ONCE_BYTES).unwrap_or(bytes))
    }

    fn consume(&mut self, bytes: usize) {
        self.silent.set(self.silent.get().saturating_add(bytes));
        self.packed.consume(bytes);
    }
}

impl<R: BufRead> Read for Fed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
