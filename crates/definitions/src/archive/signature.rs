//! The two signatures of ClamAV's databases. Keys, encoding and paddings are those that its
//! releases have used since 2003 and 2010; they are facts of the format.

use std::sync::LazyLock;

use num_bigint::BigUint;
use sha2::{Digest as _, Sha256};

/// The key over a container's MD5 (RSA, 1,024 bits), in decimal digits.
const CONTAINER_MODULUS: &str = "118640995551645342603070001658453189751527774412027743746599405743243142607464144767361060640655844749760788890022283424922762488917565551002467771109669598189410434699034532232228621591089508178591428456220796841621637175567590476666928698770143328137383952820383197532047771780196576957695822641224262693037";
const CONTAINER_EXPONENT: u32 = 100_001_027;
/// The key over the list of a container's files (RSA, 2,047 bits, PSS with SHA-256 as in RFC 8017,
/// section 9.1.2, with a salt of 32 bytes). aws-lc takes no such key below 2,048 bits.
const LIST_MODULUS: &str = "11088894983048545473659556106627194923928941791795047620591658697413581043322715912172496806525381055880964520618400224333320534660299233983755341740679502866829909679955734391392668378361221524205396631090105151641270857277080310734320951653700508941717419168723942507890702904702707587451621691050754307850383399865346487203798464178537392211402786481359824461197231102895415093770394216666324484593935762408468516826633192140826667923494822045805347809932848454845886971706424360558667862775876072059437703365380209101697738577515476935085469455279994113145977994084618328482151013142393373316337519977244732747977";
const LIST_EXPONENT: u32 = 100_002_049;
/// The encoded message: mask, hash, and a last byte.
const MASKED_BYTES: usize = 223;
const LAST_BYTE: u8 = 0xbc;
const SALT_BYTES: usize = 32;
/// Digits of the longest number that is read.
const MAX_DIGITS: usize = 400;

static CONTAINER_KEY: LazyLock<BigUint> = LazyLock::new(|| decimal(CONTAINER_MODULUS));
static LIST_KEY: LazyLock<BigUint> = LazyLock::new(|| decimal(LIST_MODULUS));

fn decimal(digits: &str) -> BigUint {
    BigUint::parse_bytes(digits.as_bytes(), 10).unwrap_or_default()
}

/// Whether the text is the signature over a container with this MD5: the number without padding.
pub(super) fn signs_container(md5: &[u8; 16], signature: &str) -> bool {
    let Some(number) = number(signature) else {
        return false;
    };
    let plain = number.modpow(&CONTAINER_EXPONENT.into(), &CONTAINER_KEY);
    plain == BigUint::from_bytes_be(md5)
}

/// Whether the text is the signature over this list of files.
pub(super) fn signs_list(list: &[u8], signature: &str) -> bool {
    let Some(number) = number(signature) else {
        return false;
    };
    let plain = number
        .modpow(&LIST_EXPONENT.into(), &LIST_KEY)
        .to_bytes_be();
    let whole = MASKED_BYTES + 32 + 1;
    let Some(padding) = whole.checked_sub(plain.len()) else {
        return false;
    };
    let mut encoded = vec![0; padding];
    encoded.extend_from_slice(&plain);
    is_encoded(&encoded, list).unwrap_or(false)
}

/// Whether this is the encoding of a message.
fn is_encoded(encoded: &[u8], message: &[u8]) -> Option<bool> {
    let (masked, rest) = encoded.split_at_checked(MASKED_BYTES)?;
    let (hash, last) = rest.split_at_checked(32)?;
    let mask = (0u32..7).flat_map(|round| -> [u8; 32] {
        let seed = Sha256::new_with_prefix(hash);
        seed.chain_update(round.to_be_bytes()).finalize().into()
    });
    let mut block: Vec<u8> = masked
        .iter()
        .zip(mask)
        .map(|(left, right)| left ^ right)
        .collect();
    // The number is shorter than its bytes.
    *block.first_mut()? &= 0x7f;
    let (zeros, marked) = block.split_at_checked(MASKED_BYTES - SALT_BYTES - 1)?;
    let (mark, salt) = marked.split_first()?;
    let own: [u8; 32] = Sha256::new_with_prefix([0; 8])
        .chain_update(Sha256::digest(message))
        .chain_update(salt)
        .finalize()
        .into();
    Some(last == [LAST_BYTE] && *mark == 1 && zeros.iter().all(|byte| *byte == 0) && hash == own)
}

/// Reads a number in digits of six bits, the lowest first.
fn number(text: &str) -> Option<BigUint> {
    if text.is_empty() || text.len() > MAX_DIGITS {
        return None;
    }
    let digits: Option<Vec<u8>> = text.bytes().map(digit).collect();
    BigUint::from_radix_le(&digits?, 64)
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'a'..=b'z' => Some(character - b'a'),
        b'A'..=b'Z' => Some(character - b'A' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_ascending_order() {
        assert_eq!(number("ba"), Some(1u32.into()));
        assert_eq!(number("ab"), Some(64u32.into()));
        assert_eq!(number("/9A"), Some((63u32 + 61 * 64 + 26 * 4096).into()));
        assert_eq!(number("a b"), None);
        assert_eq!(number(""), None);
        assert_eq!(number(&"a".repeat(401)), None);
    }

    #[test]
    fn keys_have_their_sizes() {
        assert_eq!((CONTAINER_KEY.bits(), LIST_KEY.bits()), (1024, 2047));
    }

    #[test]
    fn what_was_not_signed_is_refused() {
        assert!(!signs_container(&[7; 16], "abc"));
        assert!(!signs_container(&[0; 16], ""));
        assert!(!signs_list(b"list", "abc"));
        assert!(!signs_list(b"list", &"/".repeat(400)));
    }
}
