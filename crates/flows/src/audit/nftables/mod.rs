//! nftables rulesets: what `nft list ruleset` prints, as text or JSON, and files such as
//! /etc/nftables.conf.
//!
//! Read: tables of all families (those of `ip`, `ip6` and `inet` are judged), chains, sets and
//! maps, verdict maps, jumps, ranges, negations, concatenations, defines. A statement that is not
//! understood makes its rule one of which anything may be true, and is reported.
//! Grammar: nft(8) of nftables 1.0.6 and libnftables-json(5).

mod compile;
mod interfaces;
mod json;
mod judge;
mod lex;
mod lines;
mod parse;
mod part;
mod remove;
mod stand;
mod statement;
#[cfg(test)]
pub(super) mod tests;
mod words;

pub(super) use judge::Ruleset;

use std::collections::BTreeMap;

use super::{AuditError, Note};

const FAMILIES: &[&str] = &["ip", "ip6", "inet", "arp", "bridge", "netdev"];

/// A ruleset as it is written.
#[derive(Debug, Clone, Default)]
struct Source {
    tables: Vec<Table>,
    notes: Vec<Note>,
}

#[derive(Debug, Clone)]
struct Table {
    family: String,
    name: String,
    dormant: bool,
    chains: Vec<ChainSource>,
    /// Sets and maps by name.
    sets: BTreeMap<String, SetSource>,
}

#[derive(Debug, Clone, Default)]
struct ChainSource {
    name: String,
    hook: Option<Hook>,
    rules: Vec<RuleSource>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Hook {
    kind: String,
    hook: String,
    priority: i64,
    drops: bool,
}

#[derive(Debug, Clone)]
struct RuleSource {
    line: usize,
    text: String,
    statements: Vec<Statement>,
}

/// Elements of a set or map.
#[derive(Debug, Clone, Default)]
struct SetSource {
    /// Other rules may add to it while the firewall runs.
    changes: bool,
    elements: Vec<Element>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Element {
    /// One word for each part of a concatenation.
    key: Vec<String>,
    verdict: Option<Verdict>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Accept,
    Drop,
    Jump(String),
    Goto(String),
    Return,
    Continue,
}

/// What stands left of an operator: `ip saddr` is (`ip`, `saddr`), `iifname` is (`meta`, `iifname`).
type Key = (String, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Right {
    Elements(Vec<Element>),
    Set(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Statement {
    Match {
        keys: Vec<Key>,
        operator: Operator,
        right: Right,
    },
    /// TCP flags under a mask.
    Flags {
        mask: Vec<String>,
        values: Vec<Vec<String>>,
        negated: bool,
    },
    Map {
        keys: Vec<Key>,
        right: Right,
    },
    Verdict(Verdict),
    /// Holds or not, depending on what no file says.
    Maybe(String),
    /// The packet goes elsewhere than its sender thinks (`dnat`, `redirect`, `tproxy`).
    Rewrite,
    /// Nothing that decides.
    Silent,
    /// Not understood: anything may happen.
    Strange(String),
}

impl Source {
    /// Reads JSON or text.
    fn read(bytes: &[u8]) -> Result<Self, AuditError> {
        let text = String::from_utf8_lossy(bytes);
        if text.trim_start().starts_with('{') {
            json::read(text.as_bytes())
        } else {
            parse::read(&text)
        }
    }

    fn table(&mut self, family: &str, name: &str) -> &mut Table {
        let at = self
            .tables
            .iter()
            .position(|table| table.family == family && table.name == name);
        let at = at.unwrap_or_else(|| {
            self.tables.push(Table {
                family: family.to_owned(),
                name: name.to_owned(),
                dormant: false,
                chains: Vec::new(),
                sets: BTreeMap::new(),
            });
            self.tables.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place was found or made above")]
        &mut self.tables[at]
    }
}

impl Table {
    fn chain(&mut self, name: &str) -> &mut ChainSource {
        let at = self.chains.iter().position(|chain| chain.name == name);
        let at = at.unwrap_or_else(|| {
            self.chains.push(ChainSource {
                name: name.to_owned(),
                ..ChainSource::default()
            });
            self.chains.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place was found or made above")]
        &mut self.chains[at]
    }
}

/// nft's words for priorities (nft(8), "Standard priority names").
fn priority(words: &[&str]) -> i64 {
    let name = |word: &str| match word {
        "raw" => Some(-300),
        "mangle" => Some(-150),
        "dstnat" => Some(-100),
        "filter" => Some(0),
        "security" => Some(50),
        "srcnat" => Some(100),
        _ => word.parse().ok(),
    };
    match words {
        [one] => name(one).unwrap_or(0),
        [base, "+", more] => name(base).unwrap_or(0) + name(more).unwrap_or(0),
        [base, "-", less] => name(base).unwrap_or(0) - name(less).unwrap_or(0),
        _ => 0,
    }
}
