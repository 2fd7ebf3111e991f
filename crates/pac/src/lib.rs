//! Proxy auto-configuration files: which proxy a script names for an address of a page.
//!
//! A PAC file is a program that somebody else wrote. It is run by QuickJS within memory, stack and
//! steps, with the functions that browsers give it and nothing else: names are resolved from what
//! the caller says, the clock stands at what the caller says, and what the script asked for that
//! the caller didn't say is told. This crate opens no socket and reads no file; it bounds steps and
//! not seconds, so a caller who must answer in time runs [`serve`] in a child that it can kill.
//!
//! Start reading at [`Quick`], then `prelude.js` (the functions of PAC files).

mod engine;
mod serve;

pub use engine::{Limits, Quick};
pub use serve::{Order, serve};
