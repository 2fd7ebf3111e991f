//! 7z archives: files stored or packed in one folder.

/// A number of the header.
fn number(out: &mut Vec<u8>, value: u64) {
    out.push(0xff);
    out.extend(value.to_le_bytes());
}

fn header(packed: u64, size: u64, method: &[u8], files: &[(&str, u64)]) -> Vec<u8> {
    let mut out = vec![0x01, 0x04, 0x06];
    number(&mut out, 0);
    out.push(1);
    out.push(0x09);
    number(&mut out, packed);
    out.extend([0x00, 0x07, 0x0b, 1, 0, 1]);
    out.extend(method);
    out.push(0x0c);
    number(&mut out, size);
    out.extend([0x00, 0x08, 0x0d]);
    number(&mut out, files.len() as u64);
    if files.len() > 1 {
        out.push(0x09);
        for (_, size) in &files[..files.len() - 1] {
            number(&mut out, *size);
        }
    }
    out.extend([0x00, 0x00, 0x05]);
    number(&mut out, files.len() as u64);
    let mut names = vec![0];
    for (name, _) in files {
        names.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    }
    out.push(0x11);
    number(&mut out, names.len() as u64);
    out.extend(names);
    out.extend([0x00, 0x00]);
    out
}

fn archive(data: &[u8], header: &[u8]) -> Vec<u8> {
    let mut start = Vec::new();
    start.extend((data.len() as u64).to_le_bytes());
    start.extend((header.len() as u64).to_le_bytes());
    start.extend(crc(header).to_le_bytes());
    let mut out = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
    out.extend(crc(&start).to_le_bytes());
    out.extend(start);
    out.extend(data);
    out.extend(header);
    out
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Files one after the other in one folder: stored, or packed with Deflate.
pub(crate) fn seven_zip(files: &[(&str, &[u8])], is_stored: bool) -> Vec<u8> {
    let plain: Vec<u8> = files
        .iter()
        .flat_map(|(_, content)| content.to_vec())
        .collect();
    let sizes: Vec<(&str, u64)> = files
        .iter()
        .map(|(name, content)| (*name, content.len() as u64))
        .collect();
    if is_stored {
        let header = header(plain.len() as u64, plain.len() as u64, &[1, 0], &sizes);
        return archive(&plain, &header);
    }
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packer, &plain).unwrap();
    let packed = packer.finish().unwrap();
    let header = header(
        packed.len() as u64,
        plain.len() as u64,
        &[3, 4, 1, 8],
        &sizes,
    );
    archive(&packed, &header)
}

/// A header of files and folders in numbers that are only stated.
fn stated(folders: u64, files: u64) -> Vec<u8> {
    let mut out = vec![0x01, 0x04, 0x06];
    number(&mut out, 0);
    out.push(1);
    out.push(0x09);
    number(&mut out, 1);
    out.extend([0x00, 0x07, 0x0b]);
    number(&mut out, folders);
    out.push(0);
    out.extend([1, 1, 0].repeat(usize::try_from(folders).unwrap()));
    out.push(0x0c);
    out.extend(vec![1; usize::try_from(folders).unwrap()]);
    out.extend([0x00, 0x00, 0x05]);
    number(&mut out, files);
    out.extend([0x00, 0x00]);
    out
}

/// So many folders of one byte.
pub(crate) fn with_folders(count: u64) -> Vec<u8> {
    archive(b"x", &stated(count, count))
}

/// One folder, and so many files.
pub(crate) fn with_files(count: u64) -> Vec<u8> {
    archive(b"x", &stated(1, count))
}

/// A header with so many bytes of properties, which no one needs.
pub(crate) fn with_long_header(length: u64) -> Vec<u8> {
    let mut header = vec![0x01, 0x02, 0x19];
    number(&mut header, length);
    header.extend(vec![0; usize::try_from(length).unwrap()]);
    header.extend([0x00, 0x00]);
    archive(b"", &header)
}

/// One file that a coder with this method packed.
pub(crate) fn packed_as(method: &[u8], packed: &[u8], size: u64) -> Vec<u8> {
    let method = [&[u8::try_from(method.len()).unwrap()], method].concat();
    let header = header(packed.len() as u64, size, &method, &[("a", size)]);
    archive(packed, &header)
}

/// A file with a needle, whose header is stored so often inside of headers.
pub(crate) fn with_header_packed(levels: u32) -> Vec<u8> {
    let content = b"a NEEDLE";
    let size = content.len() as u64;
    let mut data = content.to_vec();
    let mut header = header(size, size, &[1, 0], &[("a", size)]);
    for _ in 0..levels {
        let at = data.len() as u64;
        let length = header.len() as u64;
        data.extend(&header);
        header = vec![0x17, 0x06];
        number(&mut header, at);
        header.push(1);
        header.push(0x09);
        number(&mut header, length);
        header.extend([0x00, 0x07, 0x0b, 1, 0, 1, 1, 0, 0x0c]);
        number(&mut header, length);
        header.extend([0x00, 0x00]);
    }
    archive(&data, &header)
}
