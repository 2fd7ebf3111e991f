//! ClamAV's databases in containers: CVD as published, CLD as published and then updated in place,
//! CUD as users make them. Each is 512 bytes of header and then a tar archive, plain or packed by
//! gzip.
//!
//! What nobody vouches for is not used: a CVD is signed as a whole, the list of its files is signed
//! as well, and a CLD has that list alone. A CUD has no signature, nor has one that somebody made
//! with another's key: its user may vouch for it by its SHA-256.

mod header;
mod list;
mod signature;

use std::io::Read;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use self::header::Header;
use self::list::List;
use crate::report::{Problem, Why};
use crate::source::{ContainerKind, Format, MAX_SOURCE_BYTES, Source};

/// Files in one container.
const MAX_FILES: usize = 4096;
/// Bytes of all files of one container, unpacked.
const MAX_UNPACKED_BYTES: u64 = 2 << 30;
/// What a plain archive begins with.
const FIRST_MEMBER: &[u8] = b"COPYING";

/// A container's files, named `container/file`.
pub(crate) struct Opened {
    pub(crate) version: u64,
    pub(crate) files: Vec<Source>,
}

/// Opens a container.
///
/// # Errors
/// When it is none, was altered, is more than the limits allow, or nobody vouches for it and its
/// SHA-256 is not among `trusted`.
pub(crate) fn open(
    kind: ContainerKind,
    source: &Source,
    trusted: &[[u8; 32]],
) -> Result<Opened, Problem> {
    let (Some(header), Some(archive)) = (
        Header::read(&source.bytes),
        source.bytes.get(header::BYTES..),
    ) else {
        return Err(Problem::malformed(
            "expected a database container, which begins with ClamAV-VDB and a header of 512 bytes",
        ));
    };
    let own: [u8; 32] = Sha256::digest(&source.bytes).into();
    let is_trusted = trusted.contains(&own);
    let whole = kind == ContainerKind::Cvd && is_signed(&header, archive);
    if kind == ContainerKind::Cvd && !whole && !is_trusted {
        return Err(unverified("its signature does not fit", &own));
    }
    if kind == ContainerKind::Cud && !is_trusted {
        return Err(unverified(
            "containers of this kind have no signature",
            &own,
        ));
    }
    let mut files = unpack(&source.name, archive)?;
    if !is_trusted {
        check_files(kind, &files, &own)?;
    }
    files.retain(|file| Format::of(&file.name).is_some_and(|format| format.extension != "info"));
    Ok(Opened {
        version: header.version,
        files,
    })
}

fn is_signed(header: &Header<'_>, archive: &[u8]) -> bool {
    let md5: [u8; 16] = Md5::digest(archive).into();
    header.md5 == hex::encode(md5) && signature::signs_container(&md5, header.signature)
}

/// Compares the files with their signed list. A CVD of before 2010 has none, and is signed as a
/// whole.
fn check_files(kind: ContainerKind, files: &[Source], own: &[u8; 32]) -> Result<(), Problem> {
    let list = files.iter().find(|file| file.name.ends_with(".info"));
    let Some(list) = list else {
        return match kind {
            ContainerKind::Cvd => Ok(()),
            ContainerKind::Cld | ContainerKind::Cud => {
                Err(unverified("it has no signed list of its files", own))
            }
        };
    };
    let Some(list) = List::read(&list.bytes) else {
        return Err(unverified(
            "the signature of the list of its files does not fit",
            own,
        ));
    };
    for file in files {
        let name = file.name.rsplit('/').next().unwrap_or_default();
        let counts = Format::of(name).is_some_and(|format| format.extension != "info");
        if counts && !list.has(name.as_bytes(), &file.bytes) {
            return Err(unverified(
                &format!("{name} in it is not what the signed list of its files says"),
                own,
            ));
        }
    }
    Ok(())
}

fn unverified(what: &str, own: &[u8; 32]) -> Problem {
    Problem::new(
        Why::Unverified,
        format!(
            "{what}, so that nobody vouches for it; if you do, pass --trust-container {}",
            hex::encode(own)
        ),
    )
}

fn unpack(container: &str, archive: &[u8]) -> Result<Vec<Source>, Problem> {
    if archive.starts_with(FIRST_MEMBER) {
        return members(container, archive);
    }
    members(container, flate2::read::MultiGzDecoder::new(archive))
}

fn members(container: &str, archive: impl Read) -> Result<Vec<Source>, Problem> {
    let damaged = |error: std::io::Error| {
        Problem::malformed(format!("expected a tar archive in the container: {error}"))
    };
    // Padding between members is read as well, so it counts.
    let mut archive = tar::Archive::new(archive.take(MAX_UNPACKED_BYTES));
    let mut files = Vec::new();
    let mut unpacked = 0u64;
    for entry in archive.entries().map_err(damaged)?.raw(true) {
        let entry = entry.map_err(damaged)?;
        let regular = entry.header().entry_type().is_file();
        let name = entry.path_bytes();
        let name = std::str::from_utf8(&name)
            .ok()
            .filter(|name| regular && !name.is_empty() && !name.contains('/'))
            .ok_or_else(|| {
                Problem::malformed("expected plain files with plain names in the container")
            })?;
        if files.len() >= MAX_FILES {
            return Err(Problem::new(
                Why::Limit,
                format!("expected at most {MAX_FILES} files in a container"),
            ));
        }
        let name = format!("{container}/{name}");
        let size = entry.size();
        let mut bytes = Vec::new();
        entry
            .take(MAX_SOURCE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(damaged)?;
        unpacked = unpacked.saturating_add(bytes.len() as u64);
        if bytes.len() as u64 > MAX_SOURCE_BYTES || unpacked > MAX_UNPACKED_BYTES {
            return Err(Problem::new(
                Why::Limit,
                format!(
                    "expected at most {MAX_SOURCE_BYTES} bytes in a file and {MAX_UNPACKED_BYTES} in \
                     all of a container"
                ),
            ));
        }
        if bytes.len() as u64 != size {
            return Err(Problem::malformed(format!("{name} is cut")));
        }
        files.push(Source { name, bytes });
    }
    Ok(files)
}
