//! The readers of signatures: whatever is read can be compiled, opened and matched.

use definitions::body::{Compiler, read_ldb, read_ndb, text};
use definitions::{BuildError, BuildOptions, Source, build_with, read_line, sign};
use model::DefinitionRevision;
use scan::{Definitions, VerifyMode, match_patterns};
use sha2::Digest as _;

use crate::scanning::scan;
use crate::setup::{gzip, key, tar, trusted};
use crate::{Target, corpus};

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target {
        name,
        run,
        seeds,
        words: &[],
        most_bytes: 4 << 10,
        short: 400,
    }
}

const SCANNED: &[u8] =
    b"MZ..abcdeg h.jk..lmn ABC a\0b\0c\0 defg\nhi..jkl size=42 xxxy abdef gh gh ij";

const HEX_WORDS: &[&str] = &[
    "*",
    "??",
    "?a",
    "a?",
    "{-9}",
    "{2-5}",
    "{3-}",
    "{4}",
    "[1-3]",
    "(B)",
    "(L)",
    "(W)",
    "!(10|20)",
    "(61|6263|)",
    "EP+0",
    "EP-4",
    "S0+0",
    "SE0",
    "SL+0",
    "EOF-8",
    "VI",
    "EOF-",
    ",16",
    "$0-1$",
    "::i",
    "::w",
    "::a",
    "::f",
    "::iwaf",
    "0/a+b/gi",
    "(>>4#db2#>41)",
    "(<<4#hb2#=1,<5)",
    "#ie4#",
    "${1-3}",
    "Target:",
    "Engine:51-255",
    "FileSize:1-9",
    "Container:CL_TYPE_ZIP",
    "NumberOfSections:1-2",
    "EntryPoint:1-2",
    "Intermediates:CL_TYPE_ZIP>CL_TYPE_ANY",
    "IconGroup1:a",
    "HandlerType:CL_TYPE_ZIP",
    ">1,2",
    "=0",
    "<2",
    "&",
    "|",
    ";",
    "fuzzy_img#",
    "TDB:",
];

fn body(
    bytes: &[u8],
    read: fn(&str) -> Result<Option<definitions::body::Signature>, definitions::body::Refusal>,
) {
    let (lines, file) = match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => bytes.split_at(at),
        None => (bytes, SCANNED),
    };
    let mut compiler = Compiler::new();
    for (rule, line) in (0..).zip(lines.split(|byte| *byte == b'\n')) {
        if let Ok(Some(signature)) = read(&text(line)) {
            compiler.add(&signature, rule).unwrap();
        }
    }
    let (hot, programs) = compiler.finish().unwrap();
    match_patterns(&hot, &programs, file).unwrap();
}

pub(crate) const NDB: Target = Target {
    words: HEX_WORDS,
    ..target(
        "ndb",
        |bytes| body(bytes, read_ndb),
        || {
            let mut seeds = corpus::signatures("daily.ndb");
            for line in [
                "A:0:*:61626364(65|66)67*68??6a6b{2-5}6c6d6e",
                "B:1:EP+0,4:558bec{-9}83ec!(10|20)50",
                "C:0:2:4d5a????6162:73:255",
                "D:1:SE0:6162{4}?3*!(6768|696a)6b",
                "E:0:EOF-16:(61|62|6?)(B)6465(W)",
                "F:0:VI:6162\nG:9:SL+4:6162[2-4]63",
            ] {
                seeds.push(line.into());
            }
            seeds
        },
    )
};

pub(crate) const LDB: Target = Target {
    words: HEX_WORDS,
    ..target(
        "ldb",
        |bytes| body(bytes, read_ldb),
        || {
            let mut seeds = corpus::signatures("main.ldb");
            for line in [
                "F;Target:0;(0|1)>1&2&3;616263::iw;(B)64656667(L);68[1-3]6a6b6c;0/x+y/gi",
                "G;Engine:51-255,FileSize:1-9999,Target:0;0&1;73697a653d;0(>>5#db2#>41)",
                "H;Target:0;(0&1|2)>2,2;6162(63|6465|)66;6768;696a::wa",
                "I;Target:1,NumberOfSections:1-9;0&1;S0+0:4d5a;VI:??",
                "J;Engine:81-255,Target:0;0&1&2;61;0(<<1#hb2#=1,<5);0(>>1#he2!#>1)",
                "K;Engine:81-255,Target:0,Container:CL_TYPE_ZIP;0=2|1<3;6162::f;0/^a(b|c)*d$/sme",
                "L;Engine:81-255,Target:0;(0|1|2)=2;${1-3}61;6162;6364::i",
            ] {
                seeds.push(line.into());
            }
            seeds
        },
    )
};

/// Builds a source that is called so, and scans with what came of it.
fn whole(sources: &[(&str, &[u8])], options: &BuildOptions) {
    let sources: Vec<Source> = sources
        .iter()
        .map(|(name, bytes)| Source {
            name: (*name).to_owned(),
            bytes: bytes.to_vec(),
        })
        .collect();
    let compiled = match build_with(options, &sources, DefinitionRevision(1), &mut |_| {}) {
        Ok(compiled) => compiled,
        Err(BuildError::Empty) => return,
        Err(error) => panic!("{error}"),
    };
    assert!(compiled.counts().total() > 0);
    let file = sign(&compiled, &key());
    let definitions = Definitions::open(file, &trusted(), VerifyMode::EveryPage).unwrap();
    assert_eq!(definitions.counts(), compiled.counts());
    scan(&definitions, SCANNED);
}

fn options() -> BuildOptions {
    BuildOptions {
        unwanted: true,
        trusted_containers: Vec::new(),
    }
}

/// The first byte chooses the kind of list.
fn list(kinds: &[&str], bytes: &[u8]) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let kind = kinds[usize::from(*first) % kinds.len()];
    whole(&[(&format!("fuzz.{kind}"), rest)], &options());
}

const LISTS: [&str; 11] = [
    "hdb", "hsb", "hdu", "hsu", "mdb", "msb", "mdu", "msu", "imp", "fp", "sfp",
];

pub(crate) const HASHES: Target = Target {
    words: &[
        ":",
        ":*:",
        "*:",
        ":73",
        ":73:255",
        "\n",
        "#",
        "4294967295",
        "ab",
        "d41d8cd98f00b204e9800998ecf8427e",
    ],
    ..target(
        "hash-signatures",
        |bytes| {
            for line in bytes.split(|byte| *byte == b'\n') {
                if let Ok(Some(entry)) = read_line(line) {
                    assert!(!entry.name.is_empty());
                }
            }
            list(&LISTS, bytes);
        },
        || {
            let lines = [
                format!(
                    "{}:68:Test.A-1\n{}:*:Test.B-2:73\n",
                    "ab".repeat(16),
                    "cd".repeat(32)
                ),
                format!(
                    "512:{}:Test.A-1\n*:{}:Test.B-2:73:255\n",
                    "ab".repeat(16),
                    "cd".repeat(20)
                ),
            ];
            let mut seeds = Vec::new();
            for kind in 0..LISTS.len() as u8 {
                for line in &lines {
                    seeds.push([&[kind], line.as_bytes()].concat());
                }
            }
            for (kind, name) in [
                (0, "daily.hdb"),
                (0, "main.hdb"),
                (1, "daily.hsb"),
                (9, "daily.fp"),
                (9, "main.fp"),
            ] {
                let real = corpus::signatures(name).into_iter().take(20);
                seeds.extend(real.map(|lines| [&[kind], lines.as_slice()].concat()));
            }
            seeds
        },
    )
};

pub(crate) const PLAIN_HASHES: Target = target(
    "plain-hashes",
    |bytes| list(&["md5", "sha1", "sha256"], bytes),
    || {
        let digits = "0123456789abcdef".repeat(4);
        let form = |kind: u8, length: usize| {
            let hash = &digits[..length];
            format!(
                "{}{hash}\n{hash}  a file\n\\{hash} *b\nMD5 (c) = {hash}\n# text\n",
                char::from(kind)
            )
            .into_bytes()
        };
        vec![form(0, 32), form(1, 40), form(2, 64), form(2, 32)]
    },
);

pub(crate) const IGNORED: Target = target(
    "ignored",
    |bytes| {
        let signatures = format!(
            "{}:7:Test.A-1\n{}:*:Test.B-2:73\n",
            "ab".repeat(16),
            "cd".repeat(32)
        );
        whole(
            &[
                ("a.hsb", signatures.as_bytes()),
                ("b.ign2", bytes),
                ("c.ign", bytes),
            ],
            &options(),
        );
    },
    || {
        vec![
            b"Test.A-1\nTest.B-2:0123456789abcdef0123456789abcdef\n".to_vec(),
            b"main.db:5:Test.A-1\n#\n".to_vec(),
        ]
    },
);

pub(crate) const FILE_TYPES: Target = target(
    "file-types",
    |bytes| {
        let kept = format!("{}:*:Test.B-2:73\n", "cd".repeat(32));
        whole(
            &[
                ("a.hsb", kept.as_bytes()),
                ("b.ftm", bytes),
                ("c.cdb", bytes),
                ("d.db", bytes),
            ],
            &options(),
        );
    },
    || {
        vec![b"0:0:4d5a:MS-EXE:CL_TYPE_ANY:CL_TYPE_MSEXE\n1:*:6162:x:CL_TYPE_ANY:CL_TYPE_ZIP:51:99\n".to_vec()]
    },
);

/// The header, and then an archive that its user vouches for.
pub(crate) const CONTAINER: Target = Target {
    most_bytes: 12 << 10,
    words: &[
        "ClamAV-VDB:",
        "COPYING",
        "DSIG:",
        "main.info",
        ".hdb",
        ".ndb",
    ],
    ..target(
        "signature-containers",
        |bytes| {
            let options = BuildOptions {
                trusted_containers: vec![sha2::Sha256::digest(bytes).into()],
                ..options()
            };
            for name in ["fuzz.cud", "fuzz.cvd", "fuzz.cld"] {
                whole(&[(name, bytes)], &options);
            }
            whole(&[("fuzz.cvd", bytes)], &BuildOptions::default());
        },
        || {
            let list = format!("{}:68:Test.A-1\n", "ab".repeat(16));
            let archive = tar(&[
                (b"COPYING".as_slice(), b"text".as_slice()),
                (b"main.info", b"ClamAV-VDB:1\nmain.hdb:9:00\nDSIG:abc\n"),
                (b"main.hdb", list.as_bytes()),
                (b"main.ndb", b"A:0:*:61626364\n"),
            ]);
            let header = |archive: &[u8]| {
                let mut bytes = b"ClamAV-VDB:22 Jun 2021 14-58 -0400:7:81:9:abc:def:me:1".to_vec();
                bytes.resize(512, b' ');
                bytes.extend(archive);
                bytes
            };
            let mut seeds = vec![header(&archive), header(&gzip(&archive))];
            seeds.extend(
                corpus::samples()
                    .iter()
                    .filter(|sample| sample.starts_with(b"ClamAV-VDB:"))
                    .cloned(),
            );
            seeds
        },
    )
};

/// Sources of YARA rules; a zero byte ends the first, and the second may include it.
pub(crate) const YARA: Target = Target {
    short: 60,
    words: &[
        "rule a { condition: true }",
        "include \"a.yar\"",
        "import \"pe\"",
        "strings:",
        "condition:",
        "meta:",
        "private ",
        "global ",
        "nocase",
        "wide",
        "xor(1-2)",
        "base64",
        "/a.*b/is",
        "{ 4D 5A ?? [2-4] (41|42) }",
        "#a > 2",
        "@a[1]",
        "any of them",
        "for all i in (1..3) : ( )",
        "uint16(0) == 0x5A4D",
        "filesize < 1KB",
        "filename",
        "maturity = \"silent\"",
    ],
    ..target(
        "yara-sources",
        |bytes| {
            let (first, second) = match bytes.iter().position(|byte| *byte == 0) {
                Some(at) => (&bytes[..at], &bytes[at + 1..]),
                None => (bytes, &[][..]),
            };
            whole(&[("a.yar", first), ("b/b.yar", second)], &options());
        },
        || {
            let mut seeds = corpus::yara();
            seeds.push(
                b"rule a { meta: name = \"Test.A\" maturity = \"observing\" strings: $a = \"NEEDLE\" nocase condition: $a }".to_vec(),
            );
            seeds.push(
                b"import \"pe\"\nrule b : tag { strings: $a = { 4D 5A [2-4] ?? } $b = /x+y/ wide condition: uint16(0) == 0x5a4d and any of them and filesize < 1MB and pe.is_pe }\0include \"../a.yar\"\nrule c { condition: b and filename == \"x\" }".to_vec(),
            );
            seeds
        },
    )
};
