//! A reader of definitions files that was written from `docs/definitions-format.md` and
//! `docs/patterns-format.md` alone: it uses no number and no code of the first one.

pub(crate) mod patterns;

use crate::setup::key;

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u64 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()).into()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u64 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()).into()
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

pub(crate) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

pub(crate) struct Reader<'f> {
    file: &'f [u8],
}

impl<'f> Reader<'f> {
    /// Checks everything that the page says of the whole.
    pub(crate) fn open(file: &'f [u8]) -> Self {
        assert_eq!(file[..8], *b"\x89GDEF\r\n\x1a");
        assert_eq!((u16_at(file, 8), u32_at(file, 12)), (2, 0));
        let pages = index(u64_at(file, 24));
        assert_eq!(file.len(), pages * 4128 + 104);
        assert_eq!(u64_at(file, 32), file.len() as u64);
        let hashes = &file[pages * 4096..pages * 4128];
        for page in 0..pages {
            let own = blake3::derive_key(
                "garrison definitions 1: page",
                &file[page * 4096..(page + 1) * 4096],
            );
            assert_eq!(own, hashes[page * 32..(page + 1) * 32]);
        }
        let rooted = [&(pages as u64).to_le_bytes(), hashes].concat();
        let root = blake3::derive_key("garrison definitions 1: root", &rooted);
        let trailer = &file[file.len() - 104..];
        assert_eq!(trailer[..8], *b"GDEFSIG1");
        let message = [b"garrison definitions 1: signature\0".as_slice(), &root].concat();
        let signer = key().public_key();
        assert_eq!(trailer[8..40], *signer.as_bytes());
        assert!(signer.verifies(&message, &trailer[40..]));
        Self { file }
    }

    pub(crate) fn section(&self, kind: u64) -> &'f [u8] {
        (0..index(u16_at(self.file, 10)))
            .map(|row| &self.file[64 + row * 32..96 + row * 32])
            .find(|row| u32_at(row, 0) == kind)
            .map_or(&[], |row| {
                let at = index(u64_at(row, 8));
                &self.file[at..at + index(u64_at(row, 16))]
            })
    }

    pub(crate) fn name(&self, rule: u64) -> String {
        let (rules, names, families) = (self.section(1), self.section(2), self.section(7));
        let (count, family_count) = (u64_at(rules, 0), u64_at(rules, 8));
        let blocks = index(count.div_ceil(1024));
        let block = index(rule / 1024);
        let row = |number: usize| index(u32_at(rules, 32 + 4 * number));
        let n = index((count - rule / 1024 * 1024).min(1024));
        let packed = &names[row(block)..row(block + 1)];
        let planes = zstd::bulk::decompress(packed, 8 * n).unwrap();
        let byte = |plane: usize| u64::from(planes[plane * n + index(rule % 1024)]);
        assert_eq!(byte(0), 0x20, "an enforcing rule of type av");
        let family = byte(1) | byte(2) << 8 | byte(3) << 16;
        let number = byte(4) | byte(5) << 8 | byte(6) << 16 | byte(7) << 24;
        assert!(family < family_count);
        let first = blocks + 1 + index(family / 64);
        let packed = &families[row(first)..row(first + 1)];
        let texts = zstd::bulk::decompress(packed, 32_896).unwrap();
        let mut at = 0;
        for _ in 0..family % 64 {
            at += 2 + index(u16_at(&texts, at));
        }
        let text = &texts[at + 2..at + 2 + index(u16_at(&texts, at))];
        let text = std::str::from_utf8(text).unwrap();
        text.replace('\0', &number.to_string())
    }

    fn wants(&self, table: &[u8], size: u64) -> bool {
        let (rows, lows) = (u32_at(table, 44), u64_at(table, 48));
        let row = size >> 16;
        if row >= rows {
            return false;
        }
        let at = |row: u64| u32_at(table, index(64 + 4 * row));
        assert!(at(rows) == lows);
        let lows_at = 64 + 4 * (rows + 1);
        (at(row)..at(row + 1)).any(|low| u16_at(table, index(lows_at + 2 * low)) == size & 0xffff)
    }

    /// The rule for a hash and a size, if there is one.
    pub(crate) fn find(&self, kind: u64, hash: &[u8], size: u64) -> Option<u64> {
        let table = self.section(kind);
        if self.wants(table, size)
            && let Some(rule) = self.find_key(table, hash, size)
        {
            return Some(rule);
        }
        let any_size = u32_at(table, 40) & 1 == 1;
        any_size
            .then(|| self.find_key(table, hash, u64::MAX))
            .flatten()
    }

    fn find_key(&self, table: &[u8], hash: &[u8], size: u64) -> Option<u64> {
        let spread = |x: u64| {
            let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            x ^ (x >> 31)
        };
        let seed = u64_at(table, 16);
        let k = spread(u64_at(hash, 0) ^ size ^ spread(u64_at(hash, 8) ^ seed));
        let key = [&k.to_be_bytes(), &hash[8..]].concat();

        let (rows, lows, large) = (u32_at(table, 44), u64_at(table, 48), u64_at(table, 56));
        let large_at = (64 + 4 * (rows + 1) + 2 * lows).next_multiple_of(8);
        let filter_at = index((large_at + 8 * large).next_multiple_of(4096));
        let pages = u32_at(table, 32);
        let records_at = filter_at + index(pages) * 4096;
        let stride = index(u32_at(table, 36));
        assert_eq!(table.len(), records_at + index(u64_at(table, 0)) * stride);

        let place = u128::from(k) * u128::from(pages);
        let page_at = filter_at + 4096 * usize::try_from(place >> 64).unwrap();
        let page = &table[page_at..page_at + 4096];
        let low = u64::try_from(place & u128::from(u64::MAX)).unwrap();
        let (bucket, remainder) = (low >> 53, low >> 45 & 0xff);
        let keys = index(u32_at(page, 4));
        let words = (2048 + keys).div_ceil(64);
        let bit = |at: usize| u64_at(page, 8 + at / 64 * 8) >> (at % 64) & 1 == 1;
        let (mut zeros, mut ones, mut at) = (0, 0, 0);
        while zeros < bucket {
            if bit(at) {
                ones += 1;
            } else {
                zeros += 1;
            }
            at += 1;
        }
        while bit(at) {
            let own = page[8 + 8 * words + ones];
            let rank = u32_at(page, 0) + ones as u64;
            let record = &table[records_at + index(rank) * stride..][..stride];
            if u64::from(own) == remainder && *record == key[key.len() - stride..] {
                return Some(u64_at(table, 8) + rank);
            }
            ones += 1;
            at += 1;
        }
        None
    }
}
