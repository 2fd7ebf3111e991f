//! Slows down guessing: counts failures by address and by account, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::Timestamp;
use proto::problem::ProblemKind;

use crate::refusal::Refusal;

/// How long failures count.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Failures of one account within the window, whatever address they come from.
const PER_ACCOUNT: u32 = 10;
/// Failures of one address within the window, whatever account they try.
const PER_ADDRESS: u32 = 30;
/// Accounts and addresses that are remembered; beyond it the oldest are forgotten.
const REMEMBERED: usize = 10_000;

/// What failed lately.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    accounts: Mutex<Failures<String>>,
    addresses: Mutex<Failures<IpAddr>>,
}

#[derive(Debug)]
struct Failures<K>(HashMap<K, Failed>);

#[derive(Debug, Clone, Copy)]
struct Failed {
    since: Timestamp,
    count: u32,
}

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl Throttle {
    /// Whether a try may be made at all.
    ///
    /// # Errors
    /// When the account or the address failed too often lately.
    pub(crate) fn admit(
        &self,
        account: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let account_wait = lock(&self.accounts).wait(&account.to_owned(), PER_ACCOUNT, now);
        let address_wait =
            address.and_then(|address| lock(&self.addresses).wait(&address, PER_ADDRESS, now));
        match account_wait.max(address_wait) {
            None => Ok(()),
            Some(wait) => Err(Refusal::new(
                ProblemKind::TooMany,
                format!(
                    "too many failed tries; wait {} minutes",
                    wait.as_secs().div_ceil(60)
                ),
            )),
        }
    }

    pub(crate) fn failed(&self, account: &str, address: Option<IpAddr>, now: Timestamp) {
        lock(&self.accounts).add(account.to_owned(), now);
        if let Some(address) = address {
            lock(&self.addresses).add(address, now);
        }
    }

    pub(crate) fn succeeded(&self, account: &str) {
        lock(&self.accounts).0.remove(account);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Eq + Hash + Clone> Failures<K> {
    fn wait(&self, key: &K, most: u32, now: Timestamp) -> Option<Duration> {
        let failed = self.0.get(key)?;
        let rest = WINDOW.checked_sub(now.since(failed.since))?;
        (failed.count >= most && !rest.is_zero()).then_some(rest)
    }

    fn add(&mut self, key: K, now: Timestamp) {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&key) {
            self.0.retain(|_, failed| now.since(failed.since) < WINDOW);
            if self.0.len() >= REMEMBERED
                && let Some(oldest) = self
                    .0
                    .iter()
                    .min_by_key(|(_, failed)| failed.since)
                    .map(|(key, _)| key.clone())
            {
                self.0.remove(&oldest);
            }
        }
        let failed = self.0.entry(key).or_insert(Failed {
            since: now,
            count: 0,
        });
        if now.since(failed.since) >= WINDOW {
            *failed = Failed {
                since: now,
                count: 0,
            };
        }
        failed.count = failed.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);

    #[test]
    fn an_account_is_closed_after_ten_failures_and_open_again_after_the_window() {
        let throttle = Throttle::default();
        for _ in 0..PER_ACCOUNT {
            assert!(throttle.admit("ada", None, NOW).is_ok());
            throttle.failed("ada", None, NOW);
        }
        assert!(throttle.admit("ada", None, NOW).is_err());
        assert!(throttle.admit("grace", None, NOW).is_ok());
        assert!(throttle.admit("ada", None, NOW.plus(WINDOW)).is_ok());
    }

    #[test]
    fn an_address_is_closed_whatever_accounts_it_tries() {
        let throttle = Throttle::default();
        let address = Some(IpAddr::from([10, 0, 0, 1]));
        for number in 0..PER_ADDRESS {
            throttle.failed(&format!("user{number}"), address, NOW);
        }
        assert!(throttle.admit("another", address, NOW).is_err());
        assert!(throttle.admit("another", None, NOW).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for number in 0..REMEMBERED + 100 {
            let at = NOW.plus(Duration::from_millis(u64::try_from(number).unwrap()));
            throttle.failed(&format!("user{number}"), None, at);
        }
        assert_eq!(lock(&throttle.accounts).0.len(), REMEMBERED);
    }
}
