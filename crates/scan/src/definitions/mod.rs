//! What rules there are, read from a definitions file without copying it.

pub(crate) mod bytes;
pub(crate) mod file;
pub(crate) mod hash_table;
pub mod layout;
pub(crate) mod pages;
pub(crate) mod revision;
mod rules;
pub(crate) mod whole;
pub use rules::{maturity_number, type_number};

use std::ops::Range;

use model::{DefinitionRevision, DefinitionType, Maturity};

pub(crate) use hash_table::{Algorithm, HashTable, Hashed};

use self::file::{DefinitionsFile, VerifyMode};
use self::layout::SectionKind;
use self::rules::RuleTable;
use crate::body::Patterns;
use crate::key::{PublicKey, TrustedKeys};
use crate::yara::{self, RulePart, YaraRules};

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
    /// Hashes of whole files.
    pub md5: u64,
    pub sha1: u64,
    pub sha256: u64,
    /// Hashes of sections of PE files.
    pub section_hashes: u64,
    /// Hashes of the imports of PE files.
    pub import_hashes: u64,
    /// Hashes of files that nothing is reported of. They are no rules.
    pub allowed: u64,
    pub yara: u64,
    /// Byte patterns and logical expressions over them.
    pub patterns: u64,
}

impl Counts {
    /// All hashes that something is reported of.
    #[must_use]
    pub const fn hashes(&self) -> u64 {
        self.md5 + self.sha1 + self.sha256 + self.section_hashes + self.import_hashes
    }

    /// All rules.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.hashes() + self.yara + self.patterns
    }
}

/// A rule as matches report it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: String,
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
        RuleTable::read(&file)?;
        for hashed in Hashed::ALL {
            for algorithm in Algorithm::ALL {
                HashTable::read(&file, hashed, algorithm)?;
            }
        }
        file.patterns()?;
        let yara = YaraRules::read(&file)?;
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

    /// The part of the file that nearly every scan reads much of, in bytes. Of the rest a scan reads
    /// some pages here and there.
    #[must_use]
    pub fn hot(&self) -> Range<usize> {
        self.file.place(SectionKind::Patterns)
    }

    /// Whether a scan came upon a page that is not what was signed.
    pub(crate) fn is_damaged(&self) -> bool {
        self.file.is_damaged()
    }

    /// The rule with this number.
    pub(crate) fn rule(&self, number: u32) -> Result<Option<Rule>, DefinitionsError> {
        RuleTable::read(&self.file)?.rule(number)
    }

    /// The table of such hashes; `None` when there are none.
    pub(crate) fn hash_table(
        &self,
        hashed: Hashed,
        algorithm: Algorithm,
    ) -> Result<Option<HashTable<'_>>, DefinitionsError> {
        HashTable::read(&self.file, hashed, algorithm)
    }

    pub(crate) fn patterns(&self) -> Option<Patterns<'_>> {
        self.file.patterns().ok().flatten()
    }

    /// Loads the parts of the YARA rules that most files need, and calls `loaded` after each: what
    /// was read of the file for it is not read again. A scan loads the others when it first needs
    /// them.
    ///
    /// # Errors
    /// When one can't be loaded.
    pub fn load_first(&self, loaded: &mut dyn FnMut()) -> Result<(), DefinitionsError> {
        let first = self.yara.as_ref().map(YaraRules::first_parts);
        self.load_parts(&first.unwrap_or_default(), loaded)
    }

    /// Loads these parts of the YARA rules, as [`Self::load_first`] does. Those that there are not
    /// are passed over.
    ///
    /// # Errors
    /// When one can't be loaded. The others are.
    pub fn load_parts(
        &self,
        parts: &[RulePart],
        loaded: &mut dyn FnMut(),
    ) -> Result<(), DefinitionsError> {
        let Some(yara) = &self.yara else {
            return Ok(());
        };
        let mut outcome = Ok(());
        for part in parts {
            outcome = outcome.and(yara.load(*part, &self.file));
            loaded();
        }
        outcome
    }

    /// All parts of the YARA rules.
    #[must_use]
    pub fn parts(&self) -> Vec<RulePart> {
        let parts = self.yara.as_ref().map(|yara| yara.parts().collect());
        parts.unwrap_or_default()
    }

    /// The parts of the YARA rules that are loaded.
    #[must_use]
    pub fn loaded_parts(&self) -> Vec<RulePart> {
        let Some(yara) = &self.yara else {
            return Vec::new();
        };
        let parts = yara.parts();
        parts.filter(|part| yara.is_loaded(*part)).collect()
    }

    /// What matches YARA rules, if there are any.
    pub(crate) fn yara(&self) -> Option<yara::Matcher<'_>> {
        let rules = self.yara.as_ref()?;
        Some(yara::Matcher::new(&self.file, rules))
    }
}

impl DefinitionsFile {
    fn patterns(&self) -> Result<Option<Patterns<'_>>, DefinitionsError> {
        Patterns::read(
            self.pages(SectionKind::Patterns),
            self.pages(SectionKind::PatternPrograms),
        )
    }

    /// How many rules of each kind the sections say that they hold.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |hashed, algorithm| match HashTable::read(self, hashed, algorithm) {
            Ok(Some(table)) => table.len(),
            Ok(None) | Err(_) => 0,
        };
        let sum = |hashed| {
            Algorithm::ALL.into_iter().fold(0u64, |sum, algorithm| {
                sum.saturating_add(count(hashed, algorithm))
            })
        };
        Counts {
            md5: count(Hashed::File, Algorithm::Md5),
            sha1: count(Hashed::File, Algorithm::Sha1),
            sha256: count(Hashed::File, Algorithm::Sha256),
            section_hashes: sum(Hashed::Section),
            import_hashes: sum(Hashed::Imports),
            allowed: sum(Hashed::Allowed),
            yara: yara::count(self.section(SectionKind::Yara).unwrap_or_default()),
            patterns: self
                .patterns()
                .ok()
                .flatten()
                .map_or(0, |patterns| patterns.len()),
        }
    }
}
