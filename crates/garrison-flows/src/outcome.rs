//! Exit codes: 0 done, 1 the answer is no, 2 the command line or a file can't be used.

use std::process::ExitCode;

use crate::table::plain;

/// The answer is no.
pub(crate) const NO: u8 = 1;
/// The command line or a file can't be used.
const UNUSABLE: u8 = 2;

/// A command's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    No,
}

/// Tells a person what failed, and the shell how it went. Whoever reads the output may stop
/// reading (`… | head`); that is no failure.
pub(crate) fn code(program: &str, outcome: anyhow::Result<Answer>) -> ExitCode {
    match outcome {
        Ok(Answer::Done) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(NO),
        Err(error) if reader_is_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "{program}: {}",
                plain(format!("{error:#}").trim_end().to_owned())
            );
            ExitCode::from(UNUSABLE)
        }
    }
}

fn reader_is_gone(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
