//! Identifiers. Each is a UUID in a type of its own, so that a device's can't stand where a
//! group's is wanted. New ones are version 7: they sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Text that was expected to be an identifier and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a {kind} identifier (a UUID such as 019aa6d2-7a30-7c51-9d0e-3f5a86b1c001), got {got:?}"
)]
pub struct IdError {
    kind: &'static str,
    got: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier, from the clock and the system's randomness.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// Wraps a UUID made elsewhere.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// Reads the hyphenated form.
            ///
            /// # Errors
            /// When the text is no UUID.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError {
                    kind: $kind,
                    got: text.chars().take(80).collect(),
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

id!(
    /// One enrolled identity (a key), not a host name.
    DeviceId, "device"
);
id!(/// One site: a manager and the devices that it looks after.
    SiteId, "site");
id!(/// A group of devices that share a policy.
    GroupId, "group");
id!(/// A policy.
    PolicyId, "policy");
id!(/// One detection as the manager keeps it.
    DetectionId, "detection");
id!(/// One file in an agent's quarantine.
    QuarantineId, "quarantine");
id!(/// One command to one device.
    CommandId, "command");
id!(/// One scan that somebody asked for.
    ScanId, "scan");
id!(/// A person's account.
    UserId, "user");
id!(/// A token with which agents enrol.
    EnrolmentTokenId, "enrolment token");
id!(/// A token with which programs use the API.
    ApiTokenId, "API token");
id!(/// A line of the audit log.
    AuditId, "audit");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_reads_back() {
        let id = DeviceId::generate();
        assert_eq!(DeviceId::parse(&id.to_string()), Ok(id));
    }

    #[test]
    fn what_is_no_uuid_is_named() {
        let error = GroupId::parse("lyon").unwrap_err().to_string();
        assert!(
            error.contains("group") && error.contains("\"lyon\""),
            "{error}"
        );
    }
}
