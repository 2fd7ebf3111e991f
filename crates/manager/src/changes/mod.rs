//! The stream of changes: tells programs and the console what to read again.

pub mod http;

pub use http::event_stream;
