//! Whether a rule has its patterns looked for in nearly every file. yara-x looks for all patterns of
//! a part at once, when a condition first asks for one: rules that hardly ever come so far are kept
//! apart. Nothing but speed depends on the answer.

use scan::yara::{EXTERNALS, Starts};
use yara_x_parser::ast::{Expr, Rule, WithSpan as _};

use super::{condition, program};

/// Marks of patterns in a condition.
const MARKS: [&str; 5] = ["$", "#", "@", "!", "them"];

/// Whether judging a rule nearly always needs its patterns. `text` is that of its source.
pub(super) fn searches(rule: &Rule<'_>, text: &str) -> bool {
    let patterns = rule.patterns.as_ref().is_some_and(|all| !all.is_empty());
    patterns && asks(&rule.condition, text)
}

fn asks(condition: &Expr<'_>, text: &str) -> bool {
    if let Expr::And(and) = condition {
        for operand in and.operands() {
            if is_seldom_true(operand) {
                return false;
            }
            if asks(operand, text) {
                return true;
            }
        }
        return false;
    }
    let written = text.get(condition.span().range()).unwrap_or_default();
    MARKS.iter().any(|mark| written.contains(mark))
}

/// What is true of few files and needs no pattern.
fn is_seldom_true(condition: &Expr<'_>) -> bool {
    match condition {
        Expr::Eq(two) => {
            let name = is_external(&two.lhs) || is_external(&two.rhs);
            let imports = program::same_imports(&two.lhs, &two.rhs).is_some();
            let beginning = condition::read_at_start(&two.lhs, &two.rhs)
                .or_else(|| condition::read_at_start(&two.rhs, &two.lhs));
            let class = |beginning| Starts::exactly(&beginning).is_some();
            name || imports || beginning.is_some_and(|beginning| !class(beginning))
        }
        Expr::Contains(two)
        | Expr::IContains(two)
        | Expr::StartsWith(two)
        | Expr::IStartsWith(two)
        | Expr::EndsWith(two)
        | Expr::IEndsWith(two)
        | Expr::IEquals(two)
        | Expr::Matches(two) => is_external(&two.lhs),
        Expr::And(and) => and.operands().any(is_seldom_true),
        Expr::Or(or) => or.operands().all(is_seldom_true),
        // Of what is none of these, nothing is known.
        _ => false,
    }
}

fn is_external(value: &Expr<'_>) -> bool {
    matches!(value, Expr::Ident(name) if EXTERNALS.contains(&name.name))
}

#[cfg(test)]
mod tests {
    use yara_x_parser::ast::AST;

    use super::*;

    fn of(condition: &str) -> bool {
        let text = format!("rule r {{ strings: $a = \"quagmire\" condition: {condition} }}");
        let ast = AST::from(text.as_str());
        assert_eq!(ast.errors(), []);
        searches(ast.rules().next().unwrap(), &text)
    }

    #[test]
    fn patterns_behind_what_is_seldom_true_are_seldom_looked_for() {
        for condition in [
            "filename == \"x\" and $a",
            "filesize > 9 and (filepath contains \"x\" or extension == \".x\") and not $a",
            "uint32(0) == 0x12345678 and any of them",
            "filesize > 9",
        ] {
            assert!(!of(condition), "{condition}");
        }
        for condition in [
            "$a and filename == \"x\"",
            "filename == \"x\" or $a",
            "uint16(0) == 0x5a4d and #a > 1",
            "(filename == \"x\" or filesize > 9) and any of them",
        ] {
            assert!(of(condition), "{condition}");
        }
    }
}
