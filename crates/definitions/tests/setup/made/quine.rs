//! Archives that unpack to themselves, after Russ Cox, "Zip Files All The Way Down" (2010): stored
//! blocks and repetitions of Deflate that spell each other out, each five bytes long. A zip file's
//! checksum stands in what it is the checksum of; it is found by solving linear equations.

/// Bits of Deflate, low bits first; codes of Huffman go in reverse.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn low_first(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).map(|bit| value >> bit & 1 == 1));
    }

    fn high_first(&mut self, value: u32, count: u32) {
        self.0
            .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn bytes(&self) -> Vec<u8> {
        self.0
            .chunks(8)
            .map(|bits| {
                bits.iter()
                    .rev()
                    .fold(0, |byte, bit| byte << 1 | u8::from(*bit))
            })
            .collect()
    }
}

/// The beginning of a stored block of so many bytes.
fn stored(length: usize) -> Vec<u8> {
    let length = u16::try_from(length).unwrap();
    let mut block = vec![0];
    block.extend(length.to_le_bytes());
    block.extend((!length).to_le_bytes());
    block
}

/// A code of a length or a distance, its extra bits and how many they are (RFC 1951, 3.2.5).
type Code = (u32, u32, u32);

/// A block that copies what was just written, and perhaps writes a byte behind it.
fn repetition(last: bool, copies: &[(Code, Code)], byte: Option<u8>) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.low_first(u32::from(last), 1);
    bits.low_first(0b01, 2);
    for ((length, length_extra, length_bits), (distance, distance_extra, distance_bits)) in copies {
        bits.high_first(length - 256, 7);
        bits.low_first(*length_extra, *length_bits);
        bits.high_first(*distance, 5);
        bits.low_first(*distance_extra, *distance_bits);
    }
    match byte {
        None => {}
        Some(byte @ ..144) => bits.high_first(0x30 + u32::from(byte), 8),
        Some(byte) => bits.high_first(0x190 + u32::from(byte) - 144, 9),
    }
    bits.high_first(0, 7);
    // A stored block may follow: its first bits may lie in the last of these bytes.
    assert!(last || (38..=40).contains(&bits.0.len()));
    let bytes = bits.bytes();
    assert_eq!(bytes.len(), 5);
    bytes
}

/// A repetition of the last twenty bytes.
fn repetition_of_four() -> Vec<u8> {
    repetition(false, &[((264, 0, 0), (8, 3, 3)); 2], None)
}

/// A gzip file that unpacks to itself. Its checksum is left out, for scanners look at what comes
/// before.
pub(crate) fn gzip() -> Vec<u8> {
    let head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let [l0, l1, l3, l4] = [0, 1, 3, 4].map(|units| stored(units * 5));
    let r3 = repetition(
        false,
        &[((262, 0, 0), (7, 2, 2)), ((261, 0, 0), (7, 2, 2))],
        None,
    );
    let r4 = repetition_of_four();
    [
        &head, &l3, &head, &l3, &r3, &l1, &r3, &l1, &l1, &l4, &r3, &l1, &l1, &l4, &r4, &l4, &r4,
        &l4, &r4, &l4, &r4, &l4, &r4, &l0, &l0, &l0,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}

const NAME: &[u8] = b"q.zip";
/// Bytes before the packed ones, and behind them.
const BEFORE: usize = 30 + NAME.len();
const BEHIND: usize = 46 + NAME.len() + 22;

/// A zip file whose only member is the file itself, with its checksum.
pub(crate) fn zip() -> Vec<u8> {
    (0..100)
        .find_map(|time| {
            let checksum = fitting(|checksum| zip_with(checksum, time))?;
            Some(zip_with(checksum, time))
        })
        .unwrap()
}

fn packed(before: &[u8], behind: &[u8]) -> Vec<u8> {
    let [l0, l1, l4] = [0, 5, 20].map(stored);
    let (lp, ls) = (stored(BEFORE + 5), stored(BEHIND + 5));
    // 39 of the last 40 bytes, and the last of those forty.
    let rp = repetition(false, &[((273, 4, 3), (10, 7, 4))], Some(0xff));
    // 77 of the last 78 bytes, and the last.
    let rs = repetition(true, &[((277, 10, 4), (12, 13, 5))], Some(0));
    let r4 = repetition_of_four();
    let (before, behind) = (before.to_vec(), behind.to_vec());
    [
        &lp, &before, &lp, &rp, &l1, &rp, &l1, &l1, &l4, &rp, &l1, &l1, &l4, &r4, &l4, &r4, &l4,
        &r4, &l4, &r4, &l4, &r4, &l0, &l0, &ls, &r4, &l0, &l0, &ls, &rs, &behind, &rs,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}

/// The file, with this as its checksum and the time of its member.
fn zip_with(checksum: u32, time: u16) -> Vec<u8> {
    let length = packed(&[0; BEFORE], &[0; BEHIND]).len();
    let words = |words: &[u16]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    // What the local header and the directory's say alike.
    let mut common = words(&[20, 0, 8, time, 0x21]);
    common.extend(checksum.to_le_bytes());
    common.extend(number(length));
    common.extend(number(length + BEFORE + BEHIND));
    common.extend(words(&[u16::try_from(NAME.len()).unwrap(), 0]));

    let before = [b"PK\x03\x04".as_slice(), &common, NAME].concat();
    let mut behind = [b"PK\x01\x02".as_slice(), &words(&[20]), &common].concat();
    behind.extend(words(&[0, 0, 0, 0, 0, 0, 0]));
    behind.extend(NAME);
    let directory = behind.len();
    behind.extend(b"PK\x05\x06");
    behind.extend(words(&[0, 0, 1, 1]));
    behind.extend([number(directory), number(BEFORE + length)].concat());
    behind.extend(words(&[0]));
    assert_eq!((before.len(), behind.len()), (BEFORE, BEHIND));
    [&before, &packed(&before, &behind), &behind]
        .into_iter()
        .flatten()
        .copied()
        .collect()
}

/// The checksum that a file has which holds it. CRC-32 is linear, so that each bit of the checksum
/// changes the file's by a fixed mask; `None` where the equations have no solution.
fn fitting(file: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    };
    let wanted = crc(&file(0));
    // Masks with distinct highest bits, and which bits of the checksum make each.
    let mut basis: Vec<(u32, u32)> = Vec::new();
    let reduce = |basis: &[(u32, u32)], mut mask: u32, mut bits: u32| {
        for (have, by) in basis {
            if mask ^ have < mask {
                (mask, bits) = (mask ^ have, bits ^ by);
            }
        }
        (mask, bits)
    };
    for bit in 0..32 {
        let mask = crc(&file(1 << bit)) ^ wanted ^ 1 << bit;
        let reduced = reduce(&basis, mask, 1 << bit);
        if reduced.0 != 0 {
            basis.push(reduced);
            basis.sort_unstable_by(|a, b| b.cmp(a));
        }
    }
    let (left, bits) = reduce(&basis, wanted, 0);
    (left == 0).then_some(bits)
}
