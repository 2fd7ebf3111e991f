//! Readers of lists that others keep: what is taken reads back from its TOML.
#![no_main]

use flows::import::{ImportOptions, aerleon, csv, m365};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for read in [csv, m365, aerleon] {
        if let Ok(imported) = read(bytes, &ImportOptions::default()) {
            let text = imported.toml().expect("a catalogue is TOML");
            let back = flows::Catalogue::parse(&text).expect("what was written reads back");
            assert_eq!(back, imported.catalogue);
        }
    }
});
