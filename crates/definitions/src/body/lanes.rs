//! The tables of one target: filters, buckets, entries and anchors.

use std::collections::{BTreeMap, BTreeSet};

use scan::body_layout::{
    Lane, NO_TAG, PAIR_WORDS, TRIPLE_LOG2, anchor_hash, filter_bits, filter_word, lane_tag,
    second_bits, second_word, tag, triple_hash, window_hash,
};

use super::compile::CompileError;
use super::encode::Program;
use super::guard::{Choice, ChosenLane};
use super::model::Place;
use super::surroundings::Surroundings;

/// The bit that tells upper from lower case.
const CASE: u8 = 0x20;
/// Bits of the filter for each window, at least.
const FILTER_BITS: usize = 16;
/// Bits of the filter of triples for each triple, at least.
const TRIPLE_BITS: usize = 32;
/// The largest filter is 2 MiB.
const MAX_FILTER_LOG2: u32 = 18;
/// Entries that share a bucket, on average, at most.
const BUCKET: usize = 4;

/// What is collected for one target.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    lanes: [Vec<LaneEntry>; 4],
    /// The windows of the lanes that look at each position, without case.
    windows: BTreeSet<(Lane, u64)>,
    anchors: BTreeMap<(Place, u32, u8), Vec<(u32, u32)>>,
    always: Vec<u32>,
}

/// A window's hash, its guard with the window's place in the literal, and what is around it.
type LaneEntry = (u64, u32, Surroundings);
/// Where an area lies and how many items it has.
type Area = (usize, usize);

impl Tables {
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.iter().all(Vec::is_empty) && self.anchors.is_empty() && self.always.is_empty()
    }

    pub(super) fn always(&mut self, signature: u32) {
        self.always.push(signature);
    }

    pub(super) fn guard(
        &mut self,
        number: u32,
        choice: &Choice,
        place: Place,
        around: Surroundings,
    ) -> Result<(), CompileError> {
        match &choice.lane {
            ChosenLane::Search(lane, windows) => {
                let Some(entries) = self.lanes.get_mut(usize::from(*lane as u8)) else {
                    return Err(CompileError);
                };
                if lane.is_everywhere() {
                    self.windows
                        .extend(windows.iter().map(|window| (*lane, *window)));
                }
                for (at, window) in (0..).zip(windows) {
                    // A guard's number leaves two bits for the window's place in the literal. Several
                    // windows of a lane that looks at each position begin it all.
                    let at = if lane.is_everywhere() { 0 } else { at };
                    let packed = number
                        .checked_mul(4)
                        .and_then(|packed| packed.checked_add(at))
                        .ok_or(CompileError)?;
                    entries.push((window_hash(*window), packed, around));
                }
            }
            ChosenLane::Anchor(bytes) => {
                let width = u8::try_from(bytes.len()).map_err(|_| CompileError)?;
                let tag = if bytes.is_empty() {
                    NO_TAG
                } else {
                    tag(anchor_hash(bytes))
                };
                let distance =
                    u32::try_from(choice.distance.unwrap_or(0)).map_err(|_| CompileError)?;
                let packed = number.checked_mul(4).ok_or(CompileError)?;
                self.anchors
                    .entry((place, distance, width))
                    .or_default()
                    .push((tag, packed));
            }
        }
        Ok(())
    }

    /// Adds all of another's.
    pub(super) fn merge(&mut self, other: &Self) {
        for (own, theirs) in self.lanes.iter_mut().zip(&other.lanes) {
            own.extend(theirs);
        }
        for (place, entries) in &other.anchors {
            self.anchors.entry(*place).or_default().extend(entries);
        }
        self.windows.extend(&other.windows);
        self.always.extend(&other.always);
    }

    /// A bit for each pair of bytes in any case that is a window of the tiny lane.
    fn pairs(&self) -> Vec<u64> {
        let mut words = Vec::new();
        for [first, second, ..] in self.of_lane(Lane::Tiny) {
            words.resize(PAIR_WORDS, 0);
            for low in [first, first & !CASE] {
                for high in [second, second & !CASE] {
                    let pair = usize::from(u16::from_le_bytes([low, high]));
                    if let Some(word) = words.get_mut(pair / 64) {
                        *word |= 1_u64 << (pair % 64);
                    }
                }
            }
        }
        words
    }

    /// A bit for each three bytes that a window shows at the even position in it: those that it
    /// begins with, and those one further. Of a window of two bytes one of the three may be anything.
    fn triples(&self) -> Vec<u64> {
        let mut triples = BTreeSet::new();
        for [first, second, third, fourth, ..] in self.of_lane(Lane::Short) {
            triples.extend([[first, second, third], [second, third, fourth]]);
        }
        for [first, second, ..] in self.of_lane(Lane::Tiny) {
            for any in (0..=u8::MAX).filter(|any| any & CASE != 0) {
                triples.extend([[first, second, any], [any, first, second]]);
            }
        }
        if triples.is_empty() {
            return Vec::new();
        }
        let log2 = (triples.len() * TRIPLE_BITS / 64)
            .next_power_of_two()
            .trailing_zeros()
            .clamp(*TRIPLE_LOG2.start(), *TRIPLE_LOG2.end());
        let mut words = vec![0_u64; 1 << log2];
        for [first, second, third] in triples {
            let hash = triple_hash(u32::from_le_bytes([first, second, third, 0]));
            let place = hash >> (32 - 6 - log2);
            let word = usize::try_from(place / 64).ok();
            if let Some(word) = word.and_then(|word| words.get_mut(word)) {
                *word |= 1 << (place % 64);
            }
        }
        words
    }

    fn of_lane(&self, lane: Lane) -> impl Iterator<Item = [u8; 8]> {
        let own = move |(of, _): &&(Lane, u64)| *of == lane;
        self.windows
            .iter()
            .filter(own)
            .map(|(_, window)| window.to_le_bytes())
    }

    /// Appends the tables to the section. Returns the row that says where they are.
    pub(super) fn write(mut self, section: &mut Program) -> Result<Vec<u8>, CompileError> {
        let mut areas: Vec<Area> = Vec::new();
        let (pairs, triples) = (self.pairs(), self.triples());
        for (lane, entries) in Lane::ALL.into_iter().zip(&mut self.lanes) {
            // Those that look at the same surroundings of a window stand together.
            entries.sort_unstable_by_key(|(hash, packed, around)| {
                (*hash, packed & 3, *around, *packed)
            });
            entries.dedup();
            let filter = match lane {
                Lane::Long | Lane::Middle | Lane::Short => hash_filter(entries),
                Lane::Tiny => pairs.clone(),
            };
            areas.extend(write_lane(&filter, entries, section)?);
        }
        areas.extend(write_anchors(self.anchors, section)?);
        self.always.sort_unstable();
        align(section);
        areas.push((section.0.len(), self.always.len()));
        for place in self.always {
            section.u32(place);
        }
        align(section);
        areas.push((section.0.len(), triples.len()));
        for word in triples {
            section.bytes(&word.to_le_bytes());
        }
        let mut row = Program::default();
        for (at, count) in areas {
            row.bytes(&(at as u64).to_le_bytes());
            row.bytes(&(count as u64).to_le_bytes());
        }
        Ok(row.0)
    }
}

fn align(section: &mut Program) {
    let aligned = section.0.len().next_multiple_of(64);
    section.0.resize(aligned, 0);
}

/// The filter of the lanes that hash their windows: its two halves.
fn hash_filter(entries: &[LaneEntry]) -> Vec<u64> {
    if entries.is_empty() {
        return Vec::new();
    }
    let words = (entries.len() * FILTER_BITS / 64)
        .max(4)
        .next_power_of_two();
    let log2 = words.trailing_zeros().min(MAX_FILTER_LOG2) - 1;
    let mut first = vec![0_u64; 1 << log2];
    let mut second = first.clone();
    for (hash, ..) in entries {
        if let Some(word) = first.get_mut(filter_word(*hash, log2)) {
            *word |= filter_bits(*hash);
        }
        let place = second_word(*hash, second.len());
        if let Some(word) = second.get_mut(place) {
            *word |= second_bits(*hash);
        }
    }
    first.append(&mut second);
    first
}

fn write_lane(
    filter: &[u64],
    entries: &[LaneEntry],
    section: &mut Program,
) -> Result<[Area; 3], CompileError> {
    align(section);
    let filter_at = section.0.len();
    for word in filter {
        section.bytes(&word.to_le_bytes());
    }
    if entries.is_empty() {
        return Ok([(filter_at, filter.len()), (filter_at, 0), (filter_at, 0)]);
    }
    align(section);
    let buckets_at = section.0.len();
    let buckets = (entries.len() / BUCKET).max(1).next_power_of_two();
    let bucket_log2 = buckets.trailing_zeros();
    // Entries are in the order of their hashes, so in that of their buckets.
    let mut next = 0;
    for bucket in 0..=buckets {
        while entries
            .get(next)
            .is_some_and(|(hash, ..)| filter_word(*hash, bucket_log2) < bucket)
        {
            next += 1;
        }
        section.size(if bucket == buckets {
            entries.len()
        } else {
            next
        })?;
    }
    align(section);
    let entries_at = section.0.len();
    for (hash, packed, around) in entries {
        section.bytes(&lane_tag(*hash).to_le_bytes());
        section.bytes(&around.hash.to_le_bytes());
        section.bytes(&around.mask.to_le_bytes());
        section.bytes(&[around.place.cast_unsigned(), 0]);
        section.u32(*packed);
    }
    Ok([
        (filter_at, filter.len()),
        (buckets_at, buckets + 1),
        (entries_at, entries.len()),
    ])
}

fn write_anchors(
    anchors: BTreeMap<(Place, u32, u8), Vec<(u32, u32)>>,
    section: &mut Program,
) -> Result<[Area; 2], CompileError> {
    align(section);
    let anchors_at = section.0.len();
    let count = anchors.len();
    let mut all: Vec<(u32, u32)> = Vec::new();
    for ((place, distance, width), mut entries) in anchors {
        entries.sort_unstable();
        section.bytes(&[place.kind, width]);
        section.bytes(&place.section.to_le_bytes());
        section.u32(place.value);
        section.u32(place.shift);
        section.u32(distance);
        section.size(all.len())?;
        section.size(entries.len())?;
        all.append(&mut entries);
    }
    align(section);
    let entries_at = section.0.len();
    for (tag, packed) in &all {
        section.u32(*tag);
        section.u32(*packed);
    }
    Ok([(anchors_at, count), (entries_at, all.len())])
}
