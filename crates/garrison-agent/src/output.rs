//! What goes to standard error: log lines and complaints.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// The variable that names what is logged, such as `debug` or `agent=trace,net=debug`.
const VARIABLE: &str = "GARRISON_LOG";

/// Logs to standard error: a service from INFO on, a command from WARN on, unless `GARRISON_LOG`
/// says otherwise.
pub(crate) fn log_to_stderr(is_service: bool) {
    let default = if is_service { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Says in one line what went wrong.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Many messages hold those of their causes already.
        if text.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    eprintln!("garrison-agent: {text}");
}
