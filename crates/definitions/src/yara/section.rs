//! The form of the YARA sections, as `scan` reads them.

use std::collections::BTreeMap;

use scan::layout::YARA_ENGINE;
use scan::yara::GroupHeader;

/// The index: what groups there are.
pub(super) fn index(headers: &[GroupHeader], rules: u64) -> Vec<u8> {
    let mut section = Vec::new();
    section.extend_from_slice(&(YARA_ENGINE.len() as u32).to_le_bytes());
    // `headers` is no longer than the list of section kinds.
    section.extend_from_slice(&(headers.len() as u32).to_le_bytes());
    section.extend_from_slice(&rules.to_le_bytes());
    section.extend_from_slice(YARA_ENGINE.as_bytes());
    for header in headers {
        section.extend_from_slice(&header.starts.bits().to_le_bytes());
        section.extend_from_slice(&[0; 6]);
        section.extend_from_slice(&header.most_bytes.to_le_bytes());
    }
    section
}

/// A group: the numbers of its rules by their keys, and the rules as yara-x serialises them.
pub(super) fn group(numbers: &BTreeMap<u64, u32>, compiled: &[u8]) -> Option<Vec<u8>> {
    let count = u32::try_from(numbers.len()).ok()?;
    let mut section = Vec::with_capacity(8 + numbers.len() * 12 + compiled.len());
    section.extend_from_slice(&count.to_le_bytes());
    section.extend_from_slice(&[0; 4]);
    for (key, number) in numbers {
        section.extend_from_slice(&key.to_le_bytes());
        section.extend_from_slice(&number.to_le_bytes());
    }
    section.extend_from_slice(compiled);
    Some(section)
}
