//! Signing in at a proxy: Basic (RFC 7617), Digest (RFC 7616), NTLM ([MS-NLMP]), the latter also
//! inside Negotiate (RFC 4559).
//!
//! Only what the proxy offers is used, the better one first, and Basic, which shows the password
//! to everybody on the way, last. A proof of the password is sent once: after its refusal nothing
//! else is tried, because a few of them lock an account. Kerberos is not spoken here.

mod challenge;
mod digest;
mod ntlm;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::proxy::ProxyCredentials;
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
}

/// In the order in which they are tried.
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
    method: &'a str,
    uri: &'a str,
    state: State,
    tried: Vec<SignInScheme>,
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
            Self::Negotiate => "Negotiate",
        }
    }
}

impl<'a> SignIn<'a> {
    /// `method` and `uri` are those of the request that is asked again.
    pub(crate) fn new(
        credentials: Option<&'a ProxyCredentials>,
        method: &'a str,
        uri: &'a str,
    ) -> Self {
        Self {
            credentials,
            method,
            uri,
            state: State::Nothing,
            tried: Vec::new(),
        }
    }

    /// Reads the values of Proxy-Authenticate.
    pub(crate) fn next(&mut self, offered: &[String]) -> Next {
        let mut random = [0u8; 16];
        if aws_lc_rs::rand::fill(&mut random).is_err() {
            return Next::Refused;
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let fresh = Fresh {
            random,
            now: now.map_or(0, |now| now.as_secs()),
        };
        self.next_with(&Challenge::read_all(offered), &fresh)
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
        }
    }
}

fn with_token(scheme: SignInScheme, token: &[u8]) -> String {
    format!("{} {}", scheme.as_str(), STANDARD.encode(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> ProxyCredentials {
        ProxyCredentials {
            user: "ann".into(),
            password: "p:w".into(),
        }
    }

    fn offers(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn without_credentials_nothing_is_tried() {
        let mut sign_in = SignIn::new(None, "CONNECT", "a.test:443");
        assert_eq!(sign_in.next(&offers(&["Basic realm=\"x\""])), Next::Refused);
        assert_eq!(sign_in.scheme(), None);
    }

    #[test]
    fn basic_is_the_last_choice_and_a_refused_proof_the_end() {
        let credentials = credentials();
        let mut sign_in = SignIn::new(Some(&credentials), "CONNECT", "a.test:443");
        let both = offers(&[
            "Basic realm=\"x\"",
            "Digest realm=\"x\", nonce=\"n\", qop=\"auth\"",
        ]);
        assert!(matches!(sign_in.next(&both), Next::Ask(header) if header.starts_with("Digest ")));
        assert_eq!(sign_in.next(&both), Next::Refused);

        let mut sign_in = SignIn::new(Some(&credentials), "CONNECT", "a.test:443");
        let basic = offers(&["Basic realm=\"x\""]);
        assert_eq!(sign_in.next(&basic), Next::Ask("Basic YW5uOnA6dw==".into()));
        assert_eq!(sign_in.next(&basic), Next::Refused);
        assert!(sign_in.is_proven());
    }

    #[test]
    fn a_scheme_that_is_offered_and_not_taken_gives_way_to_the_next() {
        let credentials = credentials();
        let mut sign_in = SignIn::new(Some(&credentials), "CONNECT", "a.test:443");
        let both = offers(&["Negotiate", "Basic realm=\"x\""]);
        assert!(
            matches!(sign_in.next(&both), Next::Ask(header) if header.starts_with("Negotiate "))
        );
        assert!(sign_in.is_bound_to_connection() && !sign_in.is_proven());
        assert!(matches!(sign_in.next(&both), Next::Ask(header) if header.starts_with("Basic ")));
    }

    #[test]
    fn an_old_nonce_is_exchanged_once() {
        let credentials = credentials();
        let mut sign_in = SignIn::new(Some(&credentials), "CONNECT", "a.test:443");
        let first = offers(&["Digest realm=\"x\", nonce=\"one\", qop=\"auth\""]);
        let stale = offers(&["Digest realm=\"x\", nonce=\"two\", qop=\"auth\", stale=true"]);
        assert!(matches!(sign_in.next(&first), Next::Ask(_)));
        assert!(matches!(sign_in.next(&stale), Next::Ask(header) if header.contains("two")));
        assert_eq!(sign_in.next(&stale), Next::Refused);
    }

    #[test]
    fn a_malformed_challenge_is_named() {
        let credentials = credentials();
        let mut sign_in = SignIn::new(Some(&credentials), "CONNECT", "a.test:443");
        assert!(matches!(sign_in.next(&offers(&["NTLM"])), Next::Ask(_)));
        assert!(matches!(
            sign_in.next(&offers(&["NTLM AAAA"])),
            Next::Failed { .. }
        ));
    }
}
