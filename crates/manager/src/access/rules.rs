//! What names, passwords and lifetimes of accesses may be. Pure.

use std::ops::RangeInclusive;
use std::time::Duration;

use model::Timestamp;

use crate::refusal::Refusal;

/// A session ends this long after it began.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// A session ends this long after it was last used.
pub const SESSION_IDLE: Duration = Duration::from_secs(3600);

const PASSWORD: RangeInclusive<usize> = 12..=1024;

/// Whether a session is still good.
#[must_use]
pub fn session_is_good(created: Timestamp, last_used: Timestamp, now: Timestamp) -> bool {
    now.since(created) < SESSION_LIFETIME && now.since(last_used) < SESSION_IDLE
}

/// A user's name: 1 to 64 characters of `a-z 0-9 . _ -`.
///
/// # Errors
/// When it is anything else.
pub fn user_name(name: &str) -> Result<(), Refusal> {
    let good = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
    };
    if (1..=64).contains(&name.len()) && name.bytes().all(good) {
        Ok(())
    } else {
        Err(Refusal::invalid(format!(
            "name: expected 1 to 64 characters of a-z 0-9 . _ -, got {:?}",
            name.chars().take(80).collect::<String>()
        )))
    }
}

/// A password: 12 to 1024 characters. The refusal never repeats it.
///
/// # Errors
/// When it is shorter or longer.
pub fn password(password: &str) -> Result<(), Refusal> {
    let length = password.chars().count();
    if PASSWORD.contains(&length) && password.len() <= trust::secret::MAX_PASSWORD {
        Ok(())
    } else {
        Err(Refusal::invalid(format!(
            "password: expected 12 to 1024 characters, got {length}"
        )))
    }
}

/// A name that people give: 1 to 100 characters, none of them a control character.
///
/// # Errors
/// When it is anything else.
pub fn label(field: &str, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=100).contains(&length) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(Refusal::invalid(format!(
            "{field}: expected 1 to 100 characters and none of control, got {length}"
        )))
    }
}

/// A number of seconds within a range.
///
/// # Errors
/// When it is outside.
pub fn seconds(field: &str, seconds: u32, range: RangeInclusive<u32>) -> Result<Duration, Refusal> {
    if range.contains(&seconds) {
        Ok(Duration::from_secs(u64::from(seconds)))
    } else {
        Err(Refusal::invalid(format!(
            "{field}: expected {} to {} seconds, got {seconds}",
            range.start(),
            range.end()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_at_its_lifetime() {
        let start = Timestamp::from_millis(0);
        let minute = Duration::from_secs(60);
        assert!(session_is_good(
            start,
            start,
            start.plus(SESSION_IDLE - minute)
        ));
        assert!(!session_is_good(start, start, start.plus(SESSION_IDLE)));
        let late = start.plus(SESSION_LIFETIME - minute);
        assert!(session_is_good(start, late, late));
        assert!(!session_is_good(start, late, start.plus(SESSION_LIFETIME)));
    }

    #[test]
    fn names_and_passwords_have_their_form_and_passwords_are_not_repeated() {
        assert!(user_name("ada.l-1_x").is_ok());
        for name in ["", "Ada", "a b", "é", &"a".repeat(65)] {
            assert!(user_name(name).is_err(), "{name}");
        }
        let error = password("hunter2").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(password("correct horse").is_ok());
    }
}
