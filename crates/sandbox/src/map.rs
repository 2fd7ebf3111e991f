//! The memory-map room: the only place that maps a file.

use std::io;

use memmap2::Mmap;
use std::os::fd::AsFd;

use crate::sealed::Sealed;

/// Maps sealed definitions for reading.
///
/// # Errors
/// When the system refuses.
pub(crate) fn map(sealed: &Sealed) -> io::Result<Mmap> {
    let descriptor = sealed.as_fd();
    // SAFETY: a mapped file must not change or shrink while it is mapped. `Sealed` is only made of
    // memory files that carry the seals against writing, growing and shrinking, which can't be
    // taken off again.
    #[allow(unsafe_code, reason = "mapping a file is unsafe unless it is sealed")]
    unsafe {
        Mmap::map(&descriptor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_is_what_was_sealed() {
        let sealed = Sealed::from_bytes(b"definitions").unwrap();
        let mapped = map(&sealed).unwrap();
        drop(sealed);
        assert_eq!(&mapped[..], b"definitions");
    }
}
