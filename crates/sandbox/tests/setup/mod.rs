//! What the tests of the pool share: definitions, a pool of test workers, files.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use definitions::{SigningKey, Source, build, sign};
use model::{DefinitionRevision, FileOutcome, Verdict};
use sandbox::{Pool, PoolConfig, Sealed, WorkerCommand};
use scan::{Limits, TrustedKeys};

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(&[42; 32]).unwrap()
}

pub(crate) fn trusted() -> TrustedKeys {
    TrustedKeys::none().with(key().public_key())
}

pub(crate) fn definitions(revision: u64) -> Sealed {
    let rule = format!(
        "rule needle {{ meta: name = \"Test.Needle.{revision}\" strings: $a = \"NEEDLE\" \
         condition: $a }}"
    );
    definitions_of(&rule, revision)
}

pub(crate) fn definitions_of(rule: &str, revision: u64) -> Sealed {
    Sealed::from_bytes(&signed_definitions_of(rule, revision)).unwrap()
}

pub(crate) fn signed_definitions_of(rule: &str, revision: u64) -> Vec<u8> {
    let source = Source {
        name: "test.yar".into(),
        bytes: rule.as_bytes().to_vec(),
    };
    let compiled = build(&[source], DefinitionRevision(revision), &mut |_| {}).unwrap();
    sign(&compiled, &key())
}

/// The test worker: beside the tests when these were copied somewhere, else where cargo built it.
pub(crate) fn worker() -> WorkerCommand {
    let name = "sandbox-test-worker";
    let beside = std::env::current_exe()
        .ok()
        .and_then(|test| Some(test.parent()?.join(name)))
        .filter(|path| path.exists());
    WorkerCommand {
        program: beside.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_sandbox-test-worker"))),
        arguments: Vec::new(),
    }
}

pub(crate) fn limits() -> Limits {
    Limits {
        time: Duration::from_secs(30),
        ..Limits::default()
    }
}

pub(crate) fn config() -> PoolConfig {
    PoolConfig::new(worker(), &limits())
}

pub(crate) fn pool() -> Pool {
    Pool::new(config(), definitions(1), &trusted()).unwrap()
}

/// A file with this content, open for reading alone.
pub(crate) fn file(content: &[u8]) -> OwnedFd {
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(content).unwrap();
    named.rewind().unwrap();
    File::open(named.path()).unwrap().into()
}

pub(crate) fn scan(pool: &Pool, content: &[u8]) -> FileOutcome {
    pool.scan(file(content).as_fd(), &limits())
}

pub(crate) fn judged(outcome: FileOutcome) -> Verdict {
    match outcome {
        FileOutcome::Judged { verdict } => verdict,
        other => panic!("expected a verdict, got {other:?}"),
    }
}

/// Lines that import all modules of YARA.
pub(crate) fn imports_of_every_module() -> String {
    let modules = [
        "console", "dex", "dotnet", "elf", "hash", "lnk", "macho", "math", "pe", "string", "time",
    ];
    modules
        .map(|module| format!("import \"{module}\"\n"))
        .concat()
}
