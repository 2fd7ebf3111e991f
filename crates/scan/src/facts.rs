//! What is known of some bytes before rules are matched: their type, and the layout of an
//! executable. Byte patterns ask for both.

use crate::executable::Executable;
use crate::file_type::FileType;
use crate::kind::Kind;

/// The class of files that a byte pattern is for, with the numbers of ClamAV's signature formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Target {
    /// Any file; also that of files with no class of their own.
    Any = 0,
    Pe = 1,
    Ole2 = 2,
    /// HTML, after normalisation.
    Html = 3,
    Mail = 4,
    Graphics = 5,
    Elf = 6,
    /// Text, after normalisation.
    Text = 7,
    /// A number that no file has.
    Unused = 8,
    MachO = 9,
    Pdf = 10,
    Flash = 11,
    Java = 12,
    /// What a scanner says of its own about a file.
    Internal = 13,
    /// Types that rules give to files of no known type.
    Other = 14,
}

impl Target {
    /// All of them; each stands at its number.
    pub const ALL: [Self; 15] = [
        Self::Any,
        Self::Pe,
        Self::Ole2,
        Self::Html,
        Self::Mail,
        Self::Graphics,
        Self::Elf,
        Self::Text,
        Self::Unused,
        Self::MachO,
        Self::Pdf,
        Self::Flash,
        Self::Java,
        Self::Internal,
        Self::Other,
    ];

    /// The number in signatures.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The class with a number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// The containers around some bytes, outermost first. Empty for a file itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Context<'a> {
    pub(crate) containers: &'a [FileType],
}

impl Context<'_> {
    /// The nearest container; [`FileType::Any`] for a file itself.
    pub(crate) fn container(&self) -> FileType {
        self.containers.last().copied().unwrap_or(FileType::Any)
    }
}

/// What is known of some bytes.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    pub(crate) file_type: FileType,
    pub(crate) target: Target,
    /// Of a PE, ELF or Mach-O file that can be made sense of; without it, no offset counts from an
    /// entry point or a section.
    pub(crate) executable: Option<Executable>,
}

impl Facts {
    /// Looks at the bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let file_type = FileType::detect(bytes);
        let kind = Kind::with_type(bytes, file_type);
        Self {
            kind,
            file_type,
            target: file_type.target(),
            executable: Executable::read(kind, bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stand_at_their_numbers() {
        for (number, target) in (0..).zip(Target::ALL) {
            assert_eq!(target.number(), number);
            assert_eq!(Target::from_number(number), Some(target));
        }
        assert_eq!(Target::from_number(15), None);
    }
}
