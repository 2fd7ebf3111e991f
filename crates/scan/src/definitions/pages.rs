//! The pages of a definitions file, each compared with the tree of hashes before its bytes are
//! read. This is the only way to them: nothing reads a byte that was not checked.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::DefinitionsError;
use super::bytes::slice;
use super::layout::{HASH_BYTES, PAGE_BYTES, page_hash};

/// A file's bytes, and which of its pages were found to be what the tree says.
pub(super) struct Pages {
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
    count: u64,
    /// One bit for each page that was checked; absent when all of them are known to be right.
    checked: Option<Box<[AtomicU64]>>,
    /// Whether a page was asked for that is not what the tree says.
    damaged: AtomicBool,
}

impl Pages {
    /// `count` pages at the beginning of `bytes`, none of them checked.
    pub(super) fn unchecked(bytes: Box<dyn AsRef<[u8]> + Send + Sync>, count: u64) -> Self {
        let words = usize::try_from(count.div_ceil(64)).unwrap_or(0);
        let checked = (0..words).map(|_| AtomicU64::new(0)).collect();
        Self {
            bytes,
            count,
            checked: Some(checked),
            damaged: AtomicBool::new(false),
        }
    }

    /// Whether a page was asked for, and refused, that is not what was signed.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// From now on no page is compared: all were, or are known to be right.
    pub(super) fn trust(&mut self) {
        self.checked = None;
    }

    fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// Compares all pages.
    pub(super) fn check_all(&self) -> Result<(), DefinitionsError> {
        (0..self.count).try_for_each(|page| self.check(page))
    }

    /// These bytes, once the pages under them were compared.
    pub(super) fn range(&self, range: Range<usize>) -> Result<&[u8], DefinitionsError> {
        self.check_range(&range)?;
        self.bytes().get(range).ok_or_else(|| self.outside())
    }

    #[inline]
    fn check_range(&self, range: &Range<usize>) -> Result<(), DefinitionsError> {
        let Some(checked) = &self.checked else {
            return Ok(());
        };
        // Most reads are of a few bytes of a page that was compared long ago.
        let page = range.start / PAGE_BYTES;
        let last = range.end.saturating_sub(1) / PAGE_BYTES;
        let done = checked
            .get(page / 64)
            .is_some_and(|word| word.load(Ordering::Acquire) >> (page % 64) & 1 != 0);
        if page == last && done {
            return Ok(());
        }
        self.check_pages(range)
    }

    #[cold]
    fn check_pages(&self, range: &Range<usize>) -> Result<(), DefinitionsError> {
        if range.start < range.end {
            let first = (range.start / PAGE_BYTES) as u64;
            let last = ((range.end - 1) / PAGE_BYTES) as u64;
            (first..=last).try_for_each(|page| self.check_once(page))?;
        }
        Ok(())
    }

    fn check_once(&self, page: u64) -> Result<(), DefinitionsError> {
        let Some(checked) = &self.checked else {
            return Ok(());
        };
        let word = usize::try_from(page / 64)
            .ok()
            .and_then(|word| checked.get(word))
            .ok_or_else(|| self.outside())?;
        let bit = 1 << (page % 64);
        // Two threads may compare one page at the same time; neither reads it before it has.
        if word.load(Ordering::Acquire) & bit == 0 {
            if let Err(error) = self.check(page) {
                self.damaged.store(true, Ordering::Relaxed);
                return Err(error);
            }
            word.fetch_or(bit, Ordering::Release);
        }
        Ok(())
    }

    fn check(&self, page: u64) -> Result<(), DefinitionsError> {
        let place = |unit: usize, base: u64| {
            let at = page
                .checked_mul(unit as u64)?
                .checked_add(base.checked_mul(PAGE_BYTES as u64)?)?;
            slice(self.bytes(), usize::try_from(at).ok()?, unit)
        };
        let content = place(PAGE_BYTES, 0).ok_or_else(|| self.outside())?;
        let expected = place(HASH_BYTES, self.count).ok_or_else(|| self.outside())?;
        if page < self.count && page_hash(content) == expected {
            return Ok(());
        }
        Err(DefinitionsError::PageAltered {
            page,
            pages: self.count,
        })
    }

    fn outside(&self) -> DefinitionsError {
        DefinitionsError::Malformed {
            what: format!("bytes beyond its {} pages are asked for", self.count),
        }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("count", &self.count)
            .field("trusted", &self.checked.is_none())
            .finish_non_exhaustive()
    }
}

/// A section, or a piece of one, whose pages are compared as they are read.
#[derive(Debug, Clone, Copy)]
pub struct Section<'d> {
    bytes: &'d [u8],
    /// The pages that the bytes lie in, and where in them; absent for bytes without a tree.
    pages: Option<(&'d Pages, usize)>,
}

impl<'d> Section<'d> {
    pub(super) fn new(pages: &'d Pages, start: usize, length: usize) -> Option<Self> {
        Some(Self {
            bytes: slice(pages.bytes(), start, length)?,
            pages: Some((pages, start)),
        })
    }

    /// Bytes that need no comparison.
    #[must_use]
    pub const fn plain(bytes: &'d [u8]) -> Self {
        Self { bytes, pages: None }
    }

    /// Its bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the file has nothing of this kind.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A piece of it that is compared when it is read; `None` when it lies outside.
    #[must_use]
    #[inline]
    pub fn piece(&self, at: usize, length: usize) -> Option<Self> {
        Some(Self {
            bytes: slice(self.bytes, at, length)?,
            // The section lies within the file, so this sum can't overflow.
            pages: self
                .pages
                .map(|(pages, start)| (pages, start.saturating_add(at))),
        })
    }

    /// `length` bytes at `at`, counted from the section's beginning.
    ///
    /// # Errors
    /// When a page under them was altered, or they lie outside of the section.
    #[inline]
    pub fn get(&self, at: usize, length: usize) -> Result<&'d [u8], DefinitionsError> {
        match self.piece(at, length) {
            Some(piece) => piece.whole(),
            None => Err(self.outside(at, length)),
        }
    }

    #[cold]
    fn outside(&self, at: usize, length: usize) -> DefinitionsError {
        DefinitionsError::Malformed {
            what: format!(
                "{length} bytes at {at} are asked for in a section of {}",
                self.len()
            ),
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// When a page of it was altered.
    #[inline]
    pub fn whole(&self) -> Result<&'d [u8], DefinitionsError> {
        if let Some((pages, start)) = self.pages {
            pages.check_range(&(start..start.saturating_add(self.len())))?;
        }
        Ok(self.bytes)
    }
}
