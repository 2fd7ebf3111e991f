//! OLE2 (Microsoft's [MS-CFB] 9.0): every stream is a member, so are the source texts of VBA
//! macros and files that were embedded as objects. Chains of sectors may be in any order, cut or
//! closed to rings; what they give up to there is read.

mod chain;
mod objects;
mod vba;

use std::borrow::Cow;
use std::rc::Rc;

use model::verdict::Remark;

use self::chain::{Chain, Sectors};
use super::{Content, Members};
use crate::definitions::bytes::{slice, u16_at, u32_at};

const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const HEADER_BYTES: usize = 512;
const ENTRY_BYTES: usize = 128;
/// Tables of sectors that the header itself names.
const HEADER_TABLES: usize = 109;
/// Sector numbers from here on are marks.
const MAX_SECTOR: u32 = 0xffff_fffa;
/// Entries of the directory that are looked at.
const MAX_ENTRIES: usize = 65_536;
/// Storages inside storages.
const MAX_NESTING: usize = 64;
const STORAGE: u8 = 1;
const STREAM: u8 = 2;
const ROOT: u8 = 5;

/// An entry of the directory.
#[derive(Debug, Clone)]
struct Entry {
    kind: u8,
    name: String,
    left: u32,
    right: u32,
    child: u32,
    start: u32,
    size: u64,
    /// The way from the root to the storage that it is in, once it is known.
    folder: Option<Rc<str>>,
}

/// A file whose tables were read.
pub(super) struct File<'a> {
    big: Sectors<'a>,
    small: Sectors<'a>,
    /// Streams shorter than this are in small sectors.
    cutoff: u64,
    entries: Vec<Entry>,
    /// Something did not fit.
    malformed: bool,
}

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    // A format of word processors puts its own size before.
    let bytes = bytes
        .get(4..)
        .filter(|rest| rest.starts_with(MAGIC))
        .unwrap_or(bytes);
    let Some((mut file, mini_start)) = File::read(bytes) else {
        members.remark(Remark::Malformed);
        return;
    };
    let mini = mini_stream(&file, mini_start, bytes.len());
    file.small.bytes = &mini;
    file.name_paths();
    let _ = visit(&file, members);
    if file.malformed {
        members.remark(Remark::Malformed);
    }
    if objects::is_encrypted(&file) {
        members.remark(Remark::Encrypted);
    }
}

/// The root's own stream, which holds the small sectors. It can't be larger than the file.
fn mini_stream(file: &File<'_>, start: u32, most: usize) -> Vec<u8> {
    let mut mini = Vec::new();
    for sector in Chain::new(&file.big, start) {
        if mini.len() + sector.len() > most {
            break;
        }
        mini.extend_from_slice(sector);
    }
    mini
}

/// Hands over all streams and what is in them; `None` when no more are wanted.
fn visit(file: &File<'_>, members: &mut dyn Members) -> Option<()> {
    for entry in file.entries.iter().filter(|entry| entry.kind == STREAM) {
        let path = entry.path();
        file.hand_over(entry, &path, members)?;
        objects::visit(file, entry, &path, members)?;
    }
    vba::visit(file, members)
}

impl<'a> File<'a> {
    /// Reads the header, the tables and the directory. Returns where the stream of small sectors
    /// begins, too.
    fn read(bytes: &'a [u8]) -> Option<(Self, u32)> {
        let header = bytes.get(..HEADER_BYTES)?;
        let shift = u32::from(u16_at(header, 30)?);
        let small_shift = u32::from(u16_at(header, 32)?);
        if !(7..=20).contains(&shift) || !(3..=12).contains(&small_shift) {
            return None;
        }
        // The header takes the first sector.
        let mut big = Sectors {
            bytes: bytes.get(1 << shift..).unwrap_or_default(),
            size: 1 << shift,
            table: Vec::new(),
        };
        big.table = big.read_table(header)?;
        let small_table: Vec<u32> = Chain::new(&big, u32_at(header, 60)?)
            .flat_map(numbers)
            .take(bytes.len() / 4)
            .collect();
        let mut entries: Vec<Entry> = Vec::new();
        for sector in Chain::new(&big, u32_at(header, 48)?) {
            entries.extend(sector.chunks_exact(ENTRY_BYTES).filter_map(Entry::read));
            if entries.len() >= MAX_ENTRIES {
                break;
            }
        }
        let root = entries.iter().find(|entry| entry.kind == ROOT);
        let mini_start = root.map_or(u32::MAX, |root| root.start);
        let file = Self {
            malformed: root.is_none(),
            small: Sectors {
                bytes: &[],
                size: 1 << small_shift,
                table: small_table,
            },
            big,
            cutoff: u32_at(header, 56)?.into(),
            entries,
        };
        Some((file, mini_start))
    }

    fn sectors(&self, entry: &Entry) -> &Sectors<'a> {
        if entry.size < self.cutoff {
            &self.small
        } else {
            &self.big
        }
    }

    fn hand_over(&self, entry: &Entry, path: &str, members: &mut dyn Members) -> Option<()> {
        if entry.size == 0 {
            return Some(());
        }
        let sectors = self.sectors(entry);
        let flow = if let Some(content) = sectors.contiguous(entry.start, entry.size) {
            members.member(path.as_bytes(), Content::Plain(content))
        } else {
            let mut reader = Chain::new(sectors, entry.start).reader(entry.size);
            members.member(
                path.as_bytes(),
                Content::Packed {
                    reader: &mut reader,
                    packed_bytes: entry.size.min(sectors.bytes.len() as u64),
                },
            )
        };
        flow.continue_value()
    }

    /// The first `most` bytes of a stream.
    fn bytes_of(&self, entry: &Entry, most: usize) -> Cow<'_, [u8]> {
        let length = usize::try_from(entry.size).map_or(most, |size| size.min(most));
        let sectors = self.sectors(entry);
        if let Some(content) = sectors.contiguous(entry.start, length as u64) {
            return Cow::Borrowed(content);
        }
        let mut bytes = Vec::new();
        for sector in Chain::new(sectors, entry.start) {
            if bytes.len() >= length {
                break;
            }
            bytes.extend_from_slice(sector);
        }
        bytes.truncate(length);
        Cow::Owned(bytes)
    }

    /// The stream with this path, in any case of letters.
    fn stream(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            entry.kind == STREAM
                && entry.name.eq_ignore_ascii_case(name)
                && entry
                    .folder
                    .as_deref()
                    .unwrap_or("")
                    .eq_ignore_ascii_case(folder)
        })
    }

    /// Walks the tree from the root, each entry at most once.
    fn name_paths(&mut self) {
        let Some(root) = self.entries.iter().position(|entry| entry.kind == ROOT) else {
            return;
        };
        let child = self.entries.get(root).map_or(u32::MAX, |root| root.child);
        let mut open: Vec<(u32, Rc<str>, usize)> = vec![(child, Rc::from(""), 0)];
        while let Some((index, folder, nesting)) = open.pop() {
            let entry = usize::try_from(index)
                .ok()
                .and_then(|index| self.entries.get_mut(index));
            let Some(entry) = entry.filter(|entry| entry.folder.is_none()) else {
                self.malformed |= index < MAX_SECTOR;
                continue;
            };
            open.push((entry.left, Rc::clone(&folder), nesting));
            open.push((entry.right, Rc::clone(&folder), nesting));
            entry.folder = Some(folder);
            if entry.kind == STORAGE && nesting < MAX_NESTING {
                open.push((entry.child, Rc::from(entry.path()), nesting + 1));
            }
        }
    }
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<Self> {
        let units = usize::from(u16_at(bytes, 64)?).min(64) / 2;
        let name: Vec<u16> = slice(bytes, 0, 2 * units)?
            .chunks_exact(2)
            .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
            .take_while(|unit| *unit != 0)
            .collect();
        // Old files leave what they don't need of the size undefined.
        let size = u32_at(bytes, 120)?;
        Some(Self {
            kind: *bytes.get(66)?,
            name: String::from_utf16_lossy(&name),
            left: u32_at(bytes, 68)?,
            right: u32_at(bytes, 72)?,
            child: u32_at(bytes, 76)?,
            start: u32_at(bytes, 116)?,
            size: size.into(),
            folder: None,
        })
    }

    /// The way from the root.
    fn path(&self) -> String {
        match self.folder.as_deref() {
            None | Some("") => self.name.clone(),
            Some(folder) => format!("{folder}/{}", self.name),
        }
    }
}

/// The sector numbers in a sector of a table.
fn numbers(sector: &[u8]) -> impl Iterator<Item = u32> + '_ {
    sector
        .chunks_exact(4)
        .filter_map(|word| Some(u32::from_le_bytes(word.try_into().ok()?)))
}
