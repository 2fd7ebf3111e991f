//! Functionality levels: which versions of ClamAV a line is for.

use crate::report::{Problem, Why};

/// The level of ClamAV 1.4.6, whose formats this program reads.
pub(crate) const LEVEL: u32 = 216;

/// Whether a line for levels `least` to `most` (absent: any above) is for this program.
///
/// # Errors
/// When it is for others, or a level is no number.
pub(crate) fn check(least: &[u8], most: Option<&[u8]>) -> Result<u32, Problem> {
    let lowest = number(least)?;
    let highest = most.map(number).transpose()?;
    if lowest > LEVEL || highest.is_some_and(|highest| highest < LEVEL) {
        return Err(Problem::new(
            Why::Level,
            "it is for other functionality levels than this program's, 216",
        ));
    }
    Ok(lowest)
}

fn number(text: &[u8]) -> Result<u32, Problem> {
    std::str::from_utf8(text)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Problem::malformed("expected numbers after the name: functionality levels"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_level_is_between_the_bounds() {
        assert_eq!(check(b"73", None), Ok(73));
        assert_eq!(check(b"216", Some(b"216")), Ok(216));
        for (least, most) in [("217", None), ("0", Some("215")), ("999", Some("999"))] {
            let problem = check(least.as_bytes(), most.map(str::as_bytes)).unwrap_err();
            assert_eq!(problem.why, Why::Level, "{least} {most:?}");
        }
        for text in ["", "x", "-1", "99999999999"] {
            assert_eq!(
                check(text.as_bytes(), None).unwrap_err().why,
                Why::Malformed
            );
        }
    }
}
