//! OLE2 (Microsoft's [MS-CFB] 9.0): every stream is a member, so are the source texts of VBA
//! macros and files that were embedded as objects. Chains of sectors may be in any order, cut or
//! closed to rings; what they give up to there is read.

mod chain;
mod objects;
mod vba;

use model::Limit;
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
/// Memory that an entry takes at most, with what is remembered of it.
const ENTRY_MEMORY_BYTES: usize = 512;
/// Storages inside storages that paths name.
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
    /// The storage that it is in, once that is known; the root is none.
    folder: Option<u32>,
    /// It is in the tree.
    reached: bool,
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
    /// There are more entries than are looked at.
    cut_short: bool,
}

/// Why a file can't be read.
enum Unread {
    Malformed,
    /// There is not as much memory, which is reported.
    Memory,
}

/// Takes memory for so many bytes.
type Take<'a> = dyn FnMut(usize) -> Result<(), Unread> + 'a;

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    // A format of word processors puts its own size before.
    let bytes = bytes
        .get(4..)
        .filter(|rest| rest.starts_with(MAGIC))
        .unwrap_or(bytes);
    let mut held = 0;
    let mut take = |bytes: usize| {
        if !members.take_memory(bytes as u64) {
            return Err(Unread::Memory);
        }
        held += bytes as u64;
        Ok(())
    };
    let read = File::read(bytes, &mut take).and_then(|(file, mini_start)| {
        let mini = mini_stream(&file, mini_start, bytes.len(), &mut take)?;
        Ok((file, mini))
    });
    match read {
        Ok((mut file, mini)) => {
            file.small.bytes = &mini;
            file.find_folders();
            if file.cut_short {
                members.limit(Limit::Members);
            }
            let _ = visit(&file, members);
            if file.malformed {
                members.remark(Remark::Malformed);
            }
            if objects::is_encrypted(&file) {
                members.remark(Remark::Encrypted);
            }
        }
        Err(Unread::Malformed) => members.remark(Remark::Malformed),
        Err(Unread::Memory) => {}
    }
    members.give_back(held);
}

/// The root's own stream, which holds the small sectors. It can't be larger than the file.
fn mini_stream(
    file: &File<'_>,
    start: u32,
    most: usize,
    take: &mut Take<'_>,
) -> Result<Vec<u8>, Unread> {
    let length = Chain::new(&file.big, start).length(most);
    take(length)?;
    let mut mini = Vec::with_capacity(length);
    for sector in Chain::new(&file.big, start) {
        if mini.len() + sector.len() > length {
            break;
        }
        mini.extend_from_slice(sector);
    }
    Ok(mini)
}

/// Hands over all streams and what is in them; `None` when no more are wanted.
fn visit(file: &File<'_>, members: &mut dyn Members) -> Option<()> {
    for entry in file.entries.iter().filter(|entry| entry.kind == STREAM) {
        let path = file.path(entry);
        file.hand_over(entry, &path, members)?;
        objects::visit(file, entry, &path, members)?;
    }
    vba::visit(file, members)
}

impl<'a> File<'a> {
    /// Reads the header, the tables and the directory. Returns where the stream of small sectors
    /// begins, too.
    fn read(bytes: &'a [u8], take: &mut Take<'_>) -> Result<(Self, u32), Unread> {
        let header = bytes.get(..HEADER_BYTES).ok_or(Unread::Malformed)?;
        let half = |at| u16_at(header, at).ok_or(Unread::Malformed);
        let word = |at| u32_at(header, at).ok_or(Unread::Malformed);
        let shift = u32::from(half(30)?);
        let small_shift = u32::from(half(32)?);
        if !(7..=20).contains(&shift) || !(3..=12).contains(&small_shift) {
            return Err(Unread::Malformed);
        }
        // The header takes the first sector.
        let mut big = Sectors {
            bytes: bytes.get(1 << shift..).unwrap_or_default(),
            size: 1 << shift,
            table: Vec::new(),
        };
        take(big.count().saturating_mul(4))?;
        big.table = big.read_table(header).ok_or(Unread::Malformed)?;
        // There are no more small sectors than have room in the file.
        let small_chain = Chain::new(&big, word(60)?);
        let most = bytes.len() >> small_shift;
        take(small_chain.length(most.saturating_mul(4)))?;
        let small_table = Chain::new(&big, word(60)?).flat_map(numbers).take(most);
        let small_table: Vec<u32> = small_table.collect();
        let directory = Chain::new(&big, word(48)?);
        let directory_bytes = directory.length(MAX_ENTRIES * ENTRY_BYTES);
        take(directory_bytes / ENTRY_BYTES * ENTRY_MEMORY_BYTES)?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut cut_short = false;
        for sector in Chain::new(&big, word(48)?) {
            entries.extend(sector.chunks_exact(ENTRY_BYTES).filter_map(Entry::read));
            cut_short = entries.len() > MAX_ENTRIES;
            if cut_short {
                entries.truncate(MAX_ENTRIES);
                break;
            }
        }
        let root = entries.iter().find(|entry| entry.kind == ROOT);
        let mini_start = root.map_or(u32::MAX, |root| root.start);
        let file = Self {
            malformed: root.is_none(),
            cut_short,
            small: Sectors {
                bytes: &[],
                size: 1 << small_shift,
                table: small_table,
            },
            big,
            cutoff: word(56)?.into(),
            entries,
        };
        Ok((file, mini_start))
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

    /// Lets `look` see the bytes of a stream; without memory for one in pieces, which is reported,
    /// it doesn't. `None` when no more is wanted.
    fn look_at<M>(&self, entry: &Entry, members: &mut dyn Members, look: M) -> Option<()>
    where
        M: FnOnce(&[u8], &mut dyn Members) -> Option<()>,
    {
        members.goes_on().then_some(())?;
        let sectors = self.sectors(entry);
        if let Some(content) = sectors.contiguous(entry.start, entry.size) {
            return look(content, members);
        }
        let stated = usize::try_from(entry.size).unwrap_or(usize::MAX);
        let length = Chain::new(sectors, entry.start).length(stated);
        if !members.take_memory(length as u64) {
            return Some(());
        }
        let flow = look(&self.head(entry, length), members);
        members.give_back(length as u64);
        flow
    }

    /// The first `most` bytes of a stream.
    fn head(&self, entry: &Entry, most: usize) -> Vec<u8> {
        let length = usize::try_from(entry.size).map_or(most, |size| size.min(most));
        let mut bytes = Vec::with_capacity(length);
        for sector in Chain::new(self.sectors(entry), entry.start) {
            let left = length - bytes.len();
            if left == 0 {
                break;
            }
            bytes.extend_from_slice(sector.get(..left).unwrap_or(sector));
        }
        bytes
    }

    /// The stream of the root with this name, in any case of letters.
    fn stream(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| {
            entry.kind == STREAM && entry.folder.is_none() && entry.name.eq_ignore_ascii_case(name)
        })
    }

    /// The way from the root.
    fn path(&self, entry: &Entry) -> String {
        let mut names = vec![entry.name.as_str()];
        let mut folder = entry.folder;
        while let Some(storage) = folder
            .filter(|_| names.len() <= MAX_NESTING)
            .and_then(|index| self.entries.get(usize::try_from(index).ok()?))
        {
            names.push(&storage.name);
            folder = storage.folder;
        }
        names.reverse();
        names.join("/")
    }

    /// Walks the tree from the root, each entry at most once.
    fn find_folders(&mut self) {
        let Some(root) = self.entries.iter().find(|entry| entry.kind == ROOT) else {
            return;
        };
        let mut open: Vec<(u32, Option<u32>, usize)> = vec![(root.child, None, 0)];
        while let Some((index, folder, nesting)) = open.pop() {
            let entry = usize::try_from(index)
                .ok()
                .and_then(|index| self.entries.get_mut(index));
            let Some(entry) = entry.filter(|entry| !entry.reached) else {
                self.malformed |= index < MAX_SECTOR;
                continue;
            };
            open.push((entry.left, folder, nesting));
            open.push((entry.right, folder, nesting));
            entry.folder = folder;
            entry.reached = true;
            // What is deeper is read as well; it only has no path.
            if entry.kind == STORAGE && nesting < MAX_NESTING {
                open.push((entry.child, Some(index), nesting + 1));
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
            reached: false,
        })
    }
}

/// The sector numbers in a sector of a table.
fn numbers(sector: &[u8]) -> impl Iterator<Item = u32> + '_ {
    sector
        .chunks_exact(4)
        .filter_map(|word| Some(u32::from_le_bytes(word.try_into().ok()?)))
}
