//! Where a pattern may begin, in a given file.

use super::cursor::{Cursor, Source};
use super::layout::offset;
use crate::executable::Executable;
use crate::facts::{Facts, Target};

/// Where a pattern may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: u8,
    pub(super) value: u32,
    pub(super) shift: u32,
    pub(super) section: u16,
}

/// Bytes that are not searched in an instant.
const WIDE: usize = 1 << 12;

/// The same in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// From the first to the last, both included.
    Between(usize, usize),
    /// At the entries of PE version information.
    VersionInfo,
}

impl Range {
    /// Whether a search over it takes long.
    pub(super) const fn is_wide(self) -> bool {
        match self {
            Self::Between(first, last) => last.saturating_sub(first) >= WIDE,
            Self::VersionInfo => false,
        }
    }
}

impl Place {
    pub(super) fn read<'d>(cursor: &mut Cursor<impl Source<'d>>) -> Option<Self> {
        Some(Self {
            kind: cursor.u8()?,
            section: cursor.u16()?,
            value: cursor.u32()?,
            shift: cursor.u32()?,
        })
    }

    /// `None` where the file has no such place.
    #[inline]
    pub(super) fn range(&self, facts: &Facts, length: usize) -> Option<Range> {
        match self.kind {
            offset::ANY => return Some(Range::Between(0, length)),
            offset::VERSION_INFO => return Some(Range::VersionInfo),
            _ => {}
        }
        let value = u64::from(self.value);
        let mut shift = u64::from(self.shift);
        let executable = facts.executable.as_ref();
        let first = match self.kind {
            offset::ABSOLUTE => value,
            offset::END_MINUS => {
                if executable.is_none() && has_layout(facts.target) {
                    return None;
                }
                (length as u64).checked_sub(value)?
            }
            offset::ENTRY_PLUS => entry(executable?)?.checked_add(value)?,
            offset::ENTRY_MINUS => entry(executable?)?.checked_sub(value)?,
            offset::LAST_SECTION => executable?.sections.last()?.raw_offset.checked_add(value)?,
            offset::SECTION => executable?
                .sections
                .get(usize::from(self.section))?
                .raw_offset
                .checked_add(value)?,
            offset::WHOLE_SECTION => {
                let section = executable?.sections.get(usize::from(self.section))?;
                shift = shift.checked_add(section.raw_size)?;
                section.raw_offset
            }
            _ => return None,
        };
        let first = usize::try_from(first).ok().filter(|at| *at <= length)?;
        let last = first.saturating_add(usize::try_from(shift).unwrap_or(usize::MAX));
        Some(Range::Between(first, last.min(length)))
    }

    /// Whether a pattern may begin at a position.
    pub(super) fn allows(&self, facts: &Facts, length: usize, start: usize) -> bool {
        match self.range(facts, length) {
            Some(Range::Between(first, last)) => (first..=last).contains(&start),
            Some(Range::VersionInfo) => is_version_info(facts, start),
            None => false,
        }
    }
}

fn entry(executable: &Executable) -> Option<u64> {
    executable.entry_point
}

/// Files of these classes have an entry point and sections, unless they are broken.
const fn has_layout(target: Target) -> bool {
    matches!(target, Target::Pe | Target::Elf | Target::MachO)
}

fn is_version_info(facts: &Facts, start: usize) -> bool {
    version_info(facts).any(|at| at == start)
}

/// The entries of version information.
pub(super) fn version_info(facts: &Facts) -> impl Iterator<Item = usize> + '_ {
    facts
        .executable
        .iter()
        .flat_map(|executable| &executable.version_info)
        .filter_map(|at| usize::try_from(*at).ok())
}
