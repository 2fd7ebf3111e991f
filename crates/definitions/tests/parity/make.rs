//! Bytes that a signature matches, and the same without one of its subsignatures.

use definitions::body::model::{Element, Masked, Part, Pattern, Place, Signature, Subsignature};
use scan::body_layout::{marker, offset};

use super::expression;
use super::host::{Item, NotMade, host};
use super::solve::{Wanted, solve};

/// What stands where anything may.
const FILLER: u8 = b'x';
/// Matches of one subsignature that are written.
const MAX_MATCHES: u32 = 3_000;

/// A file that satisfies a signature, and one that does not.
pub(crate) struct Made {
    pub(crate) good: Vec<u8>,
    pub(crate) variant: Vec<u8>,
}

pub(crate) fn files(signature: &Signature) -> Result<Made, NotMade> {
    let mut wanted = Wanted::new();
    solve(&signature.logic, &mut wanted);
    triggers(signature, &mut wanted);
    let good = host(signature, &items(signature, &wanted)?)?;
    // Whatever the rest, the first that is wanted is left out.
    let mut less = wanted.clone();
    if let Some(first) = less.values_mut().find(|count| **count > 0) {
        *first = 0;
    }
    let variant = host(signature, &items(signature, &less)?)?;
    Ok(Made { good, variant })
}

/// What expressions and comparisons ask for.
fn triggers(signature: &Signature, wanted: &mut Wanted) {
    let numbered: Vec<(u8, &Subsignature)> = (0..).zip(&signature.subsignatures).collect();
    for (id, subsignature) in numbered.into_iter().rev() {
        if wanted.get(&id).is_none_or(|count| *count == 0) {
            continue;
        }
        if let Subsignature::Expression { trigger, .. } = subsignature {
            solve(trigger, wanted);
        }
    }
}

fn items(signature: &Signature, wanted: &Wanted) -> Result<Vec<Item>, NotMade> {
    let mut items = Vec::new();
    for (id, count) in wanted {
        let Some(subsignature) = signature.subsignatures.get(usize::from(*id)) else {
            continue;
        };
        if *count > MAX_MATCHES {
            return Err(NotMade::TooMany);
        }
        for _ in 0..*count {
            items.push(match subsignature {
                Subsignature::Patterns(patterns) => pattern(&patterns[0])?,
                Subsignature::Expression { place, text, .. } => {
                    let bytes = expression::sample(text).ok_or(NotMade::Expression)?;
                    Item {
                        place: *place,
                        before: Vec::new(),
                        bytes,
                        after: Vec::new(),
                    }
                }
                Subsignature::Comparison(_) => return Err(NotMade::Comparison),
            });
        }
    }
    Ok(items)
}

fn pattern(pattern: &Pattern) -> Result<Item, NotMade> {
    let mut bytes = Vec::new();
    let mut before = Vec::new();
    let mut after = Vec::new();
    for (index, part) in pattern.parts.iter().enumerate() {
        let (least, most) = part.gap;
        if index > 0 {
            if most != 0 && least > most {
                return Err(NotMade::Impossible);
            }
            bytes.extend(std::iter::repeat_n(FILLER, least as usize));
            // What stands before it may need more room than the least.
            let left = left(part);
            let room = (most as usize).saturating_sub(least as usize);
            if most == 0 || left.len() <= room {
                bytes.extend(left);
            } else if !left.is_empty() {
                let start = bytes.len().saturating_sub(left.len());
                bytes.truncate(start);
                bytes.extend(left);
            }
        } else {
            before = left(part);
        }
        for element in &part.elements {
            self::element(element, &mut bytes)?;
        }
        let right = right(part);
        if index + 1 == pattern.parts.len() {
            after = right;
        } else if !right.is_empty() {
            return Err(NotMade::Markers);
        }
    }
    Ok(Item {
        place: pattern.place,
        before,
        bytes,
        after,
    })
}

fn left(part: &Part) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(left) = part.left {
        bytes.push(byte(left.byte));
        bytes.extend(std::iter::repeat_n(FILLER, left.least.into()));
    } else if part.markers & marker::LINE_LEFT != 0 {
        bytes.push(b'\n');
    } else if part.markers & (marker::BOUNDARY_LEFT | marker::WORD_LEFT) != 0 {
        bytes.push(b' ');
        if part.markers & marker::WIDE != 0 {
            bytes.push(0);
        }
    }
    bytes
}

fn right(part: &Part) -> Vec<u8> {
    let has = |flag| part.markers & flag != 0;
    if let Some(right) = part.right {
        let mut bytes = vec![FILLER; right.least.into()];
        bytes.push(byte(right.byte));
        return bytes;
    }
    if has(marker::BOUNDARY_RIGHT_NOT) || has(marker::LINE_RIGHT_NOT) || has(marker::WORD_RIGHT_NOT)
    {
        return vec![b'x', 0];
    }
    if has(marker::LINE_RIGHT) {
        return vec![b'\n'];
    }
    if has(marker::BOUNDARY_RIGHT) || has(marker::WORD_RIGHT) {
        return vec![b' ', 0];
    }
    Vec::new()
}

fn byte(masked: Masked) -> u8 {
    match masked.mask {
        0 => FILLER,
        0xff => masked.value,
        // One of both cases.
        0xdf if masked.is_fixed() => masked.value | 0x20,
        _ => masked.value | (FILLER & !masked.mask),
    }
}

fn element(element: &Element, bytes: &mut Vec<u8>) -> Result<(), NotMade> {
    match element {
        Element::Byte(masked) => bytes.push(byte(*masked)),
        Element::Alternatives {
            negative: false,
            choices,
        } => bytes.extend(choices[0].iter().map(|masked| byte(*masked))),
        Element::Alternatives {
            negative: true,
            choices,
        } => {
            let none =
                (0..=255).find(|first| choices.iter().all(|choice| choice[0].value != *first));
            bytes.push(none.ok_or(NotMade::Impossible)?);
            bytes.extend(std::iter::repeat_n(FILLER, choices[0].len() - 1));
        }
        Element::Boundary { negative } | Element::Word { negative } => {
            bytes.push(if *negative { b'x' } else { b' ' });
        }
        Element::Line { negative } => bytes.push(if *negative { b'x' } else { b'\n' }),
    }
    Ok(())
}

/// Whether a place may be anywhere.
pub(crate) fn anywhere(place: Place) -> bool {
    place.kind == offset::ANY
}
