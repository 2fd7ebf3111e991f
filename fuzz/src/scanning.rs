//! Scans: what must hold of every verdict, and files of any kind.

use std::sync::LazyLock;
use std::time::Duration;

use model::Verdict;
use scan::{Definitions, Input, Limits, Scanner, Watch};

use crate::setup::{made, open, source};
use crate::{Target, corpus};

/// Content of the containers that are made.
pub(crate) const CONTENT: &[u8] =
    b"MZ a NEEDLE in hay\0\x01\x02\xfe\xff and more of it, so that it is packed";

pub(crate) const ANY: Target = Target {
    name: "any-file",
    run: |bytes| scan(&PATTERNS, bytes),
    seeds: || {
        let mut seeds: Vec<Vec<u8>> = made::all(CONTENT)
            .into_iter()
            .map(|made| made.bytes)
            .collect();
        seeds.extend(corpus::samples().iter().cloned());
        seeds
    },
    words: &[
        "PK\x03\x04",
        "PK\x05\x06",
        "7z\u{bc}",
        "%PDF-",
        "MZ",
        "PE\0\0",
        "\x7fELF",
        "ustar",
        "070701",
        "MIME-Version: 1.0\n",
        "<html>",
        "!<arch>\n",
    ],
    most_bytes: 32 << 10,
    short: 500,
};

/// One hash that no file has: what is in containers is looked at for its size alone.
pub(crate) static NOTHING: LazyLock<Definitions> = LazyLock::new(|| {
    let list = format!("{}:4294967294:Fuzz.Nothing\n", "ab".repeat(32));
    open(&[source("fuzz.hsb", &list)])
});

/// Signatures of each kind that asks a file for something: its layout, its hashes, its patterns.
pub(crate) static PATTERNS: LazyLock<Definitions> = LazyLock::new(|| {
    let hash = "ab".repeat(16);
    let long = "cd".repeat(32);
    open(&[
        source("fuzz.hsb", &format!("{long}:*:Fuzz.Hash:73\n")),
        source(
            "fuzz.mdb",
            &format!("512:{hash}:Fuzz.Section\n1024:{hash}:Fuzz.Section-2\n"),
        ),
        source("fuzz.msb", &format!("*:{long}:Fuzz.Section-3:73\n")),
        source("fuzz.imp", &format!("{hash}:*:Fuzz.Imports:90\n")),
        source("fuzz.sfp", &format!("{long}:*:Fuzz.Allowed:73\n")),
        source("fuzz.ndb", &patterns_everywhere()),
        source(
            "fuzz.ldb",
            "Fuzz.L1;Engine:51-255,Target:1,EntryPoint:0-99999,NumberOfSections:1-20;0&1;EP+0:??;SE0:6162\n\
             Fuzz.L2;Engine:51-255,Target:0,Container:CL_TYPE_ZIP;0|1;4e4545444c45::iw;686179::a\n\
             Fuzz.L3;Engine:81-255,Target:0,FileSize:1-99999;0&1;4e45;0(>>1#ie2#>1)\n\
             Fuzz.L4;Engine:81-255,Target:0;0&1;6861;0/h[a-z]+y/\n",
        ),
    ])
});

/// A pattern at each kind of place, for each class of files.
fn patterns_everywhere() -> String {
    let places = [
        "*",
        "0",
        "4,8",
        "EP+0",
        "EP-4,16",
        "S0+0",
        "S1+4",
        "SE0",
        "SE1",
        "SL+0",
        "EOF-8",
        "EOF-64,32",
        "VI",
    ];
    let mut lines = String::new();
    for (number, place) in places.iter().enumerate() {
        for target in [1, 6, 9] {
            lines.push_str(&format!(
                "Fuzz.N{number}.{target}:{target}:{place}:4d5a(90|00){{-4}}61??63\n"
            ));
        }
        if !place.starts_with(['E', 'S', 'V']) {
            lines.push_str(&format!(
                "Fuzz.N{number}.0:0:{place}:4e4545{{1-3}}4c45*686179\n"
            ));
        }
    }
    lines
}

struct StandingClock;

impl Watch for StandingClock {
    fn now(&mut self) -> Duration {
        Duration::ZERO
    }

    fn opening(&mut self, _: &[String]) {}
}

/// Scans within small limits, which must hold.
pub(crate) fn scan(definitions: &Definitions, bytes: &[u8]) {
    scanned(definitions, bytes);
}

/// The verdict as well.
pub(crate) fn scanned(definitions: &Definitions, bytes: &[u8]) -> Verdict {
    let limits = Limits {
        depth: 5,
        members: 100,
        member_bytes: 1 << 20,
        total_bytes: 4 << 20,
        memory_bytes: 2 << 20,
        ..Limits::default()
    };
    let verdict = Scanner::new(definitions).scan(Input::whole(bytes), &limits, &mut StandingClock);
    assert!(verdict.members <= limits.members, "{}", verdict.members);
    let most = bytes.len() as u64 + limits.total_bytes;
    // Members that stand in a file as they are, are counted each time that they are looked at.
    let again = bytes.len() as u64 * verdict.members;
    assert!(
        verdict.scanned_bytes <= most + again,
        "{}",
        verdict.scanned_bytes
    );
    assert!(verdict.matches.len() <= limits.matches);
    assert!(verdict.matches.iter().all(|found| found.member.len() <= 5));
    verdict
}
