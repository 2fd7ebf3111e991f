//! Entries by their local headers alone: of archives that were cut, damaged or split, and of those
//! that stand within other files.

use std::collections::HashSet;

use memchr::memmem;

use super::{CENTRAL, DESCRIPTOR_FLAG, Directory, Entry, LOCAL, LOCAL_BYTES, one};
use crate::containers::Members;
use crate::definitions::bytes::{slice, u16_at, u32_at};

/// What entries within other files may need of an extractor, and how long their names are.
const MAX_VERSION: u16 = 63;
const MAX_NAME_BYTES: usize = 512;

/// Reads all entries but those whose data begins at a place that is `seen`.
pub(super) fn recover(bytes: &[u8], seen: &HashSet<usize>, members: &mut dyn Members) {
    let mut at = 0;
    while let Some(entry) = next(bytes, &mut at) {
        let mut malformed = false;
        if !seen.contains(&entry.data_at) && one(bytes, &entry, members, &mut malformed).is_none() {
            return;
        }
    }
}

/// Whether an entry stands somewhere behind the beginning.
pub(in crate::containers) fn is_embedded(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(entry) = next(bytes, &mut at) {
        if is_plausible(bytes, &entry) {
            return true;
        }
    }
    false
}

/// Reads archives within another file: the one that ends it by its directory, others by their
/// local headers.
pub(in crate::containers) fn walk_embedded(bytes: &[u8], members: &mut dyn Members) -> Option<()> {
    let seen = match Directory::find(bytes) {
        Some(directory) => super::by_directory(bytes, directory, members)?,
        None => HashSet::new(),
    };
    let mut at = 0;
    while let Some(entry) = next(bytes, &mut at) {
        if seen.contains(&entry.data_at) || !is_plausible(bytes, &entry) {
            continue;
        }
        let mut malformed = false;
        one(bytes, &entry, members, &mut malformed)?;
    }
    Some(())
}

/// The next entry from `at` on, which is moved behind its data.
fn next<'a>(bytes: &'a [u8], at: &mut usize) -> Option<Entry<'a>> {
    loop {
        let local_at = *at + memmem::find(bytes.get(*at..)?, LOCAL)?;
        *at = local_at + LOCAL.len();
        let Some(entry) = entry(bytes, local_at) else {
            continue;
        };
        let end = usize::try_from(entry.packed_bytes)
            .ok()
            .and_then(|length| entry.data_at.checked_add(length))
            .filter(|end| *end <= bytes.len());
        *at = end.unwrap_or(*at);
        return Some(entry);
    }
}

/// Whether this is an entry, and not four bytes that happen to be in a program.
fn is_plausible(bytes: &[u8], entry: &Entry<'_>) -> bool {
    let header_at = entry.header_at;
    let version = u16_at(bytes, header_at + 4).unwrap_or(u16::MAX);
    let known = [0, 8].contains(&entry.method) || super::OTHER_METHODS.contains(&entry.method);
    let printable = |byte: &u8| *byte >= b' ' && *byte != 0x7f;
    let fits = entry.packed_bytes <= (bytes.len() - entry.data_at) as u64;
    version & 0xff <= MAX_VERSION
        && known
        && fits
        && (1..=MAX_NAME_BYTES).contains(&entry.name.len())
        && entry.name.iter().all(printable)
}

fn entry(bytes: &[u8], local_at: usize) -> Option<Entry<'_>> {
    let local = slice(bytes, local_at, LOCAL_BYTES)?;
    let name_bytes = usize::from(u16_at(local, 26)?);
    let extra_bytes = usize::from(u16_at(local, 28)?);
    let name = slice(bytes, local_at + LOCAL_BYTES, name_bytes)?;
    let data_at = local_at + LOCAL_BYTES + name_bytes + extra_bytes;
    let flags = u16_at(local, 6)?;
    let rest = bytes.get(data_at..)?;
    let packed_bytes = if flags & DESCRIPTOR_FLAG != 0 {
        let until_local = memmem::find(rest, LOCAL).unwrap_or(rest.len());
        let own = rest.get(..until_local).unwrap_or(rest);
        memmem::find(own, CENTRAL).unwrap_or(until_local) as u64
    } else {
        u32_at(local, 18)?.into()
    };
    Some(Entry {
        name,
        header_at: local_at,
        flags,
        method: u16_at(local, 8)?,
        packed_bytes,
        unpacked_bytes: u32_at(local, 22)?.into(),
        data_at,
    })
}
