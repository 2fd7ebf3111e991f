//! What a scan says of a file.

use serde::{Deserialize, Serialize};

use crate::definition::{DefinitionRevision, DefinitionType, Maturity};
use crate::hash::Hashes;
use crate::path::EndpointPath;

/// A rule that matched a file or a member of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuleMatch {
    /// The rule's name, such as `Garrison.Test.EICAR`.
    pub rule: String,
    pub definition_type: DefinitionType,
    pub maturity: Maturity,
    /// The way through containers to what matched, outermost first; empty for the file itself.
    /// Names that are not UTF-8 are in the text form of [`EndpointPath`].
    pub member: Vec<String>,
    /// Hashes of what matched.
    pub hashes: Hashes,
}

/// A named limit of the scanner.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The file is larger than the scanner reads.
    FileSize,
    /// Containers inside containers, deeper than the scanner goes.
    Depth,
    /// More members than the scanner opens.
    Members,
    /// A member is larger than the scanner unpacks.
    MemberSize,
    /// All members together are larger than the scanner unpacks.
    TotalSize,
    /// A member grows by more than the scanner follows.
    Ratio,
    /// More rules matched than the scanner lists.
    Matches,
    /// The time for one file was used up.
    Time,
    /// The memory for one file was used up.
    Memory,
    /// A signature's regular expression needed more steps, depth or memory than one may have, the
    /// file is larger than expressions search, or a pattern's parts stand at more places than are
    /// kept: whether the signature matches is not known.
    Expression,
}

impl Limit {
    /// The name in APIs and command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FileSize => "file_size",
            Self::Depth => "depth",
            Self::Members => "members",
            Self::MemberSize => "member_size",
            Self::TotalSize => "total_size",
            Self::Ratio => "ratio",
            Self::Matches => "matches",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Expression => "expression",
        }
    }
}

/// A limit that was reached, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LimitHit {
    pub limit: Limit,
    /// As in [`RuleMatch::member`].
    pub member: Vec<String>,
    /// The rule that could not be matched wholly, where the limit is one rule's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// Something about a file that a person may want to know, and that keeps part of it unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// A member can't be read without a password.
    Encrypted,
    /// A container's structure is broken; what could be read was scanned.
    Malformed,
    /// A member is packed by a method that the scanner doesn't know.
    UnknownMethod,
    /// The definitions are not what was signed; rules may be missing from the verdict.
    DefinitionsDamaged,
    /// What matched is on an allow-list of the definitions; its matches are left out.
    Allowed,
}

/// A remark, and where it applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RemarkAt {
    pub remark: Remark,
    /// As in [`RuleMatch::member`].
    pub member: Vec<String>,
}

/// What the scanner found in one sequence of bytes and everything inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verdict {
    /// Type by content, such as `zip`, `elf`, `text`, `unknown`.
    pub file_type: String,
    /// Bytes of the file itself.
    pub size: u64,
    /// Of the file itself. Absent when nothing matched in it (computing them costs more than most
    /// scans), or when it was too large to be read whole.
    pub hashes: Option<Hashes>,
    pub matches: Vec<RuleMatch>,
    pub limits: Vec<LimitHit>,
    pub remarks: Vec<RemarkAt>,
    /// Members opened, at all depths.
    pub members: u64,
    /// Bytes that went through matching, at all depths.
    pub scanned_bytes: u64,
    pub definitions: DefinitionRevision,
}

impl Verdict {
    /// The matches that count: those of enforcing rules.
    pub fn detections(&self) -> impl Iterator<Item = &RuleMatch> {
        self.matches
            .iter()
            .filter(|found| found.maturity == Maturity::Enforcing)
    }

    /// Whether all of the file was matched against all of the rules.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let damaged = |at: &RemarkAt| at.remark == Remark::DefinitionsDamaged;
        self.limits.is_empty() && !self.remarks.iter().any(damaged)
    }
}

/// Why a file could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScanFailure {
    /// It could not be opened or read.
    Unreadable { reason: String },
    /// It shrank while it was read.
    Changed,
    /// The worker that read it ended by itself; the file is suspect for that alone.
    WorkerCrashed {
        signal: Option<i32>,
        member: Vec<String>,
    },
    /// The worker was stopped because it did not answer in time.
    TimedOut { limit_ms: u64, member: Vec<String> },
    /// The worker reached its limit of memory.
    OutOfMemory { member: Vec<String> },
    /// No worker could be had.
    NoWorker { reason: String },
}

/// Why a file was passed over.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    Fifo,
    Socket,
    CharacterDevice,
    BlockDevice,
    /// /proc, /sys and their like: made by the kernel as they are read.
    PseudoFileSystem,
    /// A symbolic link met while walking; what it points to is scanned where it stands.
    SymbolicLink,
    /// Excluded by policy.
    Excluded,
    /// Already scanned under another name in this run.
    AlreadySeen,
    /// Garrison's own quarantine and spool.
    OwnData,
}

/// The outcome for one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FileOutcome {
    /// Judged. Clean when it has no detections and was matched wholly.
    Judged {
        verdict: Verdict,
    },
    Failed {
        failure: ScanFailure,
    },
    Skipped {
        reason: SkipReason,
    },
}

impl FileOutcome {
    /// One word for lists: `clean`, `detected`, `incomplete`, `failed`, `skipped`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Judged { verdict } if verdict.detections().next().is_some() => "detected",
            Self::Judged { verdict } if !verdict.is_whole() => "incomplete",
            Self::Judged { .. } => "clean",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
        }
    }
}

/// The outcome for one path, with the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileReport {
    pub path: EndpointPath,
    #[serde(flatten)]
    pub outcome: FileOutcome,
}

/// What a whole scan came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScanTotals {
    pub clean: u64,
    pub detected: u64,
    pub incomplete: u64,
    pub failed: u64,
    pub skipped: u64,
    pub scanned_bytes: u64,
}

impl ScanTotals {
    /// Counts one outcome in.
    pub fn add(&mut self, outcome: &FileOutcome) {
        match outcome.word() {
            "detected" => self.detected += 1,
            "incomplete" => self.incomplete += 1,
            "clean" => self.clean += 1,
            "failed" => self.failed += 1,
            _ => self.skipped += 1,
        }
        if let FileOutcome::Judged { verdict } = outcome {
            self.scanned_bytes = self.scanned_bytes.saturating_add(verdict.scanned_bytes);
        }
    }

    /// All paths met.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.clean + self.detected + self.incomplete + self.failed + self.skipped
    }
}
