//! Times as people read them.

use std::time::Duration;

use model::Timestamp;

/// How times are written in tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    now: Timestamp,
    utc: bool,
}

impl Clock {
    /// Relative to `now`; with `utc` the point in time stands beside it.
    pub(crate) const fn new(now: Timestamp, utc: bool) -> Self {
        Self { now, utc }
    }

    /// Such as `3 min ago` or `in 2 h`.
    pub(crate) fn tell(&self, time: Timestamp) -> String {
        let relative = if time.millis() > self.now.millis() {
            format!("in {}", span(time.since(self.now)))
        } else {
            format!("{} ago", span(self.now.since(time)))
        };
        if self.utc {
            format!("{relative} ({time})")
        } else {
            relative
        }
    }

    /// The same, or `never`.
    pub(crate) fn tell_if(&self, time: Option<Timestamp>) -> String {
        time.map_or_else(|| "never".to_owned(), |time| self.tell(time))
    }
}

/// A span in its largest unit.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Reads a span such as `90s`, `10m`, `8h`, `30d`.
///
/// # Errors
/// When the text is anything else.
pub(crate) fn parse_span(text: &str) -> Result<u32, String> {
    let error = || format!("expected a span such as 90s, 10m, 8h or 30d, got {text:?}");
    let unit = text.chars().last().ok_or_else(error)?;
    let scale: u32 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(error()),
    };
    let number: u32 = text
        .strip_suffix(unit)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(error)?;
    number.checked_mul(scale).ok_or_else(error)
}

/// Bytes in the largest binary unit.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut whole = count;
    let mut tenths = 0;
    let mut unit = "B";
    for name in UNITS {
        unit = name;
        if whole < 1024 {
            break;
        }
        if name != "TiB" {
            tenths = (whole % 1024) * 10 / 1024;
            whole /= 1024;
        }
    }
    if unit == "B" {
        format!("{whole} B")
    } else {
        format!("{whole}.{tenths} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let now = Timestamp::from_millis(1_763_733_780_000);
        let clock = Clock::new(now, false);
        let ago = |seconds| clock.tell(now.minus(Duration::from_secs(seconds)));
        assert_eq!(ago(3), "3 s ago");
        assert_eq!(ago(600), "10 min ago");
        assert_eq!(ago(7200), "2 h ago");
        assert_eq!(ago(864_000), "10 days ago");
        assert_eq!(clock.tell(now.plus(Duration::from_secs(90))), "in 1 min");
        assert_eq!(clock.tell_if(None), "never");
        assert_eq!(
            Clock::new(now, true).tell(now),
            "0 s ago (2025-11-21T14:03:00.000Z)"
        );
    }

    #[test]
    fn spans_read_in_their_units() {
        assert_eq!(parse_span("90s"), Ok(90));
        assert_eq!(parse_span("30d"), Ok(2_592_000));
        for text in ["", "s", "10", "10w", "-1s", "99999999d", "é"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_told_in_binary_units() {
        assert_eq!(bytes(68), "68 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(1 << 20), "1.0 MiB");
        assert_eq!(bytes(5 << 40), "5.0 TiB");
    }
}
