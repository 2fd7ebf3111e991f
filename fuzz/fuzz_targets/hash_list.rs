//! The reader of hash lists.
#![no_main]

use definitions::{BuildError, Source, build, read_line};
use libfuzzer_sys::fuzz_target;
use model::DefinitionRevision;

fuzz_target!(|bytes: &[u8]| {
    let good = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| matches!(read_line(line), Ok(Some(_))))
        .count();
    let source = Source {
        name: "fuzz.hdb".into(),
        bytes: bytes.to_vec(),
    };
    match build(&[source], DefinitionRevision(1), &mut |_| {}) {
        Ok(compiled) => assert!(good > 0 && compiled.counts().total() <= good as u64),
        Err(BuildError::Empty) => assert_eq!(good, 0),
        Err(BuildError::TooLarge { .. } | BuildError::Yara { .. } | BuildError::Names) => {}
    }
});
