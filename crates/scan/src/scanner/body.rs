//! Byte patterns against one sequence of bytes.

use model::Limit;

use super::Run;
use crate::body::Budget;
use crate::facts::{Context, Facts, Target};
use crate::file_type::FileType;
use crate::normalise::text;

impl Run<'_, '_> {
    pub(super) fn match_patterns(&mut self, bytes: &[u8], facts: &Facts, found: &mut Vec<u32>) {
        let Some(patterns) = self.patterns else {
            return;
        };
        // Nothing can stand in it; clamscan passes over empty files, too.
        if bytes.is_empty() {
            return;
        }
        if matches!(facts.target, Target::Text | Target::Html) && bytes.len() > text::MAX_BYTES {
            self.hit(Limit::MemberSize);
        }
        let context = Context {
            containers: &self.containers,
        };
        let mut budget = Budget::for_bytes(bytes.len());
        let mut text = std::mem::take(&mut self.state.text);
        // Signatures for text expect it in lower case with single spaces.
        let normalised = matches!(facts.target, Target::Text | Target::Html)
            && text::normalise(bytes, &mut text);
        let row = if normalised && facts.file_type == FileType::TextAscii {
            // As it stands it is matched with what is for any file only, as ClamAV has it.
            Target::Any
        } else {
            facts.target
        };
        let mut done = patterns.scan(row, bytes, facts, context, self.state, found, &mut budget);
        if normalised {
            let row = facts.target;
            let again = patterns.scan(row, &text, facts, context, self.state, found, &mut budget);
            done = done.and(again);
        }
        self.state.keep_text(text);
        if done.is_err() {
            // Work stands for time, so that the same file always ends at the same place.
            self.hit(Limit::Time);
        }
        // The same signature may be tried on the file and on its normalised form.
        let mut limited = std::mem::take(&mut self.state.limited);
        limited.sort_unstable();
        limited.dedup();
        for rule in limited {
            self.hit_by_rule(Limit::Expression, rule);
        }
    }
}
