//! What must stand in a file for a rule to match it, judged by its condition alone: clauses, each of
//! which asks for so many of some literals. Letters count in either case. What is unclear asks for
//! nothing.

use std::collections::{BTreeMap, HashMap};

use scan::yara::gate::{WINDOW_BYTES, fold};
use yara_x_parser::ast::{
    Expr, HexToken, LiteralInteger, Of, OfItems, Pattern, PatternSet, Quantifier,
};

use super::common;
use super::runs;
use crate::body::Frequencies;

/// Bytes of a literal that tell something: fewer stand in too many files.
const LEAST_TELLING: usize = 5;
/// What clean files hold more often in a mebibyte is not looked for.
const COMMON: f64 = 64.0;
/// What follows is cut off: enough to be rare.
const MOST_BYTES: usize = 240;
/// Literals of a clause; more would rather be found than not.
const MOST_LITERALS: usize = 1024;
/// Clauses of a rule; the rarest are kept.
const MOST_CLAUSES: usize = 12;
/// How deep an expression is looked into.
const MAX_DEPTH: usize = 64;

/// A file must hold so many of some literals.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    /// Folded, each once, ascending.
    pub(super) literals: Vec<Vec<u8>>,
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
    fn one(literal: &[u8]) -> Option<Self> {
        let literal = literal.get(..MOST_BYTES).unwrap_or(literal);
        // Wide text counts by its letters.
        let telling = literal
            .iter()
            .filter(|byte| !matches!(byte, 0 | 0xff | b' '))
            .count();
        let more = telling.checked_sub(LEAST_TELLING)?;
        let frequencies = Frequencies::shipped();
        let rarest = frequencies
            .windows(literal, WINDOW_BYTES)
            .into_iter()
            .reduce(f64::min)?;
        // Each further byte rules out half of what stood there by chance, carefully said.
        let chance = rarest * 0.5_f64.powi(i32::try_from(more).unwrap_or(i32::MAX));
        let clause = Clause {
            literals: vec![literal.iter().copied().map(fold).collect()],
            least: 1,
            chance,
        };
        (chance <= COMMON && !common::is_common(literal)).then(|| Self {
            clauses: vec![clause],
        })
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
            Expr::Ge(two) | Expr::Eq(two) => self.counted(&two.lhs, &two.rhs, 1),
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

    /// By a name that begins with `$`, `#` or the like.
    fn pattern(&self, name: &str) -> Option<Needed> {
        let bare = name.get(1..).filter(|bare| !bare.is_empty())?;
        let found = |pattern: &&Pattern<'_>| pattern.identifier().name.get(1..) == Some(bare);
        self.patterns.iter().find(found).and_then(needed_by)
    }
}

/// So many of these hold. An item that holds makes a file hold a literal of its rarest clause, but
/// a literal may stand in several items.
fn at_least(least: usize, items: Vec<Option<Needed>>) -> Option<Needed> {
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
    let mut in_items: BTreeMap<&Vec<u8>, (usize, f64)> = BTreeMap::new();
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
    let literals: Vec<Vec<u8>> = in_items.into_keys().cloned().collect();
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

/// What a pattern needs in order to match at all.
fn needed_by(pattern: &Pattern<'_>) -> Option<Needed> {
    let modifiers = pattern.modifiers();
    let changed = modifiers.xor().is_some()
        || modifiers.base64().is_some()
        || modifiers.base64wide().is_some();
    if changed {
        return None;
    }
    let runs = match pattern {
        Pattern::Text(text) => vec![text.text.value.to_vec()],
        Pattern::Regexp(pattern) => runs::of_regexp(pattern.regexp.src)?,
        Pattern::Hex(hex) => {
            let mut runs = vec![Vec::new()];
            for token in hex.sub_patterns.iter() {
                match token {
                    HexToken::Byte(byte) if byte.mask == 0xff => {
                        if let Some(run) = runs.last_mut() {
                            run.push(byte.value);
                        }
                    }
                    HexToken::Byte(_)
                    | HexToken::NotByte(_)
                    | HexToken::Alternative(_)
                    | HexToken::Jump(_) => runs.push(Vec::new()),
                }
            }
            runs
        }
    };
    let plain = || rarest(&runs);
    let wide = || {
        let interleave = |run: &Vec<u8>| run.iter().flat_map(|byte| [*byte, 0]).collect();
        rarest(&runs.iter().map(interleave).collect::<Vec<Vec<u8>>>())
    };
    match (modifiers.wide().is_some(), modifiers.ascii().is_some()) {
        (false, _) => plain(),
        (true, false) => wide(),
        (true, true) => at_least(1, vec![plain(), wide()]),
    }
}

/// The best to look for: a file with the pattern holds all of them.
fn rarest(runs: &[Vec<u8>]) -> Option<Needed> {
    runs.iter()
        .filter_map(|run| Needed::one(run))
        .min_by(|left, right| left.chance().total_cmp(&right.chance()))
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
        let text = |literal: &Vec<u8>| String::from_utf8_lossy(literal).into_owned();
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
    }

    #[test]
    fn what_may_be_missing_is_not_asked_for() {
        for condition in [
            "not $a",
            "$a or $s",
            "$a or filesize < 9",
            "#a == 0",
            "any of them",
            "$x",
        ] {
            assert_eq!(rule(condition), None, "{condition}");
        }
        assert_eq!(
            rule("2 of ($a, $b, $s)"),
            Some(vec![clause(1, &["quagmire1", "zebrafish2"])])
        );
    }

    #[test]
    fn one_literal_that_two_strings_share_counts_for_both() {
        assert_eq!(
            rule("2 of ($a, $b, $d)"),
            Some(vec![clause(1, &["quagmire1", "zebrafish2"])])
        );
    }
}
