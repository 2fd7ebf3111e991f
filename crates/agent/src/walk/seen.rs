//! A bounded memory of files.

use std::collections::HashSet;

use super::FileKey;

#[derive(Debug)]
pub(super) struct Seen {
    keys: HashSet<FileKey>,
    most: usize,
}

impl Seen {
    pub(super) fn new(most: usize) -> Self {
        Self {
            keys: HashSet::new(),
            most,
        }
    }

    /// Whether `key` is new. When the memory is full, everything that isn't in it is new.
    pub(super) fn insert(&mut self, key: FileKey) -> bool {
        if self.keys.len() >= self.most {
            return !self.keys.contains(&key);
        }
        self.keys.insert(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_memory_still_knows_what_it_holds() {
        let mut seen = Seen::new(2);
        let key = |inode| FileKey { device: 1, inode };
        assert!(seen.insert(key(1)) && seen.insert(key(2)));
        assert!(!seen.insert(key(2)));
        assert!(seen.insert(key(3)) && seen.insert(key(3)));
    }
}
