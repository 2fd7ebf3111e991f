//! One run of `garrison ctl`: asks the API and prints, as JSON or as tables.

use std::fmt;

use http::Method;
use proto::Page;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Limit;
use super::moment::Clock;
use crate::api::{Api, ApiError};
use crate::output;
use garrison_flows::table::{Table, plain};

/// Pages of one list; each holds up to [`proto::api::PAGE_MAX`] items.
const MAX_PAGES: usize = 100_000;

/// A list: a page of it, or all of one that is short by its nature (flows).
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed<T> {
    Page(Page<T>),
    Whole(Vec<T>),
}

/// The API, and how answers are shown.
#[derive(Debug)]
pub(super) struct Session {
    api: Api,
    clock: Clock,
    json: bool,
}

impl Session {
    pub(super) const fn new(api: Api, clock: Clock, json: bool) -> Self {
        Self { api, clock, json }
    }

    pub(super) const fn api(&self) -> &Api {
        &self.api
    }

    pub(super) const fn json(&self) -> bool {
        self.json
    }

    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Prints a list: the API's JSON, or a table with a row for each item.
    pub(super) async fn list<T: DeserializeOwned, const N: usize>(
        &self,
        query: &Query,
        limit: Limit,
        headings: [&str; N],
        row: impl Fn(&T, &Clock) -> [String; N],
    ) -> anyhow::Result<()> {
        let page: Page<Value> = self.pages(query, limit).await?;
        if self.json {
            return print_json(&page);
        }
        let shown = page.items.len();
        let mut table = Table::new(&headings);
        for item in page.items {
            let item: T = serde_json::from_value(item)?;
            table.row(row(&item, &self.clock));
        }
        output::text(format_args!("{table}"))?;
        if (shown as u64) < page.total {
            output::line(format_args!("({shown} of {})", page.total))?;
        }
        Ok(())
    }

    /// All items of a list, up to the limit.
    pub(super) async fn all<T: DeserializeOwned>(&self, query: &Query) -> Result<Vec<T>, ApiError> {
        let page = self.pages(query, Limit { limit: None }).await?;
        Ok(page.items)
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        query: &Query,
        limit: Limit,
    ) -> Result<Page<T>, ApiError> {
        let limit = limit.limit.unwrap_or(u64::MAX);
        let mut whole = Page {
            items: Vec::new(),
            next_cursor: None,
            total: 0,
        };
        for _ in 0..MAX_PAGES {
            let wanted = limit
                .saturating_sub(whole.items.len() as u64)
                .min(u64::from(proto::api::PAGE_MAX));
            if wanted == 0 {
                break;
            }
            let mut query = query.clone().and("limit", wanted);
            if let Some(cursor) = &whole.next_cursor {
                query = query.and("cursor", cursor);
            }
            let page = match self.api.read::<Listed<T>>(&query.to_string()).await? {
                Listed::Page(page) => page,
                Listed::Whole(items) => Page {
                    total: items.len() as u64,
                    items,
                    next_cursor: None,
                },
            };
            whole.total = page.total;
            whole.items.extend(page.items);
            whole.next_cursor = page.next_cursor;
            if whole.next_cursor.is_none() {
                break;
            }
        }
        Ok(whole)
    }

    /// Prints one object: the API's JSON, or a line for each of its facts.
    pub(super) async fn show<T: DeserializeOwned>(
        &self,
        path: &str,
        facts: impl Fn(&T, &Clock) -> Vec<(&'static str, String)>,
    ) -> anyhow::Result<()> {
        let value: Value = self.api.read(path).await?;
        if self.json {
            return print_json(&value);
        }
        let object: T = serde_json::from_value(value)?;
        Ok(print_facts(&facts(&object, &self.clock))?)
    }

    /// Sends a change and prints the API's JSON, or a sentence about the answer.
    pub(super) async fn act<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        say: impl FnOnce(T) -> String,
    ) -> anyhow::Result<()> {
        let value: Value = self.api.send(method, path, body).await?;
        self.tell(value, say)
    }

    /// Prints an answer: the API's JSON, or a sentence about it.
    pub(super) fn tell<T: DeserializeOwned>(
        &self,
        answer: Value,
        say: impl FnOnce(T) -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            return print_json(&answer);
        }
        output::line(plain(say(serde_json::from_value(answer)?)))?;
        Ok(())
    }
}

pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    output::line(serde_json::to_string_pretty(value)?)?;
    Ok(())
}

pub(super) fn print_facts(facts: &[(&'static str, String)]) -> std::io::Result<()> {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in facts {
        output::line(format_args!("{name:width$}  {}", plain(value.clone())))?;
    }
    Ok(())
}

/// A path with a query.
#[derive(Debug, Clone)]
pub(super) struct Query {
    path: String,
    pairs: Vec<(&'static str, String)>,
}

impl Query {
    pub(super) fn of(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            pairs: Vec::new(),
        }
    }

    pub(super) fn and(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.pairs.push((name, value.to_string()));
        self
    }

    pub(super) fn and_if(self, name: &'static str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.and(name, value),
            None => self,
        }
    }
}

impl Query {
    /// Percent-encoded, for one segment of a path or one value.
    pub(super) fn encoded(text: &str) -> String {
        let mut encoded = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        encoded
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for (index, (name, value)) in self.pairs.iter().enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            write!(f, "{name}={}", Self::encoded(value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_may_not_hold_is_escaped() {
        let query = Query::of("/api/v1/devices")
            .and("search", "a b&c=é")
            .and_if("group", None::<String>)
            .and("limit", 5);
        assert_eq!(
            query.to_string(),
            "/api/v1/devices?search=a%20b%26c%3D%C3%A9&limit=5"
        );
    }
}
