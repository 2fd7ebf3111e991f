//! What is printed: a table made to be read, and the forms that other programs take.

pub mod junit;
pub mod prometheus;
pub mod sarif;
pub mod text;

/// The JSON Schema (draft 2020-12) of a report.
pub const SCHEMA: &str = include_str!("../../../docs/schemas/doctor.schema.json");

/// The text as XML may hold it: markup escaped, signs that XML forbids replaced.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' | '\t' => escaped.push(sign),
            // XML 1.0, section 2.2.
            sign if sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            sign => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
