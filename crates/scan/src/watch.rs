//! What the scanner asks of the world while it works.

use std::time::Duration;

/// Brings the time and hears how far the scan is.
pub trait Watch {
    /// The time since some fixed moment; it never goes back.
    fn now(&mut self) -> Duration;

    /// The member with this path is about to be read (as in [`model::RuleMatch::member`]). A scan
    /// that never returns stopped in the last one named.
    fn opening(&mut self, member: &[String]);
}
