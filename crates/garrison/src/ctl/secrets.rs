//! Secrets that come in or go out: by file or by prompt, never by command line.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::failure::Failure;

/// A password out of a file, or asked for on the terminal.
///
/// # Errors
/// When the file can't be read, or there is no terminal to ask on.
pub(super) fn password(file: Option<PathBuf>) -> anyhow::Result<String> {
    match file {
        Some(path) => {
            let text = trust::keyfile::read_text(&path).map_err(Failure::usage)?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        None => prompt_twice(),
    }
}

fn prompt_twice() -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::misuse(
            "expected a password on a terminal, and standard input is none; use --password-file",
        ));
    }
    let first = prompt("Password: ")?;
    if prompt("Once more: ")? != first {
        return Err(Failure::misuse("the two passwords differ; try again"));
    }
    Ok(first)
}

fn prompt(words: &str) -> anyhow::Result<String> {
    eprint!("{words}");
    std::io::stderr().flush()?;
    let input = std::io::stdin();
    let before = tcgetattr(&input)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Now, &silent)?;
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    tcsetattr(&input, OptionalActions::Now, &before)?;
    eprintln!();
    read?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Puts a secret where only its owner reads it.
///
/// # Errors
/// When the file can't be written.
pub(super) fn store(path: &Path, secret: &str) -> anyhow::Result<()> {
    trust::keyfile::write(path, format!("{secret}\n").as_bytes())
        .with_context(|| format!("{}: the secret can't be stored", path.display()))
}
