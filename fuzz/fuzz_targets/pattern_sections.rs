//! The pattern sections and the programs in them, altered: reading and running them never panics
//! and ends.
#![no_main]

use std::sync::LazyLock;

use definitions::body::{Compiler, read_ldb, read_ndb};
use libfuzzer_sys::fuzz_target;
use scan::match_patterns;

static SECTIONS: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let mut compiler = Compiler::new();
    let signatures = [
        read_ndb("A:0:*:61626364(65|66)67*68??6a6b{2-5}6c6d6e"),
        read_ndb("B:1:EP+0,4:558bec{-9}83ec!(10|20)50"),
        read_ldb("C;Target:0;(0|1)>1&2&3;616263::iw;(B)64656667(L);68[1-3]6a6b6c;0/x+y/gi"),
        read_ldb("D;Engine:51-255,FileSize:1-9999,Target:0;0&1;73697a653d;0(>>5#db2#>41)"),
    ];
    for (rule, signature) in (0..).zip(signatures) {
        compiler.add(&signature.unwrap().unwrap(), rule).unwrap();
    }
    compiler.finish().unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    // Six bytes say what is changed, the rest is the file.
    let mut hot = SECTIONS.0.clone();
    let mut programs = SECTIONS.1.clone();
    let mut rest = bytes;
    while let Some((change, behind)) = rest.split_first_chunk::<6>() {
        let [which, low, middle, high, value, more] = *change;
        let section = if which & 1 == 0 { &mut hot } else { &mut programs };
        let at = u32::from_le_bytes([low, middle, high, 0]) as usize % section.len();
        section[at] = value;
        rest = behind;
        if more & 7 == 0 {
            break;
        }
    }
    let _ = match_patterns(&hot, &programs, rest);
});
