//! Standard output. Whoever reads it may stop reading (`garrison … | head`): that is an error
//! like others, which [`crate::failure`] passes over in silence.

use std::fmt::Display;
use std::io::Write as _;

/// Prints a line.
///
/// # Errors
/// When nobody reads any more.
pub(crate) fn line(text: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")
}

/// Prints text that brings its own ends of lines.
///
/// # Errors
/// When nobody reads any more.
pub(crate) fn text(text: impl Display) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    write!(output, "{text}")?;
    output.flush()
}
