//! Logs go to standard error; `GARRISON_LOG` says how much.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// The variable: `warn`, `info`, `manager=debug,net=trace`, … Default: `info`.
const VARIABLE: &str = "GARRISON_LOG";

/// Begins logging.
pub(crate) fn begin() {
    let wanted = std::env::var(VARIABLE).unwrap_or_else(|_| "info".to_owned());
    let (filter, complaint) = match EnvFilter::try_new(&wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    if let Some(error) = complaint {
        tracing::warn!("{VARIABLE}: {error}; expected such as info or manager=debug; using info");
    }
}
