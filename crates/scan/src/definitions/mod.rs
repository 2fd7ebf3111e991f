//! What rules there are, read from a definitions file without copying it.

pub(crate) mod bytes;
pub(crate) mod file;
pub(crate) mod hash_table;
pub mod layout;
pub(crate) mod pages;
pub(crate) mod revision;
mod rules;
pub use rules::{maturity_number, type_number};
mod yara;

use model::{DefinitionRevision, DefinitionType, Maturity};

pub(crate) use hash_table::{Algorithm, HashTable};
pub(crate) use yara::YaraRules;

use self::file::{DefinitionsFile, VerifyMode};
use self::layout::SectionKind;
use self::rules::RuleTable;
use crate::key::{PublicKey, TrustedKeys};

/// Why a definitions file can't be used. The one in use stays.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    #[error(
        "not a definitions file: expected one to begin with 8947444546, got {start:?}; \
         make one with `garrison definitions build`"
    )]
    NotDefinitions { start: String },
    #[error(
        "definitions have format version {version} (flags {flags:#x}), expected version {expected}; \
         update this program or build them with the matching one",
        expected = layout::VERSION
    )]
    UnsupportedVersion { version: u16, flags: u32 },
    #[error("definitions are truncated: expected {expected} bytes, got {got}; copy them again")]
    Truncated { expected: u64, got: u64 },
    #[error(
        "definitions have bytes after their end: expected {expected} bytes, got {got}; \
         copy them again"
    )]
    TrailingBytes { expected: u64, got: u64 },
    #[error(
        "definitions were altered: page {page} of {pages} does not match its hash; copy them again"
    )]
    PageAltered { page: u64, pages: u64 },
    #[error(
        "definitions are signed by a stranger: key {signer} is not among the {trusted} trusted; \
         if you know that it is right, pass --trust {signer}"
    )]
    SignedByStranger { signer: PublicKey, trusted: usize },
    #[error(
        "definitions were altered: their signature by key {signer} does not fit; copy them again"
    )]
    BadSignature { signer: PublicKey },
    #[error(
        "definitions need a section of kind {kind}, which this program does not know; \
         update this program"
    )]
    UnknownSection { kind: u32 },
    #[error("definitions are malformed: {what}; build them again")]
    Malformed { what: String },
    #[error(
        "the YARA rules of these definitions were compiled for {got:?}, expected {expected:?}; \
         build them with this program's version"
    )]
    OtherEngine { expected: &'static str, got: String },
    #[error("the YARA rules of these definitions can't be loaded: {reason}; build them again")]
    Yara { reason: String },
}

/// How many rules of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub md5: u64,
    pub sha1: u64,
    pub sha256: u64,
    pub yara: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.md5 + self.sha1 + self.sha256 + self.yara
    }
}

/// A rule as matches report it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule<'d> {
    pub(crate) name: &'d str,
    pub(crate) definition_type: DefinitionType,
    pub(crate) maturity: Maturity,
}

/// A set of definitions, ready to scan with.
#[derive(Debug)]
pub struct Definitions {
    file: DefinitionsFile,
    yara: Option<YaraRules>,
}

impl Definitions {
    /// Opens a definitions file (see [`DefinitionsFile::open`]) and loads its rules.
    ///
    /// # Errors
    /// As [`DefinitionsFile::open`], and when a section is malformed.
    pub fn open(
        bytes: impl AsRef<[u8]> + Send + Sync + 'static,
        trusted: &TrustedKeys,
        verify: VerifyMode,
    ) -> Result<Self, DefinitionsError> {
        Self::load(DefinitionsFile::open(bytes, trusted, verify)?)
    }

    /// Loads the rules of a file that was opened before.
    ///
    /// # Errors
    /// When a section is malformed.
    pub fn load(file: DefinitionsFile) -> Result<Self, DefinitionsError> {
        let rules = RuleTable::read(&file)?;
        for algorithm in Algorithm::ALL {
            HashTable::read(&file, algorithm)?;
        }
        let yara = YaraRules::read(file.section(SectionKind::Yara)?, rules.len())?;
        Ok(Self { file, yara })
    }

    /// The revision of the set.
    #[must_use]
    pub const fn revision(&self) -> DefinitionRevision {
        self.file.revision()
    }

    /// The key that signed it.
    #[must_use]
    pub const fn signer(&self) -> PublicKey {
        self.file.signer()
    }

    /// How many rules there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.file.counts()
    }

    pub(crate) fn rule(&self, index: u32) -> Option<Rule<'_>> {
        RuleTable::read(&self.file).ok()?.rule(index)
    }

    pub(crate) fn hash_table(&self, algorithm: Algorithm) -> Option<HashTable<'_>> {
        HashTable::read(&self.file, algorithm).ok()
    }

    pub(crate) const fn yara(&self) -> Option<&YaraRules> {
        self.yara.as_ref()
    }
}

impl DefinitionsFile {
    /// How many rules of each kind the sections say that they hold.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let hashes = |algorithm| {
            HashTable::read(self, algorithm).map_or(0, |table: HashTable<'_>| table.len())
        };
        Counts {
            md5: hashes(Algorithm::Md5),
            sha1: hashes(Algorithm::Sha1),
            sha256: hashes(Algorithm::Sha256),
            yara: yara::count(self.section(SectionKind::Yara).unwrap_or_default()),
        }
    }
}
