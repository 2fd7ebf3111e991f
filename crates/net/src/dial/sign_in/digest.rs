//! Digest (RFC 7616).

use md5::{Digest as _, Md5};

use super::{Challenge, Fresh, SignInScheme};
use crate::dial::proxy::ProxyCredentials;

/// The better one first.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm {
        name: "SHA-512-256",
        hash: Hash::Sha512Of256,
        session: false,
    },
    Algorithm {
        name: "SHA-256",
        hash: Hash::Sha256,
        session: false,
    },
    Algorithm {
        name: "SHA-512-256-sess",
        hash: Hash::Sha512Of256,
        session: true,
    },
    Algorithm {
        name: "SHA-256-sess",
        hash: Hash::Sha256,
        session: true,
    },
    Algorithm {
        name: "MD5",
        hash: Hash::Md5,
        session: false,
    },
    Algorithm {
        name: "MD5-sess",
        hash: Hash::Md5,
        session: true,
    },
];

#[derive(Debug, Clone, Copy)]
struct Algorithm {
    name: &'static str,
    hash: Hash,
    session: bool,
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Md5,
    Sha256,
    Sha512Of256,
}

impl Hash {
    fn of(self, text: &str) -> String {
        let by = |algorithm| hex::encode(aws_lc_rs::digest::digest(algorithm, text.as_bytes()));
        match self {
            Self::Md5 => hex::encode(Md5::digest(text.as_bytes())),
            Self::Sha256 => by(&aws_lc_rs::digest::SHA256),
            Self::Sha512Of256 => by(&aws_lc_rs::digest::SHA512_256),
        }
    }
}

/// The value of Proxy-Authorization for the request's method and URI.
pub(super) fn answer(
    offered: &[Challenge],
    credentials: &ProxyCredentials,
    (method, uri): (&str, &str),
    fresh: &Fresh,
) -> Result<String, &'static str> {
    let (challenge, algorithm) = ALGORITHMS
        .iter()
        .find_map(|algorithm| {
            let challenge = offered.iter().find(|challenge| {
                let named = challenge.parameter("algorithm").unwrap_or("MD5");
                challenge.is(SignInScheme::Digest) && named.eq_ignore_ascii_case(algorithm.name)
            })?;
            Some((challenge, *algorithm))
        })
        .ok_or("it wants an algorithm that is not known")?;
    let realm = challenge.parameter("realm").unwrap_or_default();
    let nonce = challenge.parameter("nonce").ok_or("it gives no nonce")?;
    let qop = qop(challenge)?;
    let hash = |text: String| algorithm.hash.of(&text);

    let client_nonce = hex::encode(fresh.random);
    let user = &credentials.user;
    let mut secret = hash(format!("{user}:{realm}:{}", credentials.password));
    if algorithm.session {
        secret = hash(format!("{secret}:{nonce}:{client_nonce}"));
    }
    let request = match qop {
        Some("auth-int") => hash(format!("{method}:{uri}:{}", hash(String::new()))),
        Some(_) | None => hash(format!("{method}:{uri}")),
    };
    let response = match qop {
        Some(qop) => hash(format!(
            "{secret}:{nonce}:00000001:{client_nonce}:{qop}:{request}"
        )),
        // As RFC 2069 had it.
        None => hash(format!("{secret}:{nonce}:{request}")),
    };

    let wants_hashed_user = challenge
        .parameter("userhash")
        .is_some_and(|wanted| wanted.eq_ignore_ascii_case("true"));
    let user = if wants_hashed_user {
        hash(format!("{user}:{realm}"))
    } else {
        user.clone()
    };
    let mut answer = format!(
        "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
        quoted(&user),
        quoted(realm),
        quoted(nonce),
        quoted(uri),
    );
    if challenge.parameter("algorithm").is_some() {
        answer.push_str(&format!(", algorithm={}", algorithm.name));
    }
    if let Some(opaque) = challenge.parameter("opaque") {
        answer.push_str(&format!(", opaque={}", quoted(opaque)));
    }
    if let Some(qop) = qop {
        answer.push_str(&format!(
            ", qop={qop}, nc=00000001, cnonce=\"{client_nonce}\""
        ));
    }
    if wants_hashed_user {
        answer.push_str(", userhash=true");
    }
    Ok(answer)
}

/// The protection to use; `None` where the proxy speaks as RFC 2069 did.
fn qop(challenge: &Challenge) -> Result<Option<&'static str>, &'static str> {
    let Some(offered) = challenge.parameter("qop") else {
        return Ok(None);
    };
    let offers = |wanted: &str| {
        offered
            .split(',')
            .any(|offer| offer.trim().eq_ignore_ascii_case(wanted))
    };
    if offers("auth") {
        Ok(Some("auth"))
    } else if offers("auth-int") {
        Ok(Some("auth-int"))
    } else {
        Err("it wants a protection that is not known")
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(answer: &str) -> &str {
        let (_, rest) = answer.split_once("response=\"").unwrap();
        rest.split_once('"').unwrap().0
    }

    fn check(challenge: &str, (user, password): (&str, &str), uri: &str) -> String {
        let offered = Challenge::read_all(&[challenge.to_owned()]);
        let credentials = ProxyCredentials {
            user: user.into(),
            password: password.into(),
        };
        let fresh = Fresh {
            random: [0xab; 16],
            now: 0,
        };
        answer(&offered, &credentials, ("GET", uri), &fresh).unwrap()
    }

    #[test]
    fn the_old_form_gives_the_value_of_its_specification() {
        // RFC 2069, section 2.4, with the value that its errata give.
        let answer = check(
            "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
            ("Mufasa", "CircleOfLife"),
            "/dir/index.html",
        );
        assert_eq!(response(&answer), "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn the_better_algorithm_is_chosen_and_a_name_may_be_hashed() {
        let answer = check(
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5, Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256, userhash=true",
            ("ann", "p"),
            "/",
        );
        assert!(answer.contains("algorithm=SHA-256"), "{answer}");
        assert!(
            answer.contains("userhash=true") && !answer.contains("ann"),
            "{answer}"
        );
        assert_eq!(response(&answer).len(), 64);
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        let fresh = Fresh {
            random: [0; 16],
            now: 0,
        };
        let credentials = ProxyCredentials {
            user: String::new(),
            password: String::new(),
        };
        for challenge in [
            "Digest realm=\"r\", nonce=\"n\", algorithm=ROT13",
            "Digest realm=\"r\"",
            "Digest realm=\"r\", nonce=\"n\", qop=\"other\"",
        ] {
            let offered = Challenge::read_all(&[challenge.to_owned()]);
            assert!(
                answer(&offered, &credentials, ("GET", "/"), &fresh).is_err(),
                "{challenge}"
            );
        }
    }
}
