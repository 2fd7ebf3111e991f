//! Perl-compatible expressions, run by PCRE2's interpreter (no memory is ever made executable)
//! after their trigger has matched, with limits on steps and depth.

use pcre2::bytes::{Regex, RegexBuilder};

use super::budget::{Budget, Exhausted};
use super::cursor::{Cursor, Source};
use super::layout::expression;
use super::pattern::Found;
use super::place::{Place, Range};
use crate::facts::Facts;

/// Steps of one match, as ClamAV has them.
const MATCH_LIMIT: u32 = 100_000;
/// Depth of backtracking of one match, as ClamAV has it.
const DEPTH_LIMIT: u32 = 2_000;
/// Kibibytes that one match may keep.
const HEAP_LIMIT_KIB: u32 = 16 << 10;
/// Larger files are not searched with expressions, as ClamAV has it.
const MAX_FILE_BYTES: usize = 100 << 20;
/// Matches of one expression in one file that are counted.
const MAX_MATCHES: u64 = 10_000;
/// What one match is taken to cost at most, beside the bytes that it passes over.
const UNITS_PER_MATCH: usize = 2_000;

/// An expression, read from its program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expression<'d> {
    pub(super) trigger: &'d [u8],
    place: Place,
    flags: u16,
    text: &'d [u8],
}

/// Why an expression can't be used.
#[derive(Debug, thiserror::Error)]
#[error("PCRE2 refuses it: {0}")]
pub struct ExpressionError(String);

/// Compiles an expression with the flags of [`super::layout::expression`], as the scanner does.
///
/// # Errors
/// What PCRE2 says of it.
pub fn compile(text: &[u8], flags: u16, anchored: bool) -> Result<Regex, ExpressionError> {
    let has = |flag| flags & flag != 0;
    let mut pattern = format!(
        "(*LIMIT_MATCH={MATCH_LIMIT})(*LIMIT_DEPTH={DEPTH_LIMIT})(*LIMIT_HEAP={HEAP_LIMIT_KIB})"
    );
    let anchored = anchored || has(expression::ANCHORED);
    if anchored {
        pattern.push_str("\\G(?:");
    }
    if has(expression::UNGREEDY) {
        pattern.push_str("(?U)");
    }
    let end_only = has(expression::END_ONLY) && !has(expression::MULTI_LINE);
    let mut escaped = false;
    let mut class = false;
    for byte in text {
        match byte {
            b'$' if end_only && !escaped && !class => pattern.push_str("\\z"),
            0x80.. => pattern.push_str(&format!("\\x{byte:02x}")),
            _ => pattern.push(char::from(*byte)),
        }
        class = match byte {
            b'[' if !escaped => true,
            b']' if !escaped => false,
            _ => class,
        };
        escaped = *byte == b'\\' && !escaped;
    }
    if anchored {
        // A comment of extended syntax ends with the line.
        pattern.push_str(if has(expression::EXTENDED) {
            "\n)"
        } else {
            ")"
        });
    }
    RegexBuilder::new()
        .caseless(has(expression::CASELESS))
        .dotall(has(expression::DOT_ALL))
        .multi_line(has(expression::MULTI_LINE))
        .extended(has(expression::EXTENDED))
        .build(&pattern)
        .map_err(|error| ExpressionError(error.to_string()))
}

impl<'d> Expression<'d> {
    pub(super) fn read(cursor: &mut Cursor<impl Source<'d>>) -> Option<Self> {
        let length = cursor.length()?;
        let trigger = cursor.take(length)?;
        let place = Place::read(cursor)?;
        let flags = cursor.u16()?;
        let length = cursor.length()?;
        Some(Self {
            trigger,
            place,
            flags,
            text: cursor.take(length)?,
        })
    }

    const fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Counts matches: one, or with the flag for it all that don't overlap. `limited` becomes true
    /// when a limit was reached; what was counted until then stands.
    pub(super) fn find(
        &self,
        file: &[u8],
        facts: &Facts,
        budget: &mut Budget,
        limited: &mut bool,
    ) -> Result<Found, Exhausted> {
        let mut found = Found::default();
        let (base, shift) = match self.place.range(facts, file.len()) {
            Some(Range::Between(first, _)) if first < file.len() => {
                let whole = self.place.kind == super::layout::offset::ANY;
                (first, (!whole).then(|| self.shift(facts, file.len())))
            }
            Some(Range::VersionInfo) => (0, None),
            Some(Range::Between(..)) | None => return Ok(found),
        };
        if file.len() > MAX_FILE_BYTES {
            *limited = true;
            return Ok(found);
        }
        let anchored = !self.has(expression::ROLLING) && shift == Some(0);
        let Ok(regex) = compile(self.text, self.flags, anchored) else {
            return Ok(found);
        };
        let mut subject = file.get(base..).unwrap_or_default();
        let shift = shift.filter(|shift| *shift != 0);
        let encompass = self.has(expression::ENCOMPASS);
        if let Some(shift) = shift.filter(|_| encompass) {
            subject = subject.get(..shift).unwrap_or(subject);
        }
        let mut from = 0;
        while from < subject.len() || found.count == 0 {
            budget.spend(UNITS_PER_MATCH)?;
            let matched = regex.find_at(subject, from);
            // Reaching a limit of PCRE2 counts as no match, as ClamAV has it; here it is reported.
            *limited |= matched.is_err();
            let Ok(Some(hit)) = matched else {
                budget.spend(subject.len().saturating_sub(from))?;
                break;
            };
            budget.spend(hit.end().saturating_sub(from))?;
            if !encompass && shift.is_some_and(|shift| hit.start() > shift) {
                break;
            }
            found.count += 1;
            found.last = base + hit.start();
            if !self.has(expression::GLOBAL) || hit.end() <= from || found.count >= MAX_MATCHES {
                break;
            }
            from = hit.end();
        }
        Ok(found)
    }

    /// How far behind its place a match may begin.
    fn shift(&self, facts: &Facts, length: usize) -> usize {
        match self.place.range(facts, length) {
            Some(Range::Between(first, last)) => {
                let stated = usize::try_from(self.place.shift).unwrap_or(usize::MAX);
                stated.max(last.saturating_sub(first))
            }
            Some(Range::VersionInfo) | None => 0,
        }
    }
}
