//! Files within files that are no containers: archives behind a program that unpacks them, programs
//! and documents in other programs. ClamAV finds these by their beginnings, anywhere.

use memchr::memmem;

use super::{Content, Members, seven_zip, zip};
use crate::executable::Executable;
use crate::kind::Kind;

/// Embedded files of one format that are opened.
const MAX_EMBEDDED: usize = 10;
/// Places whose headers are read, to see whether they make sense: a hostile file has very many, and
/// headers that take long.
const MAX_CANDIDATES: usize = 4096;
/// Programs begin with `MZ`, and `PE` follows within this distance.
const PE_DISTANCE: std::ops::RangeInclusive<usize> = 62..=302;

/// Whether anything is embedded that [`walk`] would open.
pub(super) fn contains(kind: Kind, bytes: &[u8]) -> bool {
    zip::ends_like_one(bytes)
        || zip::is_embedded(bytes)
        || seven_zips(bytes).next().is_some()
        || kind == Kind::Pe && programs(bytes).next().is_some()
}

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let _ = all(bytes, members);
}

fn all(bytes: &[u8], members: &mut dyn Members) -> Option<()> {
    if zip::ends_like_one(bytes) || zip::is_embedded(bytes) {
        zip::walk_embedded(bytes, members)?;
    }
    for at in seven_zips(bytes).take(MAX_EMBEDDED) {
        hand_over("7z", bytes, at, members)?;
    }
    if Kind::of(bytes) == Kind::Pe {
        for at in programs(bytes).take(MAX_EMBEDDED) {
            hand_over("program", bytes, at, members)?;
        }
    }
    Some(())
}

fn hand_over(what: &str, bytes: &[u8], at: usize, members: &mut dyn Members) -> Option<()> {
    let name = format!("{what} at {at}");
    let content = Content::Embedded(bytes.get(at..).unwrap_or_default());
    members.member(name.as_bytes(), content).continue_value()
}

/// Where archives of 7-Zip begin whose header is within the file.
fn seven_zips(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    memmem::find_iter(bytes, seven_zip::MAGIC)
        .filter(|at| *at > 0 && bytes.get(*at..).is_some_and(seven_zip::is_whole))
}

/// Where programs begin whose headers make sense.
fn programs(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut left = MAX_CANDIDATES;
    memmem::find_iter(bytes, b"PE\0\0").filter_map(move |header_at| {
        let earliest = header_at.saturating_sub(*PE_DISTANCE.end()).max(1);
        let latest = header_at.checked_sub(*PE_DISTANCE.start())?;
        let window = bytes.get(earliest..latest.checked_add(2)?)?;
        memmem::find_iter(window, b"MZ")
            .map(|found| earliest + found)
            .find(|at| {
                let program = bytes.get(*at..).unwrap_or_default();
                if left == 0 || !Executable::may_be_at(program, header_at - at) {
                    return false;
                }
                left -= 1;
                Executable::is_there(program)
            })
    })
}
