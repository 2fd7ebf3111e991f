//! What an agent is told: policies and commands. Both travel signed (see `trust`).

use serde::{Deserialize, Serialize};

use crate::id::{CommandId, DeviceId, GroupId, QuarantineId, ScanId};
use crate::path::EndpointPath;
use crate::time::Timestamp;

/// What to do with a file that an enforcing rule matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Report it and leave it.
    Report,
    /// Report it and move it to quarantine.
    Quarantine,
}

/// What not to scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Exclusion {
    /// A path and everything below it.
    Path { path: EndpointPath, reason: String },
    /// A rule by its name.
    Rule { rule: String, reason: String },
}

/// The settings of a group's agents. Every field has a default, so that `{}` is a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What to do with a detected file. Default: report.
    pub response: Response,
    pub exclusions: Vec<Exclusion>,
    /// Files above this many bytes are read up to it and reported as incomplete. Default: 256 MiB.
    pub max_file_bytes: u64,
    /// Seconds for one file. Default: 60.
    pub max_file_seconds: u32,
    /// Seconds between check-ins when nothing calls for one sooner. Default: 60.
    pub check_in_seconds: u32,
    /// Bytes that undelivered events may take on disk. Default: 64 MiB.
    pub spool_bytes: u64,
    /// Bytes that the quarantine may take on disk. Default: 1 GiB.
    pub quarantine_bytes: u64,
    /// Minutes between checks of the network when nothing calls for one sooner; 0 switches all of
    /// them off. Default: 60.
    pub network_check_minutes: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            response: Response::Report,
            exclusions: Vec::new(),
            max_file_bytes: 256 << 20,
            max_file_seconds: 60,
            check_in_seconds: 60,
            spool_bytes: 64 << 20,
            quarantine_bytes: 1 << 30,
            network_check_minutes: 60,
        }
    }
}

/// A policy value outside what can work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy {field}: expected {expected}, got {got}")]
pub struct PolicyError {
    pub field: &'static str,
    pub expected: &'static str,
    pub got: u64,
}

impl Policy {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// The first value outside its range.
    pub fn check(&self) -> Result<(), PolicyError> {
        let within = |field, got: u64, low: u64, high: u64, expected| {
            if (low..=high).contains(&got) {
                Ok(())
            } else {
                Err(PolicyError {
                    field,
                    expected,
                    got,
                })
            }
        };
        within(
            "max_file_bytes",
            self.max_file_bytes,
            1 << 20,
            4 << 30,
            "1 MiB to 4 GiB in bytes",
        )?;
        within(
            "max_file_seconds",
            self.max_file_seconds.into(),
            1,
            3600,
            "1 to 3600 seconds",
        )?;
        within(
            "check_in_seconds",
            self.check_in_seconds.into(),
            1,
            86_400,
            "1 to 86400 seconds",
        )?;
        within(
            "spool_bytes",
            self.spool_bytes,
            1 << 20,
            64 << 30,
            "1 MiB to 64 GiB in bytes",
        )?;
        within(
            "quarantine_bytes",
            self.quarantine_bytes,
            1 << 20,
            1 << 40,
            "1 MiB to 1 TiB in bytes",
        )?;
        if self.network_check_minutes == 0 {
            return Ok(());
        }
        within(
            "network_check_minutes",
            self.network_check_minutes.into(),
            5,
            1440,
            "0 (off) or 5 to 1440 minutes",
        )
    }
}

/// A policy as it is signed for a group's devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyDocument {
    pub group: GroupId,
    /// Grows with every change that touches the device; an agent refuses a lower one.
    pub revision: u64,
    pub issued: Timestamp,
    pub policy: Policy,
}

/// Something that one device is to do once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Scan these paths.
    Scan {
        scan: ScanId,
        paths: Vec<EndpointPath>,
    },
    /// Move a file to quarantine, if its content still has this hash.
    Quarantine {
        path: EndpointPath,
        sha256: crate::hash::Sha256,
    },
    /// Put a quarantined file back where it was.
    Restore { quarantine: QuarantineId },
    /// Delete a quarantined file for good.
    Delete { quarantine: QuarantineId },
    /// Make a new key and certificate now.
    RotateCertificate,
    /// Check the network now, and report what it came to, changed or not.
    CheckNetwork,
}

/// A command as it is signed for one device. An agent carries each id out at most once, and none
/// after it expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommandDocument {
    pub id: CommandId,
    pub device: DeviceId,
    pub issued: Timestamp,
    pub expires: Timestamp,
    #[serde(flatten)]
    pub action: Action,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_object_is_the_default_policy_and_it_is_valid() {
        let policy: Policy = serde_json::from_str("{}").unwrap();
        assert_eq!(policy, Policy::default());
        assert_eq!(policy.check(), Ok(()));
    }

    #[test]
    fn a_value_outside_its_range_names_field_and_range() {
        let policy = Policy {
            check_in_seconds: 0,
            ..Policy::default()
        };
        let error = policy.check().unwrap_err().to_string();
        assert_eq!(
            error,
            "policy check_in_seconds: expected 1 to 86400 seconds, got 0"
        );
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_json::from_str::<Policy>(r#"{"respons":"report"}"#).is_err());
    }
}
