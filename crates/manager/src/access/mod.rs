//! Who may enter and what they may do: people with passwords and sessions, programs with API
//! tokens, and the one check of roles ([`Caller::permit`]).

mod api_tokens;
mod caller;
pub mod http;
mod passwords;
pub mod rules;
mod sessions;
mod store;
mod throttle;
mod users;

pub use api_tokens::{api_tokens, create_api_token, revoke_api_token};
pub(crate) use api_tokens::{create_local, is_good};
pub use caller::{Administrator, Caller, MinimalRole, Operator, Permit, Viewer};
pub(crate) use sessions::prune as prune_sessions;
pub use sessions::{Session, SignedIn, csrf_token, session, sign_in, sign_out};
pub(crate) use store::TABLES;
pub use users::{change_user, create_user, delete_user, user, users};
pub(crate) use users::{first_administrator, insert_first_administrator};

use passwords::Hashing;
use throttle::Throttle;

/// The live part of access: what failed lately, and who hashes now.
#[derive(Default)]
pub struct Access {
    pub(crate) throttle: Throttle,
    pub(crate) hashing: Hashing,
}

impl Access {
    /// Nothing failed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
