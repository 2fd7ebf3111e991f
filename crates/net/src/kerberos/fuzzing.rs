//! The readers of what domain controllers and files say, for [`crate::fuzzing`].

use super::answer::{self, Reply};
use super::crypto::{Key, Kind};
use super::message::{Fresh, SERVICE, USER, encrypted, name_of, string};
use super::settings::Settings;
use super::{cache, message};
use crate::der::{SEQUENCE, application, element, explicit};

/// The use of the key of a first answer (RFC 4120, section 7.5.1).
const USE_AS_REPLY: u32 = 3;
/// Of the question that is answered.
const NONCE: u32 = 5;

/// Reads an answer and opens it; whether a service could be asked for with what is in it.
#[must_use]
pub fn kerberos_answer(bytes: &[u8]) -> bool {
    let fresh = Fresh {
        now: 1_795_323_604,
        microseconds: 0,
        nonce: NONCE,
    };
    match answer::reply(bytes) {
        Some(Reply::Ticket(sealed)) => {
            let _ = (sealed.service(), sealed.key_information());
            let opened = key().and_then(|key| sealed.open_first(&key, &fresh));
            opened.is_some_and(|credential| {
                let question =
                    message::service_request(&credential, "CORP.TEST", &["HTTP", "p"], &fresh);
                question.is_some() && message::presentation(&credential, &fresh).is_some()
            })
        }
        Some(Reply::Refused(_)) | None => false,
    }
}

/// An answer whose sealed part is this, under the key that [`kerberos_answer`] has.
#[must_use]
pub fn kerberos_answer_of(part: &[u8]) -> Option<Vec<u8>> {
    let key = key()?;
    let ticket = element(
        SEQUENCE,
        &[
            &element(explicit(1), &[&string(b"CORP.TEST")]),
            &element(explicit(2), &[&name_of(SERVICE, &["krbtgt", "CORP.TEST"])]),
        ],
    );
    let fields = element(
        SEQUENCE,
        &[
            &element(explicit(3), &[&string(b"CORP.TEST")]),
            &element(explicit(4), &[&name_of(USER, &["eve"])]),
            &element(explicit(5), &[&element(application(1), &[&ticket])]),
            &element(
                explicit(6),
                &[&encrypted(&key, &key.encrypt(USE_AS_REPLY, part)?)],
            ),
        ],
    );
    Some(element(application(11), &[&fields]))
}

/// How many tickets of a cache can be used.
#[must_use]
pub fn kerberos_cache(bytes: &[u8]) -> usize {
    cache::tickets(bytes).len()
}

/// How many domain controllers krb5.conf(5) names for a realm.
#[must_use]
pub fn kerberos_settings(text: &str) -> usize {
    let mut settings = Settings::default();
    settings.take(text);
    let near = ["CORP.TEST".to_owned()];
    let realm = settings.realm_of("proxy.corp.test").map(str::to_owned);
    let realm = realm.or_else(|| settings.realm_of_domain("CORP", &near));
    settings.kdcs(&realm.unwrap_or_default()).len()
}

fn key() -> Option<Key> {
    Key::new(Kind::Aes256, &[1; 32])
}
