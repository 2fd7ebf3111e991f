//! What is looked up by its hash: files and members, sections and imports of PE files, and the
//! allow-list. A hash is computed only when a table has records for the size.

use model::verdict::Remark;

use super::Run;
use super::digest::Digests;
use crate::definitions::{Algorithm, DefinitionsError, Hashed};
use crate::executable::Executable;

impl Run<'_, '_> {
    /// The rules for these bytes as a whole.
    pub(super) fn match_hashes(&mut self, digests: &mut Digests<'_>, found: &mut Vec<u32>) {
        if self.look_up(Hashed::File, digests, found).is_err() {
            self.note_damage();
        }
    }

    /// The sections of a PE file, if any are looked up.
    pub(super) fn sections<'b>(
        &self,
        bytes: &'b [u8],
        program: Option<&Executable>,
    ) -> Vec<Digests<'b>> {
        let Some(executable) = program else {
            return Vec::new();
        };
        if !self.has_tables(Hashed::Section) {
            return Vec::new();
        }
        let contents = executable
            .sections
            .iter()
            .map(|section| executable.section_bytes(section, bytes));
        contents
            .filter(|content| !content.is_empty())
            .map(Digests::new)
            .collect()
    }

    /// Computes what will be asked for of a file and its sections, where that is quicker than one
    /// after the other.
    pub(super) fn hash_ahead<'b>(&mut self, whole: &mut Digests<'b>, sections: &mut [Digests<'b>]) {
        let definitions = self.definitions;
        let wanted = |hashed, digests: &Digests<'_>| {
            let table = definitions.hash_table(hashed, Algorithm::Md5);
            // A table that can't be read is told of where it is looked up.
            table.is_ok_and(|table| {
                table.is_some_and(|table| table.wants(digests.size()).unwrap_or(false))
            })
        };
        let whole = std::iter::once(whole).filter(|whole| wanted(Hashed::File, whole));
        let sections = sections.iter_mut();
        let sections = sections.filter(|section| wanted(Hashed::Section, section));
        let mut all: Vec<&mut Digests<'b>> = whole.chain(sections).collect();
        // Two are computed beside each other, and none alone for long if the longest is not last.
        all.sort_by_key(|digests| std::cmp::Reverse(digests.size()));
        Digests::md5_of_each(&mut all, || self.time_left().is_some());
    }

    /// The rules for the imports of a PE file.
    pub(super) fn match_imports(
        &mut self,
        bytes: &[u8],
        program: Option<&Executable>,
        found: &mut Vec<u32>,
    ) {
        let Some(executable) = program else {
            return;
        };
        if !self.has_tables(Hashed::Imports) {
            return;
        }
        match executable.import_list(bytes) {
            Ok(Some(list)) => {
                let mut digests = Digests::new(&list);
                if self.look_up(Hashed::Imports, &mut digests, found).is_err() {
                    self.note_damage();
                }
            }
            Ok(None) => {}
            Err(limit) => self.hit(limit),
        }
    }

    /// The rules for the sections of a PE file.
    pub(super) fn match_sections(&mut self, sections: Vec<Digests<'_>>, found: &mut Vec<u32>) {
        for mut digests in sections {
            if self.time_left().is_none() {
                self.stop(model::Limit::Time);
                return;
            }
            if self.look_up(Hashed::Section, &mut digests, found).is_err() {
                self.note_damage();
            }
        }
    }

    /// Whether the definitions want nothing to be reported of these bytes.
    pub(super) fn is_allowed(&mut self, digests: &mut Digests<'_>) -> bool {
        let mut found = Vec::new();
        if self.look_up(Hashed::Allowed, digests, &mut found).is_err() {
            self.note_damage();
        }
        !found.is_empty()
    }

    /// Whether there is anything to look up.
    fn has_tables(&self, hashed: Hashed) -> bool {
        Algorithm::ALL.into_iter().any(|algorithm| {
            // A table that can't be read is told of where it is looked up.
            !matches!(self.definitions.hash_table(hashed, algorithm), Ok(None))
        })
    }

    fn look_up(
        &self,
        hashed: Hashed,
        digests: &mut Digests<'_>,
        found: &mut Vec<u32>,
    ) -> Result<(), DefinitionsError> {
        let size = digests.size();
        for algorithm in Algorithm::ALL {
            if let Some(table) = self.definitions.hash_table(hashed, algorithm)?
                && table.wants(size)?
            {
                table.find(digests.of(algorithm), size, found)?;
            }
        }
        Ok(())
    }

    /// Says that definitions could not be read.
    pub(super) fn note_damage(&mut self) {
        let known = |at: &model::verdict::RemarkAt| at.remark == Remark::DefinitionsDamaged;
        if !self.verdict.remarks.iter().any(known) {
            self.remark_here(Remark::DefinitionsDamaged);
        }
    }
}
