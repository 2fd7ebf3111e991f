//! Lists, a page at a time.

use serde::{Deserialize, Serialize};

/// One page of a list. To read on, repeat the request with `cursor` set to `next_cursor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Absent on the last page. Opaque, and good for the same filters only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
    /// How many items match in all.
    pub total: u64,
}
