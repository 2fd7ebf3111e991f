//! The other scanner, for tests that compare.

pub(crate) const CLAMSCAN: &str = "/usr/bin/clamscan";
