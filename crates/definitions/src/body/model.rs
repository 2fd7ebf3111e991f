//! What a body signature says, as its readers give it to the compiler.

use scan::body_layout::offset;

/// Why a signature can't be used. It is left out and counted; the others are not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("malformed: {0}")]
    Malformed(String),
    #[error("for functionality levels {least} to {most}, this is {have}", have = super::FUNCTIONALITY_LEVEL)]
    OtherLevel { least: u32, most: u32 },
    #[error("target type {0} is not known")]
    UnknownTarget(u32),
    #[error("attribute {0} is not known")]
    UnknownAttribute(String),
    #[error("file type {0} is not known")]
    UnknownFileType(String),
    #[error("matches icons, which is not supported")]
    Icon,
    #[error("gives the file another type, which is not supported")]
    HandlerType,
    #[error("matches images by similarity, which is not supported")]
    FuzzyImage,
    #[error("matches macro groups, which is not supported")]
    Macro,
    #[error("PCRE2 refuses an expression: {0}")]
    Expression(String),
    #[error("larger than the limits allow: {0}")]
    TooLarge(&'static str),
}

impl Refusal {
    /// A word for counting refusals by.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::OtherLevel { .. } => "level",
            Self::UnknownTarget(_) => "target",
            Self::UnknownAttribute(_) => "attribute",
            Self::UnknownFileType(_) => "file-type",
            Self::Icon => "icon",
            Self::HandlerType => "handler-type",
            Self::FuzzyImage => "fuzzy-image",
            Self::Macro => "macro",
            Self::Expression(_) => "expression",
            Self::TooLarge(_) => "too-large",
        }
    }
}

pub(super) fn malformed<T>(what: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Malformed(what.into()))
}

/// A signature: `.ndb` lines have one subsignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub target: u8,
    pub conditions: Conditions,
    pub logic: Logic,
    pub subsignatures: Vec<Subsignature>,
}

/// What a file must be before its bytes count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    pub file_size: Option<(u32, u32)>,
    pub entry_point: Option<(u32, u32)>,
    pub sections: Option<(u32, u32)>,
    pub container: Option<u8>,
    pub intermediates: Vec<u8>,
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    Less,
    More,
}

/// A logical expression over subsignatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logic {
    Leaf {
        id: u8,
        count: Option<(Operator, u32)>,
    },
    Both {
        all: bool,
        left: Box<Logic>,
        right: Box<Logic>,
        /// On the sum of matches, and on how many subsignatures have some.
        count: Option<(Operator, u32, u32)>,
    },
}

/// One subsignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subsignature {
    /// Any of these; more than one for characters of one and of two bytes.
    Patterns(Vec<Pattern>),
    Expression {
        trigger: Logic,
        place: Place,
        flags: u16,
        text: Vec<u8>,
    },
    Comparison(Comparison),
}

/// Where a pattern may begin; `kind` is one of [`scan::body_layout::offset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub kind: u8,
    pub value: u32,
    pub shift: u32,
    pub section: u16,
}

impl Place {
    pub const ANY: Self = Self {
        kind: offset::ANY,
        value: 0,
        shift: 0,
        section: 0,
    };
}

/// A pattern: parts with gaps between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pub place: Place,
    pub parts: Vec<Part>,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Bytes between the part before and this one, at least and at most; 0 for any number.
    pub gap: (u32, u32),
    /// Flags of [`scan::body_layout::marker`].
    pub markers: u16,
    pub left: Option<Neighbour>,
    pub right: Option<Neighbour>,
    pub elements: Vec<Element>,
}

/// A character some bytes before or behind a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    pub byte: Masked,
    pub least: u8,
    pub most: u8,
}

/// A byte of which only the bits of the mask count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Masked {
    pub value: u8,
    pub mask: u8,
}

impl Masked {
    pub const ANY: Self = Self { value: 0, mask: 0 };

    /// The byte, whose case does not count if `caseless` and it is a letter.
    #[must_use]
    pub const fn byte(byte: u8, caseless: bool) -> Self {
        if caseless && byte.is_ascii_alphabetic() {
            Self {
                value: byte & 0xdf,
                mask: 0xdf,
            }
        } else {
            Self {
                value: byte,
                mask: 0xff,
            }
        }
    }

    /// Whether it is one byte, or one letter in either case.
    #[must_use]
    pub const fn is_fixed(self) -> bool {
        self.mask == 0xff || (self.mask == 0xdf && self.value.is_ascii_uppercase())
    }
}

/// What stands at one place of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    Byte(Masked),
    Alternatives {
        negative: bool,
        choices: Vec<Vec<Masked>>,
    },
    Boundary {
        negative: bool,
    },
    Line {
        negative: bool,
    },
    Word {
        negative: bool,
    },
}

impl Element {
    /// The bytes that it takes, at least and at most.
    #[must_use]
    pub fn length(&self) -> (usize, usize) {
        match self {
            Self::Byte(_) | Self::Boundary { .. } | Self::Word { .. } => (1, 1),
            Self::Line { .. } => (1, 2),
            Self::Alternatives { choices, .. } => {
                let lengths = || choices.iter().map(Vec::len);
                (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0))
            }
        }
    }
}

/// A comparison of a number near the match of another subsignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    pub id: u8,
    pub distance: i64,
    /// Flags of [`scan::body_layout::comparison`].
    pub options: u8,
    pub length: u16,
    pub conditions: Vec<(Operator, i64)>,
}
