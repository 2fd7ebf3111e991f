//! The readers of byte patterns and logical signatures, and the compiler behind them: whatever is
//! read can be compiled and matched.
#![no_main]

use definitions::body::{Compiler, read_ldb, read_ndb, text};
use libfuzzer_sys::fuzz_target;
use scan::match_patterns;

fuzz_target!(|bytes: &[u8]| {
    let (lines, file) = match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => bytes.split_at(at),
        None => (bytes, bytes),
    };
    let mut compiler = Compiler::new();
    for (rule, line) in (0..).zip(lines.split(|byte| *byte == b'\n')) {
        let line = text(line);
        for read in [read_ndb, read_ldb] {
            if let Ok(Some(signature)) = read(&line) {
                compiler.add(&signature, rule).unwrap();
            }
        }
    }
    let (hot, programs) = compiler.finish().unwrap();
    match_patterns(&hot, &programs, file).unwrap();
});
