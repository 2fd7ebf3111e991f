//! What is wrong with sources as a whole.

/// One bad rule, as its compiler tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceError {
    /// The source's name.
    pub(crate) source: String,
    /// The line, counted from 1; absent when it is the source as a whole.
    pub(crate) line: Option<usize>,
    /// What was expected and what came.
    pub(crate) reason: String,
}

/// Why sources could not be compiled. A bad line or rule is none of these: see
/// [`crate::Report`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error(
        "no definitions in the sources: expected at least one line or rule that can be used; see \
         why with \"garrison definitions lint\""
    )]
    Empty,
    #[error("the sources make more than a definitions file can hold: {what}; leave some out")]
    TooLarge { what: &'static str },
    #[error("the YARA rules can't be stored: {reason}")]
    Yara { reason: String },
    #[error("the rules' names can't be packed: zstd has no memory for it")]
    Names,
}
