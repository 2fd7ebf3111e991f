//! The form of the YARA sections, as `scan` reads them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use scan::layout::YARA_ENGINE;
use scan::yara::{GroupHeader, Starts};

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

/// A part of a group: the files that its rules can match, the numbers of its rules by their keys,
/// and the rules as yara-x serialises them.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) starts: Starts,
    pub(super) sizes: RangeInclusive<u64>,
    pub(super) numbers: BTreeMap<u64, u32>,
    pub(super) compiled: Vec<u8>,
}

/// A group: its parts and its gate, which is empty when it has none.
pub(super) fn group(parts: &[Part], gate: &[u8]) -> Option<Vec<u8>> {
    let mut section = Vec::new();
    section.extend_from_slice(&u32::try_from(parts.len()).ok()?.to_le_bytes());
    section.extend_from_slice(&u32::try_from(gate.len()).ok()?.to_le_bytes());
    for part in parts {
        section.extend_from_slice(&part.starts.bits().to_le_bytes());
        section.extend_from_slice(&[0; 2]);
        section.extend_from_slice(&u32::try_from(part.numbers.len()).ok()?.to_le_bytes());
        section.extend_from_slice(&(part.compiled.len() as u64).to_le_bytes());
        section.extend_from_slice(&part.sizes.start().to_le_bytes());
        section.extend_from_slice(&part.sizes.end().to_le_bytes());
    }
    section.extend_from_slice(gate);
    for part in parts {
        for (key, number) in &part.numbers {
            section.extend_from_slice(&key.to_le_bytes());
            section.extend_from_slice(&number.to_le_bytes());
        }
        section.extend_from_slice(&part.compiled);
    }
    Some(section)
}
