//! What files begin with, as far as YARA rules tell files apart by it.

/// Bytes at the beginning that are looked at.
pub const BEGINNING_BYTES: usize = 8;

/// Bytes that a file has at its beginning; `None` where any will do.
pub type Beginning = [Option<u8>; BEGINNING_BYTES];

/// The class of a file by its first bytes. Each file has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Start {
    /// `MZ`: DOS and Windows programs.
    Pe = 0,
    Elf = 1,
    /// Mach-O of either width and byte order, and universal binaries (as Java classes are).
    MachO = 2,
    /// OLE2 compound files.
    Ole2 = 3,
    /// `PK`: zip and what is built on it.
    Zip = 4,
    Rtf = 5,
    Pdf = 6,
    /// What begins with none of these.
    Other = 7,
}

/// The first bytes of each class but [`Start::Other`].
const PREFIXES: [(&[u8], Start); 12] = [
    (b"MZ", Start::Pe),
    (b"\x7fELF", Start::Elf),
    (b"\xfe\xed\xfa\xce", Start::MachO),
    (b"\xfe\xed\xfa\xcf", Start::MachO),
    (b"\xce\xfa\xed\xfe", Start::MachO),
    (b"\xcf\xfa\xed\xfe", Start::MachO),
    (b"\xca\xfe\xba\xbe", Start::MachO),
    (b"\xbe\xba\xfe\xca", Start::MachO),
    (b"\xd0\xcf\x11\xe0", Start::Ole2),
    (b"PK", Start::Zip),
    (b"{\\rt", Start::Rtf),
    (b"%PDF", Start::Pdf),
];

impl Start {
    /// Every class, by number.
    pub const ALL: [Self; 8] = [
        Self::Pe,
        Self::Elf,
        Self::MachO,
        Self::Ole2,
        Self::Zip,
        Self::Rtf,
        Self::Pdf,
        Self::Other,
    ];

    /// The class of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        PREFIXES
            .iter()
            .find(|(prefix, _)| bytes.starts_with(prefix))
            .map_or(Self::Other, |(_, start)| *start)
    }
}

/// A set of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Starts(u16);

impl Starts {
    /// Every class.
    pub const ALL: Self = Self(0xff);
    /// None.
    pub const NONE: Self = Self(0);

    /// One class.
    #[must_use]
    pub const fn only(start: Start) -> Self {
        Self(1 << start as u8)
    }

    /// The set with these bits, bit n for the class with number n.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// Bit n for the class with number n.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether a class is in it.
    #[must_use]
    pub const fn contains(self, start: Start) -> bool {
        self.0 & Self::only(start).0 != 0
    }

    /// The classes in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The classes in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The classes that are not in it.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(Self::ALL.0 & !self.0)
    }

    /// The classes of which some file begins with these bytes.
    #[must_use]
    pub fn beginning_with(wanted: &Beginning) -> Self {
        let mut found = Self::NONE;
        for (prefix, start) in PREFIXES {
            if agree(wanted, prefix) {
                found = found.or(Self::only(start));
            }
        }
        if PREFIXES.iter().any(|(prefix, _)| implies(wanted, prefix)) {
            found
        } else {
            found.or(Self::only(Start::Other))
        }
    }

    /// The class whose files, all of them and no others, begin with these bytes.
    #[must_use]
    pub fn exactly(wanted: &Beginning) -> Option<Start> {
        let (prefix, start) = PREFIXES.iter().find(|(prefix, _)| {
            implies(wanted, prefix) && wanted.iter().flatten().count() == prefix.len()
        })?;
        let mut of_class = PREFIXES.iter().filter(|(_, class)| class == start);
        let only = of_class.next().is_some_and(|(have, _)| have == prefix);
        (only && of_class.next().is_none()).then_some(*start)
    }
}

/// Whether a file can begin with both.
fn agree(wanted: &Beginning, prefix: &[u8]) -> bool {
    wanted
        .iter()
        .zip(prefix)
        .all(|(byte, have)| byte.is_none_or(|byte| byte == *have))
}

/// Whether what begins with `wanted` begins with `prefix`.
fn implies(wanted: &Beginning, prefix: &[u8]) -> bool {
    wanted
        .iter()
        .zip(prefix)
        .all(|(byte, have)| *byte == Some(*have))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn beginning(bytes: &[u8]) -> Beginning {
        let mut wanted = Beginning::default();
        for (place, byte) in wanted.iter_mut().zip(bytes) {
            *place = Some(*byte);
        }
        wanted
    }

    #[test]
    fn a_whole_prefix_names_its_class_and_a_part_leaves_the_others_open() {
        let of = |bytes: &[u8]| Starts::beginning_with(&beginning(bytes));
        assert_eq!(of(b"MZ"), Starts::only(Start::Pe));
        assert_eq!(of(b"MZ\x90\0"), Starts::only(Start::Pe));
        assert_eq!(
            of(b"M"),
            Starts::only(Start::Pe).or(Starts::only(Start::Other))
        );
        assert_eq!(of(b"GIF8"), Starts::only(Start::Other));
        assert_eq!(of(b""), Starts::ALL);
    }

    #[test]
    fn only_a_class_with_one_prefix_is_exactly_its_bytes() {
        assert_eq!(Starts::exactly(&beginning(b"MZ")), Some(Start::Pe));
        assert_eq!(Starts::exactly(&beginning(b"MZ\x90")), None);
        assert_eq!(Starts::exactly(&beginning(b"\xfe\xed\xfa\xce")), None);
        assert_eq!(Starts::exactly(&beginning(b"M")), None);
    }

    proptest! {
        #[test]
        fn a_file_is_of_a_class_that_its_own_bytes_allow(
            prefix in 0..PREFIXES.len(),
            tail in proptest::collection::vec(any::<u8>(), 0..12),
            known in 0..=BEGINNING_BYTES,
            with_prefix: bool,
        ) {
            let mut bytes = if with_prefix { PREFIXES[prefix].0.to_vec() } else { Vec::new() };
            bytes.extend(tail);
            let wanted = beginning(&bytes[..bytes.len().min(known)]);
            prop_assert!(Starts::beginning_with(&wanted).contains(Start::of(&bytes)));
            if let Some(start) = Starts::exactly(&wanted) {
                prop_assert_eq!(Start::of(&bytes), start);
            }
        }
    }
}
