//! Groups in parentheses: alternatives, and characters that bound words or lines.

use super::hex::{Options, pairs};
use super::model::{Element, Masked, Refusal, malformed};

/// Groups inside each other, as ClamAV has it.
const MAX_NESTED: usize = 15;
/// Strings that one group stands for, once groups inside are written out.
const MAX_CHOICES: usize = 4096;

/// Splits behind the parenthesis that closes one opened before the text.
pub(super) fn closed(text: &str) -> Result<(&str, &str), Refusal> {
    let mut level = 0_usize;
    let mut opened = 0;
    for (at, character) in text.char_indices() {
        match character {
            '(' => {
                level += 1;
                opened += 1;
            }
            ')' if level == 0 => {
                if at == 0 {
                    return malformed("a group is empty");
                }
                if opened > MAX_NESTED {
                    return malformed("groups are nested more than 15 deep");
                }
                let (inside, rest) = text.split_at_checked(at).unwrap_or((text, ""));
                return Ok((inside, rest.get(1..).unwrap_or_default()));
            }
            ')' => level -= 1,
            _ => {}
        }
    }
    malformed("a group has no closing parenthesis")
}

/// The element that a group stands for.
pub(super) fn element(inside: &str, negative: bool, options: Options) -> Result<Element, Refusal> {
    match inside {
        "B" => return Ok(Element::Boundary { negative }),
        "L" => return Ok(Element::Line { negative }),
        "W" => return Ok(Element::Word { negative }),
        _ => {}
    }
    let choices = choices(inside, options, 0)?;
    let mut lengths = choices.iter().map(Vec::len);
    let first = lengths.next();
    let even = lengths.all(|length| Some(length) == first);
    let plain = even && !inside.contains(['(', '?']) && !options.any;
    if negative && !plain {
        return malformed("only alternatives of one length, without wildcards, can be negated");
    }
    Ok(Element::Alternatives { negative, choices })
}

/// The strings that alternatives stand for, groups inside written out.
fn choices(text: &str, options: Options, depth: usize) -> Result<Vec<Vec<Masked>>, Refusal> {
    if depth > MAX_NESTED {
        return malformed("groups are nested more than 15 deep");
    }
    let mut all: Vec<Vec<Masked>> = Vec::new();
    for branch in branches(text) {
        let mut strings: Vec<Vec<Masked>> = vec![Vec::new()];
        let mut rest = branch;
        while !rest.is_empty() {
            if rest.starts_with('!') {
                return malformed("alternatives contain a negation");
            }
            let tails = if let Some(inside) = rest.strip_prefix('(') {
                let (inside, behind) = closed(inside)?;
                rest = behind;
                choices(inside, options, depth + 1)?
            } else {
                let mut elements = Vec::new();
                rest = pairs(rest, options, &mut elements)?;
                vec![elements.into_iter().filter_map(byte).collect()]
            };
            if strings.len().saturating_mul(tails.len()) > MAX_CHOICES {
                return Err(Refusal::TooLarge("the number of alternatives"));
            }
            strings = strings
                .iter()
                .flat_map(|head| {
                    tails
                        .iter()
                        .map(move |tail| [head.as_slice(), tail].concat())
                })
                .collect();
        }
        all.append(&mut strings);
        if all.len() > MAX_CHOICES {
            return Err(Refusal::TooLarge("the number of alternatives"));
        }
    }
    Ok(all)
}

fn byte(element: Element) -> Option<Masked> {
    match element {
        Element::Byte(byte) => Some(byte),
        Element::Alternatives { .. }
        | Element::Boundary { .. }
        | Element::Line { .. }
        | Element::Word { .. } => None,
    }
}

/// The text between bars that are in no group.
fn branches(text: &str) -> Vec<&str> {
    let mut level = 0_i32;
    text.split(|character| {
        match character {
            '(' => level += 1,
            ')' => level -= 1,
            _ => {}
        }
        character == '|' && level == 0
    })
    .collect()
}
