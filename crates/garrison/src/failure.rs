//! Exit codes: 0 done, 1 refused or not found, 2 wrong usage or no connection.

use std::fmt;
use std::process::ExitCode;

/// Exit code when the system refused, or what was asked for isn't there.
pub(crate) const REFUSED: u8 = 1;
/// Exit code when the command line is wrong, or nobody answers.
pub(crate) const USAGE: u8 = 2;

/// A failure with an exit code other than [`REFUSED`].
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    source: anyhow::Error,
}

impl Failure {
    /// The caller, its configuration or the way to the service is at fault.
    pub(crate) fn usage(source: impl Into<anyhow::Error>) -> Self {
        Self {
            code: USAGE,
            source: source.into(),
        }
    }

    /// The same, from words.
    pub(crate) fn misuse(words: impl fmt::Display) -> anyhow::Error {
        Self::usage(anyhow::anyhow!("{words}")).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let head: &(dyn std::error::Error + 'static) = self.source.as_ref();
        head.source()
    }
}

/// Tells a person what failed, and the shell how.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if reader_is_gone(error) {
        return ExitCode::SUCCESS;
    }
    eprintln!("garrison: {error:#}");
    code(error)
}

/// Whether the one who reads our output stopped.
fn reader_is_gone(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn code(error: &anyhow::Error) -> ExitCode {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return ExitCode::from(failure.code);
    }
    match error.downcast_ref::<crate::api::ApiError>() {
        Some(error) if !error.is_answer() => ExitCode::from(USAGE),
        Some(_) | None => ExitCode::from(REFUSED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_whole_chain_of_causes_is_told() {
        let cause = anyhow::anyhow!("no such file").context("reading a.toml");
        let error = Err::<(), _>(Failure::usage(cause))
            .context("starting")
            .unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "starting: reading a.toml: no such file"
        );
        assert_eq!(code(&error), ExitCode::from(USAGE));
    }

    #[test]
    fn any_other_failure_is_a_refusal() {
        assert_eq!(code(&anyhow::anyhow!("no")), ExitCode::from(REFUSED));
    }
}
