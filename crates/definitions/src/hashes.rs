//! All hash tables of a build.

use scan::layout::SectionKind;

use crate::clam::hash::HashValue;
use crate::error::BuildError;
use crate::hash_table::TableBuilder;
use crate::names::NameId;
use crate::rule_set::RuleSet;
use crate::source::HashedThing;
use crate::write::Section;

/// The tables over one kind of thing.
#[derive(Debug, Default)]
struct Tables {
    md5: TableBuilder<0>,
    sha1: TableBuilder<4>,
    sha256: TableBuilder<16>,
}

/// The tables over all kinds of things.
#[derive(Debug, Default)]
pub(crate) struct HashTables {
    file: Tables,
    section: Tables,
    imports: Tables,
    allowed: Tables,
}

/// How many records one table has.
pub(crate) type Count = (SectionKind, u64);

impl HashTables {
    /// Adds a hash.
    pub(crate) fn add(
        &mut self,
        of: HashedThing,
        hash: HashValue,
        size: Option<u64>,
        name: NameId,
    ) {
        let tables = match of {
            HashedThing::File => &mut self.file,
            HashedThing::Section => &mut self.section,
            HashedThing::Imports => &mut self.imports,
            HashedThing::Allowed => &mut self.allowed,
        };
        match hash {
            HashValue::Md5(hash) => {
                let (first, second, tail) = split(&hash);
                tables.md5.add(first, second, tail, size, name);
            }
            HashValue::Sha1(hash) => {
                let (first, second, tail) = split(&hash);
                tables.sha1.add(first, second, tail, size, name);
            }
            HashValue::Sha256(hash) => {
                let (first, second, tail) = split(&hash);
                tables.sha256.add(first, second, tail, size, name);
            }
        }
    }

    /// The sections of the tables that have records.
    pub(crate) fn into_sections(
        self,
        rules: &mut RuleSet,
    ) -> Result<(Vec<Section>, Vec<Count>), BuildError> {
        use SectionKind as Kind;
        let mut sections = Vec::new();
        let mut counts = Vec::new();
        let mut add = |kind, (bytes, count): (Vec<u8>, u64)| {
            if count > 0 {
                sections.push(Section::new(kind, bytes));
                counts.push((kind, count));
            }
        };
        for (tables, kinds) in [
            (self.file, [Kind::Md5, Kind::Sha1, Kind::Sha256]),
            (
                self.section,
                [Kind::SectionMd5, Kind::SectionSha1, Kind::SectionSha256],
            ),
            (
                self.imports,
                [Kind::ImportMd5, Kind::ImportSha1, Kind::ImportSha256],
            ),
            (
                self.allowed,
                [Kind::AllowedMd5, Kind::AllowedSha1, Kind::AllowedSha256],
            ),
        ] {
            let [md5, sha1, sha256] = kinds;
            add(md5, tables.md5.finish(rules)?);
            add(sha1, tables.sha1.finish(rules)?);
            add(sha256, tables.sha256.finish(rules)?);
        }
        Ok((sections, counts))
    }
}

/// Two 64-bit words, little-endian, and the rest. `T` is what a hash of `N` bytes has beyond 16.
fn split<const N: usize, const T: usize>(hash: &[u8; N]) -> (u64, u64, [u8; T]) {
    const { assert!(N == T + 16) };
    let mut words = hash
        .chunks_exact(8)
        .map(|word| word.try_into().map(u64::from_le_bytes).unwrap_or_default());
    let (first, second) = (words.next(), words.next());
    let mut tail = [0; T];
    for (to, from) in tail.iter_mut().zip(hash.iter().skip(16)) {
        *to = *from;
    }
    (first.unwrap_or_default(), second.unwrap_or_default(), tail)
}
