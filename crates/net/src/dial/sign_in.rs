//! Signing in at a proxy: Basic (RFC 7617), Digest (RFC 7616), NTLM ([MS-NLMP]), and Negotiate
//! (RFC 4559) with Kerberos or NTLM inside.
//!
//! Only what the proxy offers is used, the better one first, and Basic, which shows the password
//! to everybody on the way, last. A proof of the password is sent once: after its refusal, be it
//! by a domain controller, nothing else is tried, because a few of them lock an account.

mod challenge;
mod digest;
pub(crate) mod fuzzing;
mod ntlm;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::proxy::{Proxy, ProxyCredentials};
use crate::endpoint::Host;
use crate::kerberos::{self, KerberosError, Wanted};
pub(super) use challenge::Challenge;

/// How one signs in at a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignInScheme {
    Basic,
    /// RFC 7616.
    Digest,
    Ntlm,
    /// RFC 4559, with NTLM inside.
    Negotiate,
    /// RFC 4559, with Kerberos inside.
    Kerberos,
}

/// In the order in which they are tried where there is no ticket.
const BETTER_FIRST: [SignInScheme; 4] = [
    SignInScheme::Ntlm,
    SignInScheme::Digest,
    SignInScheme::Negotiate,
    SignInScheme::Basic,
];

/// One attempt to sign in, over as many requests as it takes.
#[derive(Debug)]
pub(crate) struct SignIn<'a> {
    credentials: Option<&'a ProxyCredentials>,
    /// The proxy's own.
    host: &'a Host,
    /// For all that others are asked on the way.
    limit: Duration,
    method: &'a str,
    uri: &'a str,
    state: State,
    tried: Vec<SignInScheme>,
    no_ticket: Option<KerberosError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    /// A first message that proves nothing yet; the next goes over the same connection.
    Begun(SignInScheme),
    Proven(SignInScheme),
}

/// What to do after a 407.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask again with this Proxy-Authorization.
    Ask(String),
    /// Nothing is left to try.
    Refused,
    /// The proxy's part can't be used.
    Failed {
        scheme: SignInScheme,
        reason: &'static str,
    },
    /// There is no ticket for this proxy.
    NoTicket(KerberosError),
}

/// What makes each sign-in different.
pub(super) struct Fresh {
    pub(super) random: [u8; 16],
    /// Seconds since 1970.
    pub(super) now: u64,
}

impl SignInScheme {
    /// As in Proxy-Authenticate.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Digest => "Digest",
            Self::Ntlm => "NTLM",
            Self::Negotiate | Self::Kerberos => "Negotiate",
        }
    }

    /// With what is inside.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kerberos => "Negotiate (Kerberos)",
            Self::Negotiate => "Negotiate (NTLM)",
            Self::Basic | Self::Digest | Self::Ntlm => self.as_str(),
        }
    }
}

impl<'a> SignIn<'a> {
    /// `method` and `uri` are those of the request that is asked again.
    pub(crate) fn new(proxy: &'a Proxy, method: &'a str, uri: &'a str, limit: Duration) -> Self {
        Self {
            credentials: proxy.credentials.as_ref(),
            host: &proxy.endpoint.host,
            limit,
            method,
            uri,
            state: State::Nothing,
            tried: Vec::new(),
            no_ticket: None,
        }
    }

    /// Reads the values of Proxy-Authenticate, and asks a domain controller for a ticket where one
    /// is of use.
    pub(crate) async fn next(&mut self, offered: &[String]) -> Next {
        let challenges = Challenge::read_all(offered);
        if self.wants_ticket(&challenges) {
            self.tried.push(SignInScheme::Kerberos);
            let wanted = Wanted {
                credentials: self.credentials,
                host: self.host,
                limit: self.limit,
            };
            match kerberos::token(wanted).await {
                Ok(token) => {
                    self.state = State::Proven(SignInScheme::Kerberos);
                    return Next::Ask(with_token(SignInScheme::Kerberos, &token));
                }
                Err(error) if error.leaves_other_schemes() => {
                    self.tried.retain(|tried| *tried != SignInScheme::Kerberos);
                    self.no_ticket = Some(error);
                }
                Err(error) => return Next::NoTicket(error),
            }
        }
        match self.without_ticket(&challenges) {
            // No other scheme has proven anything: what stood in the way of the better one counts.
            Next::Refused if !self.is_proven() => match self.no_ticket.take() {
                Some(error) => Next::NoTicket(error),
                None => Next::Refused,
            },
            next => next,
        }
    }

    /// Somebody without a password may have tickets.
    fn wants_ticket(&self, offered: &[Challenge]) -> bool {
        let negotiate = Challenge::of(offered, SignInScheme::Kerberos);
        let is_offered = negotiate.is_some_and(|challenge| challenge.token().is_none());
        let is_first = matches!(self.state, State::Nothing) && self.no_ticket.is_none();
        is_offered && is_first && (self.credentials.is_some() || kerberos::has_own_tickets())
    }

    fn without_ticket(&mut self, offered: &[Challenge]) -> Next {
        let mut random = [0u8; 16];
        if aws_lc_rs::rand::fill(&mut random).is_err() {
            return Next::Refused;
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let fresh = Fresh {
            random,
            now: now.map_or(0, |now| now.as_secs()),
        };
        self.next_with(offered, &fresh)
    }

    /// Whether the next request must go over the connection of the last one.
    pub(crate) fn is_bound_to_connection(&self) -> bool {
        matches!(self.state, State::Begun(_))
    }

    /// Whether what is sent next answers what came over the last connection, and over no other.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(
            self.state,
            State::Proven(SignInScheme::Ntlm | SignInScheme::Negotiate)
        )
    }

    /// The scheme that was used last.
    pub(crate) fn scheme(&self) -> Option<SignInScheme> {
        self.tried.last().copied()
    }

    /// Whether the password was presented, in whatever form.
    pub(crate) fn is_proven(&self) -> bool {
        matches!(self.state, State::Proven(_))
    }

    fn next_with(&mut self, offered: &[Challenge], fresh: &Fresh) -> Next {
        let Some(credentials) = self.credentials else {
            return Next::Refused;
        };
        match self.state {
            State::Nothing => {}
            State::Begun(scheme) => {
                let token = Challenge::of(offered, scheme).and_then(Challenge::token);
                if let Some(token) = token {
                    let answer = ntlm::answer(&token, credentials, fresh);
                    return match answer {
                        Some(answer) => {
                            self.state = State::Proven(scheme);
                            Next::Ask(with_token(scheme, &answer))
                        }
                        None => Next::Failed {
                            scheme,
                            reason: "its NTLM challenge is malformed",
                        },
                    };
                }
                // It does not take this scheme after all, and has seen no proof: go on.
            }
            State::Proven(scheme) => {
                let stale = Challenge::of(offered, scheme).is_some_and(Challenge::is_stale);
                let first = self.tried.iter().filter(|tried| **tried == scheme).count() == 1;
                // The password was right, and only the nonce was old.
                if !(stale && first) {
                    return Next::Refused;
                }
                self.tried.clear();
                self.tried.push(scheme);
                return self.begin(scheme, credentials, offered, fresh);
            }
        }
        let left = BETTER_FIRST.into_iter().find(|scheme| {
            !self.tried.contains(scheme) && Challenge::of(offered, *scheme).is_some()
        });
        match left {
            Some(scheme) => self.begin(scheme, credentials, offered, fresh),
            None => Next::Refused,
        }
    }

    fn begin(
        &mut self,
        scheme: SignInScheme,
        credentials: &ProxyCredentials,
        offered: &[Challenge],
        fresh: &Fresh,
    ) -> Next {
        self.tried.push(scheme);
        match scheme {
            SignInScheme::Basic => {
                self.state = State::Proven(scheme);
                let pair = format!("{}:{}", credentials.user, credentials.password);
                Next::Ask(format!("Basic {}", STANDARD.encode(pair)))
            }
            SignInScheme::Digest => {
                self.state = State::Proven(scheme);
                let answer = digest::answer(offered, credentials, (self.method, self.uri), fresh);
                match answer {
                    Ok(answer) => Next::Ask(answer),
                    Err(reason) => Next::Failed { scheme, reason },
                }
            }
            SignInScheme::Ntlm | SignInScheme::Negotiate => {
                self.state = State::Begun(scheme);
                Next::Ask(with_token(scheme, &ntlm::begin()))
            }
            // Begins with a ticket, before any of these.
            SignInScheme::Kerberos => Next::Refused,
        }
    }
}

fn with_token(scheme: SignInScheme, token: &[u8]) -> String {
    format!("{} {}", scheme.as_str(), STANDARD.encode(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(credentials: bool) -> Proxy {
        let text = if credentials {
            "http://ann:p%3Aw@proxy.test"
        } else {
            "http://proxy.test"
        };
        Proxy::parse(text).unwrap()
    }

    fn begun(proxy: &Proxy) -> SignIn<'_> {
        SignIn::new(proxy, "CONNECT", "a.test:443", Duration::ZERO)
    }

    impl SignIn<'_> {
        /// As if no ticket were ever to be had.
        fn next_of(&mut self, offered: &[String]) -> Next {
            self.without_ticket(&Challenge::read_all(offered))
        }
    }

    fn offers(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn without_credentials_nothing_is_tried() {
        let none = proxy(false);
        let mut sign_in = begun(&none);
        assert_eq!(
            sign_in.next_of(&offers(&["Basic realm=\"x\""])),
            Next::Refused
        );
        assert_eq!(sign_in.scheme(), None);
    }

    #[test]
    fn basic_is_the_last_choice_and_a_refused_proof_the_end() {
        let proxy = proxy(true);
        let mut sign_in = begun(&proxy);
        let both = offers(&[
            "Basic realm=\"x\"",
            "Digest realm=\"x\", nonce=\"n\", qop=\"auth\"",
        ]);
        assert!(
            matches!(sign_in.next_of(&both), Next::Ask(header) if header.starts_with("Digest "))
        );
        assert_eq!(sign_in.next_of(&both), Next::Refused);

        let mut sign_in = begun(&proxy);
        let basic = offers(&["Basic realm=\"x\""]);
        assert_eq!(
            sign_in.next_of(&basic),
            Next::Ask("Basic YW5uOnA6dw==".into())
        );
        assert_eq!(sign_in.next_of(&basic), Next::Refused);
        assert!(sign_in.is_proven());
    }

    #[test]
    fn a_scheme_that_is_offered_and_not_taken_gives_way_to_the_next() {
        let proxy = proxy(true);
        let mut sign_in = begun(&proxy);
        let both = offers(&["Negotiate", "Basic realm=\"x\""]);
        assert!(
            matches!(sign_in.next_of(&both), Next::Ask(header) if header.starts_with("Negotiate "))
        );
        assert!(sign_in.is_bound_to_connection() && !sign_in.is_proven());
        assert!(
            matches!(sign_in.next_of(&both), Next::Ask(header) if header.starts_with("Basic "))
        );
    }

    #[test]
    fn an_old_nonce_is_exchanged_once() {
        let proxy = proxy(true);
        let mut sign_in = begun(&proxy);
        let first = offers(&["Digest realm=\"x\", nonce=\"one\", qop=\"auth\""]);
        let stale = offers(&["Digest realm=\"x\", nonce=\"two\", qop=\"auth\", stale=true"]);
        assert!(matches!(sign_in.next_of(&first), Next::Ask(_)));
        assert!(matches!(sign_in.next_of(&stale), Next::Ask(header) if header.contains("two")));
        assert_eq!(sign_in.next_of(&stale), Next::Refused);
    }

    #[test]
    fn a_malformed_challenge_is_named() {
        let proxy = proxy(true);
        let mut sign_in = begun(&proxy);
        assert!(matches!(sign_in.next_of(&offers(&["NTLM"])), Next::Ask(_)));
        assert!(matches!(
            sign_in.next_of(&offers(&["NTLM AAAA"])),
            Next::Failed { .. }
        ));
    }
}
