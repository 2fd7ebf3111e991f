//! Executables for the tests: ordinary ones, and ones that are odd in every way that a random
//! choice finds.

use proptest::prelude::Rng;
use proptest::test_runner::TestRng;

fn below(random: &mut TestRng, end: u32) -> u32 {
    random.next_u32() % end
}

fn pick<T: Copy>(random: &mut TestRng, from: &[T]) -> T {
    from[random.next_u32() as usize % from.len()]
}

fn noise(random: &mut TestRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random.fill_bytes(&mut bytes);
    bytes
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    if let Some(room) = bytes.get_mut(at..at + what.len()) {
        room.copy_from_slice(what);
    }
}

/// All files.
pub(super) fn files(random: &mut TestRng) -> Vec<Vec<u8>> {
    let mut files = vec![with_resources(random), with_imports(random)];
    files.extend((0..120).map(|_| pe(random)));
    files.extend((0..60).map(|_| elf(random)));
    files.extend((0..60).map(|_| macho(random)));
    files
}

/// A section header: address, virtual size, pointer, raw size.
type Header = (u32, u32, u32, u32);

struct Pe {
    is_64: bool,
    header_at: usize,
    section_alignment: u32,
    file_alignment: u32,
    header_bytes: u32,
    entry: u32,
    directories: Vec<(u32, u32)>,
    stated_directories: u32,
    optional_slack: usize,
    stated_sections: u16,
    characteristics: u16,
    subsystem: u16,
    sections: Vec<Header>,
}

impl Pe {
    fn over(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let at = self.header_at;
        put(&mut bytes, 0, b"MZ");
        put(&mut bytes, 60, &(at as u32).to_le_bytes());
        put(&mut bytes, at, b"PE\0\0");
        let machine: u16 = if self.is_64 { 0x8664 } else { 0x14c };
        put(&mut bytes, at + 4, &machine.to_le_bytes());
        put(&mut bytes, at + 6, &self.stated_sections.to_le_bytes());
        let fixed = if self.is_64 { 112 } else { 96 };
        let optional = fixed + 8 * self.directories.len() + self.optional_slack;
        put(&mut bytes, at + 20, &(optional as u16).to_le_bytes());
        put(&mut bytes, at + 22, &self.characteristics.to_le_bytes());
        let optional_at = at + 24;
        let magic: u16 = if self.is_64 { 0x20b } else { 0x10b };
        put(&mut bytes, optional_at, &magic.to_le_bytes());
        for (offset, value) in [
            (16, self.entry),
            (32, self.section_alignment),
            (36, self.file_alignment),
            (60, self.header_bytes),
            (fixed - 4, self.stated_directories),
        ] {
            put(&mut bytes, optional_at + offset, &value.to_le_bytes());
        }
        put(&mut bytes, optional_at + 68, &self.subsystem.to_le_bytes());
        for (index, (address, size)) in self.directories.iter().enumerate() {
            let at = optional_at + fixed + 8 * index;
            put(&mut bytes, at, &address.to_le_bytes());
            put(&mut bytes, at + 4, &size.to_le_bytes());
        }
        let table = optional_at + optional;
        for (index, section) in self.sections.iter().enumerate() {
            let at = table + 40 * index;
            put(&mut bytes, at, format!(".s{index:05}\0").as_bytes());
            let (address, virtual_size, pointer, raw_size) = *section;
            for (offset, value) in [
                (8, virtual_size),
                (12, address),
                (16, raw_size),
                (20, pointer),
                (36, 0x6000_0020),
            ] {
                put(&mut bytes, at + offset, &value.to_le_bytes());
            }
        }
        bytes
    }
}

fn ordinary(sections: Vec<Header>, entry: u32) -> Pe {
    Pe {
        is_64: false,
        header_at: 0x80,
        section_alignment: 0x1000,
        file_alignment: 0x200,
        header_bytes: 0x400,
        entry,
        directories: vec![(0, 0); 16],
        stated_directories: 16,
        optional_slack: 0,
        stated_sections: sections.len() as u16,
        characteristics: 0x102,
        subsystem: 2,
        sections,
    }
}

fn pe(random: &mut TestRng) -> Vec<u8> {
    let odd = |random: &mut TestRng| below(random, 5) == 0;
    let count = 1 + below(random, 5);
    let mut address = 0x1000u32;
    let mut pointer = 0x400u32;
    let mut sections = Vec::new();
    for _ in 0..count {
        let mut size: u32 = pick(random, &[0x200, 0x400, 0x600, 0x1234, 0x77, 0]);
        let mut own_pointer = pointer;
        let mut own_address = address;
        let mut virtual_size = pick(random, &[0, 0x100, size, 0x2345]);
        if odd(random) {
            own_pointer = own_pointer.wrapping_add(pick(random, &[1, 0x10, 0x100, 0x1ff, 0x10000]));
        }
        if odd(random) {
            size = pick(random, &[1, 0x3ff, 0x9999, 0x7fff_ffff, 0x8000_0000]);
        }
        if odd(random) {
            own_address = own_address.wrapping_add(pick(random, &[1, 0x800, 0x0fff_f000]));
        }
        if odd(random) && odd(random) {
            virtual_size = 0x9000_0000;
        }
        sections.push((own_address, virtual_size, own_pointer, size));
        pointer += size.min(0x2000).next_multiple_of(0x200);
        address += virtual_size.clamp(0x1000, 0x3000).next_multiple_of(0x1000);
    }
    let entry = match below(random, 6) {
        0 => below(random, 0x600),
        1 => address + 0x5000,
        _ => 0x1000 + below(random, 0x200),
    };
    let mut pe = ordinary(sections, entry);
    pe.is_64 = below(random, 3) == 0;
    pe.header_at = pick(random, &[0x40, 0x80, 0xf8, 0x100]);
    pe.section_alignment = pick(random, &[0x1000, 0x1000, 0x200, 0x20, 1, 0, 0x2000]);
    pe.file_alignment = pick(random, &[0x200, 0x200, 0x1000, 0x20, 1, 0, 0x400]);
    pe.header_bytes = pick(random, &[0x400, 0x400, 0x200, 0x1000, 0, 0x7f, 0xffff_ffff]);
    pe.stated_directories = pick(random, &[16, 16, 0x20, 3, 0, 17]);
    let stored = pick(random, &[16, 16, 3, 17]);
    pe.directories = vec![(0, 0); stored];
    pe.optional_slack = pick(random, &[0, 0, 0, 8, 100]);
    if odd(random) {
        pe.stated_sections = pick(random, &[0, 1, 7, 96, 0xffff]);
    }
    pe.characteristics = pick(random, &[0x102, 0x2102, 0]);
    pe.subsystem = pick(random, &[1, 2, 3, 0, 9]);
    let length = if odd(random) {
        below(random, 0x800) as usize + 0x40
    } else {
        (pointer + pick(random, &[0, 0x10, 0x333])) as usize
    };
    let bytes = noise(random, length);
    pe.over(bytes)
}

/// A block of version information: header, name, children.
fn block(value: &[u8], name: &str, children: &[Vec<u8>], is_text: bool) -> Vec<u8> {
    let mut bytes = vec![0; 6];
    bytes.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(value);
    for child in children {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(child);
    }
    let length = bytes.len() as u16;
    let value_length = if is_text {
        value.len() / 2
    } else {
        value.len()
    } as u16;
    put(&mut bytes, 0, &length.to_le_bytes());
    put(&mut bytes, 2, &value_length.to_le_bytes());
    put(&mut bytes, 4, &u16::from(is_text).to_le_bytes());
    bytes
}

fn text(value: &str) -> Vec<u8> {
    value
        .encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect()
}

/// A file with version information of two languages.
fn with_resources(random: &mut TestRng) -> Vec<u8> {
    let version = |marks: [&str; 2]| {
        let mut fixed = vec![0; 0x34];
        put(&mut fixed, 0, &0xfeef_04bd_u32.to_le_bytes());
        let strings: Vec<Vec<u8>> = [("CompanyName", marks[0]), ("FileDescription", marks[1])]
            .iter()
            .map(|(name, value)| block(&text(value), name, &[], true))
            .collect();
        let table = block(&[], "040904b0", &strings, true);
        let variables = block(&[], "VarFileInfo", &[], true);
        let info = block(&[], "StringFileInfo", &[table], true);
        block(&fixed, "VS_VERSION_INFO", &[variables, info], false)
    };
    let first = version(["First company of a test", "what it describes"]);
    let second = version(["Another company", "described otherwise"]);
    // Directories of types, names and languages, two data entries, and the data.
    let mut resources = vec![0; 0x1000];
    let base = 0x2000u32;
    let directory = |bytes: &mut Vec<u8>, at: usize, entries: &[(u32, u32)]| {
        put(bytes, at + 14, &(entries.len() as u16).to_le_bytes());
        for (index, (number, offset)) in entries.iter().enumerate() {
            put(bytes, at + 16 + 8 * index, &number.to_le_bytes());
            put(bytes, at + 20 + 8 * index, &offset.to_le_bytes());
        }
    };
    let below = |offset: u32| offset | 1 << 31;
    directory(&mut resources, 0, &[(3, below(0xf00)), (16, below(0x40))]);
    directory(&mut resources, 0x40, &[(1, below(0x80))]);
    directory(&mut resources, 0x80, &[(0x409, 0x100), (0x407, 0x110)]);
    for (entry, data, content) in [(0x100, 0x200, &first), (0x110, 0x800, &second)] {
        put(&mut resources, entry, &(base + data as u32).to_le_bytes());
        put(
            &mut resources,
            entry + 4,
            &(content.len() as u32).to_le_bytes(),
        );
        put(&mut resources, data, content);
    }
    let mut pe = ordinary(
        vec![
            (0x1000, 0x200, 0x400, 0x200),
            (0x2000, 0x1000, 0x600, 0x1000),
        ],
        0x1010,
    );
    pe.directories[2] = (base, 0x1000);
    let mut bytes = noise(random, 0x1600);
    put(&mut bytes, 0x600, &resources);
    pe.over(bytes)
}

/// A file that imports by name and by number.
fn with_imports(random: &mut TestRng) -> Vec<u8> {
    let base = 0x2000u32;
    let mut imports = vec![0; 0x600];
    let libraries: [(&str, &[&str], &[u32]); 4] = [
        ("KERNEL32.dll", &["LoadLibraryA", "GetProcAddress"], &[]),
        ("WS2_32.dll", &["WSAStartup"], &[1, 2, 3, 9999]),
        ("OLEAUT32.DLL", &[], &[2, 6, 200]),
        ("driver.x.sys", &["One_Function"], &[7]),
    ];
    let mut names = 0x300;
    let mut thunks = 0x100;
    for (index, (library, functions, numbers)) in libraries.iter().enumerate() {
        let at = 20 * index;
        put(&mut imports, at, &(base + thunks as u32).to_le_bytes());
        put(&mut imports, at + 12, &(base + names as u32).to_le_bytes());
        put(&mut imports, at + 16, &(base + thunks as u32).to_le_bytes());
        put(&mut imports, names, library.as_bytes());
        names += library.len() + 1;
        for function in *functions {
            put(&mut imports, thunks, &(base + names as u32).to_le_bytes());
            put(&mut imports, names + 2, function.as_bytes());
            names += function.len() + 3;
            thunks += 4;
        }
        for number in *numbers {
            put(&mut imports, thunks, &(number | 1 << 31).to_le_bytes());
            thunks += 4;
        }
        thunks += 4;
    }
    let mut pe = ordinary(
        vec![(0x1000, 0x200, 0x400, 0x200), (0x2000, 0x600, 0x600, 0x600)],
        0x1020,
    );
    pe.directories[1] = (base, 20 * 5);
    let mut bytes = noise(random, 0x1000);
    put(&mut bytes, 0x600, &imports);
    pe.over(bytes)
}

/// Integers of one order, one after the other.
struct Words {
    big_endian: bool,
    is_64: bool,
    bytes: Vec<u8>,
}

impl Words {
    fn half(&mut self, value: u16) {
        self.bytes.extend(if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        });
    }

    fn word(&mut self, value: u32) {
        self.bytes.extend(if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        });
    }

    fn address(&mut self, value: u32) {
        if !self.is_64 {
            self.word(value);
        } else if self.big_endian {
            self.bytes.extend(u64::from(value).to_be_bytes());
        } else {
            self.bytes.extend(u64::from(value).to_le_bytes());
        }
    }

    fn zeros(&mut self, count: usize) {
        self.bytes.extend(std::iter::repeat_n(0, count));
    }
}

fn words(random: &mut TestRng) -> Words {
    Words {
        big_endian: below(random, 2) == 0,
        is_64: below(random, 2) == 0,
        bytes: Vec::new(),
    }
}

fn elf(random: &mut TestRng) -> Vec<u8> {
    let mut out = words(random);
    let (header, segment_bytes, section_bytes) = if out.is_64 {
        (64, 56, 64)
    } else {
        (52, 32, 40)
    };
    let segments = pick(random, &[1, 2, 3, 0, 200]);
    let sections = pick(random, &[1, 4, 9, 3, 300]);
    let segments_at = header;
    let sections_at = header + segment_bytes * segments.min(3);
    let data_at = sections_at + section_bytes * sections.min(9);
    let base = 0x40_0000;
    out.bytes.extend(b"\x7fELF");
    out.bytes.push(if out.is_64 { 2 } else { 1 });
    out.bytes.push(if out.big_endian { 2 } else { 1 });
    out.bytes.push(1);
    out.zeros(9);
    out.half(2);
    out.half(62);
    out.word(1);
    let entry = match below(random, 4) {
        0 => 0,
        1 => 0x1234,
        _ => base + data_at as u32 + below(random, 0x100),
    };
    out.address(entry);
    out.address(segments_at as u32);
    out.address(sections_at as u32);
    out.word(0);
    out.half(header as u16);
    let wrong = below(random, 8);
    out.half(segment_bytes as u16 + u16::from(wrong == 0));
    out.half(segments as u16);
    out.half(section_bytes as u16 + u16::from(wrong == 1));
    out.half(sections as u16);
    out.half(0);
    for index in 0..segments.min(3) as u32 {
        let flags_first = out.is_64;
        out.word(1);
        if flags_first {
            out.word(5);
        }
        out.address(index * 0x10);
        out.address(base + index * 0x10);
        out.address(base + index * 0x10);
        out.address(0x800);
        out.address(pick(random, &[0x800, 0x10, 0x2000]));
        if !flags_first {
            out.word(5);
        }
        out.address(0x1000);
    }
    for index in 0..sections.min(9) as u32 {
        let offset = data_at as u32 + index * 0x40;
        out.word(0);
        out.word(1);
        out.address(6);
        out.address(base + offset);
        out.address(offset);
        out.address(pick(random, &[0x40, 0x39, 0, 0x10_0000]));
        out.word(0);
        out.word(0);
        out.address(4);
        out.address(0);
    }
    let cut = below(random, 8) == 0;
    let tail = noise(random, if cut { 3 } else { 0x600 });
    out.bytes.extend(tail);
    if cut {
        let length = below(random, out.bytes.len() as u32) as usize;
        out.bytes.truncate(length.max(5));
    }
    out.bytes
}

fn macho(random: &mut TestRng) -> Vec<u8> {
    let mut out = words(random);
    let processor = pick(random, &[7, 7 | 1 << 24, 12, 18, 18 | 1 << 24]);
    let segments = pick(random, &[1, 2, 3]);
    let has_thread = below(random, 2) == 0;
    let commands = segments + 1 + u32::from(has_thread);
    out.word(if out.is_64 { 0xfeed_facf } else { 0xfeed_face });
    out.word(processor);
    out.word(3);
    out.word(2);
    out.word(pick(random, &[commands, commands, commands, 0, 2000]));
    out.word(0x400);
    out.word(0);
    if out.is_64 {
        out.word(0);
    }
    let data_at = 0x800;
    let base = 0x1000;
    // A command that means nothing here.
    out.word(0x1b);
    out.word(24);
    out.zeros(16);
    for segment in 0..segments {
        // clamscan crashes on the offset `SL` where there is no section at all.
        let sections = pick(random, &[u32::from(segment == 0), 1, 3]);
        out.word(if out.is_64 { 0x19 } else { 1 });
        out.word(0);
        out.zeros(16);
        for _ in 0..4 {
            out.address(0);
        }
        out.word(7);
        out.word(5);
        out.word(sections);
        out.word(0);
        for section in 0..sections {
            let offset = segment * 0x200 + section * 0x80;
            out.zeros(32);
            out.address(base + offset);
            out.address(pick(random, &[0x80, 0x41, 0]));
            out.word(data_at + offset);
            out.word(pick(random, &[0, 2, 4, 4, 4, 31]));
            out.zeros(if out.is_64 { 24 } else { 20 });
        }
    }
    if has_thread {
        out.word(5);
        out.word(0);
        out.zeros(8);
        let entry = base + pick(random, &[0, 0x10, 0x30, 0x5000]);
        if processor == 18 | 1 << 24 {
            let is_64 = std::mem::replace(&mut out.is_64, true);
            out.address(entry);
            out.is_64 = is_64;
            out.zeros(304);
        } else {
            out.word(entry);
            out.zeros(if processor == 18 { 156 } else { 60 });
        }
    }
    let length = out.bytes.len();
    let padding = noise(random, (data_at as usize).saturating_sub(length) + 0xc00);
    out.bytes.extend(padding);
    out.bytes
}
