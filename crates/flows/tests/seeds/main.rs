//! The vendors' catalogues against the documents that they were made from: nothing is missing,
//! nothing is made up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod accounting;
mod languages;
mod pages;
mod texts;
