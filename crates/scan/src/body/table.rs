//! The hot part of the patterns: for each target, filters and tables that say at which positions
//! of a file which guard may stand.

use super::layout::{
    ANCHOR_BYTES, ANCHOR_WINDOW, ANCHORS_AT, ENTRY_BYTES, GUARD_BYTES, LANE_BYTES,
    LANE_ENTRY_BYTES, Lane, NO_TAG, PAIR_WORDS, SURROUNDINGS, TARGET_BYTES, TRIPLE_LOG2,
    TRIPLES_AT, anchor_hash, filter_word, lane_tag, second_bits, second_word, surroundings_hash,
    tag, window_hash,
};
use super::place::Place;
use super::sweep::{BLOCK, Windows};
use crate::definitions::bytes::{slice, u16_at, u32_at, u64_at};
use crate::definitions::pages::Section;

/// What stands at a position if the guard does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    /// Places of programs.
    pub(super) signature: usize,
    pub(super) part: usize,
    pub(super) distance: u32,
    pub(super) pattern: usize,
}

/// A window that is in a table: the number of its guard, how far behind the beginning of the
/// guard's literal it stands, and what stands around the literal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) guard: u32,
    pub(super) window: u32,
    /// Where the surroundings begin, counted from the literal.
    place: i8,
    mask: u16,
    hash: u16,
}

impl Entry {
    fn read(entry: &[u8; LANE_ENTRY_BYTES]) -> Option<Self> {
        let packed = u32_at(entry, 8)?;
        Some(Self {
            guard: packed >> 2,
            window: packed & 3,
            place: entry.get(6)?.cast_signed(),
            mask: u16_at(entry, 4)?,
            hash: u16_at(entry, 2)?,
        })
    }

    /// The hash of what stands around a literal in a file. Bytes beyond the file's ends count as
    /// zeros.
    #[inline]
    fn around(&self, file: &[u8], literal: usize) -> u16 {
        let start = literal.checked_add_signed(self.place.into());
        let whole = start.and_then(|start| file.get(start..)?.first_chunk());
        let bytes = match whole {
            Some(bytes) => u128::from_le_bytes(*bytes),
            None => at_an_end(file, literal, self.place),
        };
        let (low, high) = halves(bytes);
        surroundings_hash(low, high, self.mask)
    }
}

/// What stands around one window of a file, as the entry before wanted to know it: many guards have
/// their windows in common, and then often where their surroundings lie.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around(Option<(u32, i8, u16, u16)>);

impl Around {
    /// Whether an entry's guard can stand where its literal seems to: so its programs are seldom
    /// read in vain.
    #[inline]
    pub(super) fn allows(&mut self, entry: &Entry, file: &[u8], literal: usize) -> bool {
        let hash = match self.0 {
            Some((window, place, mask, hash))
                if (window, place, mask) == (entry.window, entry.place, entry.mask) =>
            {
                hash
            }
            Some(_) | None => {
                let hash = entry.around(file, literal);
                self.0 = Some((entry.window, entry.place, entry.mask, hash));
                hash
            }
        };
        entry.mask == 0 || hash == entry.hash
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
const fn halves(bytes: u128) -> (u64, u64) {
    (bytes as u64, (bytes >> 64) as u64)
}

#[cold]
fn at_an_end(file: &[u8], literal: usize, place: i8) -> u128 {
    let bytes = (0..SURROUNDINGS).rev().map(|at| {
        let at = literal.checked_add(at)?.checked_add_signed(place.into())?;
        file.get(at).copied()
    });
    bytes.fold(0, |all, byte| all << 8 | u128::from(byte.unwrap_or(0)))
}

/// One target's row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'d> {
    section: Section<'d>,
    row: &'d [u8],
}

impl<'d> Row<'d> {
    pub(super) fn read(section: Section<'d>, at: usize) -> Option<Self> {
        Some(Self {
            section,
            row: section.get(at, TARGET_BYTES).ok()?,
        })
    }

    fn area(&self, at: usize, bytes: usize) -> Option<Section<'d>> {
        let from = usize::try_from(u64_at(self.row, at)?).ok()?;
        let count = usize::try_from(u64_at(self.row, at + 8)?).ok()?;
        self.section.piece(from, count.checked_mul(bytes)?)
    }

    fn all(&self, at: usize, bytes: usize) -> &'d [u8] {
        let area = self.area(at, bytes);
        area.and_then(|area| area.whole().ok()).unwrap_or_default()
    }

    pub(super) fn lane(&self, lane: Lane) -> Option<Table<'d>> {
        let at = LANE_BYTES * usize::from(lane as u8);
        let (filter, rest) = self.area(at, 8)?.whole().ok()?.as_chunks::<8>();
        let buckets = self.area(at + 16, 4)?;
        let bounds = buckets.len() / 4;
        let entries = self.area(at + 32, LANE_ENTRY_BYTES)?;
        let fits = match lane {
            Lane::Long | Lane::Middle | Lane::Short => {
                filter.len() >= 4 && filter.len().is_power_of_two()
            }
            Lane::Tiny => filter.len() == PAIR_WORDS,
        };
        let sound = rest.is_empty()
            && (filter.is_empty() || fits)
            && (bounds < 2 || (bounds - 1).is_power_of_two());
        let halves = match lane {
            Lane::Tiny => filter.len(),
            Lane::Long | Lane::Middle | Lane::Short => filter.len() / 2,
        };
        let (filter, second) = filter.split_at_checked(halves)?;
        sound.then_some(Table {
            filter,
            second,
            buckets,
            entries,
        })
    }

    /// The filter of triples; empty when there is nothing to look for at each position.
    pub(super) fn triples(&self) -> Option<&'d [[u8; 8]]> {
        let (filter, rest) = self.area(TRIPLES_AT, 8)?.whole().ok()?.as_chunks::<8>();
        let fits =
            filter.len().is_power_of_two() && TRIPLE_LOG2.contains(&filter.len().trailing_zeros());
        (rest.is_empty() && (filter.is_empty() || fits)).then_some(filter)
    }

    pub(super) fn anchors(&self) -> &'d [[u8; ANCHOR_BYTES]] {
        self.all(ANCHORS_AT, ANCHOR_BYTES).as_chunks().0
    }

    pub(super) fn anchor_entries(&self) -> &'d [[u8; ENTRY_BYTES]] {
        self.all(ANCHORS_AT + 16, ENTRY_BYTES).as_chunks().0
    }

    /// Places of signatures that are tried on each file.
    pub(super) fn always(&self) -> &'d [u8] {
        self.all(ANCHORS_AT + 32, 4)
    }
}

/// The filter and the table of one lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'d> {
    /// The half of it that is asked for each window.
    filter: &'d [[u8; 8]],
    /// The half that is asked where the other one passed, so that this one lies in a processor's
    /// cache and few pass both.
    second: &'d [[u8; 8]],
    buckets: Section<'d>,
    entries: Section<'d>,
}

impl<'d> Table<'d> {
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The words of the filter that are asked first.
    pub(super) const fn filter(&self) -> &'d [[u8; 8]] {
        self.filter
    }

    /// The entries for a window.
    #[inline]
    pub(super) fn entries(&self, candidate: &Candidate) -> impl Iterator<Item = Entry> + 'd {
        let wanted = lane_tag(candidate.hash).to_le_bytes();
        let (entries, _) = self.bytes_of(candidate.bucket).as_chunks();
        entries
            .iter()
            .filter(move |entry| entry.first_chunk() == Some(&wanted))
            .filter_map(Entry::read)
    }

    #[inline]
    fn passes_second(&self, hash: u64) -> bool {
        let bits = second_bits(hash);
        let word = self.second.get(second_word(hash, self.second.len()));
        // The tiny lane has none.
        word.is_none_or(|word| u64::from_le_bytes(*word) & bits == bits)
    }

    /// Where the entries for a window stand, as the numbers of the first and of the one behind them.
    #[inline]
    fn bucket(&self, hash: u64) -> Option<(u32, u32)> {
        let bounds = self.buckets.len() / 4;
        let log2 = bounds.checked_sub(1)?.trailing_zeros();
        let bounds = self.buckets.get(filter_word(hash, log2) * 4, 8).ok()?;
        Some((u32_at(bounds, 0)?, u32_at(bounds, 4)?))
    }

    #[inline]
    fn bytes_of(&self, (from, to): (u32, u32)) -> &'d [u8] {
        let place = |number: u32| usize::try_from(number).ok()?.checked_mul(LANE_ENTRY_BYTES);
        place(from)
            .zip(place(to))
            .and_then(|(from, to)| self.entries.get(from, to.checked_sub(from)?).ok())
            .unwrap_or_default()
    }

    /// Those of the windows that have an entry; `base` is where in the file their places are
    /// counted from.
    ///
    /// A window of a clean file seldom has one, so most of the work is waiting for the memory where
    /// it would stand. In each of these loops no window waits for the one before.
    pub(super) fn candidates<'c>(
        &self,
        windows: &Windows,
        base: usize,
        candidates: &'c mut Vec<Candidate>,
    ) -> &'c [Candidate] {
        candidates.resize(BLOCK, Candidate::default());
        let mut count = 0;
        for (place, window) in windows.all() {
            let hash = window_hash(window);
            if let Some(slot) = candidates.get_mut(count) {
                (slot.position, slot.hash) = (base + place, hash);
            }
            count += usize::from(self.passes_second(hash));
        }
        let candidates = candidates.get_mut(..count).unwrap_or_default();
        for candidate in candidates.iter_mut() {
            candidate.bucket = self.bucket(candidate.hash).unwrap_or_default();
        }
        let mut count = 0;
        for at in 0..candidates.len() {
            let Some(candidate) = candidates.get(at).copied() else {
                break;
            };
            let bytes = self.bytes_of(candidate.bucket);
            let (entries, _) = bytes.as_chunks::<LANE_ENTRY_BYTES>();
            let wanted = lane_tag(candidate.hash).to_le_bytes();
            let has_one = entries.iter().fold(false, |found, entry| {
                found | (entry.first_chunk() == Some(&wanted))
            });
            if let Some(slot) = candidates.get_mut(count) {
                *slot = candidate;
            }
            count += usize::from(has_one);
        }
        candidates.get(..count).unwrap_or_default()
    }
}

/// A window of a file that passed a filter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Candidate {
    pub(super) position: usize,
    hash: u64,
    bucket: (u32, u32),
}

/// A place that guards are looked for at without a search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor<'d> {
    pub(super) place: Place,
    pub(super) distance: usize,
    /// How many bytes are compared there.
    width: usize,
    entries: &'d [[u8; ENTRY_BYTES]],
}

impl<'d> Anchor<'d> {
    #[inline]
    pub(super) fn read(
        anchor: &[u8; ANCHOR_BYTES],
        entries: &'d [[u8; ENTRY_BYTES]],
    ) -> Option<Self> {
        let first = usize::try_from(u32_at(anchor, 16)?).ok()?;
        let count = usize::try_from(u32_at(anchor, 20)?).ok()?;
        Some(Self {
            place: Place {
                kind: *anchor.first()?,
                section: u16_at(anchor, 2)?,
                value: u32_at(anchor, 4)?,
                shift: u32_at(anchor, 8)?,
            },
            distance: usize::try_from(u32_at(anchor, 12)?).ok()?,
            width: usize::from(*anchor.get(1)?).min(ANCHOR_WINDOW),
            entries: entries.get(first..first.checked_add(count)?)?,
        })
    }

    /// The guards for the bytes at its distance.
    #[inline]
    pub(super) fn guards(&self, file: &[u8], at: usize) -> impl Iterator<Item = u32> + 'd {
        let wanted = match slice(file, at, self.width) {
            Some([]) => NO_TAG,
            Some(bytes) => tag(anchor_hash(bytes)),
            // The file ends before.
            None => return tagged(&[], NO_TAG),
        };
        tagged(self.entries, wanted)
    }
}

/// Entries that are counted rather than searched.
const FEW_ENTRIES: usize = 16;

/// The guards with a tag, of entries in the order of their tags.
#[inline]
fn tagged(entries: &[[u8; ENTRY_BYTES]], wanted: u32) -> impl Iterator<Item = u32> + '_ {
    let have = |entry: &[u8; ENTRY_BYTES]| u32_at(entry, 0).unwrap_or(0);
    // Most anchors have a few, and a file none of them: the sum is quicker than any search.
    let first = if entries.len() <= FEW_ENTRIES {
        entries
            .iter()
            .map(|entry| usize::from(have(entry) < wanted))
            .sum()
    } else {
        entries.partition_point(|entry| have(entry) < wanted)
    };
    let from_there = entries.get(first..).unwrap_or_default().iter();
    from_there
        .take_while(move |entry| have(entry) == wanted)
        .filter_map(|entry| Some(u32_at(entry, 4)? >> 2))
}

impl Guard {
    pub(super) fn read(guards: Section<'_>, number: u32) -> Option<Self> {
        let at = usize::try_from(number).ok()?.checked_mul(GUARD_BYTES)?;
        let guard = guards.get(at, GUARD_BYTES).ok()?;
        let place = |at| usize::try_from(u32_at(guard, at)?).ok();
        Some(Self {
            signature: place(0)?,
            part: place(4)?,
            distance: u32_at(guard, 8)?,
            pattern: place(12)?,
        })
    }
}
