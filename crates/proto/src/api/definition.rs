//! Definitions of the site.

use model::{DefinitionRevision, Sha256, Timestamp};
use serde::{Deserialize, Serialize};

/// A published set.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DefinitionsInfo {
    pub revision: DefinitionRevision,
    pub bytes: u64,
    /// Of the file as the site signed it.
    pub sha256: Sha256,
    pub hashes: u64,
    pub yara_rules: u64,
    pub published: Timestamp,
    pub published_by: String,
    /// Whether this is what agents are told to use.
    pub current: bool,
    /// Devices that use it.
    pub devices: u64,
}
