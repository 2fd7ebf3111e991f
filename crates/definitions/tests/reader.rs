//! A second reader of definitions files, written from `docs/definitions-format.md` alone: it uses no
//! number and no code of the first one. What it finds is what that page promises.

use std::fmt::Write as _;

use crate::second_reader::{Reader, index};
use crate::setup::{file, source};
use md5::{Digest as _, Md5};

#[test]
fn a_reader_written_from_the_page_alone_finds_what_was_listed() {
    let hash = |number: u64| -> [u8; 16] { Md5::digest(number.to_le_bytes()).into() };
    // One file with few records, and one with so many that they leave out what is implied.
    for count in [10u64, 100_000] {
        let mut list = String::new();
        for number in 0..count {
            let size = match number % 10 {
                0 => "*".to_owned(),
                _ => (number * 7 + 1).to_string(),
            };
            let digits = hex::encode(hash(number));
            writeln!(list, "{digits}:{size}:Family.Some-{number}-0:73").unwrap();
        }
        let made = file(&[source("list.hdb", &list)], 1);
        let reader = Reader::open(&made);
        for number in (0..count).step_by(index(count / 10)) {
            for number in number..(number + 10).min(count) {
                let rule = reader.find(3, &hash(number), number * 7 + 1).unwrap();
                assert_eq!(reader.name(rule), format!("Family.Some-{number}-0"));
                let other = reader.find(3, &hash(number), number * 7 + 2);
                assert_eq!(other.is_some(), number % 10 == 0, "{number}: any size");
                assert_eq!(reader.find(3, &hash(number + count), number * 7 + 1), None);
            }
        }
    }
}
