//! The compiler: sources to sections.

use model::{DefinitionRevision, DefinitionType, Maturity};
use scan::Counts;
use scan::layout::{ANY_SIZE, HASH_BYTES, HASH_TABLE_HEADER, SectionKind};

use crate::error::BuildError;
use crate::hash_list::{self, HashEntry, HashValue};
use crate::rule_set::RuleSet;
use crate::source::{Source, SourceKind};
use crate::write::{Section, write};
use crate::yara;

/// How far a build is, for a progress bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of sources done.
    pub done: u64,
    /// Bytes of sources in all.
    pub total: u64,
    /// The source that is read next, or what is done after the last.
    pub step: String,
}

/// A set that was compiled and is not signed yet. The same sources with the same revision make
/// the same bytes, wherever and whenever that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    unsigned: Vec<u8>,
    root: [u8; HASH_BYTES],
    revision: DefinitionRevision,
    counts: Counts,
}

impl Compiled {
    /// The file without its trailer.
    #[must_use]
    pub fn unsigned(&self) -> &[u8] {
        &self.unsigned
    }

    /// The root of the tree of hashes, which is what gets signed.
    #[must_use]
    pub const fn root(&self) -> &[u8; HASH_BYTES] {
        &self.root
    }

    /// The revision.
    #[must_use]
    pub const fn revision(&self) -> DefinitionRevision {
        self.revision
    }

    /// How many rules of each kind.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }
}

/// Compiles sources. `progress` hears of each source before it is read.
///
/// # Errors
/// All bad lines and rules, not just the first; nothing is compiled while there is one.
pub fn build(
    sources: &[Source],
    revision: DefinitionRevision,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Compiled, BuildError> {
    let mut sources: Vec<&Source> = sources.iter().collect();
    sources.sort_by(|left, right| (&left.name, &left.bytes).cmp(&(&right.name, &right.bytes)));
    sources.dedup();
    let total = sources.iter().map(|source| source.bytes.len() as u64).sum();
    let mut done = 0;
    let mut errors = Vec::new();
    let mut entries = Vec::new();
    let mut compiler = yara::Compiler::new();
    for source in sources {
        progress(&Progress {
            done,
            total,
            step: source.name.clone(),
        });
        match SourceKind::of(&source.name) {
            Some(SourceKind::HashList) => entries.append(&mut hash_list::read(source, &mut errors)),
            Some(SourceKind::Yara) => compiler.add(source, &mut errors),
            None => {}
        }
        done += source.bytes.len() as u64;
    }
    if !errors.is_empty() {
        return Err(BuildError::Sources(errors));
    }
    progress(&Progress {
        done,
        total,
        step: "compiling YARA rules".into(),
    });

    let mut rules = RuleSet::default();
    let yara = compiler.finish(&mut rules, &mut errors)?;
    if !errors.is_empty() {
        return Err(BuildError::Sources(errors));
    }
    let tables = Tables::sort(entries, &mut rules)?;
    let counts = Counts {
        md5: tables.md5.len() as u64,
        sha1: tables.sha1.len() as u64,
        sha256: tables.sha256.len() as u64,
        yara: yara.count,
    };
    if counts.total() == 0 {
        return Err(BuildError::Empty);
    }
    let (records, names) = rules.into_sections();
    let mut sections = vec![
        Section::new(SectionKind::Rules, records),
        Section::new(SectionKind::Names, names),
    ];
    for (kind, table) in [
        (SectionKind::Md5, hash_table(&tables.md5)),
        (SectionKind::Sha1, hash_table(&tables.sha1)),
        (SectionKind::Sha256, hash_table(&tables.sha256)),
        (SectionKind::Yara, yara.section),
    ] {
        if !table.is_empty() {
            sections.push(Section::new(kind, table));
        }
    }
    let (unsigned, root) = write(revision, &sections)?;
    progress(&Progress {
        done,
        total,
        step: "done".into(),
    });
    Ok(Compiled {
        unsigned,
        root,
        revision,
        counts,
    })
}

type Record<const N: usize> = ([u8; N], u64, u32);

#[derive(Default)]
struct Tables {
    md5: Vec<Record<16>>,
    sha1: Vec<Record<20>>,
    sha256: Vec<Record<32>>,
}

impl Tables {
    fn sort(mut entries: Vec<HashEntry>, rules: &mut RuleSet) -> Result<Self, BuildError> {
        entries.sort_by(|left, right| {
            (left.hash, left.size, &left.name).cmp(&(right.hash, right.size, &right.name))
        });
        let mut tables = Self::default();
        for entry in entries {
            let rule = rules.number(&entry.name, DefinitionType::Av, Maturity::Enforcing)?;
            let size = entry.size.unwrap_or(ANY_SIZE);
            match entry.hash {
                HashValue::Md5(hash) => tables.md5.push((hash, size, rule)),
                HashValue::Sha1(hash) => tables.sha1.push((hash, size, rule)),
                HashValue::Sha256(hash) => tables.sha256.push((hash, size, rule)),
            }
        }
        settle(&mut tables.md5);
        settle(&mut tables.sha1);
        settle(&mut tables.sha256);
        Ok(tables)
    }
}

fn settle<const N: usize>(records: &mut Vec<Record<N>>) {
    records.sort_unstable();
    records.dedup();
}

fn hash_table<const N: usize>(records: &[Record<N>]) -> Vec<u8> {
    if records.is_empty() {
        return Vec::new();
    }
    let mut sizes: Vec<u64> = records.iter().map(|(_, size, _)| *size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let any_size = sizes.last() == Some(&ANY_SIZE);
    if any_size {
        sizes.pop();
    }
    let mut table =
        Vec::with_capacity(HASH_TABLE_HEADER + sizes.len() * 8 + records.len() * (N + 12));
    table.extend_from_slice(&(records.len() as u64).to_le_bytes());
    table.extend_from_slice(&(sizes.len() as u64).to_le_bytes());
    table.extend_from_slice(&u64::from(any_size).to_le_bytes());
    table.extend_from_slice(&[0; 8]);
    for size in sizes {
        table.extend_from_slice(&size.to_le_bytes());
    }
    for (hash, size, rule) in records {
        table.extend_from_slice(hash);
        table.extend_from_slice(&size.to_le_bytes());
        table.extend_from_slice(&rule.to_le_bytes());
    }
    table
}
