//! How times, durations and sizes are said.

use std::time::Duration;

use model::Timestamp;

use super::words::Words;

/// How long ago, or in how long: `3 h ago`, `in 2 days`.
#[must_use]
pub fn relative(words: &Words, time: Timestamp, now: Timestamp) -> String {
    if time.millis() > now.millis() {
        let wait = time.since(now);
        if wait < Duration::from_secs(5) {
            return words.t("moment.now").to_owned();
        }
        return words.with("moment.ahead", &[("span", &span(words, wait))]);
    }
    let age = now.since(time);
    if age < Duration::from_secs(5) {
        return words.t("moment.now").to_owned();
    }
    words.with("moment.ago", &[("span", &span(words, age))])
}

/// A duration in its largest unit.
#[must_use]
pub fn span(words: &Words, duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => words.count("moment.seconds", seconds),
        60..3600 => words.count("moment.minutes", seconds / 60),
        3600..172_800 => words.count("moment.hours", seconds / 3600),
        _ => words.count("moment.days", seconds / 86_400),
    }
}

/// The absolute time, with its zone: `2026-11-21 14:03:00 UTC`.
#[must_use]
pub fn absolute(time: Timestamp) -> String {
    let text = time.to_string();
    let date = text.get(..10).unwrap_or_default();
    let clock = text.get(11..19).unwrap_or_default();
    format!("{date} {clock} UTC")
}

/// Bytes in binary units: `12.3 MiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut tenths = u128::from(n) * 10 / 1024;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for next in units {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    if tenths.is_multiple_of(10) {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_their_largest_unit() {
        let words = Words::english();
        let now = Timestamp::from_millis(1_763_733_780_000);
        let ago = |seconds| relative(words, now.minus(Duration::from_secs(seconds)), now);
        assert_eq!(ago(0), "just now");
        assert_eq!(ago(59), "59 s ago");
        assert_eq!(ago(3599), "59 min ago");
        assert_eq!(ago(7200), "2 h ago");
        assert_eq!(ago(259_200), "3 days ago");
        assert_eq!(
            relative(words, now.plus(Duration::from_secs(600)), now),
            "in 10 min"
        );
        assert_eq!(absolute(now), "2025-11-21 14:03:00 UTC");
    }

    #[test]
    fn sizes_are_binary() {
        assert_eq!(bytes(68), "68 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(256 << 20), "256 MiB");
        assert_eq!(bytes(u64::MAX), "16384 PiB".replace("16384", "16383.9"));
    }
}
