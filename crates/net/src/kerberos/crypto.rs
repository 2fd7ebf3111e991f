//! The encryption of Kerberos with AES (RFC 3961, section 5; RFC 3962).

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::{constant_time, hmac, pbkdf2, rand};

const BLOCK: usize = 16;
/// Bytes of the code that guards a message.
const CODE: usize = 12;
/// As many as are used where nothing is said (RFC 3962, section 4).
const ITERATIONS: u32 = 4096;
/// A domain controller that wants more is refused: each of them costs time.
const MAX_ITERATIONS: u32 = 1_000_000;

type Block = [u8; BLOCK];

/// An encryption type (RFC 3962, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Aes128,
    Aes256,
}

/// A key for one encryption type. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    kind: Kind,
    bytes: Vec<u8>,
}

/// What a derived key is for (RFC 3961, section 5.3).
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Encrypt,
    Guard,
    Checksum,
}

impl Kind {
    /// The better one first.
    pub(super) const ALL: [Self; 2] = [Self::Aes256, Self::Aes128];

    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Aes128 => 17,
            Self::Aes256 => 18,
        }
    }

    pub(super) fn of(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The checksum that goes with it: hmac-sha1-96-aes128 or -aes256.
    pub(super) const fn checksum_number(self) -> u32 {
        match self {
            Self::Aes128 => 15,
            Self::Aes256 => 16,
        }
    }

    const fn length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, …)", self.kind)
    }
}

impl Key {
    /// `None` where it has not the length of its type.
    pub(super) fn new(kind: Kind, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == kind.length()).then(|| Self {
            kind,
            bytes: bytes.to_vec(),
        })
    }

    /// From a password (RFC 3962, section 4); `parameters` are the number of iterations.
    pub(super) fn of_password(
        kind: Kind,
        password: &str,
        salt: &[u8],
        parameters: Option<&[u8]>,
    ) -> Option<Self> {
        let iterations = match parameters {
            None => ITERATIONS,
            Some(bytes) => u32::from_be_bytes(bytes.try_into().ok()?),
        };
        let iterations = NonZeroU32::new(iterations).filter(|count| count.get() <= MAX_ITERATIONS);
        let mut bytes = vec![0u8; kind.length()];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA1,
            iterations?,
            salt,
            password.as_bytes(),
            &mut bytes,
        );
        Self { kind, bytes }.derived(b"kerberos")
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Encrypts a message for one use (RFC 4120, section 7.5.1).
    pub(super) fn encrypt(&self, usage: u32, message: &[u8]) -> Option<Vec<u8>> {
        let mut plain = vec![0u8; BLOCK];
        rand::fill(&mut plain).ok()?;
        plain.extend(message);
        let code = self.for_use(usage, Purpose::Guard)?.code(&plain);
        let mut sealed = self.for_use(usage, Purpose::Encrypt)?.hide(&plain)?;
        sealed.extend(code);
        Some(sealed)
    }

    /// `None` where it was not encrypted with this key for this use.
    pub(super) fn decrypt(&self, usage: u32, sealed: &[u8]) -> Option<Vec<u8>> {
        let at = sealed.len().checked_sub(CODE)?;
        let (hidden, code) = sealed.split_at_checked(at)?;
        let plain = self.for_use(usage, Purpose::Encrypt)?.show(hidden)?;
        let expected = self.for_use(usage, Purpose::Guard)?.code(&plain);
        constant_time::verify_slices_are_equal(&expected, code).ok()?;
        Some(plain.get(BLOCK..)?.to_vec())
    }

    pub(super) fn checksum(&self, usage: u32, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.for_use(usage, Purpose::Checksum)?.code(message))
    }

    fn for_use(&self, usage: u32, purpose: Purpose) -> Option<Self> {
        let last = match purpose {
            Purpose::Encrypt => 0xaa,
            Purpose::Guard => 0x55,
            Purpose::Checksum => 0x99,
        };
        let mut constant = usage.to_be_bytes().to_vec();
        constant.push(last);
        self.derived(&constant)
    }

    /// DK (RFC 3961, section 5.1); for AES any bytes are a key.
    fn derived(&self, constant: &[u8]) -> Option<Self> {
        let mut block: Block = fold(constant, BLOCK).try_into().ok()?;
        let cipher = self.encrypting()?;
        let mut bytes = Vec::new();
        while bytes.len() < self.kind.length() {
            cipher.encrypt(&mut block).ok()?;
            bytes.extend(block);
        }
        Self::new(self.kind, &bytes)
    }

    fn code(&self, message: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.bytes);
        let tag = hmac::sign(&key, message);
        tag.as_ref().iter().take(CODE).copied().collect()
    }

    fn cipher_key(&self) -> Option<UnboundCipherKey> {
        let algorithm = match self.kind {
            Kind::Aes128 => &AES_128,
            Kind::Aes256 => &AES_256,
        };
        UnboundCipherKey::new(algorithm, &self.bytes).ok()
    }

    fn encrypting(&self) -> Option<EncryptingKey> {
        EncryptingKey::ecb(self.cipher_key()?).ok()
    }

    /// CBC with stolen ciphertext (RFC 3962, section 5): as long as the message, which fills a
    /// block at least.
    fn hide(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let (whole, rest) = plain.as_chunks::<BLOCK>();
        let mut blocks = whole.to_vec();
        if !rest.is_empty() {
            let mut padded: Block = [0; BLOCK];
            copy(&mut padded, rest);
            blocks.push(padded);
        }
        let cipher = self.encrypting()?;
        let mut previous: Block = [0; BLOCK];
        for block in &mut blocks {
            mix(block, &previous);
            cipher.encrypt(block).ok()?;
            previous = *block;
        }
        let last = blocks.pop()?;
        let before_last = if whole.is_empty() { None } else { blocks.pop() };
        blocks.push(last);
        blocks.extend(before_last);
        let mut hidden = blocks.concat();
        hidden.truncate(plain.len());
        Some(hidden)
    }

    fn show(&self, hidden: &[u8]) -> Option<Vec<u8>> {
        let cipher = DecryptingKey::ecb(self.cipher_key()?).ok()?;
        let opened = |mut block: Block| {
            let opened = cipher.decrypt(&mut block, DecryptionContext::None);
            opened.ok()?;
            Some(block)
        };
        let (whole, rest) = hidden.as_chunks::<BLOCK>();
        let mut blocks = whole.to_vec();
        let mut tail = rest.to_vec();
        if tail.is_empty() && blocks.len() > 1 {
            tail.extend(blocks.pop()?);
        }
        let mut last = Vec::new();
        if !tail.is_empty() {
            let mixed = opened(blocks.pop()?)?;
            last.extend(mixed.iter().zip(&tail).map(|(one, other)| one ^ other));
            let mut stolen = mixed;
            copy(&mut stolen, &tail);
            blocks.push(stolen);
        }
        let mut previous: Block = [0; BLOCK];
        let mut plain = Vec::with_capacity(hidden.len());
        for block in blocks {
            let mut shown = opened(block)?;
            mix(&mut shown, &previous);
            plain.extend(shown);
            previous = block;
        }
        plain.extend(last);
        Some(plain)
    }
}

fn copy(block: &mut Block, bytes: &[u8]) {
    for (place, byte) in block.iter_mut().zip(bytes) {
        *place = *byte;
    }
}

fn mix(block: &mut Block, other: &Block) {
    for (place, byte) in block.iter_mut().zip(other) {
        *place ^= byte;
    }
}

/// n-fold (RFC 3961, section 5.1): copies of the text, each rotated by 13 bits more, added up in
/// ones' complement.
fn fold(text: &[u8], length: usize) -> Vec<u8> {
    let bits = text.len() * 8;
    let mut sum = vec![0u32; length];
    if bits == 0 {
        return vec![0; length];
    }
    let bit = |at: usize| {
        let byte = text.get(at / 8).copied().unwrap_or_default();
        (byte >> (7 - at % 8)) & 1
    };
    // The bit at a place of the endless row of rotated copies.
    let rotated = |place: usize| {
        let (copy, at) = (place / bits, place % bits);
        bit((at + bits - 13 * copy % bits) % bits)
    };
    let common = text.len() * length / divisor(text.len(), length);
    for byte in 0..common {
        let value = (0..8).fold(0u32, |value, at| {
            (value << 1) | u32::from(rotated(byte * 8 + at))
        });
        if let Some(place) = sum.get_mut(byte % length) {
            *place += value;
        }
    }
    // What overflows goes on to the left, and from the first byte to the last.
    while sum.iter().any(|byte| *byte > 0xff) {
        let carries: Vec<u32> = sum.iter().map(|byte| byte >> 8).collect();
        let next = carries.iter().cycle().skip(1);
        for (byte, carry) in sum.iter_mut().zip(next) {
            *byte = (*byte & 0xff) + carry;
        }
    }
    sum.into_iter()
        .map(|byte| u8::try_from(byte).unwrap_or_default())
        .collect()
}

fn divisor(one: usize, other: usize) -> usize {
    if other == 0 {
        one
    } else {
        divisor(other, one % other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3961, appendix A.1.
    #[test]
    fn folding_is_that_of_the_specification() {
        for (text, length, expected) in [
            ("012345", 8, "be072631276b1955"),
            ("password", 7, "78a07b6caf85fa"),
            ("kerberos", 8, "6b65726265726f73"),
            ("kerberos", 16, "6b65726265726f737b9b5b2b93132b93"),
            ("Rough Consensus, and Running Code", 8, "bb6ed30870b7f0e0"),
        ] {
            assert_eq!(hex::encode(fold(text.as_bytes(), length)), expected);
        }
    }

    /// RFC 3962, appendix B.
    #[test]
    fn keys_of_passwords_are_those_of_the_specification() {
        for (kind, iterations, expected) in [
            (Kind::Aes128, 1u32, "42263c6e89f4fc28b8df68ee09799f15"),
            (
                Kind::Aes256,
                1,
                "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161",
            ),
            (Kind::Aes128, 1200, "4c01cd46d632d01e6dbe230a01ed642a"),
            (
                Kind::Aes256,
                1200,
                "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a",
            ),
        ] {
            let count = iterations.to_be_bytes();
            let salt = b"ATHENA.MIT.EDUraeburn";
            let key = Key::of_password(kind, "password", salt, Some(&count)).unwrap();
            assert_eq!(hex::encode(key.bytes), expected);
        }
        let none = Key::of_password(Kind::Aes256, "p", b"s", Some(&[0; 4]));
        assert_eq!(none, None);
        let many = Key::of_password(Kind::Aes256, "p", b"s", Some(&[255; 4]));
        assert_eq!(many, None);
    }

    /// RFC 3962, appendix B.
    #[test]
    fn stolen_ciphertext_is_that_of_the_specification() {
        let key = Key::new(Kind::Aes128, b"chicken teriyaki").unwrap();
        let text = b"I would like the General Gau's Chicken, please, and wonton soup.";
        for (length, expected) in [
            (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
            (
                31,
                "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5",
            ),
            (
                32,
                "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584",
            ),
            (
                64,
                "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8\
                 4807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
            ),
        ] {
            let hidden = key.hide(&text[..length]).unwrap();
            assert_eq!(hex::encode(&hidden), expected);
            assert_eq!(key.show(&hidden).unwrap(), text[..length]);
        }
        assert_eq!(key.show(&[1; 16]).map(|plain| plain.len()), Some(16));
        assert_eq!(key.show(&[1; 15]), None);
    }

    #[test]
    fn a_message_reads_back_with_its_key_and_use_alone() {
        for kind in Kind::ALL {
            let key = Key::new(kind, &vec![7; kind.length()]).unwrap();
            let other = Key::new(kind, &vec![8; kind.length()]).unwrap();
            for length in [0usize, 1, 15, 16, 17, 100] {
                let message = vec![3u8; length];
                let sealed = key.encrypt(11, &message).unwrap();
                assert_eq!(key.decrypt(11, &sealed), Some(message));
                assert_eq!(key.decrypt(7, &sealed), None);
                assert_eq!(other.decrypt(11, &sealed), None);
                let mut bent = sealed.clone();
                bent[0] ^= 1;
                assert_eq!(key.decrypt(11, &bent), None);
                for cut in 0..sealed.len() {
                    assert_eq!(key.decrypt(11, &sealed[..cut]), None);
                }
            }
        }
    }
}
