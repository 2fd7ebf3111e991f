//! The memory-map room: the only place that maps a file.

use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;

use memmap2::{Advice, Mmap, UncheckedAdvice};

use crate::sealed::Sealed;

/// Mapped definitions. Copies are of one mapping.
#[derive(Debug, Clone)]
pub(crate) struct Mapped(Arc<Mmap>);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Maps sealed definitions for reading.
///
/// # Errors
/// When the system refuses.
pub(crate) fn map(sealed: &Sealed) -> io::Result<Mapped> {
    let descriptor = sealed.as_fd();
    // SAFETY: a mapped file must not change or shrink while it is mapped. `Sealed` is made of
    // memory files whose seals forbid that for good, and of files that root and this process's own
    // user alone can write: whoever does has all power over this process anyway. They are replaced
    // by renaming, and what is on a page is compared with what was signed before it is used.
    #[allow(unsafe_code, reason = "mapping a file is unsafe unless it is sealed")]
    let mapped = unsafe { Mmap::map(&descriptor) }?;
    // Else the kernel maps two mebibytes around each byte that is read. One that knows no huge pages
    // refuses, which is as good.
    let _ = mapped.advise(Advice::NoHugePage);
    Ok(Mapped(Arc::new(mapped)))
}

impl Mapped {
    /// Takes a range out of this process's memory. The kernel may keep its pages, and brings back
    /// what is read again.
    pub(crate) fn let_go(&self, range: Range<usize>) {
        // SAFETY: the mapping is of a file and only read, so that its bytes are the same when they
        // are brought back.
        #[allow(unsafe_code, reason = "bytes of a file come back from the file")]
        let let_go = unsafe {
            let length = range.len();
            self.0
                .unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, length)
        };
        if let Err(error) = let_go {
            tracing::debug!("the kernel keeps definitions mapped: {error}");
        }
    }

    /// All of it.
    pub(crate) fn range(&self) -> Range<usize> {
        0..self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_is_what_was_sealed_also_after_it_was_let_go() {
        let sealed = Sealed::from_bytes(b"definitions").unwrap();
        let mapped = map(&sealed).unwrap();
        drop(sealed);
        assert_eq!(mapped.as_ref(), b"definitions");
        mapped.let_go(mapped.range());
        assert_eq!(mapped.as_ref(), b"definitions");
    }
}
