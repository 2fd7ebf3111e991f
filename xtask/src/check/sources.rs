//! What stands in the files that git tracks.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::workspace::Workspace;

#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the root.
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl Source {
    pub(super) fn read_all(workspace: &Workspace) -> anyhow::Result<Vec<Source>> {
        workspace
            .files()?
            .into_iter()
            .map(|path| {
                let full = workspace.root.join(&path);
                let bytes = std::fs::read(&full).with_context(|| full.display().to_string())?;
                Ok(Source { path, bytes })
            })
            .collect()
    }

    /// Its lines with their numbers from 1, if it is text.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        text.lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    fn is_rust(&self) -> bool {
        self.path
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    fn has_folder(&self, name: &str) -> bool {
        self.path.components().any(|part| part.as_os_str() == name)
    }

    /// A file of tests alone: `tests.rs`, or anything in a folder `tests`.
    fn is_test(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == "tests.rs") || self.has_folder("tests")
    }
}

const LONGEST_FILE_LINES: usize = 600;

pub(super) fn lengths(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.is_rust() && !source.is_test())
        .filter_map(|source| {
            let lines = source.lines().count();
            (lines > LONGEST_FILE_LINES).then(|| {
                format!(
                    "{}: {lines} lines, at most {LONGEST_FILE_LINES}: split it by noun",
                    source.path.display()
                )
            })
        })
        .collect()
}

/// Ways to an IP socket, some of which clippy's list can't see.
const SOCKET_WORDS: &[&str] = &[
    "TcpListener::bind",
    "TcpListener::from_std",
    "TcpStream::connect",
    "TcpStream::from_std",
    "TcpSocket::new",
    "UdpSocket::bind",
    "UdpSocket::from_std",
    "lookup_host(",
    "to_socket_addrs(",
    "AddressFamily::INET",
    "AF_INET",
    "getaddrinfo",
    "axum::serve(",
    "HttpConnector",
];

/// Files and folders that name a socket all the same, and why.
const SOCKET_EXCEPTIONS: &[(&str, &str)] = &[
    (
        "crates/sandbox/test-worker/main.rs",
        "it tries to open a socket, and the sandbox's tests expect that it dies of it",
    ),
    (
        "crates/flows/tests",
        "they ask the proxies, browsers and packet filters that they started",
    ),
    (
        "crates/garrison-flows/tests",
        "servers that misbehave are what the doctor is tested against",
    ),
    (
        "crates/garrison/tests",
        "servers that say nothing are what the manager's check is tested against",
    ),
];

pub(super) fn sockets(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let ours = sources.iter().filter(|source| {
        source.is_rust()
            && source.path.starts_with("crates")
            && !source.path.starts_with("crates/net")
            && !SOCKET_EXCEPTIONS
                .iter()
                .any(|(path, _)| source.path.starts_with(path))
    });
    for source in ours {
        for (number, line) in source
            .lines()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            if let Some(word) = SOCKET_WORDS.iter().find(|word| line.contains(**word)) {
                complaints.push(format!(
                    "{}:{number}: {word}: IP sockets are opened by crates/net for a flow: net::listen(flow), net::dial(flow)",
                    source.path.display()
                ));
            }
        }
    }
    complaints
}

/// The test virus as bytes, with doubled backslash, in hexadecimal and in Base64.
fn eicar_spellings() -> Vec<Vec<u8>> {
    let plain = [
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}",
        "$EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!",
        "$H+H*",
    ]
    .concat();
    let hexadecimal: String = plain.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = [
        "WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9",
        "JEVJQ0FSLVNUQU5EQVJELUFOVElWSVJVUy1URVNU",
    ]
    .concat();
    let escaped = plain.replace('\\', r"\\");
    [plain, escaped, hexadecimal, base64]
        .map(String::into_bytes)
        .to_vec()
}

pub(super) fn eicar(sources: &[Source]) -> Vec<String> {
    let spellings = eicar_spellings();
    sources
        .iter()
        .filter(|source| {
            spellings
                .iter()
                .any(|spelling| contains_ignoring_case(&source.bytes, spelling))
        })
        .map(|source| {
            format!(
                "{}: holds the EICAR test file whole; assemble it from parts at run time",
                source.path.display()
            )
        })
        .collect()
}

/// Paths that only this machine has: cargo's home and the corpus, where they are known.
pub(super) fn own_paths() -> Vec<String> {
    let cargo = std::env::var("CARGO_HOME").ok();
    let home = std::env::var("HOME")
        .ok()
        .map(|home| format!("{home}/.cargo"));
    let corpus = std::env::var("GARRISON_CORPUS").ok();
    [cargo, home, corpus]
        .into_iter()
        .flatten()
        .filter(|path| Path::new(path).components().count() > 2)
        .collect()
}

/// The one file that may look for the corpus beside the checkout.
const CORPUS_FINDER: &str = ".ci/run";

pub(super) fn machine_paths(sources: &[Source], own: &[String]) -> Vec<String> {
    let workshop = concat!("/wo", "rk/");
    let beside = concat!("../sha", "red");
    let mut complaints = Vec::new();
    for source in sources {
        for (number, line) in source.lines() {
            let wrong = if starts_a_path(line, workshop) {
                Some(workshop)
            } else if line.contains(beside) && source.path != Path::new(CORPUS_FINDER) {
                Some(beside)
            } else {
                own.iter()
                    .map(String::as_str)
                    .find(|path| line.contains(path))
            };
            if let Some(wrong) = wrong {
                complaints.push(format!(
                    "{}:{number}: {wrong} is a path of one machine; take it from an argument or a variable",
                    source.path.display()
                ));
            }
        }
    }
    complaints
}

/// Whether `prefix` stands in the line as the start of an absolute path.
fn starts_a_path(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        !line
            .get(..at)
            .and_then(|before| before.chars().next_back())
            .is_some_and(|before| before.is_alphanumeric() || "._-*}/~".contains(before))
    })
}

fn contains_ignoring_case(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Vec<Source> {
        vec![Source {
            path: path.into(),
            bytes: text.as_bytes().to_vec(),
        }]
    }

    #[test]
    fn a_file_of_601_lines_is_refused_and_one_of_600_is_not() {
        assert!(lengths(&file("crates/net/src/dial.rs", &"x\n".repeat(600))).is_empty());
        let found = lengths(&file("crates/net/src/dial.rs", &"x\n".repeat(601)));
        assert!(found[0].starts_with("crates/net/src/dial.rs: 601 lines"));
    }

    #[test]
    fn a_long_file_of_tests_is_let_be() {
        assert!(lengths(&file("crates/net/tests/stages.rs", &"x\n".repeat(900))).is_empty());
        assert!(lengths(&file("crates/net/src/dial/tests.rs", &"x\n".repeat(900))).is_empty());
    }

    #[test]
    fn a_socket_outside_net_is_refused_with_its_line() {
        let text =
            "// TcpListener::bind in a comment\nlet l = tokio::net::TcpListener::bind(a).await;\n";
        let found = sockets(&file("crates/agent/src/lib.rs", text));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/agent/src/lib.rs:2: TcpListener::bind"));
        assert!(sockets(&file("crates/net/src/listen.rs", text)).is_empty());
    }

    #[test]
    fn a_socket_in_a_file_with_an_exception_is_let_be() {
        let text = "let s = TcpListener::bind(a);";
        for (path, _) in SOCKET_EXCEPTIONS {
            assert!(sockets(&file(path, text)).is_empty());
        }
        assert_eq!(sockets(&file("crates/sandbox/src/main.rs", text)).len(), 1);
    }

    #[test]
    fn a_local_socket_is_no_ip_socket() {
        assert!(
            sockets(&file(
                "crates/sandbox/src/pair.rs",
                "UnixStream::connect(p); UnixListener::bind(p);"
            ))
            .is_empty()
        );
    }

    #[test]
    fn the_test_virus_is_found_in_every_spelling() {
        for spelling in eicar_spellings() {
            let mut bytes = b"prefix \xff".to_vec();
            bytes.extend(spelling);
            let sources = [Source {
                path: "definitions/a.bin".into(),
                bytes,
            }];
            assert_eq!(eicar(&sources).len(), 1);
        }
        assert!(eicar(&file("a.rs", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE")).is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_refused() {
        let workshop = format!("see {}main", concat!("/wo", "rk/"));
        assert_eq!(machine_paths(&file("README.md", &workshop), &[]).len(), 1);
        let inside = format!(
            "target{}x and https://example.org{0}y",
            concat!("/wo", "rk/")
        );
        assert!(machine_paths(&file("README.md", &inside), &[]).is_empty());
    }

    #[test]
    fn a_known_path_of_this_machine_is_refused() {
        let own = ["/srv/corpus".to_owned()];
        assert_eq!(
            machine_paths(&file("a.rs", "open(\"/srv/corpus/x\")"), &own).len(),
            1
        );
    }

    #[test]
    fn only_the_corpus_finder_looks_beside_the_checkout() {
        let text = format!("corpus={}/corpus", concat!("../sha", "red"));
        assert_eq!(machine_paths(&file("Makefile", &text), &[]).len(), 1);
        assert!(machine_paths(&file(CORPUS_FINDER, &text), &[]).is_empty());
    }
}
