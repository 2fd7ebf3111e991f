//! What a pattern needs in order to match at all.

use std::collections::BTreeSet;

use yara_x_parser::ast::{HexSubPattern, HexToken, Pattern, PatternModifier};

use super::literal::Literal;
use super::needed::{Needed, at_least};
use super::runs;

/// The letters of base64 (RFC 4648, section 4).
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A byte of which nothing is known: its value and the bits of it that count.
const ANY: (u8, u8) = (0, 0);
/// Bytes of a jump that a stretch goes on after.
const LONGEST_JUMP: usize = 64;

/// What a pattern needs; `None` when that is nothing, or unclear.
pub(super) fn needed_by(pattern: &Pattern<'_>) -> Option<Needed> {
    let modifiers = pattern.modifiers();
    if let Some(xor) = modifiers.xor() {
        return xored(pattern, xor);
    }
    let runs = match pattern {
        Pattern::Text(text) => vec![text.text.value.to_vec()],
        Pattern::Regexp(pattern) => runs::of_regexp(pattern.regexp.src)?,
        Pattern::Hex(hex) => return of_hex(&hex.sub_patterns),
    };
    let mut forms = Vec::new();
    if modifiers.wide().is_some() {
        forms.push(runs.iter().map(|run| wide(run)).collect());
    }
    if modifiers.wide().is_none() || modifiers.ascii().is_some() {
        forms.push(runs);
    }
    let coded = [modifiers.base64(), modifiers.base64wide()];
    if coded.iter().any(Option::is_some) {
        let coded = coded.into_iter().flatten().collect::<Vec<_>>();
        return coded_forms(&forms, &coded);
    }
    at_least(1, forms.iter().map(|runs| rarest(runs)).collect())
}

/// One of what a text looks like with each of the keys.
fn xored(pattern: &Pattern<'_>, xor: &PatternModifier<'_>) -> Option<Needed> {
    let (Pattern::Text(text), PatternModifier::Xor { start, end, .. }) = (pattern, xor) else {
        return None;
    };
    let modifiers = pattern.modifiers();
    let text = text.text.value.to_vec();
    let mut forms = Vec::new();
    if modifiers.wide().is_some() {
        forms.push(wide(&text));
    }
    if modifiers.wide().is_none() || modifiers.ascii().is_some() {
        forms.push(text);
    }
    let mut items = Vec::new();
    for form in &forms {
        for key in *start..=*end {
            let literal = if key == 0 {
                Literal::plain(form)
            } else {
                let coded: Vec<u8> = form.iter().map(|byte| byte ^ key).collect();
                Literal::exact(&coded)
            };
            items.push(literal.map(|(literal, chance)| Needed::one(literal, chance)));
        }
    }
    at_least(1, items)
}

/// The best to look for: a file with the pattern holds all of them.
fn rarest(runs: &[Vec<u8>]) -> Option<Needed> {
    let literals = runs.iter().filter_map(|run| Literal::plain(run));
    literals
        .min_by(|(_, left), (_, right)| left.total_cmp(right))
        .map(|(literal, chance)| Needed::one(literal, chance))
}

fn wide(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [*byte, 0]).collect()
}

/// Of stretches of known length, the best to look for.
fn of_hex(pattern: &HexSubPattern) -> Option<Needed> {
    let mut stretches: Vec<Vec<(u8, u8)>> = vec![Vec::new()];
    for token in pattern.iter() {
        let known = match token {
            HexToken::Byte(byte) => Some(vec![(byte.value, byte.mask)]),
            HexToken::NotByte(_) => Some(vec![ANY]),
            HexToken::Alternative(either) => {
                let lengths: Option<BTreeSet<usize>> =
                    either.alternatives.iter().map(length).collect();
                let length = lengths.filter(|lengths| lengths.len() == 1);
                length
                    .and_then(|lengths| lengths.first().copied())
                    .map(|length| vec![ANY; length])
            }
            HexToken::Jump(jump) => {
                let length = usize::try_from(jump.start.unwrap_or(0)).ok();
                length
                    .filter(|length| jump.start == jump.end && *length <= LONGEST_JUMP)
                    .map(|length| vec![ANY; length])
            }
        };
        match (known, stretches.last_mut()) {
            (Some(known), Some(stretch)) => stretch.extend(known),
            _ => stretches.push(Vec::new()),
        }
    }
    let literals = stretches.iter().filter_map(|stretch| {
        let stretch = without_unknown_ends(stretch);
        if stretch.iter().all(|(_, mask)| *mask == 0xff) {
            let bytes: Vec<u8> = stretch.iter().map(|(byte, _)| *byte).collect();
            Literal::plain(&bytes)
        } else {
            Literal::masked(stretch)
        }
    });
    literals
        .min_by(|(_, left), (_, right)| left.total_cmp(right))
        .map(|(literal, chance)| Needed::one(literal, chance))
}

/// Bytes of an alternative, where that is sure.
fn length(pattern: &HexSubPattern) -> Option<usize> {
    let mut tokens = pattern.iter();
    let bytes = tokens.all(|token| match token {
        HexToken::Byte(_) | HexToken::NotByte(_) => true,
        HexToken::Alternative(_) | HexToken::Jump(_) => false,
    });
    bytes.then(|| pattern.len())
}

fn without_unknown_ends(stretch: &[(u8, u8)]) -> &[(u8, u8)] {
    let mut rest = stretch;
    while let [(_, 0), after @ ..] = rest {
        rest = after;
    }
    while let [before @ .., (_, 0)] = rest {
        rest = before;
    }
    rest
}

/// One of what the forms of a text look like in base64, which is coded by each of the modifiers.
fn coded_forms(forms: &[Vec<Vec<u8>>], modifiers: &[&PatternModifier<'_>]) -> Option<Needed> {
    let mut items = Vec::new();
    for modifier in modifiers {
        let in_wide = match modifier {
            PatternModifier::Base64 { alphabet: None, .. } => false,
            PatternModifier::Base64Wide { alphabet: None, .. } => true,
            // Another alphabet.
            _ => return None,
        };
        for text in forms.iter().flatten() {
            for before in 0..3 {
                let coded = base64(text, before);
                let coded = if in_wide { wide(&coded) } else { coded };
                items.push(rarest(&[coded]));
            }
        }
    }
    at_least(1, items)
}

/// The letters of base64 that tell nothing but a text's own bits, where so many bytes stand before
/// it in its group of three.
fn base64(text: &[u8], before: usize) -> Vec<u8> {
    let mut letters = Vec::new();
    // The first letter with bits of what stands before is left out, as is the last.
    let (mut bits, mut held) = (0_u32, before * 8);
    let mut foreign = before * 8;
    for byte in text {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 6 {
            held -= 6;
            let letter = usize::try_from(bits >> held & 0x3f).unwrap_or(0);
            if foreign == 0 {
                letters.extend(BASE64.get(letter));
            }
            foreign = foreign.saturating_sub(6);
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_a_text_stands_in_that_of_any_text_around_it() {
        // `base64` of Debian's coreutils: "Hello, world", "xHello, world", "xxHello, world".
        assert_eq!(base64(b"Hello, world", 0), b"SGVsbG8sIHdvcmxk");
        assert_eq!(base64(b"Hello, world", 1), b"hlbGxvLCB3b3JsZ");
        assert_eq!(base64(b"Hello, world", 2), b"IZWxsbywgd29ybG");
    }
}
