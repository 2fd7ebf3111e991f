//! Resolving names by asking the name servers itself.
//!
//! The system's resolver tells a missing name, a broken name server and a silent one apart only
//! by text, if at all, and a static program can't use it well. This one reads resolv.conf(5) and
//! hosts(5), asks for both kinds of addresses at once, and says who answered what. It knows
//! neither mDNS nor other sources of nsswitch.conf(5).

mod exchange;
pub(crate) mod fuzzing;
mod opinion;
mod settings;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use tokio::sync::{OnceCell, Semaphore};

use crate::dial::{ResolveError, within};
use exchange::{Reply, ask, ask_services};
use settings::Settings;

pub use opinion::{NameSaid, NameSource, Opinion};

/// More of a settings file is not read.
const MAX_FILE: u64 = 32 * 1024 * 1024;
/// Answers that are kept; names beyond are asked for each time.
const MAX_KEPT: usize = 16 * 1024;
/// How often each server is asked.
const ROUNDS: u32 = 2;
/// Names that are asked for at once, each by two questions: small name servers refuse more than
/// 150 (dnsmasq's `dns-forward-max`), and a host keeps few datagrams while it looks for its
/// neighbour.
const MAX_AT_ONCE: usize = 64;
/// A name that isn't answered by then makes room for the next one, and is waited for beside it.
const MAKES_ROOM: Duration = Duration::from_millis(250);

/// Resolves names and keeps the answers, those that are failures too, as long as it lives: make
/// one for each check of the network. Cloning is cheap; clones share the answers.
#[derive(Debug, Clone)]
pub struct Resolver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    kept: Mutex<HashMap<String, Arc<OnceCell<Arc<Answer>>>>>,
    places: Semaphore,
}

/// How a name was resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsSeen {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    /// Other names on the way (CNAME).
    pub aliases: Vec<String>,
    /// The name servers that were asked, in order; none where the hosts file knew the name.
    pub servers: Vec<SocketAddr>,
    /// Of the last answer: `NOERROR`, `NXDOMAIN`, another code, or what is wrong with the server.
    pub rcode: Option<String>,
    /// The shortest of the answer.
    pub ttl: Option<Duration>,
    /// Whether the hosts file knew the name.
    pub from_hosts: bool,
    /// What everyone who may know the name says of it; empty unless that was asked.
    pub opinions: Vec<Opinion>,
}

#[derive(Debug, Clone)]
struct Answer {
    seen: DnsSeen,
    missing: Option<Missing>,
}

/// Why there are no addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Missing {
    NoSuchName(SocketAddr),
    ServerFailure(SocketAddr, String),
    Forbidden(SocketAddr),
    NoAddress,
    TimedOut,
}

impl Resolver {
    /// With this machine's name servers and hosts file.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::with_settings(Settings::read(
            &text(Path::new("/etc/resolv.conf")),
            &text(Path::new("/etc/hosts")),
        ))
    }

    /// With the text of a resolv.conf(5) and of a hosts(5).
    #[must_use]
    pub fn read(resolv_conf: &str, hosts: &str) -> Self {
        Self::with_settings(Settings::read(resolv_conf, hosts))
    }

    /// Asks these name servers alone, without a hosts file and without searched domains.
    #[must_use]
    pub fn with_servers(servers: Vec<SocketAddr>) -> Self {
        Self::with_settings(Settings {
            servers,
            ..Settings::read("", "")
        })
    }

    fn with_settings(settings: Settings) -> Self {
        Self(Arc::new(Shared {
            settings,
            kept: Mutex::default(),
            places: Semaphore::new(MAX_AT_ONCE),
        }))
    }

    /// The name servers that it asks.
    #[must_use]
    pub fn servers(&self) -> &[SocketAddr] {
        &self.0.settings.servers
    }

    /// Resolves a name (in lower case, without a dot at its end), within `limit` from when its turn
    /// comes: few names are asked for at once. Who asks for the same name at the same time waits
    /// for the same answer.
    pub async fn lookup(
        &self,
        name: &str,
        limit: Duration,
    ) -> (DnsSeen, Result<Vec<IpAddr>, ResolveError>) {
        let cell = self.cell(name);
        let asking = cell.get_or_init(|| async { Arc::new(self.0.in_turn(name, limit).await) });
        let answer = Arc::clone(asking.await);
        let result = match answer.missing.clone() {
            None => Ok(answer.seen.addresses.clone()),
            Some(missing) => Err(missing.into_error(name.to_owned(), limit)),
        };
        (answer.seen.clone(), result)
    }

    /// The hosts and ports of a service, such as `_kerberos._tcp.example.org`, the better ones
    /// first. Not kept.
    pub(crate) async fn services(&self, name: &str, limit: Duration) -> Vec<(String, u16)> {
        let servers = self.servers();
        let count = u32::try_from(servers.len()).unwrap_or(u32::MAX).max(1);
        for &server in servers {
            let found = ask_services(server, name, limit / count).await;
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    fn cell(&self, name: &str) -> Arc<OnceCell<Arc<Answer>>> {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = kept.get(name) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(OnceCell::new());
        if kept.len() < MAX_KEPT {
            kept.insert(name.to_owned(), Arc::clone(&cell));
        }
        cell
    }
}

impl Shared {
    /// Resolves when there is a place free, within the limit from then on.
    async fn in_turn(&self, name: &str, limit: Duration) -> Answer {
        // The places are never closed; without one it would only be less patient.
        let place = self.places.acquire().await.ok();
        let resolving = within(limit, self.resolve(name, limit));
        tokio::pin!(resolving);
        let soon = within(MAKES_ROOM.min(limit), &mut resolving).await;
        drop(place);
        let answer = match soon {
            Some(answer) => answer,
            None => resolving.await,
        };
        answer.unwrap_or_else(|| Answer {
            seen: DnsSeen {
                name: name.to_owned(),
                servers: self.settings.servers.clone(),
                ..DnsSeen::default()
            },
            missing: Some(Missing::TimedOut),
        })
    }

    async fn resolve(&self, name: &str, limit: Duration) -> Answer {
        if let Some(addresses) = self.settings.hosts.get(name) {
            let seen = DnsSeen {
                name: name.to_owned(),
                addresses: addresses.clone(),
                from_hosts: true,
                ..DnsSeen::default()
            };
            return Answer {
                seen,
                missing: None,
            };
        }
        let mut first: Option<Answer> = None;
        for candidate in self.settings.candidates(name) {
            let answer = self.ask_servers(name, &candidate, limit).await;
            let goes_on = matches!(
                answer.missing,
                Some(Missing::NoSuchName(_) | Missing::NoAddress)
            );
            if !goes_on {
                return answer;
            }
            // What is said of the name itself tells more than what is said of a searched one.
            if candidate == name || first.is_none() {
                first = Some(answer);
            }
        }
        first.unwrap_or_else(|| Answer {
            seen: DnsSeen::default(),
            missing: Some(Missing::NoAddress),
        })
    }

    /// Asks the servers in turn until one of them knows whether the name exists.
    async fn ask_servers(&self, name: &str, candidate: &str, limit: Duration) -> Answer {
        let mut answer = Answer {
            seen: DnsSeen {
                name: name.to_owned(),
                ..DnsSeen::default()
            },
            missing: Some(Missing::TimedOut),
        };
        let tries = u32::try_from(self.settings.servers.len())
            .unwrap_or(u32::MAX)
            .saturating_mul(ROUNDS);
        // All of them end within the limit.
        let each = limit.checked_div(tries).unwrap_or(limit).mul_f32(0.95);
        for _ in 0..ROUNDS {
            for &server in &self.settings.servers {
                if !answer.seen.servers.contains(&server) {
                    answer.seen.servers.push(server);
                }
                let (v4, v6) = tokio::join!(
                    ask(server, candidate, RecordType::A, each),
                    ask(server, candidate, RecordType::AAAA, each),
                );
                if answer.take(server, v4, v6) {
                    return answer;
                }
            }
        }
        answer
    }
}

impl Answer {
    /// Notes what one server said; whether that is the last word.
    fn take(&mut self, server: SocketAddr, v4: Reply, v6: Reply) -> bool {
        for reply in [&v6, &v4] {
            if let Reply::Found(found) = reply {
                let so_far = self.seen.ttl.unwrap_or(Duration::MAX);
                let ttl = Duration::from_secs(found.ttl.into());
                self.seen.ttl = Some(so_far.min(ttl));
                self.seen.addresses.extend(&found.addresses);
                self.seen.aliases.clone_from(&found.aliases);
            }
        }
        let (missing, rcode, is_last) = match (v4, v6) {
            (Reply::Found(_), _) | (_, Reply::Found(_)) => (None, "NOERROR", true),
            (Reply::NoSuchName, _) | (_, Reply::NoSuchName) => {
                (Some(Missing::NoSuchName(server)), "NXDOMAIN", true)
            }
            (Reply::Failed(reason), _) | (_, Reply::Failed(reason)) => {
                self.seen.rcode = Some(reason.clone());
                self.missing = Some(Missing::ServerFailure(server, reason));
                return false;
            }
            (Reply::Forbidden, _) | (_, Reply::Forbidden) => {
                self.missing = Some(Missing::Forbidden(server));
                return false;
            }
            (Reply::TimedOut, _) | (_, Reply::TimedOut) => return false,
            (Reply::Empty, Reply::Empty) => (Some(Missing::NoAddress), "NOERROR", true),
        };
        self.missing = missing;
        self.seen.rcode = Some(rcode.to_owned());
        is_last
    }
}

impl Missing {
    fn into_error(self, name: String, limit: Duration) -> ResolveError {
        match self {
            Self::NoSuchName(server) => ResolveError::NoSuchName { name, server },
            Self::ServerFailure(server, reason) => ResolveError::ServerFailure {
                name,
                server,
                reason,
            },
            Self::Forbidden(server) => ResolveError::Forbidden { name, server },
            Self::NoAddress => ResolveError::NoAddress { name },
            Self::TimedOut => ResolveError::TimedOut { name, limit },
        }
    }
}

/// A settings file that can't be read counts as empty.
fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // What was read until an error still counts.
        let _ = file.take(MAX_FILE).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
