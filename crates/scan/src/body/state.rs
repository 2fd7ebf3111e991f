//! What matching remembers of one file. It grows with what the file holds, not with the number of
//! signatures, and is used again for the next file.

use std::collections::HashSet;

use super::sweep::Hits;

/// Signatures that are remembered from one file to the next at most.
const KEPT: usize = 1 << 12;
/// Bytes of a normalised form whose room is kept for the next file.
const KEPT_TEXT: usize = 1 << 20;

/// The signatures whose guard was found.
#[derive(Debug, Default)]
pub(crate) struct State {
    armed: Vec<u32>,
    places: HashSet<u32>,
    /// Rules with an expression that reached a limit of its own. Whoever reports them empties this.
    pub(crate) limited: Vec<u32>,
    /// Room for one block's positions.
    pub(super) hits: Hits,
    /// Room for a file's normalised form.
    pub(crate) text: Vec<u8>,
}

impl State {
    pub(super) fn clear(&mut self) {
        self.armed.clear();
        self.places.clear();
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

    pub(super) fn armed(&self) -> &[u32] {
        &self.armed
    }
}
