//! A whole definitions file, compared front to back as it is read: with the tree alone in memory,
//! and not a page of the file.

use std::io::{self, Read};

use model::DefinitionRevision;

use super::DefinitionsError;
use super::file::{Header, check_trailer};
use super::layout::{HASH_BYTES, PAGE_BYTES, ROOT_CONTEXT, TRAILER_BYTES, page_hash};
use crate::key::{PublicKey, TrustedKeys};

/// Why a file was not found to be whole.
#[derive(Debug, thiserror::Error)]
pub enum WholeError {
    #[error(transparent)]
    Definitions(#[from] DefinitionsError),
    #[error("reading definitions failed")]
    Read(#[from] io::Error),
}

/// Reads a file of `length` bytes, and compares its structure, its signature and each of its pages.
/// Returns its revision and its signer.
///
/// # Errors
/// As [`super::file::DefinitionsFile::open`] with every page, and when reading fails.
pub fn check_whole(
    file: &mut dyn Read,
    length: u64,
    trusted: &TrustedKeys,
) -> Result<(DefinitionRevision, PublicKey), WholeError> {
    let mut page = Vec::with_capacity(PAGE_BYTES);
    file.take(PAGE_BYTES as u64).read_to_end(&mut page)?;
    let header = Header::read(&page, length)?;
    let first = page.clone();
    // The header's count of pages fits the length.
    let mut hashes: Vec<[u8; HASH_BYTES]> = vec![page_hash(&page)];
    for _ in 1..header.pages {
        file.read_exact(&mut page)?;
        hashes.push(page_hash(&page));
    }
    let mut root = blake3::Hasher::new_derive_key(ROOT_CONTEXT);
    root.update(&header.pages.to_le_bytes());
    let mut altered = None;
    for (number, hash) in (0..).zip(&hashes) {
        let mut expected = [0; HASH_BYTES];
        file.read_exact(&mut expected)?;
        root.update(&expected);
        if expected != *hash && altered.is_none() {
            altered = Some(number);
        }
    }
    let mut trailer = [0; TRAILER_BYTES];
    file.read_exact(&mut trailer)?;
    let signer = check_trailer(&trailer, trusted, || *root.finalize().as_bytes())?;
    if altered != Some(0) {
        header.sections(&first)?;
    }
    match altered {
        None => Ok((header.revision, signer)),
        Some(page) => Err(DefinitionsError::PageAltered {
            page,
            pages: header.pages,
        }
        .into()),
    }
}
