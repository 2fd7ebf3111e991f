//! Files of each target around what must stand in them.

use definitions::body::model::{Place, Signature};
use scan::body_layout::offset;
use scan::{FileType, Target};

use super::make::anywhere;

/// Why no file is made for a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NotMade {
    Expression,
    Comparison,
    Container,
    Target,
    TooMany,
    Impossible,
    Markers,
    Place,
    Size,
}

/// Something that must stand somewhere, with what must be beside it.
pub(crate) struct Item {
    pub(crate) place: Place,
    pub(crate) before: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

/// The largest file that is made.
const MAX_BYTES: usize = 12 << 20;
const ALIGN: usize = 0x200;
/// From the first section's beginning to the entry point.
const ENTRY: usize = 0x400;
/// Between items, so that one can't be taken for a part of the next.
const BETWEEN: usize = 24;

/// A file for a signature with these items, in its container.
pub(crate) fn host(signature: &Signature, items: &[Item]) -> Result<Vec<u8>, NotMade> {
    let target = Target::from_number(signature.target).ok_or(NotMade::Target)?;
    let file = match target {
        Target::Pe => pe(signature, items)?,
        Target::Elf => plain(signature, items, &elf(), 0x80)?,
        Target::MachO => plain(signature, items, &macho(), 0)?,
        Target::Ole2 => plain(signature, items, &ole2(), 0)?,
        Target::Html => plain(signature, items, b"<html><body> ", 0)?,
        Target::Mail => plain(
            signature,
            items,
            b"From: a@b.c\nTo: d@e.f\nSubject: x\n\n",
            0,
        )?,
        Target::Graphics => plain(signature, items, b"GIF89a\x01\x00\x01\x00\x00\x00\x00", 0)?,
        Target::Text => plain(signature, items, b"text ", 0)?,
        Target::Pdf => plain(signature, items, b"%PDF-1.4\n", 0)?,
        Target::Flash => plain(signature, items, b"FWS\x06\x00\x10\x00\x00", 0)?,
        Target::Java => plain(signature, items, b"\xca\xfe\xba\xbe\x00\x00\x00\x34", 0)?,
        Target::Any => plain(signature, items, b"\x01\x02\x03\x04", 0)?,
        Target::Unused | Target::Internal | Target::Other => return Err(NotMade::Target),
    };
    if !signature.conditions.intermediates.is_empty() {
        return Err(NotMade::Container);
    }
    match signature
        .conditions
        .container
        .and_then(FileType::from_number)
    {
        None | Some(FileType::Any) => Ok(file),
        Some(FileType::Zip) => Ok(crate::setup::zip_by(
            zip::CompressionMethod::Stored,
            &[("a", &file)],
        )),
        Some(FileType::Mail) => Ok(mail(&file)),
        Some(_) => Err(NotMade::Container),
    }
}

/// A message with the file attached.
fn mail(file: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = b"From: a@b.c\nTo: d@e.f\nSubject: x\nMIME-Version: 1.0\nContent-Type: \
        multipart/mixed; boundary=\"bound\"\n\n--bound\nContent-Type: application/octet-stream; \
        name=\"a.bin\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; \
        filename=\"a.bin\"\n\n"
        .to_vec();
    for line in file.chunks(54) {
        for three in line.chunks(3) {
            let bits = three
                .iter()
                .chain(&[0, 0])
                .take(3)
                .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
            for digit in 0..4 {
                let shown = digit <= three.len();
                text.push(if shown {
                    DIGITS[bits >> (18 - 6 * digit) & 63]
                } else {
                    b'='
                });
            }
        }
        text.push(b'\n');
    }
    text.extend_from_slice(b"\n--bound--\n");
    text
}

/// A file being laid out.
#[derive(Default)]
struct Sheet {
    bytes: Vec<u8>,
    /// What was written on purpose.
    used: Vec<(usize, usize)>,
}

impl Sheet {
    fn put(&mut self, at: usize, item: &Item) -> Result<(), NotMade> {
        let start = at.checked_sub(item.before.len()).unwrap_or(at);
        let before: &[u8] = if start == at { &[] } else { &item.before };
        let bytes = [before, &item.bytes, &item.after].concat();
        let end = start + bytes.len();
        if end > MAX_BYTES {
            return Err(NotMade::Size);
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        for (from, to) in &self.used {
            let (from, to) = ((*from).max(start), (*to).min(end));
            for place in from..to.max(from) {
                if self.bytes[place] != bytes[place - start] {
                    return Err(NotMade::Place);
                }
            }
        }
        self.bytes[start..end].copy_from_slice(&bytes);
        self.used.push((start, end));
        Ok(())
    }

    /// Appends what may be anywhere, then fits the size, then what counts from the end.
    fn finish(
        mut self,
        signature: &Signature,
        items: &[Item],
        text: bool,
    ) -> Result<Vec<u8>, NotMade> {
        let filler = if text { b' ' } else { 0 };
        for item in items.iter().filter(|item| anywhere(item.place)) {
            self.bytes.extend(std::iter::repeat_n(filler, BETWEEN));
            let at = self.bytes.len() + item.before.len();
            self.put(at, item)?;
        }
        self.bytes.extend(std::iter::repeat_n(filler, BETWEEN));
        let from_end = items
            .iter()
            .filter(|item| item.place.kind == offset::END_MINUS)
            .map(|item| (item.place.value as usize).max(item.bytes.len()))
            .max()
            .unwrap_or(0);
        let (least, most) = signature.conditions.file_size.unwrap_or((0, u32::MAX));
        if self.bytes.len() + from_end > most as usize {
            return Err(NotMade::Size);
        }
        if least as usize > MAX_BYTES {
            return Err(NotMade::Size);
        }
        let length = (self.bytes.len() + from_end).max(least as usize);
        self.bytes.resize(length, filler);
        for item in items
            .iter()
            .filter(|item| item.place.kind == offset::END_MINUS)
        {
            let at = length
                .checked_sub(item.place.value as usize)
                .ok_or(NotMade::Place)?;
            self.put(at, item)?;
        }
        if self.bytes.len() != length {
            return Err(NotMade::Place);
        }
        Ok(self.bytes)
    }
}

/// A file with a beginning, and its entry point at `entry`.
fn plain(
    signature: &Signature,
    items: &[Item],
    start: &[u8],
    entry: usize,
) -> Result<Vec<u8>, NotMade> {
    let mut sheet = Sheet {
        bytes: start.to_vec(),
        used: Vec::new(),
    };
    for item in items {
        match item.place.kind {
            offset::ANY | offset::END_MINUS => {}
            offset::ABSOLUTE => sheet.put(item.place.value as usize, item)?,
            offset::ENTRY_PLUS if entry > 0 => {
                sheet.put(entry + item.place.value as usize, item)?
            }
            _ => return Err(NotMade::Place),
        }
    }
    if signature.conditions.sections.is_some() || signature.conditions.entry_point.is_some() {
        return Err(NotMade::Place);
    }
    let text = matches!(signature.target, 3 | 4 | 7 | 10);
    sheet.finish(signature, items, text)
}

fn elf() -> Vec<u8> {
    let mut elf = vec![0; 0x80];
    elf[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
    let mut put = |at: usize, bytes: &[u8]| elf[at..at + bytes.len()].copy_from_slice(bytes);
    put(16, &2_u16.to_le_bytes());
    put(18, &62_u16.to_le_bytes());
    put(20, &1_u32.to_le_bytes());
    put(24, &0x40_0080_u64.to_le_bytes());
    put(32, &64_u64.to_le_bytes());
    put(52, &64_u16.to_le_bytes());
    put(54, &56_u16.to_le_bytes());
    put(56, &1_u16.to_le_bytes());
    put(58, &64_u16.to_le_bytes());
    put(64, &1_u32.to_le_bytes());
    put(68, &5_u32.to_le_bytes());
    put(80, &0x40_0000_u64.to_le_bytes());
    put(88, &0x40_0000_u64.to_le_bytes());
    put(96, &0x10_0000_u64.to_le_bytes());
    put(104, &0x10_0000_u64.to_le_bytes());
    put(112, &0x1000_u64.to_le_bytes());
    elf
}

fn macho() -> Vec<u8> {
    let mut macho = b"\xce\xfa\xed\xfe\x07\x00\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00".to_vec();
    macho.resize(64, 0);
    macho
}

fn ole2() -> Vec<u8> {
    let mut ole2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    ole2.resize(24, 0);
    ole2.extend_from_slice(b"\x3e\x00\x03\x00\xfe\xff\x09\x00\x06\x00");
    ole2.resize(1536, 0);
    ole2
}

/// How far into each section its items reach.
fn extents(items: &[Item], sections: usize) -> Result<Vec<usize>, NotMade> {
    let mut extents = vec![0; sections];
    for item in items {
        let value = item.place.value as usize;
        let (section, end) = match item.place.kind {
            offset::ENTRY_PLUS => (0, ENTRY + value + item.bytes.len()),
            offset::SECTION | offset::WHOLE_SECTION => {
                (usize::from(item.place.section), value + item.bytes.len())
            }
            offset::LAST_SECTION => (sections - 1, value + item.bytes.len()),
            offset::VERSION_INFO => return Err(NotMade::Place),
            _ => continue,
        };
        let extent = extents.get_mut(section).ok_or(NotMade::Place)?;
        *extent = (*extent).max(end + item.after.len());
    }
    Ok(extents)
}

fn section_count(signature: &Signature, items: &[Item]) -> Result<usize, NotMade> {
    let named = items
        .iter()
        .filter(|item| matches!(item.place.kind, offset::SECTION | offset::WHOLE_SECTION))
        .map(|item| usize::from(item.place.section) + 1)
        .max()
        .unwrap_or(2);
    let (least, most) = signature.conditions.sections.unwrap_or((0, 96));
    let count = named.max(2).max(least as usize).min(most.max(1) as usize);
    if count < named && named > 2 || count > 96 {
        return Err(NotMade::Place);
    }
    Ok(count)
}

/// A PE file whose header stands where no item must.
fn pe(signature: &Signature, items: &[Item]) -> Result<Vec<u8>, NotMade> {
    let sections = section_count(signature, items)?;
    let header = 0xf8 + 40 * sections;
    let absolute: Vec<(usize, usize)> = items
        .iter()
        .filter(|item| item.place.kind == offset::ABSOLUTE)
        .map(|item| {
            let at = item.place.value as usize;
            (at, at + item.bytes.len())
        })
        .collect();
    let clear = |from: usize, to: usize| absolute.iter().all(|(at, end)| *end <= from || *at >= to);
    let at = (0x40..0x8000)
        .step_by(8)
        .find(|at| clear(*at, at + header))
        .ok_or(NotMade::Place)?;
    let headers = (at + header).next_multiple_of(ALIGN);
    let mut sheet = Sheet::default();
    sheet.bytes.resize(headers, 0);
    sheet.bytes[..2].copy_from_slice(b"MZ");
    sheet.bytes[0x3c..0x40].copy_from_slice(&u32::try_from(at).unwrap().to_le_bytes());

    let mut raw = Vec::new();
    let mut next = headers;
    for extent in extents(items, sections)? {
        let size = extent.max(ENTRY + ALIGN).next_multiple_of(ALIGN);
        raw.push((next, size));
        next += size;
    }
    if next > MAX_BYTES {
        return Err(NotMade::Size);
    }
    sheet.bytes.resize(next, 0);
    let entry = raw[0].0 + ENTRY;
    for item in items {
        let value = item.place.value as usize;
        let section = raw.get(usize::from(item.place.section)).copied();
        let place = match item.place.kind {
            offset::ABSOLUTE => value,
            offset::ENTRY_PLUS => entry + value,
            offset::ENTRY_MINUS => entry.checked_sub(value).ok_or(NotMade::Place)?,
            offset::SECTION => section.ok_or(NotMade::Place)?.0 + value,
            offset::WHOLE_SECTION => section.ok_or(NotMade::Place)?.0,
            offset::LAST_SECTION => raw[sections - 1].0 + value,
            _ => continue,
        };
        sheet.put(place, item)?;
    }
    if let Some((least, most)) = signature.conditions.entry_point
        && !(least as usize..=most as usize).contains(&entry)
    {
        return Err(NotMade::Place);
    }
    let bytes = pe_header(sections, &raw, headers);
    sheet.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
    sheet.finish(signature, items, false)
}

fn pe_header(sections: usize, raw: &[(usize, usize)], headers: usize) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let mut bytes = vec![0; 0xf8];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"PE\0\0");
    put(4, &0x14c_u16.to_le_bytes());
    put(6, &u16::try_from(sections).unwrap().to_le_bytes());
    put(20, &0xe0_u16.to_le_bytes());
    put(22, &0x102_u16.to_le_bytes());
    put(24, &0x10b_u16.to_le_bytes());
    put(40, &number(0x10000 + ENTRY));
    put(52, &number(0x40_0000));
    put(56, &number(0x1000));
    put(60, &number(ALIGN));
    put(64, &4_u16.to_le_bytes());
    put(72, &4_u16.to_le_bytes());
    let mut address = 0x10000;
    let mut table = Vec::new();
    for (index, (start, size)) in raw.iter().enumerate() {
        let mut section = vec![0; 40];
        section[..2].copy_from_slice(&[b'.', b'a' + u8::try_from(index % 26).unwrap()]);
        section[8..12].copy_from_slice(&number(*size));
        section[12..16].copy_from_slice(&number(address));
        section[16..20].copy_from_slice(&number(*size));
        section[20..24].copy_from_slice(&number(*start));
        section[36..40].copy_from_slice(&0x6000_0020_u32.to_le_bytes());
        table.extend(section);
        address += size.next_multiple_of(0x1000);
    }
    put(80, &number(address));
    put(84, &number(headers));
    put(92, &3_u16.to_le_bytes());
    put(116, &16_u32.to_le_bytes());
    bytes.extend(table);
    bytes
}
