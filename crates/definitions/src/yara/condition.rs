//! Which files a rule can match, judged by its condition alone: what they begin with, and how
//! large they are at most. Every answer is a bound from above: what is unclear is every file.

use std::collections::HashMap;

use scan::yara::{Beginning, Start, Starts};
use yara_x_parser::ast::{
    Expr, FuncCall, HexToken, Iterable, MatchAnchor, NAryExpr, Pattern, Quantifier,
};

/// How deep an expression is looked into.
const MAX_DEPTH: usize = 64;

/// The files that a rule can match: of each class the bytes of the largest, if any at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope([Option<u64>; Start::ALL.len()]);

impl Scope {
    pub(super) const ANY: Self = Self([Some(u64::MAX); Start::ALL.len()]);

    pub(super) fn new(starts: Starts, most_bytes: u64) -> Self {
        Self(Start::ALL.map(|start| starts.contains(start).then_some(most_bytes)))
    }

    fn starting(starts: Starts) -> Self {
        Self::new(starts, u64::MAX)
    }

    /// What the files begin with.
    pub(super) fn starts(&self) -> Starts {
        let of_class = Start::ALL.into_iter().zip(self.0);
        of_class
            .filter(|(_, most)| most.is_some())
            .fold(Starts::NONE, |starts, (start, _)| {
                starts.or(Starts::only(start))
            })
    }

    /// Bytes of the largest of some classes.
    pub(super) fn most_bytes(&self, within: Starts) -> u64 {
        let of_class = Start::ALL.into_iter().zip(self.0);
        of_class
            .filter(|(start, _)| within.contains(*start))
            .filter_map(|(_, most)| most)
            .max()
            .unwrap_or(0)
    }

    fn and(self, other: Self) -> Self {
        self.each(other, |one, other| Some(one?.min(other?)))
    }

    fn or(self, other: Self) -> Self {
        self.each(other, Option::max)
    }

    fn each(mut self, other: Self, join: impl Fn(Option<u64>, Option<u64>) -> Option<u64>) -> Self {
        for (most, other) in self.0.iter_mut().zip(other.0) {
            *most = join(*most, other);
        }
        self
    }
}

/// What a condition may refer to.
pub(super) struct Names<'n, 'src> {
    pub(super) patterns: &'n [Pattern<'src>],
    /// The rules before this one in its namespace.
    pub(super) rules: &'n HashMap<String, Scope>,
}

impl Names<'_, '_> {
    /// The files for which a condition can be true.
    pub(super) fn scope(&self, condition: &Expr<'_>) -> Scope {
        self.of(condition, 0)
    }

    fn of(&self, condition: &Expr<'_>, depth: usize) -> Scope {
        if depth > MAX_DEPTH {
            return Scope::ANY;
        }
        match condition {
            Expr::And(and) => and
                .operands()
                .map(|operand| self.of(operand, depth + 1))
                .fold(Scope::ANY, Scope::and),
            Expr::Or(or) => or
                .operands()
                .map(|operand| self.of(operand, depth + 1))
                .reduce(Scope::or)
                .unwrap_or(Scope::ANY),
            Expr::Not(not) => not_true(&not.operand, depth + 1),
            Expr::Eq(eq) => equal(&eq.lhs, &eq.rhs),
            Expr::Ne(ne) => unequal(&ne.lhs, &ne.rhs).and(of_module(&[&ne.lhs, &ne.rhs])),
            Expr::Lt(lt) => below(&lt.lhs, &lt.rhs, 1).and(of_module(&[&lt.lhs, &lt.rhs])),
            Expr::Le(le) => below(&le.lhs, &le.rhs, 0).and(of_module(&[&le.lhs, &le.rhs])),
            Expr::Gt(gt) => below(&gt.rhs, &gt.lhs, 1).and(of_module(&[&gt.lhs, &gt.rhs])),
            Expr::Ge(ge) => below(&ge.rhs, &ge.lhs, 0).and(of_module(&[&ge.lhs, &ge.rhs])),
            Expr::Contains(two)
            | Expr::IContains(two)
            | Expr::StartsWith(two)
            | Expr::IStartsWith(two)
            | Expr::EndsWith(two)
            | Expr::IEndsWith(two)
            | Expr::IEquals(two)
            | Expr::Matches(two) => of_module(&[&two.lhs]),
            Expr::FieldAccess(path) if is_pe(path) => Scope::starting(Starts::only(Start::Pe)),
            Expr::FieldAccess(_) | Expr::FuncCall(_) => of_module(&[condition]),
            Expr::PatternMatch(_) => self.beginning(condition).map_or(Scope::ANY, |wanted| {
                Scope::starting(Starts::beginning_with(&wanted))
            }),
            Expr::Ident(name) => self.rules.get(name.name).copied().unwrap_or(Scope::ANY),
            // Without a single item, a loop that asks for at least one of them is false.
            Expr::ForIn(each) => match (&each.quantifier, &each.iterable) {
                (Quantifier::Any { .. }, Iterable::Expr(items)) => of_module(&[items]),
                _ => Scope::ANY,
            },
            // What is none of these says nothing of the file's beginning or size.
            _ => Scope::ANY,
        }
    }

    /// The bytes that `$a at 0` asks for.
    fn beginning(&self, matched: &Expr<'_>) -> Option<Beginning> {
        let Expr::PatternMatch(matched) = matched else {
            return None;
        };
        let Some(MatchAnchor::At(at)) = &matched.anchor else {
            return None;
        };
        if integer(&at.expr)? != 0 {
            return None;
        }
        let pattern = self
            .patterns
            .iter()
            .find(|pattern| pattern.identifier().name == matched.identifier.name)?;
        let modifiers = pattern.modifiers();
        // Full words look at what follows too, which only narrows.
        let changed = modifiers.wide().is_some()
            || modifiers.nocase().is_some()
            || modifiers.xor().is_some()
            || modifiers.base64().is_some()
            || modifiers.base64wide().is_some();
        if changed {
            return None;
        }
        let mut wanted = Beginning::default();
        match pattern {
            Pattern::Text(text) => {
                for (place, byte) in wanted.iter_mut().zip(text.text.value.iter()) {
                    *place = Some(*byte);
                }
            }
            Pattern::Hex(hex) => {
                for (place, token) in wanted.iter_mut().zip(hex.sub_patterns.iter()) {
                    match token {
                        HexToken::Byte(byte) if byte.mask == 0xff => *place = Some(byte.value),
                        HexToken::Byte(_) | HexToken::NotByte(_) => {}
                        HexToken::Alternative(_) | HexToken::Jump(_) => break,
                    }
                }
            }
            Pattern::Regexp(_) => return None,
        }
        Some(wanted)
    }
}

fn equal(left: &Expr<'_>, right: &Expr<'_>) -> Scope {
    if let Some(wanted) = read_at_start(left, right).or_else(|| read_at_start(right, left)) {
        return Scope::starting(Starts::beginning_with(&wanted));
    }
    let size = match (left, right) {
        (Expr::Filesize { .. }, other) | (other, Expr::Filesize { .. }) => integer(other),
        _ => None,
    };
    if let Some(size) = size.and_then(|size| u64::try_from(size).ok()) {
        return Scope::new(Starts::ALL, size);
    }
    of_module(&[left, right])
}

/// The files for which a condition can be false or undefined.
fn not_true(condition: &Expr<'_>, depth: usize) -> Scope {
    if depth > MAX_DEPTH {
        return Scope::ANY;
    }
    match condition {
        Expr::Eq(eq) => unequal(&eq.lhs, &eq.rhs),
        Expr::Or(or) => or
            .operands()
            .map(|operand| not_true(operand, depth + 1))
            .fold(Scope::ANY, Scope::and),
        Expr::And(and) => and
            .operands()
            .map(|operand| not_true(operand, depth + 1))
            .reduce(Scope::or)
            .unwrap_or(Scope::ANY),
        // Of what is none of these, nothing is known when it is not true.
        _ => Scope::ANY,
    }
}

fn unequal(left: &Expr<'_>, right: &Expr<'_>) -> Scope {
    read_at_start(left, right)
        .or_else(|| read_at_start(right, left))
        .and_then(|wanted| Starts::exactly(&wanted))
        .map_or(Scope::ANY, |start| {
            Scope::starting(Starts::only(start).complement())
        })
}

/// `filesize` below a number.
fn below(lesser: &Expr<'_>, greater: &Expr<'_>, distance: u64) -> Scope {
    let limit = match lesser {
        Expr::Filesize { .. } => integer(greater).and_then(|size| u64::try_from(size).ok()),
        _ => None,
    };
    limit.map_or(Scope::ANY, |limit| {
        Scope::new(Starts::ALL, limit.saturating_sub(distance))
    })
}

/// The bytes that a comparison of `uint32(0)` and its like with a number asks for.
pub(super) fn read_at_start(read: &Expr<'_>, number: &Expr<'_>) -> Option<Beginning> {
    let Expr::FuncCall(call) = read else {
        return None;
    };
    let (bytes, big_endian) = match (&call.object, call.identifier.name) {
        (None, "uint8" | "uint8be") => (1, true),
        (None, "uint16") => (2, false),
        (None, "uint16be") => (2, true),
        (None, "uint32") => (4, false),
        (None, "uint32be") => (4, true),
        _ => return None,
    };
    let [offset] = call.args.as_slice() else {
        return None;
    };
    let offset = usize::try_from(integer(offset)?).ok()?;
    let value = u64::try_from(integer(number)?).ok()?;
    // A number that does not fit is never read.
    if value >> (8 * bytes) != 0 {
        return None;
    }
    let read = if big_endian {
        value.to_be_bytes().get(8 - bytes..)?.to_vec()
    } else {
        value.to_le_bytes().get(..bytes)?.to_vec()
    };
    let mut wanted = Beginning::default();
    for (place, byte) in wanted.iter_mut().skip(offset).zip(read) {
        *place = Some(byte);
    }
    Some(wanted)
}

/// What a module says of a file of another type is undefined, and so is any comparison with it,
/// which counts as false.
fn of_module(operands: &[&Expr<'_>]) -> Scope {
    operands
        .iter()
        .filter_map(|operand| module_of(operand))
        .fold(Scope::ANY, |scope, start| {
            scope.and(Scope::starting(Starts::only(start)))
        })
}

/// The class of the files for which a value of a module is defined and not empty.
fn module_of(value: &Expr<'_>) -> Option<Start> {
    match value {
        // Defined for every file.
        Expr::FieldAccess(path) if is_pe(path) => None,
        Expr::FieldAccess(path) => {
            let last = path.operands().last()?;
            match last {
                // Numbers that a module gives names to are defined for every file.
                Expr::Ident(name) if !is_constant(name.name) => {}
                Expr::Lookup(_) => {}
                _ => return None,
            }
            module_of_root(path.operands().next()?)
        }
        Expr::Lookup(lookup) => module_of(&lookup.primary),
        Expr::FuncCall(call) => module_of_call(call),
        _ => None,
    }
}

fn module_of_root(root: &Expr<'_>) -> Option<Start> {
    match root {
        Expr::Ident(name) if name.name == "pe" => Some(Start::Pe),
        Expr::Ident(name) if name.name == "elf" => Some(Start::Elf),
        Expr::Lookup(lookup) => module_of(&lookup.primary),
        Expr::FieldAccess(path) => module_of_root(path.operands().next()?),
        _ => None,
    }
}

/// Functions whose value is undefined or false for other files.
fn module_of_call(call: &FuncCall<'_>) -> Option<Start> {
    let Some(Expr::Ident(module)) = &call.object else {
        return None;
    };
    match (module.name, call.identifier.name) {
        ("pe", "exports" | "imports" | "imphash" | "is_dll" | "is_32bit" | "is_64bit") => {
            Some(Start::Pe)
        }
        _ => None,
    }
}

fn is_pe(path: &NAryExpr<'_>) -> bool {
    let mut names = path.operands().map(|name| match name {
        Expr::Ident(name) => name.name,
        _ => "",
    });
    names.next() == Some("pe") && names.next() == Some("is_pe") && names.next().is_none()
}

fn is_constant(name: &str) -> bool {
    !name.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn integer(number: &Expr<'_>) -> Option<i64> {
    match number {
        Expr::LiteralInteger(number) if !number.is_unsigned => Some(number.value),
        _ => None,
    }
}
