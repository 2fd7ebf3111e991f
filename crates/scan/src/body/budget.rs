//! How much work one file may cause. A hostile file can hold what thousands of signatures look
//! for; then the scan ends with a limit that is reported, not with an hour of work.

/// Units that each byte of a file may cause.
const UNITS_PER_BYTE: u64 = 256;
/// Units that any file may cause.
const UNITS_PER_FILE: u64 = 64 << 20;
/// Bytes that a search passes over for one unit.
const SEARCHED_BYTES_PER_UNIT: usize = 16;

/// Work left, in units of about a nanosecond.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    left: u64,
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    /// The budget for so many bytes.
    pub(crate) fn for_bytes(bytes: usize) -> Self {
        Self {
            left: UNITS_PER_FILE.saturating_add(UNITS_PER_BYTE.saturating_mul(bytes as u64)),
        }
    }

    pub(super) fn spend(&mut self, units: usize) -> Result<(), Exhausted> {
        match self.left.checked_sub(units as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Exhausted)
            }
        }
    }

    pub(super) fn search(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.spend(1 + bytes / SEARCHED_BYTES_PER_UNIT)
    }
}
