//! What must stand in a file for a rule to match it, judged by its condition alone: clauses, each of
//! which asks for so many of some literals. Letters count in either case. What is unclear asks for
//! nothing.

use std::collections::{BTreeMap, HashMap};

use yara_x_parser::ast::{Expr, LiteralInteger, Of, OfItems, Pattern, PatternSet, Quantifier};

use super::literal::Literal;
use super::pattern::needed_by;
use super::program;

/// Literals of a clause; more would rather be found than not.
const MOST_LITERALS: usize = 2048;
/// Clauses of a rule; the rarest are kept.
const MOST_CLAUSES: usize = 12;
/// Functions that read a number out of the file.
const READS: [&str; 12] = [
    "uint8", "uint8be", "uint16", "uint16be", "uint32", "uint32be", "int8", "int8be", "int16",
    "int16be", "int32", "int32be",
];
/// How deep an expression is looked into.
const MAX_DEPTH: usize = 64;

/// A file must hold so many of some literals.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    /// Each once, ascending.
    pub(super) literals: Vec<Literal>,
    pub(super) least: usize,
    /// How often clean files do in a mebibyte, as a guess.
    chance: f64,
}

/// Clauses that a file must fulfil, all of them; at least one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Needed {
    pub(super) clauses: Vec<Clause>,
}

impl Needed {
    pub(super) fn one(literal: Literal, chance: f64) -> Self {
        let clause = Clause {
            literals: vec![literal],
            least: 1,
            chance,
        };
        Self {
            clauses: vec![clause],
        }
    }

    /// How often clean files fulfil all clauses in a mebibyte, as a guess.
    pub(super) fn chance(&self) -> f64 {
        let rarest = self.rarest().map_or(f64::INFINITY, |clause| clause.chance);
        let more = i32::try_from(self.clauses.len()).unwrap_or(i32::MAX) - 1;
        rarest * 0.5_f64.powi(more)
    }

    fn rarest(&self) -> Option<&Clause> {
        self.clauses
            .iter()
            .min_by(|left, right| left.chance.total_cmp(&right.chance))
    }

    /// All of these hold.
    fn all(items: impl Iterator<Item = Self>) -> Option<Self> {
        let mut clauses: Vec<Clause> = items.flat_map(|item| item.clauses).collect();
        clauses.sort_by(|left, right| left.chance.total_cmp(&right.chance));
        clauses.dedup();
        clauses.truncate(MOST_CLAUSES);
        (!clauses.is_empty()).then_some(Self { clauses })
    }
}

/// What a condition may refer to.
pub(super) struct Literals<'n, 'src> {
    pub(super) patterns: &'n [Pattern<'src>],
    /// The rules before this one in its namespace.
    pub(super) rules: &'n HashMap<String, Option<Needed>>,
}

impl Literals<'_, '_> {
    /// What a condition needs in order to be true.
    pub(super) fn needed(&self, condition: &Expr<'_>) -> Option<Needed> {
        self.of(condition, 0)
    }

    fn of(&self, condition: &Expr<'_>, depth: usize) -> Option<Needed> {
        if depth > MAX_DEPTH {
            return None;
        }
        match condition {
            Expr::And(and) => Needed::all(
                and.operands()
                    .filter_map(|operand| self.of(operand, depth + 1)),
            ),
            Expr::Or(or) => at_least(
                1,
                or.operands()
                    .map(|operand| self.of(operand, depth + 1))
                    .collect(),
            ),
            Expr::PatternMatch(matched) => self.pattern(matched.identifier.name),
            Expr::Of(of) => self.some_of(of, depth),
            Expr::Gt(two) => self.counted(&two.lhs, &two.rhs, 0),
            Expr::Ge(two) => self.counted(&two.lhs, &two.rhs, 1),
            Expr::Eq(two) => program::same_imports(&two.lhs, &two.rhs)
                .or_else(|| self.counted(&two.lhs, &two.rhs, 1))
                .or_else(|| self.read_at_match(&two.lhs))
                .or_else(|| self.read_at_match(&two.rhs)),
            Expr::FuncCall(call) => program::exported(call),
            Expr::Ident(name) => self.rules.get(name.name).cloned().flatten(),
            // What is none of these may be true whatever the file holds.
            _ => None,
        }
    }

    fn some_of(&self, of: &Of<'_>, depth: usize) -> Option<Needed> {
        let items: Vec<Option<Needed>> = match &of.items {
            OfItems::PatternSet(PatternSet::Them { .. }) => {
                self.patterns.iter().map(needed_by).collect()
            }
            OfItems::PatternSet(PatternSet::Set(items)) => self
                .patterns
                .iter()
                .filter(|pattern| items.iter().any(|item| item.matches(pattern.identifier())))
                .map(needed_by)
                .collect(),
            OfItems::BoolExprTuple(all) => all.iter().map(|one| self.of(one, depth + 1)).collect(),
        };
        let least = match &of.quantifier {
            Quantifier::Any { .. } => 1,
            Quantifier::All { .. } => items.len(),
            Quantifier::Expr(Expr::LiteralInteger(number)) => positive(number)?,
            Quantifier::None { .. } | Quantifier::Percentage(_) | Quantifier::Expr(_) => {
                return None;
            }
        };
        at_least(least, items)
    }

    /// `#a` above a number.
    fn counted(&self, count: &Expr<'_>, number: &Expr<'_>, least: i64) -> Option<Needed> {
        let (Expr::PatternCount(count), Expr::LiteralInteger(number)) = (count, number) else {
            return None;
        };
        if number.is_unsigned || number.value < least {
            return None;
        }
        self.pattern(count.identifier.name)
    }

    /// `uint32(@a + 7)`: undefined, and equal to nothing, when there is no match.
    fn read_at_match(&self, value: &Expr<'_>) -> Option<Needed> {
        let Expr::FuncCall(call) = value else {
            return None;
        };
        let [place] = call.args.as_slice() else {
            return None;
        };
        if call.object.is_some() || !READS.contains(&call.identifier.name) {
            return None;
        }
        let mut terms = vec![place];
        if let Expr::Add(sum) = place {
            terms = sum.operands().collect();
        }
        terms.into_iter().find_map(|term| match term {
            Expr::PatternOffset(offset) => self.pattern(offset.identifier.name),
            _ => None,
        })
    }

    /// By a name that begins with `$`, `#` or the like.
    fn pattern(&self, name: &str) -> Option<Needed> {
        let bare = name.get(1..).filter(|bare| !bare.is_empty())?;
        let found = |pattern: &&Pattern<'_>| pattern.identifier().name.get(1..) == Some(bare);
        self.patterns.iter().find(found).and_then(needed_by)
    }
}

/// So many of these hold. An item that holds makes a file hold a literal of its rarest clause, but
/// a literal may stand in several items.
pub(super) fn at_least(least: usize, items: Vec<Option<Needed>>) -> Option<Needed> {
    if least == 0 || least > items.len() {
        return None;
    }
    if least == items.len() {
        return Needed::all(items.into_iter().flatten());
    }
    let unclear = items.iter().filter(|item| item.is_none()).count();
    let least = least.checked_sub(unclear).filter(|least| *least > 0)?;
    let items: Vec<Needed> = items.into_iter().flatten().collect();
    let clauses: Vec<&Clause> = items.iter().filter_map(Needed::rarest).collect();
    let mut in_items: BTreeMap<&Literal, (usize, f64)> = BTreeMap::new();
    for clause in &clauses {
        for literal in &clause.literals {
            let (items, chance) = in_items.entry(literal).or_default();
            *items += 1;
            *chance = chance.max(clause.chance);
        }
    }
    let mut most: Vec<usize> = in_items.values().map(|(items, _)| *items).collect();
    most.sort_unstable_by(|left, right| right.cmp(left));
    // The fewest literals that can make so many items hold.
    let mut made = 0;
    let few = most.iter().take_while(|items| {
        let enough = made >= least;
        made += **items;
        !enough
    });
    let least = few.count();
    let mut chances: Vec<f64> = in_items.values().map(|(_, chance)| *chance).collect();
    chances.sort_by(f64::total_cmp);
    // Were none held of the rarest, there would be too few.
    let chance = chances.iter().take(chances.len() + 1 - least).sum();
    let literals: Vec<Literal> = in_items.into_keys().cloned().collect();
    (literals.len() <= MOST_LITERALS).then(|| Needed {
        clauses: vec![Clause {
            literals,
            least,
            chance,
        }],
    })
}

fn positive(number: &LiteralInteger<'_>) -> Option<usize> {
    usize::try_from(number.value)
        .ok()
        .filter(|value| *value > 0 && !number.is_unsigned)
}

#[cfg(test)]
mod tests {
    use yara_x_parser::ast::AST;

    use super::*;

    fn of(text: &str) -> Option<Vec<(usize, Vec<String>)>> {
        let ast = AST::from(text);
        let rule = ast.rules().next().unwrap();
        let literals = Literals {
            patterns: rule.patterns.as_deref().unwrap_or_default(),
            rules: &HashMap::new(),
        };
        let text = |literal: &Literal| match literal {
            Literal::Plain(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Literal::Exact(bytes) => format!("{bytes:x?} as it is"),
            Literal::Masked(bytes, mask) => format!("{bytes:x?} of {mask:x?}"),
            Literal::Imports(hash) => hex::encode(hash),
        };
        let clauses = literals.needed(&rule.condition)?.clauses.into_iter();
        let mut clauses: Vec<(usize, Vec<String>)> = clauses
            .map(|clause| (clause.least, clause.literals.iter().map(text).collect()))
            .collect();
        clauses.sort();
        Some(clauses)
    }

    fn rule(condition: &str) -> Option<Vec<(usize, Vec<String>)>> {
        of(&format!(
            "rule r {{ strings: $a = \"Quagmire1\" $b = \"zebrafish2\" $c = \"oxbow lake3\" \
             $d = \"quagmire1\" nocase $s = \"x\" $x = \"zyzzyva99\" xor condition: {condition} }}"
        ))
    }

    fn clause(least: usize, literals: &[&str]) -> (usize, Vec<String>) {
        let literals = literals.iter().map(|literal| (*literal).to_owned());
        (least, literals.collect())
    }

    #[test]
    fn a_clause_asks_for_no_more_than_a_match_holds() {
        let (a, b, c) = ("quagmire1", "zebrafish2", "oxbow lake3");
        assert_eq!(rule("$a"), Some(vec![clause(1, &[a])]));
        assert_eq!(
            rule("$a and $b"),
            Some(vec![clause(1, &[a]), clause(1, &[b])])
        );
        assert_eq!(rule("$a or $b"), Some(vec![clause(1, &[a, b])]));
        assert_eq!(rule("2 of ($a, $b, $c)"), Some(vec![clause(2, &[c, a, b])]));
        assert_eq!(rule("#a > 0 and filesize < 9"), Some(vec![clause(1, &[a])]));
        assert_eq!(rule("uint32(@a + 4) == 5"), Some(vec![clause(1, &[a])]));
    }

    #[test]
    fn what_may_be_missing_is_not_asked_for() {
        for condition in [
            "not $a",
            "$a or $s",
            "$a or filesize < 9",
            "#a == 0",
            "any of them",
            "uint32(@a) != 5",
        ] {
            assert_eq!(rule(condition), None, "{condition}");
        }
        assert_eq!(
            rule("2 of ($a, $b, $s)"),
            Some(vec![clause(1, &["quagmire1", "zebrafish2"])])
        );
    }

    #[test]
    fn what_is_coded_is_looked_for_as_it_stands_then() {
        let coded = of("rule r { strings: $a = \"zebrafish2\" base64 condition: $a }");
        // Of `base64` of Debian's coreutils, with two, no and one bytes before: what tells nothing else.
        let forms = ["6zwjyywzpc2gy", "emvicmfmaxnom", "plynjhzmlzad"];
        assert_eq!(coded, Some(vec![clause(1, &forms)]));
    }

    #[test]
    fn a_text_under_any_of_some_keys_is_looked_for_under_each() {
        let under = |key: u8| {
            let bytes: Vec<u8> = b"Zebrafish2".iter().map(|byte| byte ^ key).collect();
            format!("{bytes:x?} as it is")
        };
        let coded = of("rule r { strings: $a = \"Zebrafish2\" xor(0-2) condition: $a }");
        let mut forms = vec!["zebrafish2".to_owned(), under(1), under(2)];
        let (least, mut found) = coded.unwrap().remove(0);
        forms.sort();
        found.sort();
        assert_eq!((least, found), (1, forms));
        let wide = of("rule r { strings: $a = \"Zebrafish2\" xor(7) wide condition: $a }");
        let bytes: Vec<u8> = b"Zebrafish2"
            .iter()
            .flat_map(|byte| [byte ^ 7, 7])
            .collect();
        assert_eq!(wide, Some(vec![(1, vec![format!("{bytes:x?} as it is")])]));
    }

    #[test]
    fn a_programs_imports_and_what_it_exports_are_looked_for() {
        let hash = "0123456789abcdef0123456789abcdef";
        let either = format!("pe.imphash() == \"{hash}\" or $a");
        assert_eq!(rule(&either), Some(vec![clause(1, &["quagmire1", hash])]));
        let exported = "pe.exports(\"Zebrafish2\")";
        assert_eq!(rule(exported), Some(vec![clause(1, &["zebrafish2"])]));
        for unclear in [
            "pe.imphash() != \"\"",
            "pe.exports(7)",
            "pe.imphash() == \"x\"",
        ] {
            assert_eq!(rule(unclear), None, "{unclear}");
        }
    }

    #[test]
    fn bytes_that_do_not_count_may_be_any() {
        let pattern = "rule r { strings: $a = { 9f 31 5c ( 01 | 02 ) 7? [2] c7 11 e3 9a [1-2] 11 } \
                       condition: $a }";
        let bytes = "[bf, 31, 7c, 20, 70, 20, 20, e7, 31, e3, ba]";
        let mask = "[ff, ff, ff, 0, f0, 0, 0, ff, ff, ff, ff]";
        let masked = format!("{bytes} of {mask}");
        assert_eq!(of(pattern), Some(vec![clause(1, &[&masked])]));
    }

    #[test]
    fn one_literal_that_two_strings_share_counts_for_both() {
        assert_eq!(
            rule("2 of ($a, $b, $d)"),
            Some(vec![clause(1, &["quagmire1", "zebrafish2"])])
        );
    }
}
