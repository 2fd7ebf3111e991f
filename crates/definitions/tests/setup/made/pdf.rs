//! PDF files with streams behind each filter.

use std::io::Write as _;

fn flate(content: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(content).unwrap();
    out.finish().unwrap()
}

pub(crate) fn hex(content: &[u8]) -> Vec<u8> {
    let digits: String = content.iter().map(|byte| format!("{byte:02X}")).collect();
    (digits + ">").into_bytes()
}

fn ascii85(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for group in content.chunks(4) {
        let mut padded = group.to_vec();
        padded.resize(4, 0);
        let mut value = u32::from_be_bytes(padded.try_into().unwrap());
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = b'!' + (value % 85) as u8;
            value /= 85;
        }
        out.extend(&digits[..group.len() + 1]);
    }
    out.extend(b"~>");
    out
}

fn run_length(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for run in content.chunks(128) {
        out.push(run.len() as u8 - 1);
        out.extend(run);
    }
    out.push(128);
    out
}

/// LZW with single bytes only, and the table cleared before it grows.
fn lzw(content: &[u8]) -> Vec<u8> {
    let mut bits = String::new();
    for run in content.chunks(200) {
        bits.push_str(&format!("{:09b}", 256));
        for byte in run {
            bits.push_str(&format!("{byte:09b}"));
        }
    }
    bits.push_str(&format!("{:09b}", 257));
    while !bits.len().is_multiple_of(8) {
        bits.push('0');
    }
    (0..bits.len())
        .step_by(8)
        .map(|at| u8::from_str_radix(&bits[at..at + 8], 2).unwrap())
        .collect()
}

/// A file with one stream, packed as the list of filters says.
pub(crate) fn pdf(filters: &[&str], content: &[u8], more: &str) -> Vec<u8> {
    let mut data = content.to_vec();
    for filter in filters.iter().rev() {
        data = match *filter {
            "FlateDecode" => flate(&data),
            "ASCIIHexDecode" => hex(&data),
            "ASCII85Decode" => ascii85(&data),
            "RunLengthDecode" => run_length(&data),
            "LZWDecode" => lzw(&data),
            other => panic!("no filter {other}"),
        };
    }
    let names: String = filters.iter().map(|name| format!("/{name} ")).collect();
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R>>".to_vec(),
    ];
    let head = format!("<</Length {}/Filter[{names}]{more}>>\nstream\n", data.len());
    objects.push([head.as_bytes(), &data, b"\nendstream"].concat());
    let mut out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(out.len());
        writeln!(out, "{} 0 obj", index + 1).unwrap();
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let table = out.len();
    write!(out, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).unwrap();
    for place in places {
        writeln!(out, "{place:010} 00000 n ").unwrap();
    }
    let count = objects.len() + 1;
    write!(
        out,
        "trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n"
    )
    .unwrap();
    out
}
