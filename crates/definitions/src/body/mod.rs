//! Body signatures: the readers of `.ndb` and `.ldb` lines and the compiler that makes the pattern
//! sections of them. How they are matched is told in `scan::body`.

mod alternatives;
mod attributes;
mod comparison;
mod compile;
mod encode;
mod expression;
mod frequency;
mod guard;
mod hex;
mod lanes;
mod ldb;
mod logic;
pub mod model;
mod ndb;
mod options;
mod place;
mod surroundings;

use std::borrow::Cow;

pub use compile::{CompileError, Compiler};
pub use frequency::{Frequencies, pack};
pub use ldb::read_ldb;
pub use model::{Refusal, Signature};
pub use ndb::read_ndb;

use model::malformed;

/// The functionality level of the ClamAV version whose behaviour is the model (1.4): signatures
/// say for which levels they are.
pub const FUNCTIONALITY_LEVEL: u32 = 216;
/// Bytes of a signature's name.
const MAX_NAME: usize = 512;

/// A signature's name.
fn name(text: &str) -> Result<String, Refusal> {
    let name = text.split(" (Clam)").next().unwrap_or(text);
    if name.is_empty() || name.len() > MAX_NAME {
        return malformed("expected a name of 1 to 512 characters");
    }
    if name.is_ascii() {
        return Ok(name.to_owned());
    }
    Ok(String::from_utf8_lossy(&latin1(name)).into_owned())
}

/// The bytes of a text whose characters stand for one byte each, where they can.
fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .flat_map(|character| {
            let mut buffer = [0; 4];
            match u8::try_from(u32::from(character)) {
                Ok(byte) => vec![byte],
                Err(_) => character.encode_utf8(&mut buffer).as_bytes().to_vec(),
            }
        })
        .collect()
}

/// A line as text, one character for each byte, as the readers take it.
#[must_use]
pub fn text(line: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(line) {
        Ok(text) if line.is_ascii() => Cow::Borrowed(text),
        _ => line.iter().copied().map(char::from).collect(),
    }
}
