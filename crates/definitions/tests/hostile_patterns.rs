//! Pattern sections that were altered, and signature lines that nobody meant: a short round, the
//! long ones are in `fuzz/`.

use definitions::body::{Compiler, read_ldb, read_ndb};
use proptest::prelude::*;
use scan::match_patterns;

const NDB: [&str; 3] = [
    "A:0:*:61626364(65|66)67*68??6a6b{2-5}6c6d6e",
    "B:1:EP+0,4:558bec{-9}83ec!(10|20)50",
    "E:0:2:4d5a????6162",
];
const LDB: [&str; 3] = [
    "C;Target:0;(0|1)>1&2&3;616263::iw;(B)64656667(L);68[1-3]6a6b6c;0/x+y/gi",
    "D;Engine:51-255,FileSize:1-9999,Target:0;0&1;73697a653d;0(>>5#db2#>41)",
    "F;Target:0;(0&1|2)>2,2;6162(63|6465|)66;6768;696a::wa",
];

fn sections() -> (Vec<u8>, Vec<u8>) {
    let mut compiler = Compiler::new();
    let ndb = NDB.iter().map(|line| read_ndb(line));
    let ldb = LDB.iter().map(|line| read_ldb(line));
    for (rule, signature) in (0..).zip(ndb.chain(ldb)) {
        compiler.add(&signature.unwrap().unwrap(), rule).unwrap();
    }
    compiler.finish().unwrap()
}

const FILE: &[u8] = b"MZ..abcdeg h.jk..lmn ABC a\0b\0c\0 defg\nhi..jkl size=42 xxxy abdef gh gh ij";

#[test]
fn sections_cut_anywhere_are_refused_or_find_less() {
    let (hot, programs) = sections();
    assert!(match_patterns(&hot, &programs, FILE).unwrap().len() >= 4);
    for cut in (0..programs.len()).chain([programs.len()]) {
        let _ = match_patterns(&hot, &programs[..cut], FILE);
    }
    for cut in (0..hot.len()).step_by(37) {
        let _ = match_patterns(&hot[..cut], &programs, FILE);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn altered_sections_never_panic(
        changes in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 1..20),
        file in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (mut hot, mut programs) = sections();
        for (which, at, value) in changes {
            let section = if which { &mut hot } else { &mut programs };
            let at = at.index(section.len());
            section[at] = value;
        }
        let _ = match_patterns(&hot, &programs, &file);
        let _ = match_patterns(&hot, &programs, FILE);
    }

    #[test]
    fn lines_are_refused_or_compile(
        line in "[A-D]:[0-9*]{1,2}:(\\*|EP\\+[0-9]|S[0-9]\\+[0-9]|EOF-[0-9]|[0-9],[0-9]|VI):[0-9a-f?*{}()|!\\[\\]BLW-]{1,40}",
        logic in "[0-3&|()<>=,]{1,16}",
        subs in prop::collection::vec("[0-9a-f?]{2,8}(::[iwaf]{1,3})?", 1..4),
    ) {
        let mut compiler = Compiler::new();
        let ldb = format!("N;Target:0;{logic};{}", subs.join(";"));
        for signature in [read_ndb(&line), read_ldb(&ldb)].into_iter().flatten().flatten() {
            compiler.add(&signature, 1).unwrap();
        }
        let (hot, programs) = compiler.finish().unwrap();
        match_patterns(&hot, &programs, FILE).unwrap();
    }
}
