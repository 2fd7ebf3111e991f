//! What became of the first packets of TCP connections (SYN) that had to be sent again.
//!
//! A packet filter that drops a host's own packets on their way out is told to whoever sends a
//! datagram, and to nobody who connects: that looks as if the packets were lost on the way. But
//! the kernel counts which of its repetitions it could not even send (`TcpExt` in
//! /proc/net/netstat, for this network namespace).

use std::fs::File;
use std::io::Read as _;

const FILE: &str = "/proc/thread-self/net/netstat";
/// More of the file is not read.
const MAX_FILE: u64 = 64 * 1024;

/// Counts of this network namespace since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RepeatedHellos {
    /// First packets that were sent again because nobody answered.
    pub repeated: u64,
    /// Packets that were to be sent again, and that this host itself did not let out.
    pub held_back: u64,
}

impl RepeatedHellos {
    /// As they stand now; `None` where this kernel does not count them.
    #[must_use]
    pub fn now() -> Option<Self> {
        let mut text = String::new();
        let file = File::open(FILE).ok()?;
        file.take(MAX_FILE).read_to_string(&mut text).ok()?;
        Self::parse(&text)
    }

    /// What was added since then.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            repeated: self.repeated.saturating_sub(before.repeated),
            held_back: self.held_back.saturating_sub(before.held_back),
        }
    }

    /// Whether this host itself held back each and every one, and there were this many at least.
    #[must_use]
    pub const fn were_all_held_back(self, least: u64) -> bool {
        self.held_back > 0 && self.held_back >= self.repeated && self.held_back >= least
    }

    /// Pairs of lines: names, and their values in the same order.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
        let (names, values) = (lines.next()?, lines.next()?);
        let find = |wanted: &str| {
            let place = names.split_whitespace().position(|name| name == wanted)?;
            values.split_whitespace().nth(place)?.parse().ok()
        };
        Some(Self {
            repeated: find("TCPSynRetrans")?,
            held_back: find("TCPRetransFail")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_by_name() {
        let text =
            "TcpExt: A TCPSynRetrans B TCPRetransFail\nTcpExt: 1 7 2 5\nIpExt: C\nIpExt: 3\n";
        let expected = RepeatedHellos {
            repeated: 7,
            held_back: 5,
        };
        assert_eq!(RepeatedHellos::parse(text), Some(expected));
        for broken in ["", "TcpExt: A\n", "TcpExt: A B\nTcpExt: 1 2\n"] {
            assert_eq!(RepeatedHellos::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn one_that_got_out_acquits_this_host() {
        let seen = |repeated, held_back| RepeatedHellos {
            repeated,
            held_back,
        };
        assert!(seen(4, 4).were_all_held_back(2));
        assert!(!seen(4, 3).were_all_held_back(2));
        assert!(!seen(1, 1).were_all_held_back(2));
        assert!(!seen(0, 0).were_all_held_back(0));
    }

    #[test]
    fn this_kernel_counts() {
        assert!(RepeatedHellos::now().is_some());
    }
}
