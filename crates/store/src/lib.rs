//! Keeps what a role must not lose: rows, blobs, and the word that something changed.
//!
//! [`Database`] is SQLite in WAL mode with one writer and many readers; [`FolderBlobs`] keeps
//! whole files; [`Bus`] tells subscribers inside the process what changed. This crate knows no
//! table of its own but the list of migrations, holds no rule of any role, and opens no socket.
//!
//! Start reading at [`database`], then [`group_commit`] (many small writes in one transaction).

pub mod blobs;
pub mod bus;
pub mod database;
pub mod error;
pub mod group_commit;
pub mod migration;

pub use blobs::{BlobError, FolderBlobs};
pub use bus::{Bus, Received, Subscription};
pub use database::{Database, Transaction, WriteFuture};
pub use error::StoreError;
pub use group_commit::GroupCommit;
pub use migration::Migration;
