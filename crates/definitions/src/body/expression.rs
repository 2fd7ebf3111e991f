//! Subsignatures that are Perl-compatible expressions: `[Offset:]Trigger/Expression/[Flags]`.

use scan::body_layout::expression;
use scan::compile_expression;

use super::ldb::fields;
use super::model::{Place, Refusal, Subsignature, malformed};
use super::{logic, place};

/// Bytes of one expression.
const MAX_TEXT: usize = 1 << 14;

/// Reads an expression and compiles it once, so that one which PCRE2 refuses is known now.
pub(super) fn parse(text: &str, id: u8, target: u8) -> Result<Subsignature, Refusal> {
    let split = fields(text, b':', 0);
    let (offset, text) = match split.as_slice() {
        [offset, text] => (*offset, *text),
        [text, ..] => ("*", *text),
        [] => return malformed("an expression is empty"),
    };
    let bad = || Refusal::Malformed("expected Trigger/Expression/Flags".into());
    let (trigger, rest) = text.split_once('/').ok_or_else(bad)?;
    let (body, letters) = rest.rsplit_once('/').ok_or_else(bad)?;
    if trigger.is_empty() || body.is_empty() {
        return Err(bad());
    }
    if body.len() > MAX_TEXT {
        return Err(Refusal::TooLarge("an expression"));
    }
    let trigger = logic::parse(trigger)?;
    if logic::highest(&trigger) >= id {
        return malformed("a trigger names its own subsignature or a later one");
    }
    let mut flags = 0;
    for letter in letters.chars() {
        flags |= match letter {
            'g' => expression::GLOBAL,
            'r' => expression::ROLLING,
            'e' => expression::ENCOMPASS,
            'i' => expression::CASELESS,
            's' => expression::DOT_ALL,
            'm' => expression::MULTI_LINE,
            'x' => expression::EXTENDED,
            'A' => expression::ANCHORED,
            'E' => expression::END_ONLY,
            'U' => expression::UNGREEDY,
            _ => return malformed(format!("expression flag {letter:?} is not known")),
        };
    }
    let text: Vec<u8> = super::latin1(body);
    compile_expression(&text, flags, false)
        .map_err(|error| Refusal::Expression(error.to_string()))?;
    let place = match offset {
        "*" => Place::ANY,
        offset => place::parse(offset, target)?,
    };
    Ok(Subsignature::Expression {
        trigger,
        place,
        flags,
        text,
    })
}
