//! What matching remembers of one file. It grows with what the file holds, not with the number of
//! signatures, and is used again for the next file.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::pattern::Found;
use super::quads::Quads;
use super::sweep::{Hits, Windows};
use super::table::Candidate;

/// Signatures that are remembered from one file to the next at most.
const KEPT: usize = 1 << 12;
/// Patterns of one file that are remembered at most.
const REMEMBERED: usize = 1 << 15;
/// Bytes of a normalised form whose room is kept for the next file.
const KEPT_TEXT: usize = 1 << 20;

/// The signatures whose guard was found.
#[derive(Debug, Default)]
pub(crate) struct State {
    armed: Vec<u32>,
    /// The same, to be asked for one.
    places: HashSet<u32, BuildHasherDefault<PlaceHasher>>,
    /// The part that was tried last and did not match, and where.
    pub(super) failed: Option<(usize, usize)>,
    memory: Memory,
    /// Rules with an expression or a pattern that reached a limit of its own. Whoever reports them empties this.
    pub(crate) limited: Vec<u32>,
    /// Room for what is noted of one block.
    pub(super) room: Option<Box<Room>>,
    /// Room for a file's normalised form.
    pub(crate) text: Vec<u8>,
}

/// What is noted of one block of a file.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) places: Hits,
    pub(super) windows: Windows,
    pub(super) candidates: Vec<Candidate>,
}

impl State {
    pub(super) fn clear(&mut self) {
        self.armed.clear();
        self.places.clear();
        self.failed = None;
        self.memory.found.clear();
        self.memory.quads.clear();
        self.memory.found.shrink_to(KEPT);
        self.armed.shrink_to(KEPT);
        self.places.shrink_to(KEPT);
    }

    /// Takes back the room of a normalised form.
    pub(crate) fn keep_text(&mut self, mut text: Vec<u8>) {
        text.clear();
        text.shrink_to(KEPT_TEXT);
        self.text = text;
    }

    pub(super) fn is_armed(&self, signature: usize) -> bool {
        u32::try_from(signature).is_ok_and(|at| self.places.contains(&at))
    }

    pub(super) fn arm(&mut self, signature: usize) {
        if let Ok(at) = u32::try_from(signature)
            && self.places.insert(at)
        {
            self.armed.push(at);
        }
    }

    /// The signatures that are armed, and what is remembered of patterns.
    pub(super) fn armed(&mut self) -> (&[u32], &mut Memory) {
        (&self.armed, &mut self.memory)
    }
}

/// What is remembered from one signature to the next: how often patterns were found, because many
/// share some.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Whether an expression or a pattern of the signature that is evaluated reached a limit.
    pub(super) limited: bool,
    /// By the place of the pattern's program; with the number of matches that were counted at most.
    found: HashMap<u32, (u64, Found), BuildHasherDefault<PlaceHasher>>,
    pub(super) quads: Quads,
}

impl Memory {
    /// What is known of a pattern, when at most so many matches are to be counted.
    pub(super) fn of(&self, pattern: u32, most: u64) -> Option<Found> {
        let (counted, found) = self.found.get(&pattern)?;
        (most <= *counted || found.count < *counted).then_some(*found)
    }

    /// Remembers it, as long as there is room.
    pub(super) fn keep(&mut self, pattern: u32, most: u64, found: Found) {
        if self.found.len() < REMEMBERED || self.found.contains_key(&pattern) {
            self.found.insert(pattern, (most, found));
        }
    }
}

/// Spreads places of programs. Those are the compiler's choice and not the file's, so nobody can
/// make them meet in one bucket.
#[derive(Debug, Default)]
struct PlaceHasher(u64);

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32((*byte).into());
        }
    }

    fn write_u32(&mut self, place: u32) {
        self.0 = (self.0 ^ u64::from(place)).wrapping_mul(MULTIPLIER);
    }
}
