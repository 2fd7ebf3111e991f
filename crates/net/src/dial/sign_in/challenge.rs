//! What a proxy says in Proxy-Authenticate (RFC 9110, section 11).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::SignInScheme;

/// More challenges of one answer are not looked at.
const MAX_CHALLENGES: usize = 16;
/// More parameters of one challenge are not looked at.
const MAX_PARAMETERS: usize = 32;

/// A scheme with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dial) struct Challenge {
    pub(in crate::dial) scheme: String,
    token: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Reads the values of all such headers; one value may hold several challenges.
    pub(in crate::dial) fn read_all(values: &[String]) -> Vec<Self> {
        let mut challenges: Vec<Self> = Vec::new();
        for item in values.iter().flat_map(|value| items(value)) {
            let (first, rest) = split_word(item);
            // Blanks around the equals sign are allowed.
            let is_name = rest.trim_start().starts_with('=');
            let begins = !first.contains('=') && !first.is_empty() && !is_name;
            if begins && challenges.len() < MAX_CHALLENGES {
                challenges.push(Self {
                    scheme: first.to_owned(),
                    token: None,
                    parameters: Vec::new(),
                });
            }
            let Some(challenge) = challenges.last_mut() else {
                continue;
            };
            challenge.take(if begins { rest } else { item });
        }
        challenges
    }

    fn take(&mut self, text: &str) {
        let text = text.trim();
        // A token may end with equals signs, a parameter's name not.
        let parameter = text
            .split_once('=')
            .filter(|(name, value)| !name.trim().is_empty() && !value.trim_matches('=').is_empty());
        match parameter {
            Some((name, value)) if self.parameters.len() < MAX_PARAMETERS => {
                let name = name.trim().to_ascii_lowercase();
                self.parameters.push((name, unquoted(value.trim())));
            }
            Some(_) => {}
            None if !text.is_empty() => self.token = Some(text.to_owned()),
            None => {}
        }
    }

    pub(in crate::dial) fn is(&self, scheme: SignInScheme) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme.as_str())
    }

    pub(super) fn of(challenges: &[Self], scheme: SignInScheme) -> Option<&Self> {
        challenges.iter().find(|challenge| challenge.is(scheme))
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|parameter| parameter.0 == name);
        found.map(|parameter| parameter.1.as_str())
    }

    pub(super) fn token(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.token.as_deref()?).ok()
    }

    pub(super) fn is_stale(&self) -> bool {
        self.parameter("stale")
            .is_some_and(|stale| stale.eq_ignore_ascii_case("true"))
    }
}

/// The parts between commas, but for commas within quotes.
fn items(value: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(move |character| {
        let is_comma = character == ',' && !quoted;
        if !escaped && character == '"' {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && character == '\\';
        is_comma
    });
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

fn split_word(item: &str) -> (&str, &str) {
    item.split_once(char::is_whitespace).unwrap_or((item, ""))
}

fn unquoted(value: &str) -> String {
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    let Some(inner) = inner else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let plain = if character == '\\' {
            characters.next()
        } else {
            Some(character)
        };
        text.extend(plain);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_from_one_value_or_several() {
        let values = [
            "Negotiate, NTLM TlRMTQ==, Basic realm=\"a, \\\"b\\\"\"".to_owned(),
            "digest realm=\"x\",nonce=\"n=\" , qop=\"auth,auth-int\", stale = TRUE".to_owned(),
        ];
        let challenges = Challenge::read_all(&values);
        let schemes: Vec<&str> = challenges
            .iter()
            .map(|challenge| challenge.scheme.as_str())
            .collect();
        assert_eq!(schemes, ["Negotiate", "NTLM", "Basic", "digest"]);
        assert_eq!(challenges[0].token(), None);
        assert_eq!(challenges[1].token().as_deref(), Some(&b"NTLM"[..]));
        assert_eq!(challenges[2].parameter("realm"), Some("a, \"b\""));
        assert_eq!(challenges[3].parameter("nonce"), Some("n="));
        assert_eq!(challenges[3].parameter("qop"), Some("auth,auth-int"));
        assert!(Challenge::of(&challenges, SignInScheme::Digest).is_some());
    }

    #[test]
    fn nonsense_is_read_without_harm_and_within_limits() {
        for text in [
            "",
            ",,,",
            "=",
            "\"",
            "Basic \\",
            "a=b, c",
            "Basic realm=\"open",
        ] {
            let _ = Challenge::read_all(&[text.to_owned()]);
        }
        let many = "x y=1, ".repeat(1_000);
        assert_eq!(Challenge::read_all(&[many]).len(), MAX_CHALLENGES);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_within_limits(values in proptest::collection::vec(".{0,200}", 0..8)) {
            let challenges = Challenge::read_all(&values);
            proptest::prop_assert!(challenges.len() <= MAX_CHALLENGES);
            for challenge in challenges {
                let _ = challenge.token();
                proptest::prop_assert!(!challenge.scheme.contains(char::is_whitespace));
            }
        }

        #[test]
        fn whatever_is_quoted_is_read_back(realm in "[ -~]{0,60}") {
            let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
            let value = format!("Negotiate, Basic realm=\"{quoted}\", charset=x");
            let challenges = Challenge::read_all(&[value]);
            let schemes: Vec<&str> = challenges.iter().map(|one| one.scheme.as_str()).collect();
            proptest::prop_assert_eq!(schemes, ["Negotiate", "Basic"]);
            proptest::prop_assert_eq!(challenges[1].parameter("realm"), Some(realm.as_str()));
            proptest::prop_assert_eq!(challenges[1].parameter("charset"), Some("x"));
        }
    }
}
