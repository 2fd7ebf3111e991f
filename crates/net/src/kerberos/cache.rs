//! The user's own tickets: a cache in a file, as kinit(1) leaves it (MIT's format,
//! version 4).

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use super::crypto::{Key, Kind};
use super::message::{Credential, name_of, string};
use super::settings::Settings;

/// More of a cache is not read.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// More tickets of a cache are not looked at.
const MAX_TICKETS: usize = 1024;
/// More parts of a name, or items of a list, are refused.
const MAX_PARTS: u32 = 64;

/// A ticket and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cached {
    /// Such as `krbtgt/CORP.TEST`.
    pub(super) service: String,
    /// That of the service.
    pub(super) realm: String,
    pub(super) credential: Credential,
}

/// Where the cache is.
///
/// # Errors
/// Where it is of a kind that is not read here, with what to do.
pub(super) fn path(settings: &Settings) -> Result<PathBuf, String> {
    let given = std::env::var("KRB5CCNAME").ok();
    let name = given.filter(|name| !name.is_empty());
    let name = name.or_else(|| settings.default_cache.clone());
    let user = rustix::process::getuid().as_raw();
    let Some(name) = name else {
        return Ok(PathBuf::from(format!("/tmp/krb5cc_{user}")));
    };
    let name = name
        .replace("%{uid}", &user.to_string())
        .replace("%{euid}", &user.to_string());
    match name.split_once(':') {
        Some(("FILE", path)) => Ok(path.into()),
        Some((kind, _)) if !kind.contains('/') => Err(format!(
            "the tickets are in a cache of the kind {kind}; here those in a file are read: set KRB5CCNAME=FILE:/path and run kinit"
        )),
        Some(_) | None => Ok(name.into()),
    }
}

/// The tickets of a cache; none where there is none.
pub(super) fn read(path: &std::path::Path) -> Vec<Cached> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // What was read until an error still counts.
        let _ = file.take(MAX_FILE).read_to_end(&mut bytes);
    }
    tickets(&bytes)
}

pub(super) fn tickets(bytes: &[u8]) -> Vec<Cached> {
    let mut found = Vec::new();
    let mut rest = Rest(bytes);
    if rest.begin().is_none() {
        return found;
    }
    for _ in 0..MAX_TICKETS {
        if rest.0.is_empty() {
            break;
        }
        match rest.ticket() {
            Some(ticket) => found.extend(ticket),
            None => break,
        }
    }
    found
}

/// What is still to be read; all numbers are in network order.
struct Rest<'a>(&'a [u8]);

struct Principal {
    kind: u32,
    realm: String,
    parts: Vec<String>,
}

impl<'a> Rest<'a> {
    /// Passes over what stands before the tickets.
    fn begin(&mut self) -> Option<()> {
        let [5, 4] = self.take(2)? else {
            return None;
        };
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(length.into())?;
        self.principal().map(drop)
    }

    /// The inner option is empty for what is no ticket, or one with another encryption.
    fn ticket(&mut self) -> Option<Option<Cached>> {
        let client = self.principal()?;
        let server = self.principal()?;
        let kind = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        let key = self.data()?;
        // Given out, valid from, valid until, renewable until.
        self.take(8)?;
        let ends = self.number()?;
        self.take(4)?;
        // Whether the ticket is encrypted in another's key, and its flags.
        self.take(5)?;
        // Addresses, and what was authorised.
        for _ in 0..2 {
            for _ in 0..self.count()? {
                self.take(2)?;
                self.data()?;
            }
        }
        let ticket = self.data()?;
        self.data()?;
        let key = Kind::of(kind.into()).and_then(|kind| Key::new(kind, key));
        Some(key.map(|key| {
            let parts: Vec<&str> = client.parts.iter().map(String::as_str).collect();
            Cached {
                service: server.parts.join("/"),
                realm: server.realm,
                credential: Credential {
                    realm: string(client.realm.as_bytes()),
                    name: name_of(client.kind, &parts),
                    ticket: ticket.to_vec(),
                    key,
                    ends: ends.into(),
                },
            }
        }))
    }

    fn principal(&mut self) -> Option<Principal> {
        let kind = self.number()?;
        let count = self.count()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let realm = text(self.data()?);
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(text(self.data()?));
        }
        Some(Principal { kind, realm, parts })
    }

    fn count(&mut self) -> Option<u32> {
        self.number().filter(|count| *count <= MAX_PARTS)
    }

    fn data(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(bytes: &[u8]) -> Vec<u8> {
        let mut whole = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        whole.extend(bytes);
        whole
    }

    fn principal(realm: &str, parts: &[&str]) -> Vec<u8> {
        let mut whole = 1u32.to_be_bytes().to_vec();
        whole.extend(u32::try_from(parts.len()).unwrap().to_be_bytes());
        whole.extend(data(realm.as_bytes()));
        for part in parts {
            whole.extend(data(part.as_bytes()));
        }
        whole
    }

    fn ticket(realm: &str, service: &[&str], kind: u16, key: &[u8]) -> Vec<u8> {
        let mut whole = principal("CORP.TEST", &["eve"]);
        whole.extend(principal(realm, service));
        whole.extend(kind.to_be_bytes());
        whole.extend(data(key));
        for time in [1u32, 2, 3, 4] {
            whole.extend(time.to_be_bytes());
        }
        whole.extend([0, 1, 2, 3, 4]);
        // No address, and one authorisation.
        whole.extend(0u32.to_be_bytes());
        whole.extend(1u32.to_be_bytes());
        whole.extend([0, 1]);
        whole.extend(data(b"x"));
        whole.extend(data(b"the ticket"));
        whole.extend(data(b""));
        whole
    }

    fn cache() -> Vec<u8> {
        let mut whole = vec![5, 4, 0, 3, 7, 7, 7];
        whole.extend(principal("CORP.TEST", &["eve"]));
        whole.extend(ticket("X-CACHECONF:", &["krb5_ccache_conf_data"], 0, b""));
        whole.extend(ticket("CORP.TEST", &["HTTP", "old"], 23, &[1; 16]));
        whole.extend(ticket("CORP.TEST", &["krbtgt", "CORP.TEST"], 18, &[1; 32]));
        whole
    }

    #[test]
    fn tickets_that_can_be_used_are_read_and_others_passed_over() {
        let tickets = tickets(&cache());
        assert_eq!(tickets.len(), 1);
        assert_eq!(tickets[0].service, "krbtgt/CORP.TEST");
        assert_eq!(tickets[0].realm, "CORP.TEST");
        assert_eq!(tickets[0].credential.ends, 3);
        assert_eq!(tickets[0].credential.ticket, b"the ticket");
    }

    #[test]
    fn no_cache_however_malformed_does_harm() {
        let whole = cache();
        for length in 0..whole.len() {
            assert!(tickets(&whole[..length]).is_empty());
        }
        for place in 0..whole.len() {
            let mut bent = whole.clone();
            bent[place] = 0xff;
            let _ = tickets(&bent);
        }
    }
}
