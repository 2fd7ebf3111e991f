//! The modifiers behind `::`, which ClamAV applies to the text of a pattern.

use super::hex::{self, Options};
use super::model::{Pattern, Place, Refusal, malformed};

/// Modifiers of one subsignature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Modifiers {
    caseless: bool,
    word: bool,
    wide: bool,
    ascii: bool,
}

impl Modifiers {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut modifiers = Self::default();
        for letter in text.chars() {
            match letter {
                'i' => modifiers.caseless = true,
                'f' => modifiers.word = true,
                'w' => modifiers.wide = true,
                'a' => modifiers.ascii = true,
                _ => return malformed(format!("expected modifiers i, w, a or f, got {letter:?}")),
            }
        }
        Ok(modifiers)
    }

    /// The patterns that a text stands for with these modifiers.
    pub(super) fn patterns(self, text: &str, place: Place) -> Result<Vec<Pattern>, Refusal> {
        let text = if self.word {
            format!("(W){}(W)", text.replace('[', "{").replace(']', "}"))
        } else {
            text.to_owned()
        };
        let mut patterns = Vec::new();
        let options = Options {
            caseless: self.caseless,
            wide: false,
            any: self != Self::default(),
        };
        if self.wide {
            let options = Options {
                wide: true,
                ..options
            };
            let parts = hex::parts(&widen(&text)?, options)?;
            patterns.push(Pattern { place, parts });
        }
        if !self.wide || self.ascii {
            let parts = hex::parts(&text, options)?;
            patterns.push(Pattern { place, parts });
        }
        Ok(patterns)
    }
}

/// Adds a zero behind each byte, and leaves everything else as it is.
fn widen(text: &str) -> Result<String, Refusal> {
    let mut wide = String::with_capacity(text.len() * 2);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' | '|' | ')' | '!' => wide.push(character),
            '[' | '{' => {
                wide.push('{');
                for inside in characters.by_ref() {
                    if inside == ']' || inside == '}' {
                        break;
                    }
                    wide.push(inside);
                }
                wide.push('}');
            }
            '(' => {
                wide.push('(');
                let mut ahead = characters.clone();
                if let Some(class @ ('B' | 'L' | 'W')) = ahead.next() {
                    if ahead.next() != Some(')') {
                        return malformed(format!("expected ({class}), got more inside"));
                    }
                    wide.push(class);
                    wide.push(')');
                    characters = ahead;
                }
            }
            high => {
                let Some(low) = characters.next() else {
                    return malformed("a byte has one digit only");
                };
                wide.push(high);
                wide.push(low);
                wide.push_str("00");
            }
        }
    }
    Ok(wide)
}
