//! What a worker that was taken over could say to its pool.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use model::FileOutcome;

use crate::Target;
use crate::scanning::{PATTERNS, scanned};

const MOST_BYTES: usize = 16 << 10;

pub(crate) const REPORTS: Target = Target {
    name: "worker-reports",
    run: |bytes| {
        let (pool, mut worker) = UnixStream::pair().unwrap();
        // It fits into the socket's buffer.
        worker.write_all(bytes).unwrap();
        drop(worker);
        sandbox::fuzzing::read_reports(pool.as_fd());
    },
    seeds: || {
        let frame = |text: &str| {
            [
                (text.len() as u32).to_le_bytes().as_slice(),
                text.as_bytes(),
            ]
            .concat()
        };
        let mut seeds: Vec<Vec<u8>> = [
            r#"{"Ready":{"protections":[]}}"#,
            r#"{"Refused":{"reason":"none"}}"#,
            r#"{"Opening":{"member":["a","b"]}}"#,
        ]
        .map(frame)
        .into();
        seeds.push(seeds.concat());
        seeds.extend([b"content".as_slice(), b"PK\x03\x04"].map(|bytes| {
            let verdict = scanned(&PATTERNS, bytes);
            sandbox::fuzzing::report_of(FileOutcome::Judged { verdict })
        }));
        seeds
    },
    words: &[
        "Ready",
        "Refused",
        "Opening",
        "Outcome",
        "outcome",
        "member",
        "protections",
        "Scanned",
        "\":",
        "[[",
        "\\u0000",
        "1e999",
    ],
    most_bytes: MOST_BYTES,
    short: 1500,
};
