//! Regular expressions that must be kept from yara-x.
//!
//! As YARA does, yara-x takes a brace that opens no repetition for a letter: where the parser of its
//! expressions (`regex-syntax`) finds a wrong repetition, it writes a backslash before the nearest
//! brace to the left, and parses again. At version 1.22.1 it stops with a panic where there is no
//! brace (`/+a/`, `/(*a)/`), and never stops where the brace isn't what is wrong (`/a{2}(+b)/`). Here the
//! same steps are taken first, and what would not end well costs its own rule alone.

use std::borrow::Cow;

use regex_syntax::ast::ErrorKind;
use regex_syntax::ast::parse::ParserBuilder;
use yara_x_parser::ast::dfs::{DFSEvent, DFSIter};
use yara_x_parser::ast::{Expr, Pattern, Rule, WithSpan as _};

/// Letters that yara-x may mend in one expression; each mending has all of it parsed again.
const MOST_MENDED: usize = 200;

/// The first expression of a rule that yara-x can't take: where it stands, and why.
pub(super) fn refused_in(rule: &Rule<'_>) -> Option<(usize, String)> {
    let patterns = rule.patterns.as_deref().unwrap_or_default();
    let of_patterns = patterns.iter().filter_map(|pattern| match pattern {
        Pattern::Regexp(pattern) => Some(&pattern.regexp),
        Pattern::Text(_) | Pattern::Hex(_) => None,
    });
    let of_condition = DFSIter::new(&rule.condition).filter_map(|event| match event {
        DFSEvent::Enter(Expr::Regexp(expression)) => Some(expression.as_ref()),
        DFSEvent::Enter(_) | DFSEvent::Leave(_) => None,
    });
    of_patterns.chain(of_condition).find_map(|expression| {
        refused(expression.src).map(|reason| (expression.span().start(), reason))
    })
}

/// Why an expression can't be given to yara-x. Nothing is said of other mistakes: it reports them.
fn refused(expression: &str) -> Option<String> {
    let mut text = Cow::Borrowed(expression);
    for _ in 0..MOST_MENDED {
        let mut parser = ParserBuilder::new().empty_min_range(true).build();
        let Err(error) = parser.parse(&text) else {
            return None;
        };
        let at = error.span().start.offset;
        match error.kind() {
            ErrorKind::EscapeUnrecognized | ErrorKind::ClassEscapeInvalid
                if text.get(at..).is_some_and(|rest| rest.starts_with('\\')) =>
            {
                text.to_mut().remove(at);
            }
            ErrorKind::RepetitionMissing
            | ErrorKind::RepetitionCountInvalid
            | ErrorKind::RepetitionCountUnclosed
            | ErrorKind::RepetitionCountDecimalEmpty => {
                let before = text.get(..=at);
                let brace = before.and_then(|before| before.rfind('{'));
                match brace.filter(|brace| !is_escaped(&text, *brace)) {
                    Some(brace) => text.to_mut().insert(brace, '\\'),
                    None => return Some(error.kind().to_string()),
                }
            }
            ErrorKind::EscapeUnrecognized | ErrorKind::ClassEscapeInvalid => {
                return Some(error.kind().to_string());
            }
            _ => return None,
        }
    }
    Some(format!(
        "expected at most {MOST_MENDED} braces and backslashes that mean themselves; write \\{{ and \\\\"
    ))
}

/// Whether a backslash that counts stands before a place.
fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.as_bytes().iter().take(at).rev();
    before.take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yara_x_would_not_end_well_with_is_refused() {
        for wrong in [
            "+a",
            "+x y",
            "(*a)",
            "a|?b",
            "**",
            "a{2}(+b)",
            "a{2}b\\{(+c)",
            "a\\{b(+c)",
            "é(+a)",
        ] {
            assert!(refused(wrong).is_some(), "{wrong} is taken");
        }
        assert!(refused(&"\\R".repeat(MOST_MENDED)).is_some());
    }

    #[test]
    fn what_yara_takes_stays() {
        for right in [
            "a+", "a{2}", "a{,2}", "foo{}bar", "a{b", "{", "a{", "\\Ra", "[\\R]", "a\\{2}",
            "a{2,1}", "é{2}", "x(",
        ] {
            assert_eq!(refused(right), None, "{right}");
        }
    }
}
