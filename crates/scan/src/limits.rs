//! How far the scanner goes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Containers are never opened deeper than this, whatever [`Limits::depth`] says: the scanner
/// recurses, and its stack is finite.
pub(crate) const MAX_DEPTH: u32 = 32;

/// Text of a mail may be a mail once, as one that was attached; what that has as text is only
/// matched. Nothing is left unread: text stands as it is in the mail around it, too.
pub(crate) const MAX_TEXTS: u32 = 2;

/// A member may grow to this many bytes whatever [`Limits::ratio`] says: small files of zeros
/// are common and harmless.
pub(crate) const RATIO_FLOOR_BYTES: u64 = 16 << 20;

/// Memory for the dictionary of one LZMA stream; `xz -9` needs 65 MiB.
pub(crate) const LZMA_MEMORY_BYTES: u64 = 128 << 20;

/// Limits hit and remarks that one verdict lists, each; one more is reported as
/// `matches`, and the rest is left out.
pub(crate) const MAX_NOTES: usize = 256;

/// A member's name is cut after this many bytes.
pub(crate) const MAX_NAME_BYTES: usize = 1024;

/// The limits for one file. Each is reported when it is reached; what was read up to it is scanned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of the file itself. Default: 256 MiB.
    pub file_bytes: u64,
    /// Containers inside each other; 0 opens none, at most 32. Default: 20.
    pub depth: u32,
    /// Members at all depths. Default: 20,000.
    pub members: u64,
    /// Bytes of one member, unpacked. Default: 128 MiB.
    pub member_bytes: u64,
    /// Bytes of all members, unpacked. Default: 2 GiB.
    pub total_bytes: u64,
    /// Unpacked bytes held at one time: the members on the way to the innermost one.
    /// Default: 384 MiB.
    pub memory_bytes: u64,
    /// Growth of one member: unpacked bytes for each packed one, once it is larger than 16 MiB.
    /// Default: 1,000.
    pub ratio: u64,
    /// Matches listed. Default: 100.
    pub matches: usize,
    /// Time for the file, containers included. Default: 60 s.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 256 << 20,
            depth: 20,
            members: 20_000,
            member_bytes: 128 << 20,
            total_bytes: 2 << 30,
            memory_bytes: 384 << 20,
            ratio: 1000,
            matches: 100,
            time: Duration::from_secs(60),
        }
    }
}
