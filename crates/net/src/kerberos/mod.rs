//! Kerberos for a sign-in by Negotiate (RFC 4120, RFC 4559): a password or the user's own tickets
//! in, a token for one service out.
//!
//! It speaks AES (RFC 3962) with domain controllers by TCP, and follows no referral to another
//! realm. What it has no ticket for, it says why.

mod answer;
mod cache;
mod crypto;
mod error;
pub(crate) mod fuzzing;
mod gss;
mod kdc;
mod kept;
mod message;
mod settings;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use error::{KerberosError, Refusal};

use crate::dial::ProxyCredentials;
use crate::dns::Resolver;
use crate::endpoint::Host;
use answer::KeyInformation;
use crypto::{Key, Kind};
use kdc::{Kdcs, Said, refusal};
use message::{Credential, Fresh};
use settings::Settings;

/// Seconds that a ticket must still be good for.
const MARGIN: u64 = 30;

/// Whose ticket is wanted for the service HTTP on a host, and how long that may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Without them, or without a password, the user's own tickets are taken.
    pub(crate) credentials: Option<&'a ProxyCredentials>,
    pub(crate) host: &'a Host,
    pub(crate) limit: Duration,
}

/// On the heap: few connections need it, and all would have to carry it.
pub(crate) type Fetching<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, KerberosError>> + Send + 'a>>;

/// A user in a realm.
#[derive(Debug)]
struct User<'a> {
    name: &'a str,
    realm: String,
    password: &'a str,
}

/// A token for Negotiate. Tickets, and failures for a while, are kept for as long as this program
/// runs, so that a wrong password is tried once and not with every connection.
///
/// # Errors
/// Why there is none.
pub(crate) fn token(wanted: Wanted<'_>) -> Fetching<'_, Vec<u8>> {
    Box::pin(async move {
        let credential = kept::or_fetched(wanted).await?;
        let presentation = message::presentation(&credential, &fresh()?);
        let presentation = presentation.ok_or_else(|| unusable("the ticket's key"))?;
        Ok(gss::wrapped(&presentation))
    })
}

/// Whether somebody without a password may have tickets of their own.
pub(crate) fn has_own_tickets() -> bool {
    let settings = Settings::of_this_machine();
    cache::path(&settings).is_ok_and(|path| !cache::read(&path).is_empty())
}

async fn fetch(wanted: Wanted<'_>) -> Result<Credential, KerberosError> {
    let Host::Name(host) = wanted.host else {
        return Err(not_possible(
            "Kerberos needs the proxy's name, and it is given by its address",
        ));
    };
    let settings = Settings::of_this_machine();
    let resolver = Resolver::of_this_machine();
    let desk = Desk {
        host,
        settings: &settings,
        resolver: &resolver,
        // Whoever does not answer is named before the time is up.
        limit: wanted.limit.mul_f32(0.8),
    };
    match wanted.credentials.filter(|one| !one.password.is_empty()) {
        Some(credentials) => {
            let user = desk.user(credentials)?;
            let first = desk.first_ticket(&user).await?;
            desk.service_ticket(&user.realm, &first).await
        }
        None => desk.by_own_tickets().await,
    }
}

struct Desk<'a> {
    /// Whose service is wanted.
    host: &'a str,
    settings: &'a Settings,
    resolver: &'a Resolver,
    /// For each question.
    limit: Duration,
}

impl<'a> Desk<'a> {
    /// `user@REALM`, `DOMAIN\user`, or a user of the default realm.
    fn user<'c>(&self, credentials: &'c ProxyCredentials) -> Result<User<'c>, KerberosError> {
        let password = credentials.password.as_str();
        if let Some((name, realm)) = credentials.user.rsplit_once('@') {
            let realm = realm.to_ascii_uppercase();
            return Ok(User {
                name,
                realm,
                password,
            });
        }
        if let Some((domain, name)) = credentials.user.split_once('\\') {
            let realm = self.settings.realm_of_domain(domain, &self.near());
            let realm = realm.ok_or_else(|| {
                not_possible(&format!(
                    "the realm of the domain {domain} is not known; give the user as user@REALM"
                ))
            })?;
            return Ok(User {
                name,
                realm,
                password,
            });
        }
        let realm = self.settings.default_realm.as_deref();
        let realm = realm.or_else(|| self.settings.realm_of(self.host));
        let realm = realm.ok_or_else(|| {
            not_possible("the user's realm is not known; give the user as user@REALM")
        })?;
        Ok(User {
            name: &credentials.user,
            realm: realm.to_owned(),
            password,
        })
    }

    /// Realms of the domains that the service's host is in.
    fn near(&self) -> Vec<String> {
        let dots = self.host.match_indices('.');
        dots.filter_map(|(at, _)| self.host.get(at + 1..))
            .map(str::to_ascii_uppercase)
            .collect()
    }

    fn kdcs<'d>(&'d self, realm: &'d str) -> Kdcs<'d> {
        Kdcs {
            realm,
            settings: self.settings,
            resolver: self.resolver,
            limit: self.limit,
        }
    }

    async fn first_ticket(&self, user: &User<'_>) -> Result<Credential, KerberosError> {
        let about = || format!("{}@{}", user.name, user.realm);
        let question = |key: Option<&Key>, fresh: &Fresh| {
            message::first_request(user.name, &user.realm, fresh, key)
                .ok_or_else(|| unusable("the password's key"))
        };
        let kdcs = self.kdcs(&user.realm);
        let mut moment = fresh()?;
        let mut answered = kdcs.ask(&question(None, &moment)?).await?;
        let mut proven = None;
        if let Said::Refused(refused) = &answered.said
            && refused.code == Refusal::PREAUTHENTICATION_REQUIRED
        {
            let told = Kind::ALL
                .iter()
                .find_map(|kind| refused.keys.iter().find(|one| one.kind == *kind));
            let Some(told) = told else {
                let code = Refusal::NO_COMMON_ENCRYPTION;
                let refusal = Refusal {
                    code,
                    about: about(),
                };
                return Err(KerberosError::Refused {
                    kdc: answered.kdc,
                    refusal,
                });
            };
            let key = user.key(told)?;
            moment = fresh()?;
            answered = kdcs.ask(&question(Some(&key), &moment)?).await?;
            proven = Some(key);
        }
        let kdc = answered.kdc;
        let sealed = match answered.said {
            Said::Ticket(sealed) => sealed,
            Said::Refused(refused) => return Err(refusal(&refused, kdc, about(), moment.now)),
        };
        let key = match (proven, sealed.key_information()) {
            (Some(key), _) => key,
            (None, Some(told)) => user.key(&told)?,
            (None, None) => {
                let reason = "its answer has an unknown encryption";
                return Err(KerberosError::Malformed { kdc, reason });
            }
        };
        sealed.open_first(&key, &moment).ok_or_else(|| {
            // A domain controller that asks for no proof leaves it to the user to find out.
            let refusal = Refusal {
                code: Refusal::WRONG_PASSWORD,
                about: about(),
            };
            KerberosError::Refused { kdc, refusal }
        })
    }

    async fn service_ticket(
        &self,
        realm: &str,
        first: &Credential,
    ) -> Result<Credential, KerberosError> {
        let moment = fresh()?;
        let question = message::service_request(first, realm, &["HTTP", self.host], &moment);
        let question = question.ok_or_else(|| unusable("the first ticket's key"))?;
        let answered = self.kdcs(realm).ask(&question).await?;
        let (kdc, service) = (answered.kdc, format!("HTTP/{}", self.host));
        let sealed = match answered.said {
            Said::Ticket(sealed) => sealed,
            Said::Refused(refused) => {
                let about = format!("{service}@{realm}");
                return Err(refusal(&refused, kdc, about, moment.now));
            }
        };
        let given = sealed.service().unwrap_or_default();
        if let Some(other) = given.strip_prefix("krbtgt/") {
            return Err(not_possible(&format!(
                "{service} belongs to the realm {other}, and referrals are not followed"
            )));
        }
        let reason = "its answer can't be decrypted";
        sealed
            .open_service(&first.key, &moment)
            .ok_or(KerberosError::Malformed { kdc, reason })
    }

    /// A ticket for the service that is there already, or one by the ticket for others.
    async fn by_own_tickets(&self) -> Result<Credential, KerberosError> {
        let path = cache::path(self.settings).map_err(KerberosError::NotPossible)?;
        let now = fresh()?.now;
        let tickets = cache::read(&path);
        if tickets.is_empty() {
            return Err(not_possible(
                "there is no ticket of this user; run kinit, or give a user name and password",
            ));
        }
        let good = tickets
            .into_iter()
            .filter(|one| one.credential.ends > now + MARGIN);
        let wanted = format!("HTTP/{}", self.host);
        let (mut first, mut own) = (None, None);
        for ticket in good {
            if ticket.service.eq_ignore_ascii_case(&wanted) {
                own = Some(ticket);
            } else if ticket.service == format!("krbtgt/{}", ticket.realm) {
                first = Some(ticket);
            }
        }
        if let Some(own) = own {
            return Ok(own.credential);
        }
        let first = first.ok_or_else(|| {
            not_possible(
                "this user's tickets have expired; run kinit, or give a user name and password",
            )
        })?;
        self.service_ticket(&first.realm, &first.credential).await
    }
}

impl User<'_> {
    fn key(&self, told: &KeyInformation) -> Result<Key, KerberosError> {
        let usual = || format!("{}{}", self.realm, self.name).into_bytes();
        let salt = told.salt.clone().unwrap_or_else(usual);
        let parameters = told.parameters.as_deref();
        Key::of_password(told.kind, self.password, &salt, parameters)
            .ok_or_else(|| unusable("the number of iterations that the domain controller wants"))
    }
}

fn not_possible(reason: &str) -> KerberosError {
    KerberosError::NotPossible(reason.to_owned())
}

fn unusable(what: &str) -> KerberosError {
    KerberosError::NotPossible(format!("{what} can't be used"))
}

/// The last moment that a message was given, in microseconds since 1970.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Now, or a microsecond after the moment that was given last: a service takes two messages of one
/// user with one moment for a replay (RFC 4120, section 3.2.3), and many checks begin at once.
fn moment(last: &AtomicU64, now: Duration) -> Duration {
    let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX - 1);
    let later = |last: u64| now.max(last.saturating_add(1));
    let last = last
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
            Some(later(last))
        })
        .unwrap_or_else(|last| last);
    Duration::from_micros(later(last))
}

fn fresh() -> Result<Fresh, KerberosError> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.map_err(|_| not_possible("this host's clock is before 1970"))?;
    let since = moment(&LAST, since);
    let mut random = [0u8; 4];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| unusable("this host's randomness"))?;
    Ok(Fresh {
        now: since.as_secs(),
        microseconds: since.subsec_micros(),
        nonce: u32::from_be_bytes(random) >> 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_messages_have_one_moment() {
        let last = AtomicU64::new(0);
        let now = Duration::from_micros(1_700_000_000_000_000);
        let given: Vec<Duration> = (0..3).map(|_| moment(&last, now)).collect();
        let step = Duration::from_micros(1);
        assert_eq!(given, [now, now + step, now + 2 * step]);
        // A clock that was set back gives none again either.
        assert_eq!(moment(&last, now - step), now + 3 * step);
        assert_eq!(moment(&last, now + 9 * step), now + 9 * step);
    }
}
