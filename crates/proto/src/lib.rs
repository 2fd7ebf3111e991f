//! Every wire type of every HTTP API of Garrison, versioned by its path (`/agent/v1`, `/api/v1`,
//! `/site/v1`).
//!
//! This crate holds shapes and their documentation. It sends nothing and decides nothing; table
//! types live in the slice that owns the table and are converted explicitly.
//!
//! Start reading at [`agent`] (agent ↔ manager), [`api`] (programs ↔ manager), [`site`]
//! (manager ↔ cloud) and [`local`] (local command ↔ agent, over a Unix socket).

pub mod agent;
pub mod api;
pub mod binding;
pub mod envelope;
pub mod local;
pub mod page;
pub mod problem;
pub mod site;
pub mod token;

pub use binding::ChannelBinding;
pub use envelope::Signed;
pub use page::Page;
pub use problem::Problem;
pub use token::EnrolmentToken;
