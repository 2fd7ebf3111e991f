//! What a process said on its error output before it ended.

use std::os::fd::OwnedFd;

use rustix::io::read;

/// Bytes that are read.
const LAST_WORDS_BYTES: usize = 4096;

/// Our end of a process's error output, which never blocks.
#[derive(Debug)]
pub(crate) struct LastWords(OwnedFd);

impl LastWords {
    pub(crate) const fn new(pipe: OwnedFd) -> Self {
        Self(pipe)
    }

    pub(crate) fn read(&self) -> String {
        let mut words = vec![0; LAST_WORDS_BYTES];
        let length = read(&self.0, &mut words).unwrap_or(0);
        words.truncate(length);
        String::from_utf8_lossy(&words).into_owned()
    }
}
