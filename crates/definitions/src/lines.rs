//! The lines of a source.

use std::sync::Arc;

use crate::report::Problem;
use crate::report::Report;
use crate::source::{Format, Source};

/// Lines read between two words of progress.
const LINES_TOLD: u64 = 1 << 16;

/// A source that is read line by line.
pub(crate) struct Lines<'s, 'r> {
    pub(crate) source: &'s Source,
    pub(crate) format: &'static Format,
    pub(crate) report: &'r mut Report,
}

impl<'s> Lines<'s, '_> {
    /// Reads each line; `read` says whether there was a signature on it that is used. Tells
    /// `progress` how many bytes were read, now and then.
    pub(crate) fn read<E>(
        self,
        mut read: impl FnMut(&'s [u8]) -> Result<Result<bool, Problem>, E>,
        mut progress: impl FnMut(u64),
    ) -> Result<(), E> {
        let mut used = 0;
        let mut number = 0u64;
        let mut bytes = 0u64;
        let mut name: Option<Arc<str>> = None;
        for line in self.source.bytes.split(|byte| *byte == b'\n') {
            number += 1;
            bytes += line.len() as u64 + 1;
            match read(line)? {
                Ok(true) => used += 1,
                Ok(false) => {}
                Err(problem) => {
                    let name = name.get_or_insert_with(|| self.source.name.as_str().into());
                    self.report
                        .add(name, Some(number), self.format.extension, problem);
                }
            }
            if number.is_multiple_of(LINES_TOLD) {
                progress(bytes);
            }
        }
        if used > 0 {
            self.report.used(self.format.extension, used);
        }
        Ok(())
    }
}
