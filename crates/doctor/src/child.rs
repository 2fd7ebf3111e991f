//! Runs the doctor in a process of its own, and reads what it says: for services, which have rights
//! that whoever reads bytes from the network must not have.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use crate::report::{Report, VERSION};

/// Bytes of a report. One of Garrison's own flows has some tens of kilobytes.
const MAX_REPORT: u64 = 4 << 20;
/// Bytes of what a child says on standard error that are kept.
const MAX_WORDS: u64 = 4 << 10;
/// What the environment says of proxies, in both of the usual spellings.
const PROXY_VARIABLES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// How to start a check: a program that gives up its rights, ends with the process that started it,
/// and writes a [`Report`] in JSON.
#[derive(Debug, Clone)]
pub struct CheckCommand {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

/// Why a check said nothing.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("{program} could not be started: {source}", program = .program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("it did not end within {} s and was stopped", .0.as_secs())]
    TooLong(Duration),
    #[error("its report was longer than {MAX_REPORT} bytes, and was not read")]
    TooLarge,
    #[error("it ended with {status} and no report; it said {words:?}")]
    Silent { status: String, words: String },
    #[error(
        "expected a report of version {}, got something else ({reason})",
        VERSION
    )]
    Form { reason: String },
    #[error("talking to it failed: {0}")]
    Io(#[from] std::io::Error),
}

impl CheckCommand {
    /// This very program, whatever became of its file, with the hidden subcommand `network-check`.
    #[must_use]
    pub fn own() -> Self {
        Self {
            program: "/proc/self/exe".into(),
            arguments: vec!["network-check".into()],
        }
    }
}

/// What the environment of a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckEnvironment {
    Empty,
    /// What this process' own environment says of proxies, and nothing else.
    Proxies,
}

/// Runs a check, which reads the order on standard input. The child is gone when this returns, and
/// when it is dropped before.
///
/// # Errors
/// When it can't be started, doesn't end in time, or says something that is no report.
pub async fn check(
    command: &CheckCommand,
    environment: CheckEnvironment,
    order: &[u8],
    limit: Duration,
) -> Result<Report, CheckError> {
    let mut child = start(command, environment)?;
    let outcome = tokio::time::timeout(limit, talk(&mut child, order)).await;
    // It has ended by itself, or has had its time.
    let _ = child.start_kill();
    let status = child.wait().await?;
    let Ok(said) = outcome else {
        return Err(CheckError::TooLong(limit));
    };
    read(said?, status)
}

/// What a child said on standard output and standard error.
struct Said {
    report: Vec<u8>,
    words: Vec<u8>,
}

fn start(command: &CheckCommand, environment: CheckEnvironment) -> Result<Child, CheckError> {
    let mut start = Command::new(&command.program);
    start
        .args(&command.arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if environment == CheckEnvironment::Proxies {
        let set = PROXY_VARIABLES
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        start.envs(set);
    }
    start.spawn().map_err(|source| CheckError::Start {
        program: command.program.clone(),
        source,
    })
}

async fn talk(child: &mut Child, order: &[u8]) -> Result<Said, CheckError> {
    let (Some(input), Some(output), Some(error_output)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(std::io::Error::other("it has no pipes").into());
    };
    let ((), report, words) = tokio::join!(
        tell(input, order),
        read_some(output, MAX_REPORT + 1),
        read_some(error_output, MAX_WORDS),
    );
    Ok(Said {
        report: report?,
        words: words?,
    })
}

/// A child that ended early shows by its answer; the order is not worth an error.
async fn tell(mut input: ChildStdin, order: &[u8]) {
    let _ = input.write_all(order).await;
    let _ = input.shutdown().await;
}

/// Reads so many bytes at most, and closes the pipe: whoever writes more than that ends.
async fn read_some(from: impl AsyncRead + Unpin, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn read(said: Said, status: ExitStatus) -> Result<Report, CheckError> {
    if said.report.len() as u64 > MAX_REPORT {
        return Err(CheckError::TooLarge);
    }
    if said.report.is_empty() {
        return Err(CheckError::Silent {
            status: status.to_string(),
            words: one_line(&said.words),
        });
    }
    let report: Report =
        serde_json::from_slice(&said.report).map_err(|error| CheckError::Form {
            reason: error.to_string(),
        })?;
    if report.version != VERSION {
        return Err(CheckError::Form {
            reason: format!("version {}", report.version),
        });
    }
    Ok(report)
}

/// The text on one line without signs that a terminal obeys, and not much of it.
fn one_line(bytes: &[u8]) -> String {
    const MOST: usize = 300;
    let text = String::from_utf8_lossy(bytes);
    let plain: String = text
        .chars()
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .take(MOST)
        .collect();
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests;
