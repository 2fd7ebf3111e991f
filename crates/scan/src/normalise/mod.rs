//! Other forms of a file that patterns are matched against beside the file itself.

pub(crate) mod text;
