//! Our points in time and those of the certificate libraries.

use model::Timestamp;
use time::OffsetDateTime;

/// Whole seconds: certificates know nothing finer.
pub(crate) fn to_certificate_time(timestamp: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(timestamp.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

pub(crate) fn from_unix_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000))
}
