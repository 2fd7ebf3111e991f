//! Files within files that are no containers: archives behind a program that unpacks them, programs
//! and documents in other programs. ClamAV finds these by their beginnings, anywhere.

use memchr::memmem;
use model::Limit;

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
        || kind == Kind::Pe && {
            let mut programs = Programs::new(bytes);
            programs.next().is_some() || programs.cut_short
        }
}

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let _ = all(bytes, members);
}

fn all(bytes: &[u8], members: &mut dyn Members) -> Option<()> {
    if zip::ends_like_one(bytes) || zip::is_embedded(bytes) {
        zip::walk_embedded(bytes, members)?;
    }
    first_few("7z", bytes, &mut seven_zips(bytes), members)?;
    if Kind::of(bytes) == Kind::Pe {
        let mut programs = Programs::new(bytes);
        first_few("program", bytes, &mut programs, members)?;
        if programs.cut_short {
            // Work stands for time, so that the same file always ends at the same place.
            members.limit(Limit::Time);
        }
    }
    Some(())
}

/// Hands over what begins at these places, up to the limit.
fn first_few(
    what: &str,
    bytes: &[u8],
    places: &mut dyn Iterator<Item = usize>,
    members: &mut dyn Members,
) -> Option<()> {
    for at in places.take(MAX_EMBEDDED) {
        hand_over(what, bytes, at, members)?;
    }
    if places.next().is_some() {
        members.limit(Limit::Members);
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
struct Programs<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Places whose headers may still be read, and whether there were more.
    left: usize,
    cut_short: bool,
}

impl<'a> Programs<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            left: MAX_CANDIDATES,
            cut_short: false,
        }
    }

    /// The program whose header is here.
    fn of_header(&mut self, header_at: usize) -> Option<usize> {
        let earliest = header_at.saturating_sub(*PE_DISTANCE.end()).max(1);
        let latest = header_at.checked_sub(*PE_DISTANCE.start())?;
        let window = self.bytes.get(earliest..latest.checked_add(2)?)?;
        for found in memmem::find_iter(window, b"MZ") {
            let at = earliest + found;
            let program = self.bytes.get(at..).unwrap_or_default();
            if !Executable::may_be_at(program, header_at - at) {
                continue;
            }
            let Some(left) = self.left.checked_sub(1) else {
                self.cut_short = true;
                return None;
            };
            self.left = left;
            if Executable::is_there(program) {
                return Some(at);
            }
        }
        None
    }
}

impl Iterator for Programs<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while !self.cut_short {
            let header_at = self.at + memmem::find(self.bytes.get(self.at..)?, b"PE\0\0")?;
            self.at = header_at + 1;
            if let Some(at) = self.of_header(header_at) {
                return Some(at);
            }
        }
        None
    }
}
