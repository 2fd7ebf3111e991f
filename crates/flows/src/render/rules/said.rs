//! How well a target says what it is asked.

use crate::render::How;

/// What a target can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) how: How,
    pub(crate) note: Option<String>,
    /// Whether a rule is written though nothing passes by it yet: its addresses come later.
    pub(crate) hollow: bool,
}

impl Said {
    pub(crate) const EXACT: Self = Self {
        how: How::Exact,
        note: None,
        hollow: false,
    };

    pub(crate) fn not_at_all(words: &str) -> Self {
        How::NotAtAll(words.to_owned()).into()
    }

    pub(crate) fn exact(note: &str) -> Self {
        Self {
            note: Some(note.to_owned()),
            ..Self::EXACT
        }
    }

    /// A rule that is written, but by which nothing passes yet.
    pub(crate) fn hollow(words: &str) -> Self {
        Self {
            how: How::NotAtAll(words.to_owned()),
            note: None,
            hollow: true,
        }
    }

    pub(crate) fn widened(words: &str) -> Self {
        How::Widened(words.to_owned()).into()
    }

    /// A name, by the addresses that the user gave for it.
    pub(crate) fn by_given_addresses() -> Self {
        Self::widened(
            "by the addresses that were given for the name: whatever else answers there is permitted too, and addresses that the name gets later are not",
        )
    }
}

impl From<How> for Said {
    fn from(how: How) -> Self {
        Self {
            how,
            note: None,
            hollow: false,
        }
    }
}

fn rank(how: &How) -> u8 {
    match how {
        How::NotNeeded(_) => 0,
        How::Exact => 1,
        How::Widened(_) => 2,
        How::Narrowed(_) => 3,
        How::NotAtAll(_) => 4,
    }
}

/// The worst of what is said of the parts of one rule.
pub(super) fn worst(said: Vec<Said>) -> Said {
    let mut said = said.into_iter();
    let Some(mut worst) = said.next() else {
        return Said::EXACT;
    };
    let mut notes: Vec<String> = worst.note.take().into_iter().collect();
    for part in said {
        if let Some(note) = part.note.filter(|note| !notes.contains(note)) {
            notes.push(note);
        }
        if rank(&part.how) > rank(&worst.how) {
            worst.how = part.how;
            worst.hollow = part.hollow;
        } else if rank(&part.how) == rank(&worst.how) {
            // What can't be written at all outweighs what waits for addresses.
            worst.hollow &= part.hollow;
        }
    }
    worst.note = (!notes.is_empty()).then(|| notes.join("; "));
    worst
}

/// What is said of parts that each permit something of their own.
pub(super) fn together(said: Vec<Said>) -> Said {
    let all = said.len();
    let lost = said
        .iter()
        .filter(|part| matches!(part.how, How::NotAtAll(_)))
        .count();
    let mut worst = worst(said);
    if lost < all
        && let How::NotAtAll(words) = &worst.how
    {
        worst.how = How::Narrowed(words.clone());
        worst.hollow = false;
    }
    worst
}
