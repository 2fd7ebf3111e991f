//! Containers: one file per format. Each walks its container and hands every member to
//! [`Members`]; limits, matching and what is inside a member are no format's affair.
//!
//! To add a format: a file here with a `walk`, a line in [`walk`], a kind in `kind.rs`, samples in
//! the tests, and it is in the fuzz target.

mod gzip;
mod tar;
mod xz;
mod zip;

use std::io::Read;
use std::ops::ControlFlow;

use model::verdict::Remark;

use crate::kind::Kind;

/// A member's bytes.
pub(crate) enum Content<'a> {
    /// They stand in the container as they are.
    Plain(&'a [u8]),
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
}

/// Walks `bytes` if they are a container. Returns whether they are.
pub(crate) fn walk(kind: Kind, bytes: &[u8], members: &mut dyn Members) -> bool {
    match kind {
        Kind::Zip => zip::walk(bytes, members),
        Kind::Gzip => gzip::walk(bytes, members),
        Kind::Xz => xz::walk(bytes, members),
        Kind::Tar => tar::walk(bytes, members),
        Kind::Empty
        | Kind::Bzip2
        | Kind::Zstd
        | Kind::SevenZip
        | Kind::Rar
        | Kind::Cab
        | Kind::Ar
        | Kind::Cpio
        | Kind::Rpm
        | Kind::Lzma
        | Kind::Mail
        | Kind::Elf
        | Kind::Pe
        | Kind::MachO
        | Kind::Ole2
        | Kind::Pdf
        | Kind::Rtf
        | Kind::Html
        | Kind::Flash
        | Kind::Java
        | Kind::Png
        | Kind::Jpeg
        | Kind::Gif
        | Kind::Script
        | Kind::Text
        | Kind::Unknown => {
            // A zip archive is read from its end, so it may hang behind anything.
            if !zip::ends_like_one(bytes) {
                return false;
            }
            zip::walk(bytes, members);
        }
    }
    true
}

/// Whether [`walk`] would find a container.
pub(crate) fn is_container(kind: Kind, bytes: &[u8]) -> bool {
    matches!(kind, Kind::Zip | Kind::Gzip | Kind::Xz | Kind::Tar) || zip::ends_like_one(bytes)
}
