//! The pattern sections and the verify programs in them, altered: reading and running them ends,
//! and never panics.

use std::sync::LazyLock;

use definitions::body::{Compiler, read_ldb, read_ndb};
use scan::match_patterns;

use crate::Target;

const NDB: [&str; 5] = [
    "A:0:*:61626364(65|66)67*68??6a6b{2-5}6c6d6e",
    "B:1:EP+0,4:558bec{-9}83ec!(10|20)50",
    "C:0:2:4d5a????6162",
    "D:1:SE0:6162{4}?3*!(6768|696a)6b",
    "E:0:EOF-16:(61|62|6?)(B)6465(W)",
];
const LDB: [&str; 7] = [
    "F;Target:0;(0|1)>1&2&3;616263::iw;(B)64656667(L);68[1-3]6a6b6c;0/x+y/gi",
    "G;Engine:51-255,FileSize:1-9999,Target:0;0&1;73697a653d;0(>>5#db2#>41)",
    "H;Target:0;(0&1|2)>2,2;6162(63|6465|)66;6768;696a::wa",
    "I;Target:1,NumberOfSections:1-9;0&1;S0+0:4d5a;VI:??",
    "J;Engine:81-255,Target:0;0&1&2;61;0(<<1#hb2#=1,<5);0(>>1#he2!#>1)",
    "K;Engine:81-255,Target:0;0=2|1<3;6162::f;0/^a(b|c)*d$/sme",
    "L;Engine:81-255,Target:0;(0|1|2)=2;${1-3}61;6162;6364::i",
];

static WHOLE: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let mut compiler = Compiler::new();
    let ndb = NDB.iter().map(|line| read_ndb(line));
    let ldb = LDB.iter().map(|line| read_ldb(line));
    for (rule, signature) in (0..).zip(ndb.chain(ldb)) {
        // One that this version refuses is no loss here.
        if let Ok(Some(signature)) = signature {
            compiler.add(&signature, rule).unwrap();
        }
    }
    compiler.finish().unwrap()
});

const FILE: &[u8] = b"MZ..abcdeg h.jk..lmn ABC a\0b\0c\0 defg\nhi..jkl size=42 xxxy abdef gh gh ij";

/// Each change is five bytes: which section, where, what. A byte behind it says whether it was the
/// last; what follows is the file.
pub(crate) const SECTIONS: Target = Target {
    name: "pattern-sections",
    run: |bytes| {
        let (mut hot, mut programs) = WHOLE.clone();
        let mut rest = bytes;
        while let Some((change, behind)) = rest.split_first_chunk::<6>() {
            let [which, low, middle, high, value, more] = *change;
            let section = if which & 1 == 0 {
                &mut hot
            } else {
                &mut programs
            };
            let at = u32::from_le_bytes([low, middle, high, 0]) as usize % section.len();
            if which & 6 == 6 {
                section.truncate(at.max(1));
            } else {
                section[at] = value;
            }
            rest = behind;
            if more & 7 == 0 {
                break;
            }
        }
        let _ = match_patterns(&hot, &programs, rest);
        let _ = match_patterns(&hot, &programs, FILE);
    },
    seeds: || {
        let mut seeds = vec![[[0, 0, 0, 0, 1, 0].as_slice(), FILE].concat()];
        // One seed for each place of the programs, and of the sections' beginnings.
        let places = |length: usize, step: usize| (0..length).step_by(step);
        for at in places(WHOLE.1.len(), 7) {
            let [low, middle, high, _] = (at as u32).to_le_bytes();
            seeds.push([[1, low, middle, high, WHOLE.1[at], 0].as_slice(), FILE].concat());
        }
        for at in places(WHOLE.0.len().min(6000), 97) {
            let [low, middle, high, _] = (at as u32).to_le_bytes();
            seeds.push([[0, low, middle, high, 0xff, 0].as_slice(), FILE].concat());
        }
        seeds.extend(
            crate::executables::few()
                .iter()
                .map(|file| [[1, 0, 0, 0, 1, 0].as_slice(), file].concat()),
        );
        seeds
    },
    words: &[],
    most_bytes: 4 << 10,
    short: 1500,
};
