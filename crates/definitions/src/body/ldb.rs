//! `.ldb` lines: `Name;Attributes;Logic;Subsignature[;Subsignature…]`.

use scan::body_layout::MAX_SUBSIGNATURES;

use super::model::{Place, Refusal, Signature, Subsignature, malformed};
use super::options::Modifiers;
use super::{attributes, comparison, expression, logic, place};

/// Reads a line; `None` for a comment or an empty one.
///
/// # Errors
/// Why it can't be used.
pub fn read_ldb(line: &str) -> Result<Option<Signature>, Refusal> {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let fields = fields(line, b';', 2);
    let (name, attributes, expression, texts) = match fields.as_slice() {
        [name, attributes, expression, texts @ ..] if !texts.is_empty() => {
            (*name, *attributes, *expression, texts)
        }
        _ => return malformed(format!("expected at least 4 fields, got {}", fields.len())),
    };
    let name = super::name(name)?;
    let logic = logic::parse(expression)?;
    let named = usize::from(logic::highest(&logic)) + 1;
    if named != texts.len() {
        return malformed(format!(
            "the expression names {named} subsignatures, the line has {}",
            texts.len()
        ));
    }
    if named > MAX_SUBSIGNATURES {
        return Err(Refusal::TooLarge("the number of subsignatures"));
    }
    let (target, conditions) = attributes::parse(attributes)?;
    let mut subsignatures = Vec::with_capacity(texts.len());
    for (id, text) in (0..).zip(texts) {
        subsignatures.push(subsignature(text, id, target)?);
    }
    Ok(Some(Signature {
        name,
        target,
        conditions,
        logic,
        subsignatures,
    }))
}

fn subsignature(text: &str, id: u8, target: u8) -> Result<Subsignature, Refusal> {
    if text.starts_with('$') {
        return Err(Refusal::Macro);
    }
    if text.contains('/') {
        return expression::parse(text, id, target);
    }
    let hashes = text.matches('#').count();
    if text.contains('(') && hashes > 1 {
        return comparison::parse(text).map(Subsignature::Comparison);
    }
    if text.starts_with("fuzzy_img#") {
        return Err(Refusal::FuzzyImage);
    }
    let fields = fields(text, b':', 0);
    let (offset, pattern, modifiers) = match fields.as_slice() {
        [pattern] => ("*", *pattern, ""),
        [offset, pattern] => (*offset, *pattern, ""),
        [pattern, _, modifiers] => ("*", *pattern, *modifiers),
        [offset, pattern, _, modifiers] => (*offset, *pattern, *modifiers),
        // ClamAV takes the first of five fields and more, and no modifiers.
        [pattern, ..] => ("*", *pattern, ""),
        [] => return malformed("a subsignature is empty"),
    };
    let place = match offset {
        "*" => Place::ANY,
        offset => place::parse(offset, target)?,
    };
    Modifiers::parse(modifiers)?
        .patterns(pattern, place)
        .map(Subsignature::Patterns)
}

/// Splits at a character, but not between slashes: a Perl-compatible expression may hold it.
/// The first `plain` fields have no expressions.
pub(super) fn fields(line: &str, delimiter: u8, plain: usize) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut start = 0;
    let mut inside = false;
    let bytes = line.as_bytes();
    for at in memchr::memchr2_iter(delimiter, b'/', bytes) {
        if bytes.get(at) == Some(&delimiter) {
            if !inside {
                fields.push(line.get(start..at).unwrap_or_default());
                start = at + 1;
            }
        } else if fields.len() >= plain && at > 0 && bytes.get(at - 1) != Some(&b'\\') {
            inside = !inside;
        }
    }
    fields.push(line.get(start..).unwrap_or_default());
    fields
}
