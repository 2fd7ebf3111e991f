//! Subsignatures that compare bytes: `Subsignature(Distance#Options#Conditions)`.

use scan::body_layout::{MAX_SUBSIGNATURES, comparison};

use super::model::{Comparison, Operator, Refusal, malformed};

/// Bytes of the longest binary number.
const MAX_BINARY: u16 = 8;
/// Characters of the longest hexadecimal number.
const MAX_HEXADECIMAL: u16 = 18;

/// Reads a comparison.
pub(super) fn parse(text: &str) -> Result<Comparison, Refusal> {
    let bad = |what: &str| Refusal::Malformed(format!("{what} in the comparison {text:?}"));
    let (id, rest) = text.split_once('(').ok_or_else(|| bad("no group"))?;
    let (inside, _) = rest.split_once(')').ok_or_else(|| bad("no end"))?;
    let id: u8 = id.parse().map_err(|_| bad("no subsignature"))?;
    if usize::from(id) >= MAX_SUBSIGNATURES {
        return Err(Refusal::TooLarge("the number of subsignatures"));
    }
    let fields: Vec<&str> = inside.split('#').collect();
    let [distance, options, conditions] = fields.as_slice() else {
        return Err(bad("expected three fields"));
    };
    let distance = if let Some(number) = distance.strip_prefix("<<") {
        integer(number).and_then(i64::checked_neg)
    } else if let Some(number) = distance.strip_prefix(">>") {
        integer(number)
    } else {
        (distance.is_empty() || distance.starts_with('0')).then_some(0)
    };
    let distance = distance.ok_or_else(|| bad("expected << or >> and a number"))?;
    let digits = options
        .find(|character: char| character.is_ascii_digit())
        .ok_or_else(|| bad("no number of bytes"))?;
    let (letters, length) = options.split_at_checked(digits).unwrap_or((options, ""));
    let options = flags(letters)?;
    let length = integer(length)
        .and_then(|length| u16::try_from(length).ok())
        .filter(|length| *length > 0)
        .ok_or_else(|| bad("expected a number of bytes"))?;
    let binary = options & comparison::BINARY != 0;
    if binary && (length > MAX_BINARY || !MAX_BINARY.is_multiple_of(length)) {
        return Err(bad("expected 1, 2, 4 or 8 bytes"));
    }
    if options & comparison::HEXADECIMAL != 0 && length > MAX_HEXADECIMAL {
        return Err(bad("expected at most 18 digits"));
    }
    let conditions: Vec<(Operator, i64)> = conditions
        .split(',')
        .map(condition)
        .collect::<Option<_>>()
        .filter(|conditions: &Vec<_>| conditions.len() <= 2)
        .ok_or_else(|| bad("expected one or two conditions such as >5"))?;
    Ok(Comparison {
        id,
        distance,
        options,
        length,
        conditions,
    })
}

fn condition(text: &str) -> Option<(Operator, i64)> {
    let (operator, number) = text.split_at_checked(1)?;
    let operator = match operator {
        "=" => Operator::Equal,
        "<" => Operator::Less,
        ">" => Operator::More,
        _ => return None,
    };
    Some((operator, integer(number)?))
}

/// A number as C reads it: hexadecimal behind `0x`, octal behind `0`.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let value = if let Some(digits) = lower.strip_prefix("0x") {
        i64::from_str_radix(digits, 16)
    } else if lower.len() > 1 && lower.starts_with('0') {
        i64::from_str_radix(&lower, 8)
    } else {
        lower.parse()
    };
    let value = value.ok()?;
    if negative {
        value.checked_neg()
    } else {
        Some(value)
    }
}

/// Number bases exclude each other, and so do byte orders.
fn flags(letters: &str) -> Result<u8, Refusal> {
    const BASES: u8 =
        comparison::HEXADECIMAL | comparison::DECIMAL | comparison::BINARY | comparison::AUTOMATIC;
    let mut flags = 0;
    let mut big_endian = false;
    for letter in letters.chars() {
        let flag = match letter {
            'h' => comparison::HEXADECIMAL,
            'd' => comparison::DECIMAL,
            'i' => comparison::BINARY,
            'a' => comparison::AUTOMATIC,
            'l' => comparison::LITTLE_ENDIAN,
            'e' => comparison::EXACT,
            'b' => 0,
            _ => return malformed(format!("comparison option {letter:?} is not known")),
        };
        big_endian |= letter == 'b' || letter == 'd';
        flags |= flag;
        let bases = (flags & BASES).count_ones();
        if bases > 1 || (big_endian && flags & comparison::LITTLE_ENDIAN != 0) {
            return malformed("comparison options exclude each other");
        }
    }
    if !big_endian && flags & comparison::LITTLE_ENDIAN == 0 {
        // ClamAV takes such a line and never finds its number.
        return malformed("a comparison needs a byte order");
    }
    if flags & BASES == 0 {
        return malformed("a comparison needs a kind of number");
    }
    Ok(flags)
}
