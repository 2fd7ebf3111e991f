//! NTLM version 2, as a client ([MS-NLMP]).

use hmac::{Hmac, KeyInit as _, Mac as _};
use md4::{Digest as _, Md4};
use md5::Md5;

use super::Fresh;
use crate::dial::proxy::ProxyCredentials;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// Unicode, request target, NTLM, always sign, extended session security, target's information,
/// 128 and 56 bits ([MS-NLMP], section 2.2.2.5).
const FLAGS: u32 = 0x1 | 0x4 | 0x200 | 0x8000 | 0x8_0000 | TARGET_INFO | 0x2000_0000 | 0x8000_0000;
/// The challenge holds the target's information.
const TARGET_INFO: u32 = 0x80_0000;
/// The length of the fixed part of the last message, without version and integrity code.
const HEAD: usize = 64;
/// The item of the target's information that holds its time (section 2.2.2.1).
const TIMESTAMP: u16 = 7;
/// Seconds from 1601, when such a time begins, to 1970.
const FROM_1601: u64 = 11_644_473_600;

/// The first message: what we speak.
pub(super) fn begin() -> Vec<u8> {
    let mut message = SIGNATURE.to_vec();
    message.extend(1u32.to_le_bytes());
    message.extend(FLAGS.to_le_bytes());
    // Neither domain nor workstation.
    message.extend([0u8; 16]);
    message
}

/// The answer to the proxy's challenge; `None` where that is malformed. The user may be given as
/// `DOMAIN\user`; without a domain it is the one that the proxy names.
pub(super) fn answer(
    challenge: &[u8],
    credentials: &ProxyCredentials,
    fresh: &Fresh,
) -> Option<Vec<u8>> {
    let challenge = Challenge::read(challenge)?;
    let (domain, user) = match credentials.user.split_once('\\') {
        Some((domain, user)) => (utf16(domain), user),
        // user@domain names its domain itself.
        None if credentials.user.contains('@') => (Vec::new(), credentials.user.as_str()),
        None => (challenge.target_name.to_vec(), credentials.user.as_str()),
    };
    let own: [u8; 8] = fresh.random.first_chunk().copied()?;
    let key = key(user, &domain, &credentials.password);
    let given_time = challenge.timestamp();
    let time = given_time
        .unwrap_or_else(|| ((fresh.now + FROM_1601).saturating_mul(10_000_000)).to_le_bytes());
    let proof = proof(&key, &challenge, &own, &time);
    let old = match given_time {
        // Such a proxy wants nothing of the older kind.
        Some(_) => vec![0u8; 24],
        None => {
            let mut old = keyed(&key, &[&challenge.nonce, &own]).to_vec();
            old.extend(own);
            old
        }
    };

    let fields: [&[u8]; 6] = [&old, &proof, &domain, &utf16(user), &[], &[]];
    let mut message = SIGNATURE.to_vec();
    message.extend(3u32.to_le_bytes());
    let mut offset = HEAD;
    for field in fields {
        let length = u16::try_from(field.len()).ok()?;
        message.extend(length.to_le_bytes());
        message.extend(length.to_le_bytes());
        message.extend(u32::try_from(offset).ok()?.to_le_bytes());
        offset += field.len();
    }
    message.extend((FLAGS & challenge.flags).to_le_bytes());
    for field in fields {
        message.extend(field);
    }
    Some(message)
}

struct Challenge<'a> {
    nonce: [u8; 8],
    flags: u32,
    target_name: &'a [u8],
    target_info: &'a [u8],
}

impl<'a> Challenge<'a> {
    /// Section 2.2.1.2.
    fn read(message: &'a [u8]) -> Option<Self> {
        let rest = message.strip_prefix(SIGNATURE)?;
        if u32_at(rest, 0)? != 2 {
            return None;
        }
        let field = |at: usize| {
            let length = usize::from(u16_at(message, at)?);
            let offset = usize::try_from(u32_at(message, at + 4)?).ok()?;
            message.get(offset..offset.checked_add(length)?)
        };
        let flags = u32_at(message, 20)?;
        // Some promise it, or a name, and give a place that does not exist: it is then absent.
        let target_info = if flags & TARGET_INFO == 0 {
            &[]
        } else {
            field(40).unwrap_or_default()
        };
        Some(Self {
            nonce: *message.get(24..)?.first_chunk()?,
            flags,
            target_name: field(12).unwrap_or_default(),
            target_info,
        })
    }

    fn timestamp(&self) -> Option<[u8; 8]> {
        let mut rest = self.target_info;
        loop {
            let (id, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
            let value = rest.get(4..length.checked_add(4)?)?;
            match id {
                0 => return None,
                TIMESTAMP => return value.try_into().ok(),
                _ => rest = rest.get(length + 4..)?,
            }
        }
    }
}

/// NTOWFv2 (section 3.3.2).
fn key(user: &str, domain: &[u8], password: &str) -> [u8; 16] {
    let password: [u8; 16] = Md4::digest(utf16(password)).into();
    keyed(&password, &[&utf16(&user.to_uppercase()), domain])
}

/// NTLMv2_RESPONSE (sections 2.2.2.8 and 3.3.2).
fn proof(key: &[u8; 16], challenge: &Challenge<'_>, own: &[u8; 8], time: &[u8; 8]) -> Vec<u8> {
    let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
    blob.extend(time);
    blob.extend(own);
    blob.extend([0u8; 4]);
    blob.extend(challenge.target_info);
    blob.extend([0u8; 4]);
    let mut proof = keyed(key, &[&challenge.nonce, &blob]).to_vec();
    proof.extend(blob);
    proof
}

fn keyed(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes keys of every length, and this one has 16 bytes"
    )]
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("a key of 16 bytes");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of [MS-NLMP], section 4.2.
    fn info() -> Vec<u8> {
        let mut info = Vec::new();
        for (id, name) in [(2u16, "Domain"), (1, "Server")] {
            let name = utf16(name);
            info.extend(id.to_le_bytes());
            info.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            info.extend(name);
        }
        info.extend([0u8; 4]);
        info
    }

    fn challenge(info: &[u8]) -> Vec<u8> {
        let target = utf16("Server");
        let mut message = SIGNATURE.to_vec();
        message.extend(2u32.to_le_bytes());
        message.extend([12, 0, 12, 0]);
        message.extend(48u32.to_le_bytes());
        message.extend(0xe2_8a_82_33_u32.to_le_bytes());
        message.extend([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
        message.extend([0u8; 8]);
        let length = u16::try_from(info.len()).unwrap().to_le_bytes();
        message.extend(length);
        message.extend(length);
        message.extend(60u32.to_le_bytes());
        message.extend(target);
        message.extend(info);
        message
    }

    #[test]
    fn the_keys_and_the_proof_are_those_of_the_specification() {
        let key = key("User", &utf16("Domain"), "Password");
        assert_eq!(hex::encode(key), "0c868a403bfd7a93a3001ef22ef02e3f");
        let (info, own) = (info(), [0xaa; 8]);
        let message = challenge(&info);
        let read = Challenge::read(&message).unwrap();
        assert_eq!(read.target_info, info);
        let proof = proof(&key, &read, &own, &[0; 8]);
        assert_eq!(
            hex::encode(&proof[..16]),
            "68cd0ab851e51c96aabc927bebef6a1c"
        );
        assert_eq!(
            hex::encode(keyed(&key, &[&read.nonce, &own])),
            "86c35097ac9cec102554764a57cccc19"
        );
    }

    #[test]
    fn the_proxys_own_time_is_taken_over() {
        let mut info = info();
        info.truncate(info.len() - 4);
        info.extend([7, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0]);
        let message = challenge(&info);
        let time = Challenge::read(&message).unwrap().timestamp();
        assert_eq!(time, Some([1, 2, 3, 4, 5, 6, 7, 8]));
    }

    #[test]
    fn no_challenge_however_malformed_does_harm() {
        let credentials = ProxyCredentials {
            user: "D\\u".into(),
            password: "p".into(),
        };
        let fresh = Fresh {
            random: [1; 16],
            now: 0,
        };
        let whole = challenge(&info());
        assert!(answer(&whole, &credentials, &fresh).is_some());
        for length in 0..whole.len() {
            let _ = answer(&whole[..length], &credentials, &fresh);
        }
        for place in 0..whole.len() {
            let mut bent = whole.clone();
            bent[place] = 0xff;
            let _ = answer(&bent, &credentials, &fresh);
        }
        assert_eq!(answer(b"NTLMSSP\0", &credentials, &fresh), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_behind_a_signature_are_read_without_harm(
            rest in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            user in ".{0,20}",
        ) {
            let credentials = ProxyCredentials {
                user,
                password: "p".into(),
            };
            let fresh = Fresh {
                random: [1; 16],
                now: 0,
            };
            let mut message = SIGNATURE.to_vec();
            message.extend(2u32.to_le_bytes());
            message.extend(rest);
            if let Some(answer) = answer(&message, &credentials, &fresh) {
                proptest::prop_assert!(answer.starts_with(SIGNATURE));
            }
        }
    }
}
