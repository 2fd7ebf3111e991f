//! Waiting for conditions, never for time to pass.

use std::time::{Duration, Instant};

use anyhow::bail;

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What a condition says when it is looked at.
#[derive(Debug)]
pub enum Seen<T> {
    /// It holds, and this came with it.
    Yes(T),
    /// Not yet; the words say how things stand, for the message at the limit.
    NotYet(String),
}

/// Looks at a condition until it holds.
///
/// # Errors
/// The condition's own error at once, or after `limit` what was seen last.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> anyhow::Result<Seen<T>>,
) -> anyhow::Result<T> {
    let end = Instant::now() + limit;
    loop {
        let seen = match condition()? {
            Seen::Yes(value) => return Ok(value),
            Seen::NotYet(words) => words,
        };
        if Instant::now() >= end {
            bail!(
                "{what}: not so after {} s; last seen: {seen}",
                limit.as_secs_f64()
            );
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_comes_true_ends_the_wait() {
        let mut looks = 0;
        let value = until("three looks", Duration::from_secs(10), || {
            looks += 1;
            Ok(if looks == 3 {
                Seen::Yes(looks)
            } else {
                Seen::NotYet(looks.to_string())
            })
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn at_the_limit_the_error_says_what_was_awaited_and_seen() {
        let error = until::<()>("the moon", Duration::from_millis(30), || {
            Ok(Seen::NotYet("clouds".into()))
        });
        let text = error.unwrap_err().to_string();
        assert!(
            text.starts_with("the moon: not so after 0.03 s") && text.ends_with("clouds"),
            "{text}"
        );
    }

    #[test]
    fn an_error_ends_the_wait_at_once() {
        let begun = Instant::now();
        assert!(until::<()>("x", Duration::from_secs(60), || anyhow::bail!("broken")).is_err());
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
