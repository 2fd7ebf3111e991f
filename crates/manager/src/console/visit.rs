//! One request of a person who is signed in: who it is, what the address and the form say.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use proto::problem::ProblemKind;

use super::address::{Address, decode};
use super::answer::Fault;
use super::frame::{Frame, Person, Room, Said, Theme};
use super::meaning::Meaning;
use super::words::Words;
use crate::access::{Caller, MinimalRole, Permit};
use crate::refusal::Refusal;
use crate::site::Site;

/// More fields than this are dropped.
const MAX_FIELDS: usize = 2000;

/// The fields of a form that was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    #[must_use]
    pub(crate) fn read(body: &str) -> Self {
        Self(
            body.split('&')
                .filter(|pair| !pair.is_empty())
                .take(MAX_FIELDS)
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    /// The value of a field; empty when it isn't there.
    #[must_use]
    pub(crate) fn value(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a field, read.
    ///
    /// # Errors
    /// When it can't be read; the refusal names the field.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str) -> Result<T, Refusal> {
        self.value(name).trim().parse().map_err(|_| {
            Refusal::invalid(format!(
                "{name}: {:?} can't be read",
                self.value(name).chars().take(80).collect::<String>()
            ))
        })
    }
}

/// A request that passed the guard.
#[derive(Debug, Clone)]
pub(crate) struct Visit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    caller: Caller,
    session: String,
    csrf: String,
    theme: Theme,
    address: Address,
    form: Form,
}

impl Visit {
    /// What the guard found out.
    #[must_use]
    pub(crate) fn new(
        caller: Caller,
        session: String,
        csrf: String,
        theme: Theme,
        address: Address,
        form: Form,
    ) -> Self {
        Self(Arc::new(Inner {
            caller,
            session,
            csrf,
            theme,
            address,
            form,
        }))
    }

    /// The person.
    #[must_use]
    pub(crate) fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// The session's token.
    #[must_use]
    pub(crate) fn session(&self) -> &str {
        &self.0.session
    }

    /// The proof that the person's role suffices.
    ///
    /// # Errors
    /// When it doesn't.
    pub(crate) fn permit<R: MinimalRole>(&self) -> Result<Permit<R>, Refusal> {
        self.0.caller.permit()
    }

    /// Path and query.
    #[must_use]
    pub(crate) fn address(&self) -> &Address {
        &self.0.address
    }

    /// The form that was sent.
    #[must_use]
    pub(crate) fn form(&self) -> &Form {
        &self.0.form
    }

    /// Reads an identifier of the path. What is none leads nowhere.
    ///
    /// # Errors
    /// When the text is no identifier.
    pub(crate) fn id<T: FromStr>(&self, text: &str) -> Result<T, Fault>
    where
        T::Err: std::fmt::Display,
    {
        text.parse()
            .map_err(|error: T::Err| Fault(Refusal::new(ProblemKind::NotFound, error.to_string())))
    }

    /// What stands around the page.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn frame(&self, site: &Site, room: Room) -> Result<Frame, Refusal> {
        let counts = crate::detections::counts(site).await?;
        Ok(Frame {
            words: Words::english(),
            site: site.config.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            person: Person {
                name: self.0.caller.name.clone(),
                role: self.0.caller.role,
            },
            csrf: self.0.csrf.clone(),
            theme: self.0.theme,
            room,
            here: self.0.address.here(),
            now: site.now(),
            said: self.said(),
            open_detections: counts.open,
        })
    }

    /// What was done before this page came. Only messages of the catalogue are said.
    fn said(&self) -> Option<Said> {
        let words = Words::english();
        let key = format!("said.{}", self.0.address.wanted("said")?);
        let text = if words.has(&key) {
            words.t(&key).to_owned()
        } else if words.has(&format!("{key}.other")) {
            let n = self.0.address.value("n").parse().ok()?;
            words.count(&key, n)
        } else {
            return None;
        };
        let skipped: u64 = self.0.address.value("skipped").parse().unwrap_or(0);
        if skipped > 0 {
            let text = format!("{text} {}", words.count("said.skipped", skipped));
            let meaning = Meaning::Warning;
            return Some(Said { meaning, text });
        }
        let meaning = match key.as_str() {
            "said.none_chosen" | "said.not_connected" => Meaning::Warning,
            _ => Meaning::Good,
        };
        Some(Said { meaning, text })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Fault> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Fault(Refusal::new(
                ProblemKind::Unauthenticated,
                "this page is for people who are signed in",
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_reads_all_values_of_a_field() {
        let form = Form::read("id=1&id=2&note=a%26b+c&empty=");
        assert_eq!(form.values("id").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(form.value("note"), "a&b c");
        assert_eq!(form.value("missing"), "");
        assert!(form.parsed::<u32>("note").is_err());
    }
}
