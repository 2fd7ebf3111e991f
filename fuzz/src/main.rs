//! The program that libFuzzer drives: GARRISON_FUZZ_TARGET names the target.
#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::start(), |bytes: &[u8]| {
    fuzz::run(bytes);
});
