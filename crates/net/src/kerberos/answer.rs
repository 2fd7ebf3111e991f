//! What domain controllers answer (RFC 4120, section 5).

use time::{Date, Month, Time};

use super::crypto::{Key, Kind};
use super::message::{Credential, Fresh, KEY_INFORMATION};
use crate::der::{
    GENERAL_STRING, GENERALIZED_TIME, INTEGER, OCTET_STRING, Reader, SEQUENCE, application,
    explicit,
};

/// Uses of keys (section 7.5.1).
const USE_AS_REPLY: u32 = 3;
const USE_TGS_REPLY: u32 = 8;
/// More kinds of keys of one answer are not looked at.
const MAX_KINDS: usize = 16;
/// Characters of a name of others that are kept.
const MAX_NAME: usize = 256;

/// What a domain controller said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Ticket(Sealed),
    Refused(Refused),
}

/// A ticket whose key is still encrypted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    realm: Vec<u8>,
    name: Vec<u8>,
    ticket: Vec<u8>,
    kind: u32,
    cipher: Vec<u8>,
    keys: Vec<KeyInformation>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: u32,
    /// The domain controller's clock, seconds since 1970.
    pub(super) time: u64,
    pub(super) keys: Vec<KeyInformation>,
}

/// How a key is made of a password (ETYPE-INFO2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyInformation {
    pub(super) kind: Kind,
    pub(super) salt: Option<Vec<u8>>,
    pub(super) parameters: Option<Vec<u8>>,
}

/// Reads an answer; `None` where it is none.
pub(super) fn reply(bytes: &[u8]) -> Option<Reply> {
    let whole = Reader::new(bytes).next()?;
    let fields = Reader::new(whole.content).take(SEQUENCE)?;
    match whole.tag {
        // AS-REP and TGS-REP.
        0x6b | 0x6d => {
            let (kind, cipher) = read_encrypted(field(fields, 6)?)?;
            let keys = field(fields, 2).map(keys).unwrap_or_default();
            Some(Reply::Ticket(Sealed {
                realm: field(fields, 3)?.to_vec(),
                name: field(fields, 4)?.to_vec(),
                ticket: field(fields, 5)?.to_vec(),
                kind,
                cipher: cipher.to_vec(),
                keys,
            }))
        }
        // KRB-ERROR.
        0x7e => {
            let data = field(fields, 12).and_then(|data| Reader::new(data).take(OCTET_STRING));
            Some(Reply::Refused(Refused {
                code: number(field(fields, 6)?)?,
                time: read_time(field(fields, 4)?)?,
                keys: data.map(keys).unwrap_or_default(),
            }))
        }
        _ => None,
    }
}

impl Sealed {
    /// How the user's key is made, if it is told.
    pub(super) fn key_information(&self) -> Option<KeyInformation> {
        let kind = Kind::of(self.kind)?;
        let told = self.keys.iter().find(|one| one.kind == kind).cloned();
        Some(told.unwrap_or(KeyInformation {
            kind,
            salt: None,
            parameters: None,
        }))
    }

    /// Opens the answer to a first request.
    pub(super) fn open_first(self, key: &Key, fresh: &Fresh) -> Option<Credential> {
        self.open(key, USE_AS_REPLY, fresh)
    }

    /// Opens the answer to a service's request.
    pub(super) fn open_service(self, key: &Key, fresh: &Fresh) -> Option<Credential> {
        self.open(key, USE_TGS_REPLY, fresh)
    }

    fn open(self, key: &Key, usage: u32, fresh: &Fresh) -> Option<Credential> {
        if self.kind != key.kind().number() {
            return None;
        }
        let plain = key.decrypt(usage, &self.cipher)?;
        let whole = Reader::new(&plain).next()?;
        // Some say that a first reply is a service's.
        if whole.tag != application(25) && whole.tag != application(26) {
            return None;
        }
        let fields = Reader::new(whole.content).take(SEQUENCE)?;
        if number(field(fields, 2)?)? != fresh.nonce {
            return None;
        }
        let key = Reader::new(field(fields, 0)?).take(SEQUENCE)?;
        let kind = Kind::of(number(field(key, 0)?)?)?;
        let value = Reader::new(field(key, 1)?).take(OCTET_STRING)?;
        Some(Credential {
            key: Key::new(kind, value)?,
            ends: read_time(field(fields, 7)?)?,
            realm: self.realm,
            name: self.name,
            ticket: self.ticket,
        })
    }

    /// What the ticket is for, such as `krbtgt/OTHER.TEST`.
    pub(super) fn service(&self) -> Option<String> {
        let ticket = Reader::new(&self.ticket).take(application(1))?;
        let fields = Reader::new(ticket).take(SEQUENCE)?;
        let name = Reader::new(field(fields, 2)?).take(SEQUENCE)?;
        let mut parts = Reader::new(Reader::new(field(name, 1)?).take(SEQUENCE)?);
        let mut words = Vec::new();
        while let Some(part) = parts.next() {
            words.push(String::from_utf8_lossy(part.content).into_owned());
        }
        Some(words.join("/").chars().take(MAX_NAME).collect())
    }
}

/// The field of this number.
fn field(fields: &[u8], number: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(fields);
    while let Some(element) = reader.next() {
        if element.tag == explicit(number) {
            return Some(element.content);
        }
    }
    None
}

fn number(bytes: &[u8]) -> Option<u32> {
    let digits = Reader::new(bytes).take(INTEGER)?;
    // A sign's byte before four others.
    let digits = match digits {
        [0, rest @ ..] if rest.len() == 4 => rest,
        digits => digits,
    };
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    let number = digits
        .iter()
        .fold(0u32, |number, digit| (number << 8) | u32::from(*digit));
    Some(number)
}

fn read_encrypted(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let fields = Reader::new(bytes).take(SEQUENCE)?;
    let cipher = Reader::new(field(fields, 2)?).take(OCTET_STRING)?;
    Some((number(field(fields, 0)?)?, cipher))
}

/// How keys are made, of a row of PA-DATA.
fn keys(data: &[u8]) -> Vec<KeyInformation> {
    let mut found = Vec::new();
    let Some(rows) = Reader::new(data).take(SEQUENCE) else {
        return found;
    };
    let mut rows = Reader::new(rows);
    while let Some(row) = rows.take(SEQUENCE) {
        if field(row, 1).and_then(number) != Some(KEY_INFORMATION) {
            continue;
        }
        let value = field(row, 2).and_then(|value| Reader::new(value).take(OCTET_STRING));
        let Some(entries) = value.and_then(|value| Reader::new(value).take(SEQUENCE)) else {
            continue;
        };
        let mut entries = Reader::new(entries);
        while let Some(entry) = entries.take(SEQUENCE).filter(|_| found.len() < MAX_KINDS) {
            let kind = field(entry, 0).and_then(number).and_then(Kind::of);
            let bytes = |at, tag| {
                let bytes = field(entry, at).and_then(|value| Reader::new(value).take(tag));
                bytes.map(<[u8]>::to_vec)
            };
            found.extend(kind.map(|kind| KeyInformation {
                kind,
                salt: bytes(1, GENERAL_STRING),
                parameters: bytes(2, OCTET_STRING),
            }));
        }
    }
    found
}

/// Seconds since 1970.
fn read_time(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(Reader::new(bytes).take(GENERALIZED_TIME)?).ok()?;
    let digits = text.strip_suffix('Z').filter(|digits| digits.len() == 14)?;
    let part = |from: usize, to: usize| digits.get(from..to)?.parse::<u8>().ok();
    let date = Date::from_calendar_date(
        digits.get(..4)?.parse().ok()?,
        Month::try_from(part(4, 6)?).ok()?,
        part(6, 8)?,
    );
    let time = Time::from_hms(part(8, 10)?, part(10, 12)?, part(12, 14)?.min(59));
    let moment = date.ok()?.with_time(time.ok()?).assume_utc();
    u64::try_from(moment.unix_timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::message::{
        SERVICE, USER, encrypted, name_of, pre_authentication, presentation, service_request,
        string, time_of,
    };
    use super::*;
    use crate::der::{element, integer};

    const FRESH: Fresh = Fresh {
        now: 1_795_323_604,
        microseconds: 123_576,
        nonce: 0x7fff_0001,
    };

    fn key(byte: u8) -> Key {
        Key::new(Kind::Aes256, &[byte; 32]).unwrap()
    }

    fn numbered(at: u8, content: &[u8]) -> Vec<u8> {
        element(explicit(at), &[content])
    }

    /// What a domain controller answers, made by hand.
    fn answer(nonce: u32) -> Vec<u8> {
        let session = element(
            SEQUENCE,
            &[
                &numbered(0, &integer(18)),
                &numbered(1, &element(OCTET_STRING, &[&[9; 32]])),
            ],
        );
        let part = element(
            SEQUENCE,
            &[
                &numbered(0, &session),
                &numbered(2, &integer(nonce)),
                &numbered(7, &time_of(2_000_000_000)),
            ],
        );
        let part = element(application(25), &[&part]);
        let cipher = key(1).encrypt(USE_AS_REPLY, &part).unwrap();
        let ticket = element(
            SEQUENCE,
            &[
                &numbered(1, &string(b"CORP.TEST")),
                &numbered(2, &name_of(SERVICE, &["krbtgt", "CORP.TEST"])),
            ],
        );
        let fields = element(
            SEQUENCE,
            &[
                &numbered(3, &string(b"CORP.TEST")),
                &numbered(4, &name_of(USER, &["eve"])),
                &numbered(5, &element(application(1), &[&ticket])),
                &numbered(6, &encrypted(&key(1), &cipher)),
            ],
        );
        element(application(11), &[&fields])
    }

    #[test]
    fn times_read_back() {
        for seconds in [0, 951_782_400, 1_795_323_604, 4_102_444_799] {
            assert_eq!(read_time(&time_of(seconds)), Some(seconds));
        }
        let text = |text: &str| element(GENERALIZED_TIME, &[text.as_bytes()]);
        assert_eq!(read_time(&text("20261122050004Z")), Some(1_795_323_604));
        for wrong in [
            "",
            "Z",
            "20261322050004Z",
            "2026112205000Z",
            "20261122050004",
        ] {
            assert_eq!(read_time(&text(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn an_answer_is_opened_with_its_key_and_for_its_question_alone() {
        let sealed = || match reply(&answer(FRESH.nonce)) {
            Some(Reply::Ticket(sealed)) => sealed,
            other => panic!("{other:?}"),
        };
        assert_eq!(sealed().service().as_deref(), Some("krbtgt/CORP.TEST"));
        let credential = sealed().open_first(&key(1), &FRESH).unwrap();
        assert_eq!(credential.ends, 2_000_000_000);
        assert_eq!(credential.key, key(9));
        assert_eq!(sealed().open_first(&key(2), &FRESH), None);
        let other = Fresh { nonce: 5, ..FRESH };
        assert_eq!(sealed().open_first(&key(1), &other), None);
        assert_eq!(sealed().open_service(&key(1), &FRESH), None);
        assert!(service_request(&credential, "CORP.TEST", &["HTTP", "p"], &FRESH).is_some());
        assert!(presentation(&credential, &FRESH).is_some());
    }

    /// As a domain controller of Samba 4.17 says that it wants a proof of the password.
    #[test]
    fn a_refusal_tells_the_clock_and_how_keys_are_made() {
        let entry = element(
            SEQUENCE,
            &[
                &numbered(0, &integer(18)),
                &numbered(1, &string(b"CORP.TESTeve")),
                &numbered(2, &element(OCTET_STRING, &[&[0, 0, 16, 0]])),
            ],
        );
        let old = element(SEQUENCE, &[&numbered(0, &integer(23))]);
        let rows = element(
            SEQUENCE,
            &[
                &pre_authentication(16, b""),
                &pre_authentication(KEY_INFORMATION, &element(SEQUENCE, &[&old, &entry])),
            ],
        );
        let fields = element(
            SEQUENCE,
            &[
                &numbered(4, &time_of(77)),
                &numbered(6, &integer(25)),
                &numbered(12, &element(OCTET_STRING, &[&rows])),
            ],
        );
        let refused = match reply(&element(application(30), &[&fields])) {
            Some(Reply::Refused(refused)) => refused,
            other => panic!("{other:?}"),
        };
        assert_eq!((refused.code, refused.time), (25, 77));
        let expected = KeyInformation {
            kind: Kind::Aes256,
            salt: Some(b"CORP.TESTeve".to_vec()),
            parameters: Some(vec![0, 0, 16, 0]),
        };
        assert_eq!(refused.keys, [expected]);
    }

    #[test]
    fn no_answer_however_malformed_does_harm() {
        let whole = answer(FRESH.nonce);
        let mut opened = 0;
        let mut read = |bytes: &[u8]| {
            if let Some(Reply::Ticket(sealed)) = reply(bytes) {
                let _ = sealed.service();
                let _ = sealed.key_information();
                opened += usize::from(sealed.open_first(&key(1), &FRESH).is_some());
            }
        };
        for length in 0..whole.len() {
            read(&whole[..length]);
        }
        for place in 0..whole.len() {
            for value in [0, 0x30, 0x80, 0x84, 0xff] {
                let mut bent = whole.clone();
                bent[place] = value;
                read(&bent);
            }
        }
        read(&whole);
        assert!(opened > 0);
    }
}
