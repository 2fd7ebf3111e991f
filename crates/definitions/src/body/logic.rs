//! Logical expressions, split as ClamAV splits them: outside of parentheses at the first operator,
//! inside of them at the last. So `0&1|2` is 0&(1|2) and `(0&1|2)` is (0&1)|2.

use scan::body_layout::{MAX_LOGIC_DEPTH, MAX_SUBSIGNATURES};

use super::model::{Logic, Operator, Refusal, malformed};

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Logic, Refusal> {
    expression(text, 0)
}

/// The highest subsignature that an expression names.
pub(super) fn highest(logic: &Logic) -> u8 {
    match logic {
        Logic::Leaf { id, .. } => *id,
        Logic::Both { left, right, .. } => highest(left).max(highest(right)),
    }
}

/// How many times an expression can tell a subsignature to match: one more than the highest
/// number that a count is compared with.
pub(super) fn most(logic: &Logic) -> u32 {
    match logic {
        Logic::Leaf { count, .. } => count.map_or(1, |(_, number)| number.saturating_add(1)),
        Logic::Both {
            left, right, count, ..
        } => {
            let own = count.map_or(1, |(_, number, _)| number.saturating_add(1));
            own.max(most(left)).max(most(right))
        }
    }
}

/// Whether an expression is false without a match of a subsignature.
pub(super) fn needs(logic: &Logic, subsignature: u8) -> bool {
    let wants = |count: Option<(Operator, u32)>| match count {
        None | Some((Operator::More, _)) => true,
        Some((Operator::Equal, number)) => number > 0,
        Some((Operator::Less, _)) => false,
    };
    match logic {
        Logic::Leaf { id, count } => *id == subsignature && wants(*count),
        Logic::Both {
            all,
            left,
            right,
            count,
        } => {
            let (left, right) = (needs(left, subsignature), needs(right, subsignature));
            let both = if *all { left || right } else { left && right };
            both && wants(count.map(|(operator, number, _)| (operator, number)))
        }
    }
}

fn operator(character: u8) -> Option<Operator> {
    match character {
        b'=' => Some(Operator::Equal),
        b'<' => Some(Operator::Less),
        b'>' => Some(Operator::More),
        _ => None,
    }
}

/// The number that a text begins with, and how long it is.
fn number(text: &str) -> Option<(u32, usize)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text.get(..length)?.parse().ok()?, length))
}

/// Where an expression is split.
struct Split {
    at: usize,
    /// The operator stood in parentheses: they end here.
    block_end: Option<usize>,
    count: Option<(Operator, u32, u32)>,
}

fn expression(text: &str, depth: usize) -> Result<Logic, Refusal> {
    if depth > MAX_LOGIC_DEPTH {
        return Err(Refusal::TooLarge("the depth of a logical expression"));
    }
    let Some(split) = split(text)? else {
        if let Some(inside) = text.strip_prefix('(') {
            let inside = inside.get(..inside.len().saturating_sub(1));
            return expression(inside.unwrap_or_default(), depth + 1);
        }
        return leaf(text);
    };
    let start = usize::from(split.block_end.is_some());
    let end = split.block_end.unwrap_or(text.len());
    let all = text.as_bytes().get(split.at) == Some(&b'&');
    let (Some(left), Some(right)) = (text.get(start..split.at), text.get(split.at + 1..end)) else {
        return malformed(format!("an operator has no operands in {text:?}"));
    };
    Ok(Logic::Both {
        all,
        left: Box::new(expression(left, depth + 1)?),
        right: Box::new(expression(right, depth + 1)?),
        count: split.count,
    })
}

fn leaf(text: &str) -> Result<Logic, Refusal> {
    let bad = || Refusal::Malformed(format!("expected a subsignature's number, got {text:?}"));
    let (id, length) = number(text).ok_or_else(bad)?;
    let id = u8::try_from(id)
        .ok()
        .filter(|id| usize::from(*id) < MAX_SUBSIGNATURES)
        .ok_or(Refusal::TooLarge("the number of subsignatures"))?;
    // Of several operators in a row the last one counts.
    let last = text.rfind(['=', '<', '>']);
    let operator = last.and_then(|at| operator(*text.as_bytes().get(at)?).zip(text.get(at + 1..)));
    let count = match operator {
        Some((operator, rest)) => Some((operator, number(rest).ok_or_else(bad)?.0)),
        None if text.len() == length => None,
        None => return Err(bad()),
    };
    Ok(Logic::Leaf { id, count })
}

fn split(text: &str) -> Result<Option<Split>, Refusal> {
    let bytes = text.as_bytes();
    let mut level = 0_u32;
    let mut inner = None;
    let mut found = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'(' => level += 1,
            b')' => match level.checked_sub(1) {
                Some(less) => level = less,
                None => return malformed(format!("no opening parenthesis in {text:?}")),
            },
            b'&' | b'|' if level == 0 => {
                return Ok(Some(Split {
                    at,
                    block_end: None,
                    count: None,
                }));
            }
            b'&' | b'|' if level == 1 => inner = Some(at),
            _ => {}
        }
        if let Some(operator_at) = inner
            && level == 0
        {
            let block_end = at;
            let mut count = None;
            if let Some(operator) = bytes.get(at + 1).copied().and_then(operator) {
                let numbers = text.get(at + 2..).unwrap_or_default();
                let Some((first, length)) = number(numbers) else {
                    return malformed(format!("a count has no number in {text:?}"));
                };
                let second = numbers
                    .get(length..)
                    .and_then(|rest| rest.strip_prefix(','));
                let second = second.and_then(number).map_or(0, |(number, _)| number);
                count = Some((operator, first, second));
                let digits = |byte: &u8| byte.is_ascii_digit() || *byte == b',';
                at += 1 + numbers.bytes().take_while(digits).count();
            }
            if at + 1 == bytes.len() {
                found = Some(Split {
                    at: operator_at,
                    block_end: Some(block_end),
                    count,
                });
                break;
            }
        }
        at += 1;
    }
    if level != 0 {
        return malformed(format!("no closing parenthesis in {text:?}"));
    }
    if found.is_none() && inner.is_some() {
        return malformed(format!("something stands behind a group in {text:?}"));
    }
    Ok(found)
}
