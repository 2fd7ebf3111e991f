//! What whole-system tests stand on: it starts real programs, waits for what
//! they do, and looks at the sockets that the kernel says they hold.
//!
//! It imports no role and opens no socket. A test in `tests/` starts at
//! [`Launch`], asks [`places`] where programs and sources are, waits with
//! [`wait::until`], and says with [`skip::skip`] that it can't run here. Everything
//! started ends with the value that stands for it.

pub mod clock;
pub mod estate;
pub mod lab;
pub mod places;
pub mod process;
pub mod rights;
pub mod sockets;
pub mod system;
pub mod tree;
pub mod wait;

pub use process::{Launch, Lifeline, Running};
