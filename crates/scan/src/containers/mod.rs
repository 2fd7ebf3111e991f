//! Containers: one file per format. Each walks its container and hands every member to
//! [`Members`]; limits, matching and what is inside a member are no format's affair.
//!
//! To add a format: a file here with a `walk`, a line in [`walk`], a kind in `kind.rs`, samples in
//! the tests, and it is in the fuzz target.

mod ar;
mod bzip2;
mod cpio;
mod embedded;
mod fed;
mod gzip;
mod html;
mod lzma;
mod macho;
mod mail;
mod ole2;
mod pdf;
mod rpm;
mod seven_zip;
mod tar;
mod xz;
mod zip;
mod zstd;

use std::io::Read;
use std::ops::ControlFlow;

use model::Limit;
use model::verdict::Remark;

use crate::kind::Kind;

/// The name of a member that has none.
const UNNAMED: &[u8] = b"content";

/// A member's bytes.
pub(crate) enum Content<'a> {
    /// They stand in the container as they are.
    Plain(&'a [u8]),
    /// They are text that stands in a mail as it is.
    Text(&'a [u8]),
    /// They stand in a file that is no container, and go on to its end.
    Embedded(&'a [u8]),
    /// They come out of a decoder.
    Packed {
        reader: &'a mut dyn Read,
        /// Bytes that they take in the container.
        packed_bytes: u64,
    },
    /// They can't be had.
    Unreadable(Remark),
}

/// What a format hands its members to.
pub(crate) trait Members {
    /// One member. `Break` means that no more are wanted.
    fn member(&mut self, name: &[u8], content: Content<'_>) -> ControlFlow<()>;

    /// Something about the container itself.
    fn remark(&mut self, remark: Remark);

    /// A limit that only this format has kept part of the container unread.
    fn limit(&mut self, limit: Limit);

    /// Whether the scan goes on. When its time is used up it doesn't, and that is reported: for
    /// formats that work long between two members.
    fn goes_on(&mut self) -> bool;

    /// Takes memory that the format itself needs for so many bytes; `false` when there is not as
    /// much left, which is reported. What was taken is given back.
    fn take_memory(&mut self, bytes: u64) -> bool;

    /// Gives back what [`Members::take_memory`] took.
    fn give_back(&mut self, bytes: u64);
}

/// What walks a container.
type Walk = fn(&[u8], &mut dyn Members);

/// How a container is opened.
#[derive(Clone, Copy)]
pub(crate) struct Container {
    walk: Walk,
    /// It is no container, and has something in it all the same.
    pub(crate) is_carrier: bool,
}

impl Container {
    /// How to open `bytes`, if they are a container or carry something.
    pub(crate) fn of(kind: Kind, bytes: &[u8]) -> Option<Self> {
        if let Some(walk) = walker(kind, bytes) {
            return Some(Self {
                walk,
                is_carrier: false,
            });
        }
        embedded::contains(kind, bytes).then_some(Self {
            walk: embedded::walk,
            is_carrier: true,
        })
    }

    /// Hands all members over.
    pub(crate) fn walk(self, bytes: &[u8], members: &mut dyn Members) {
        (self.walk)(bytes, members);
    }
}

fn walker(kind: Kind, bytes: &[u8]) -> Option<Walk> {
    match kind {
        Kind::Zip => Some(zip::walk),
        Kind::Gzip => Some(gzip::walk),
        Kind::Xz => Some(xz::walk),
        Kind::Tar => Some(tar::walk),
        Kind::Bzip2 => Some(bzip2::walk),
        Kind::Zstd => Some(zstd::walk),
        Kind::Ar => Some(ar::walk),
        Kind::Cpio => Some(cpio::walk),
        Kind::Rpm => Some(rpm::walk),
        Kind::Lzma => Some(lzma::walk),
        Kind::Mail => Some(mail::walk),
        Kind::Ole2 => Some(ole2::walk),
        Kind::SevenZip => Some(seven_zip::walk),
        Kind::Pdf => Some(pdf::walk),
        Kind::Html if html::carries_data(bytes) => Some(html::walk),
        Kind::MachO if macho::is_universal(bytes) => Some(macho::walk),
        Kind::Empty
        | Kind::Rar
        | Kind::Cab
        | Kind::Elf
        | Kind::Pe
        | Kind::MachO
        | Kind::Rtf
        | Kind::Html
        | Kind::Flash
        | Kind::Java
        | Kind::Png
        | Kind::Jpeg
        | Kind::Gif
        | Kind::Script
        | Kind::Text
        | Kind::Unknown => None,
    }
}
