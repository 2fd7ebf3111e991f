//! The hexadecimal text of patterns, read as ClamAV does (source: its manual, "Body-based
//! Signature Content Format", and what clamscan accepts).

use std::borrow::Cow;

use scan::body_layout::{MAX_PARTS, marker};

use super::alternatives;
use super::model::{Element, Masked, Neighbour, Part, Refusal, malformed};

/// `{n}` below this is the same as n times `??`.
const SHORT_GAP: u32 = 128;
/// The furthest that a character in `[n-m]` may be from its part.
const MAX_DISTANCE: u8 = 32;
/// Elements of one part without which there is nothing to look for.
const LEAST_ELEMENTS: usize = 2;
/// Characters of one pattern.
const MAX_TEXT: usize = 1 << 16;

/// Options of a subsignature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Options {
    /// Letters match in either case.
    pub(super) caseless: bool,
    /// Characters take two bytes.
    pub(super) wide: bool,
    /// Whether any option was given: then groups of strings may not be negated.
    pub(super) any: bool,
}

/// The parts of a pattern.
pub(super) fn parts(text: &str, options: Options) -> Result<Vec<Part>, Refusal> {
    if text.len() > MAX_TEXT {
        return Err(Refusal::TooLarge("a pattern"));
    }
    let text = without_short_gaps(text);
    if !text.is_ascii() {
        return malformed("a pattern has characters beyond ASCII");
    }
    let mut parts = Vec::new();
    let mut rest = &*text;
    let mut gap = (0, 0);
    loop {
        let end = end_of_part(rest)?;
        let (own, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let mut part = part(own, options)?;
        part.gap = gap;
        parts.push(part);
        if parts.len() > MAX_PARTS {
            return Err(Refusal::TooLarge("the number of parts of a pattern"));
        }
        if behind.is_empty() {
            return Ok(parts);
        }
        (gap, rest) = read_gap(behind)?;
    }
}

/// `{n}` is written out while it comes first of all gaps in braces.
fn without_short_gaps(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    while let Some((before, rest)) = text.split_once('{') {
        let Some((inside, behind)) = rest.split_once('}') else {
            break;
        };
        match inside.parse::<u32>() {
            Ok(count) if (1..SHORT_GAP).contains(&count) && !inside.starts_with('+') => {
                let any = "??".repeat(count as usize);
                text = Cow::Owned(format!("{before}{any}{behind}"));
            }
            _ => break,
        }
    }
    text
}

fn end_of_part(text: &str) -> Result<usize, Refusal> {
    let mut nested = 0_i32;
    for (at, character) in text.bytes().enumerate() {
        match character {
            b'(' => nested += 1,
            b')' => nested -= 1,
            b'{' | b'*' if nested != 0 => {
                return malformed("a gap stands inside alternatives");
            }
            b'{' | b'*' => return Ok(at),
            _ => {}
        }
    }
    Ok(text.len())
}

/// The gap that a text begins with, and the text behind it.
fn read_gap(text: &str) -> Result<((u32, u32), &str), Refusal> {
    if let Some(rest) = text.strip_prefix('*') {
        return Ok(((0, 0), rest));
    }
    let inside = text.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let Some((inside, rest)) = inside else {
        return malformed("a gap has no closing brace");
    };
    let bad = || Refusal::Malformed(format!("expected a gap such as {{2-5}}, got {{{inside}}}"));
    let number = |text: &str| text.parse::<u32>().map_err(|_| bad());
    let gap = match inside.split_once('-') {
        None => {
            let exact = number(inside)?;
            (exact, exact)
        }
        Some((least, most)) => {
            let bound = |text: &str| if text.is_empty() { Ok(0) } else { number(text) };
            (bound(least)?, bound(most)?)
        }
    };
    Ok((gap, rest))
}

fn part(text: &str, options: Options) -> Result<Part, Refusal> {
    if text.len() / 2 < LEAST_ELEMENTS {
        return malformed(format!("a part is shorter than two bytes: {text:?}"));
    }
    let mut part = Part::default();
    let text = neighbours(text, &mut part, options)?;
    if options.wide {
        part.markers |= marker::WIDE;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let negative = rest.starts_with("!(");
        let opened = if negative {
            rest.get(2..)
        } else {
            rest.strip_prefix('(')
        };
        let Some(inside) = opened else {
            rest = pairs(rest, options, &mut part.elements)?;
            continue;
        };
        let (inside, behind) = alternatives::closed(inside)?;
        let first = rest.len() == text.len() && !negative;
        rest = behind;
        if !set_marker(inside, negative, first, rest.is_empty(), &mut part.markers) {
            part.elements
                .push(alternatives::element(inside, negative, options)?);
        }
    }
    if part.elements.len() < LEAST_ELEMENTS || !has_fixed_pair(&part.elements) {
        return malformed("a part has no two fixed bytes in a row");
    }
    Ok(part)
}

/// Takes `aa[n-m]` from the start and `[n-m]aa` from the end.
fn neighbours<'t>(
    mut text: &'t str,
    part: &mut Part,
    options: Options,
) -> Result<&'t str, Refusal> {
    let bad = || Refusal::Malformed("expected one byte before or behind [n-m]".into());
    for round in 0..2 {
        let Some((before, rest)) = text.split_once('[') else {
            break;
        };
        let (range, behind) = rest.split_once(']').ok_or_else(bad)?;
        let (least, most) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<u8>().map_err(|_| bad());
        let (least, most) = (number(least)?, number(most)?);
        if least > most || most > MAX_DISTANCE {
            return malformed("expected a rising range up to 32 in [n-m]");
        }
        let one = |text: &str| {
            let mut elements = Vec::new();
            pairs(text, options, &mut elements)?;
            match elements.as_slice() {
                [Element::Byte(byte)] => Ok(Some(Neighbour {
                    byte: *byte,
                    least,
                    most,
                })
                .filter(|neighbour| neighbour.byte != Masked::ANY)),
                _ => Err(bad()),
            }
        };
        if before.len() == 2 && round == 0 {
            part.left = one(before)?;
            text = behind;
        } else if behind.len() == 2 {
            part.right = one(behind)?;
            text = before;
            break;
        } else {
            return Err(bad());
        }
    }
    if text.contains('[') {
        return Err(bad());
    }
    Ok(text)
}

/// Reads bytes up to the next group; returns the rest.
pub(super) fn pairs<'t>(
    text: &'t str,
    options: Options,
    elements: &mut Vec<Element>,
) -> Result<&'t str, Refusal> {
    let (all, odd) = text.as_bytes().as_chunks::<2>();
    elements.reserve(all.len());
    let mut read = 0;
    for pair in all {
        if matches!(pair, [b'(', _] | [b'!', b'(']) {
            return Ok(text.get(read..).unwrap_or_default());
        }
        let Some(byte) = pair_of(*pair, options.caseless) else {
            let pair = String::from_utf8_lossy(pair);
            return malformed(format!(
                "expected two hexadecimal digits or ?, got {pair:?}"
            ));
        };
        elements.push(Element::Byte(byte));
        read += 2;
    }
    match odd {
        [] | [b'('] => Ok(text.get(read..).unwrap_or_default()),
        _ => malformed("a byte has one digit only"),
    }
}

fn pair_of([high, low]: [u8; 2], caseless: bool) -> Option<Masked> {
    Some(match (high, low) {
        (b'?', b'?') => Masked::ANY,
        (b'?', low) => Masked {
            value: digit(low)?,
            mask: 0x0f,
        },
        (high, b'?') => Masked {
            value: digit(high)? << 4,
            mask: 0xf0,
        },
        (high, low) => Masked::byte(digit(high)? << 4 | digit(low)?, caseless),
    })
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

/// `(B)`, `(L)` and `(W)` at an end of a part say what stands beside it. At the left end they can't
/// be negated: ClamAV takes that for an element of the part.
fn set_marker(inside: &str, negative: bool, first: bool, last: bool, markers: &mut u16) -> bool {
    let (left, right, not) = match inside {
        "B" => (
            marker::BOUNDARY_LEFT,
            marker::BOUNDARY_RIGHT,
            marker::BOUNDARY_RIGHT_NOT,
        ),
        "L" => (
            marker::LINE_LEFT,
            marker::LINE_RIGHT,
            marker::LINE_RIGHT_NOT,
        ),
        "W" => (
            marker::WORD_LEFT,
            marker::WORD_RIGHT,
            marker::WORD_RIGHT_NOT,
        ),
        _ => return false,
    };
    if last {
        *markers |= if negative { right | not } else { right };
    } else if first {
        *markers |= left;
    } else {
        return false;
    }
    true
}

fn has_fixed_pair(elements: &[Element]) -> bool {
    let fixed = |element: &Element| matches!(element, Element::Byte(byte) if byte.is_fixed());
    elements.windows(2).any(|pair| pair.iter().all(fixed))
}
