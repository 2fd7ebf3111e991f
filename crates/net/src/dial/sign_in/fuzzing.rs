//! The readers of what a proxy says, for [`crate::fuzzing`].

use std::time::Duration;

use super::{Challenge, Fresh, Next, SignIn, ntlm};
use crate::dial::proxy::{Proxy, ProxyCredentials};

/// Requests for one tunnel, as there may be.
const MAX_ROUNDS: usize = 6;

/// Signs in as ann with the password `p:w` at a proxy that says these values of Proxy-Authenticate,
/// round by round; the values of Proxy-Authorization that it is sent. No ticket is asked for.
#[must_use]
pub fn sign_in(rounds: &[Vec<String>]) -> Vec<String> {
    let Ok(proxy) = Proxy::parse("http://ann:p%3Aw@proxy.test") else {
        return Vec::new();
    };
    let mut sign_in = SignIn::new(&proxy, "CONNECT", "a.test:443", Duration::ZERO);
    let mut sent = Vec::new();
    for offered in rounds.iter().take(MAX_ROUNDS) {
        match sign_in.without_ticket(&Challenge::read_all(offered)) {
            Next::Ask(value) => sent.push(value),
            Next::Refused | Next::Failed { .. } | Next::NoTicket(_) => break,
        }
    }
    sent
}

/// The answer to an NTLM challenge.
#[must_use]
pub fn ntlm_answer(challenge: &[u8]) -> Option<Vec<u8>> {
    let credentials = ProxyCredentials {
        user: "ann".to_owned(),
        password: "p:w".to_owned(),
    };
    let fresh = Fresh {
        random: [7; 16],
        now: 1_795_323_604,
    };
    ntlm::answer(challenge, &credentials, &fresh)
}

/// The names of the schemes that are offered.
#[must_use]
pub(crate) fn schemes(offered: &[String]) -> Vec<String> {
    let challenges = Challenge::read_all(offered).into_iter();
    challenges.map(|challenge| challenge.scheme).collect()
}
