//! The form in which content lies in the vault: encrypted, so that nothing runs from it and no
//! other scanner stumbles over it, and authenticated, so that a damaged item is noticed.
//!
//! Chunks of 64 KiB, each AES-256-GCM under a key that is derived for the item; the nonce is the
//! chunk's number and whether it is the last, so that chunks can't be cut, swapped or doubled.

use std::fs::File;
use std::io::{self, Read, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use md5::Md5;
use model::{Hashes, QuarantineId, Sha256};
use sha1::Sha1;
use sha2::Digest as _;

const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
/// Opens each sealed file; the number is the version of the format.
const MAGIC: &[u8; 16] = b"GARRISON-VAULT-1";

/// The key of one item.
pub(super) struct ItemKey(LessSafeKey);

impl ItemKey {
    /// Derives it from the vault's key.
    pub(super) fn derive(vault_key: &[u8; 32], id: QuarantineId) -> io::Result<Self> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, vault_key);
        let mut context = hmac::Context::with_key(&key);
        context.update(b"garrison vault item 1");
        context.update(id.uuid().as_bytes());
        let unbound = UnboundKey::new(&AES_256_GCM, context.sign().as_ref())
            .map_err(|_| io::Error::other("no key could be derived"))?;
        Ok(Self(LessSafeKey::new(unbound)))
    }

    fn nonce(number: u64, last: bool) -> Nonce {
        let mut bytes = [0; NONCE_LEN];
        let (head, tail) = bytes.split_at_mut(NONCE_LEN - 8);
        tail.copy_from_slice(&number.to_be_bytes());
        if let Some(first) = head.first_mut() {
            *first = u8::from(last);
        }
        Nonce::assume_unique_for_key(bytes)
    }
}

/// Hashes all that passes.
#[derive(Default)]
struct Hashing {
    md5: Md5,
    sha1: Sha1,
    sha256: sha2::Sha256,
}

impl Hashing {
    fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.sha1.update(bytes);
        self.sha256.update(bytes);
    }

    fn finish(self) -> Hashes {
        Hashes {
            md5: hex::encode(self.md5.finalize()),
            sha1: hex::encode(self.sha1.finalize()),
            sha256: Sha256(self.sha256.finalize().into()),
        }
    }
}

/// Seals exactly `size` bytes of `from` into `to`; answers their hashes, or `None` when `from` has
/// more or fewer.
pub(super) fn seal(
    key: &ItemKey,
    from: &mut impl Read,
    size: u64,
    to: &mut File,
) -> io::Result<Option<Hashes>> {
    to.write_all(MAGIC)?;
    let mut hashing = Hashing::default();
    let mut buffer = Vec::with_capacity(CHUNK + TAG);
    let chunks = chunk_count(size);
    let mut left = size;
    for number in 0..chunks {
        let want = left.min(CHUNK as u64);
        buffer.clear();
        if from.by_ref().take(want).read_to_end(&mut buffer)? as u64 != want {
            return Ok(None);
        }
        left -= want;
        hashing.update(&buffer);
        let nonce = ItemKey::nonce(number, number + 1 == chunks);
        key.0
            .seal_in_place_append_tag(nonce, Aad::empty(), &mut buffer)
            .map_err(|_| io::Error::other("a chunk could not be sealed"))?;
        to.write_all(&buffer)?;
    }
    if from.read(&mut [0])? != 0 {
        return Ok(None);
    }
    Ok(Some(hashing.finish()))
}

/// Opens what [`seal`] wrote; answers the hashes of the content, or `None` when it was altered.
pub(super) fn open(
    key: &ItemKey,
    from: &mut File,
    size: u64,
    to: &mut impl Write,
) -> io::Result<Option<Hashes>> {
    let mut magic = [0; MAGIC.len()];
    if from.read_exact(&mut magic).is_err() || magic != *MAGIC {
        return Ok(None);
    }
    let mut hashing = Hashing::default();
    let mut buffer = Vec::with_capacity(CHUNK + TAG);
    let chunks = chunk_count(size);
    let mut left = size;
    for number in 0..chunks {
        let want = left.min(CHUNK as u64);
        buffer.clear();
        Read::by_ref(from)
            .take(want + TAG as u64)
            .read_to_end(&mut buffer)?;
        let nonce = ItemKey::nonce(number, number + 1 == chunks);
        let Ok(plain) = key.0.open_in_place(nonce, Aad::empty(), &mut buffer) else {
            return Ok(None);
        };
        if plain.len() as u64 != want {
            return Ok(None);
        }
        left -= want;
        hashing.update(plain);
        to.write_all(plain)?;
    }
    Ok(Some(hashing.finish()))
}

/// The bytes of a sealed file with `size` bytes of content.
pub(super) const fn sealed_size(size: u64) -> u64 {
    size + chunk_count(size) * TAG as u64 + MAGIC.len() as u64
}

/// An empty file is one empty chunk.
const fn chunk_count(size: u64) -> u64 {
    let chunks = size.div_ceil(CHUNK as u64);
    if chunks == 0 { 1 } else { chunks }
}

#[cfg(test)]
mod tests {
    use std::io::Seek as _;

    use super::*;

    fn sealed(content: &[u8], key: &ItemKey) -> (File, Hashes) {
        let mut file = tempfile::tempfile().unwrap();
        let hashes = seal(key, &mut &content[..], content.len() as u64, &mut file).unwrap();
        file.rewind().unwrap();
        (file, hashes.unwrap())
    }

    #[test]
    fn content_of_every_size_comes_back_and_is_not_readable_meanwhile() {
        let key = ItemKey::derive(&[7; 32], QuarantineId::generate()).unwrap();
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let content = vec![b'q'; size];
            let (mut file, hashes) = sealed(&content, &key);
            assert_eq!(file.metadata().unwrap().len(), sealed_size(size as u64));
            let mut raw = Vec::new();
            file.read_to_end(&mut raw).unwrap();
            assert!(!raw.windows(8).any(|bytes| bytes == b"qqqqqqqq"));
            file.rewind().unwrap();
            let mut back = Vec::new();
            assert_eq!(
                open(&key, &mut file, size as u64, &mut back).unwrap(),
                Some(hashes)
            );
            assert_eq!(back, content);
        }
    }

    #[test]
    fn cut_flipped_and_foreign_content_is_noticed() {
        let key = ItemKey::derive(&[7; 32], QuarantineId::generate()).unwrap();
        let content = vec![1; 2 * CHUNK];
        let size = content.len() as u64;
        let (mut file, _) = sealed(&content, &key);
        file.set_len(sealed_size(size) - 1).unwrap();
        assert_eq!(open(&key, &mut file, size, &mut io::sink()).unwrap(), None);
        let (mut file, _) = sealed(&content, &key);
        assert_eq!(
            open(&key, &mut file, CHUNK as u64, &mut io::sink()).unwrap(),
            None
        );
        let (mut file, _) = sealed(&content, &key);
        file.seek(io::SeekFrom::Start(100)).unwrap();
        file.write_all(b"!").unwrap();
        file.rewind().unwrap();
        assert_eq!(open(&key, &mut file, size, &mut io::sink()).unwrap(), None);
        let (mut file, _) = sealed(&content, &key);
        let other = ItemKey::derive(&[7; 32], QuarantineId::generate()).unwrap();
        assert_eq!(
            open(&other, &mut file, size, &mut io::sink()).unwrap(),
            None
        );
    }

    #[test]
    fn a_file_that_grew_or_shrank_is_not_sealed() {
        let key = ItemKey::derive(&[7; 32], QuarantineId::generate()).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(seal(&key, &mut &[0; 9][..], 10, &mut file).unwrap(), None);
        assert_eq!(seal(&key, &mut &[0; 11][..], 10, &mut file).unwrap(), None);
    }
}
