//! OLE2 files: streams of both sizes, a project of macros, an embedded file.

/// The size of sectors and of small sectors, and what is in small ones.
const SECTOR: usize = 512;
const SMALL: usize = 64;
const CUTOFF: usize = 4096;
const END: u32 = 0xffff_fffe;
const FREE: u32 = 0xffff_ffff;

/// Streams by path; storages are made as paths name them.
pub(crate) fn ole2(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut entries: Vec<(String, u8, Vec<usize>, u32, usize)> =
        vec![("Root Entry".into(), 5, Vec::new(), END, 0)];
    let mut table: Vec<u32> = Vec::new();
    let mut sectors: Vec<u8> = Vec::new();
    let mut small_table: Vec<u32> = Vec::new();
    let mut small: Vec<u8> = Vec::new();
    for (path, content) in streams {
        let mut parent = 0;
        let parts: Vec<&str> = path.split('/').collect();
        for part in &parts[..parts.len() - 1] {
            let known = entries[parent]
                .2
                .iter()
                .copied()
                .find(|at| entries[*at].0 == *part);
            parent = known.unwrap_or_else(|| {
                entries.push(((*part).into(), 1, Vec::new(), 0, 0));
                let at = entries.len() - 1;
                entries[parent].2.push(at);
                at
            });
        }
        let start = if content.len() < CUTOFF {
            append(&mut small, &mut small_table, content, SMALL)
        } else {
            append(&mut sectors, &mut table, content, SECTOR)
        };
        entries.push((
            parts[parts.len() - 1].into(),
            2,
            Vec::new(),
            start,
            content.len(),
        ));
        let at = entries.len() - 1;
        entries[parent].2.push(at);
    }
    entries[0].3 = append(&mut sectors, &mut table, &small, SECTOR);
    entries[0].4 = small.len();
    let small_bytes: Vec<u8> = small_table
        .iter()
        .flat_map(|next| next.to_le_bytes())
        .collect();
    let small_start = append(&mut sectors, &mut table, &small_bytes, SECTOR);
    let mut directory = Vec::new();
    for (index, (name, kind, children, start, size)) in entries.iter().enumerate() {
        // The siblings of a storage are a chain to the right.
        let parent = entries.iter().find(|entry| entry.2.contains(&index));
        let right = parent.and_then(|(_, _, siblings, _, _)| {
            let place = siblings.iter().position(|at| *at == index).unwrap();
            siblings.get(place + 1).copied()
        });
        let mut entry = [0u8; 128];
        for (place, unit) in name.encode_utf16().enumerate() {
            entry[2 * place..2 * place + 2].copy_from_slice(&unit.to_le_bytes());
        }
        let name_bytes = 2 * (name.encode_utf16().count() as u16 + 1);
        entry[64..66].copy_from_slice(&name_bytes.to_le_bytes());
        entry[66] = *kind;
        entry[67] = 1;
        let link = |at: Option<usize>| at.map_or(FREE, |at| at as u32).to_le_bytes();
        entry[68..72].copy_from_slice(&FREE.to_le_bytes());
        entry[72..76].copy_from_slice(&link(right));
        entry[76..80].copy_from_slice(&link(children.first().copied()));
        entry[116..120].copy_from_slice(&start.to_le_bytes());
        entry[120..124].copy_from_slice(&(*size as u32).to_le_bytes());
        directory.extend(entry);
    }
    let directory_start = append(&mut sectors, &mut table, &directory, SECTOR);
    // The table describes itself, too.
    let mut table_sectors = 1;
    while (table.len() + table_sectors).div_ceil(SECTOR / 4) > table_sectors {
        table_sectors += 1;
    }
    let table_start = table.len() as u32;
    table.extend(vec![0xffff_fffd; table_sectors]);
    table.resize(table_sectors * SECTOR / 4, FREE);
    sectors.extend(table.iter().flat_map(|next| next.to_le_bytes()));

    let mut header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    header.resize(24, 0);
    for half in [0x3eu16, 3, 0xfffe, 9, 6] {
        header.extend(half.to_le_bytes());
    }
    header.resize(44, 0);
    let small_sectors = small_bytes.len().div_ceil(SECTOR) as u32;
    for word in [
        table_sectors as u32,
        directory_start,
        0,
        CUTOFF as u32,
        small_start,
        small_sectors,
        END,
        0,
    ] {
        header.extend(word.to_le_bytes());
    }
    for index in 0..109 {
        let place = (index < table_sectors as u32).then_some(table_start + index);
        header.extend(place.unwrap_or(FREE).to_le_bytes());
    }
    [header, sectors].concat()
}

/// Puts content into sectors, every other one taken, so that no stream is in one piece.
fn append(sectors: &mut Vec<u8>, table: &mut Vec<u32>, content: &[u8], size: usize) -> u32 {
    if content.is_empty() {
        return END;
    }
    let start = table.len() as u32;
    let count = content.len().div_ceil(size);
    for (index, chunk) in content.chunks(size).enumerate() {
        let mut chunk = chunk.to_vec();
        chunk.resize(size, 0);
        sectors.extend(chunk);
        let next = table.len() as u32 + 2;
        table.push(if index + 1 == count { END } else { next });
        if index + 1 < count {
            sectors.extend(vec![0xaa; size]);
            table.push(FREE);
        }
    }
    start
}

/// VBA's compression with nothing but plain bytes.
pub(crate) fn vba_packed(text: &[u8]) -> Vec<u8> {
    let mut out = vec![1];
    for chunk in text.chunks(3500) {
        let mut packed = Vec::new();
        for group in chunk.chunks(8) {
            packed.push(0);
            packed.extend(group);
        }
        out.extend(((packed.len() as u16 - 1) | 0xb000).to_le_bytes());
        out.extend(packed);
    }
    out
}

/// A document with one module of macros, whose source text is `text`.
pub(crate) fn with_macro(text: &[u8]) -> Vec<u8> {
    let record = |kind: u16, data: &[u8]| {
        [
            kind.to_le_bytes().as_slice(),
            &(data.len() as u32).to_le_bytes(),
            data,
        ]
        .concat()
    };
    let mut list = record(0x01, &1u32.to_le_bytes());
    list.extend([9, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0]);
    list.extend(record(0x0f, &1u16.to_le_bytes()));
    list.extend(record(0x19, b"Module1"));
    list.extend(record(0x1a, b"Module1"));
    list.extend(record(0x32, b"M\0o\0d\0u\0l\0e\x001\0"));
    list.extend(record(0x31, &7u32.to_le_bytes()));
    list.extend(record(0x2b, b""));
    let module = [b"p-code!".as_slice(), &vba_packed(text)].concat();
    ole2(&[
        ("WordDocument", &[b' '; 5000]),
        ("Macros/VBA/dir", &vba_packed(&list)),
        ("Macros/VBA/_VBA_PROJECT", b"\xcc\x61"),
        ("Macros/VBA/Module1", &module),
    ])
}

/// A document with an embedded file.
pub(crate) fn with_package(content: &[u8]) -> Vec<u8> {
    let mut native = vec![0, 0, 0, 0, 2, 0];
    native.extend(b"file.exe\0C:\\file.exe\0");
    native.extend([0, 0, 3, 0, 5, 0, 0, 0]);
    native.extend(b"C:\\t\0");
    native.extend((content.len() as u32).to_le_bytes());
    native.extend(content);
    let size = native.len() as u32 - 4;
    native[..4].copy_from_slice(&size.to_le_bytes());
    ole2(&[
        ("WordDocument", &[b' '; 5000]),
        ("ObjectPool/_1/\u{1}Ole10Native", &native),
    ])
}
