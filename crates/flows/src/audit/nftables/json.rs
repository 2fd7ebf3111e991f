//! What `nft -j list ruleset` prints (libnftables-json(5)).

use serde_json::Value;

use super::{
    ChainSource, Element, Hook, Key, Operator, Right, RuleSource, SetSource, Source, Statement,
    Verdict, priority,
};
use crate::audit::{AuditError, Note};

/// Characters of a rule that findings repeat.
const SHOWN: usize = 160;

/// Reads the list of objects; a rule's "line" is its number among all rules.
pub(super) fn read(bytes: &[u8]) -> Result<Source, AuditError> {
    let document: Value = serde_json::from_slice(bytes)?;
    let objects = document
        .get("nftables")
        .and_then(Value::as_array)
        .ok_or(AuditError::Syntax {
            line: 1,
            expected: "an object with the list \"nftables\", as \"nft -j list ruleset\" prints it",
            got: "another object".to_owned(),
        })?;
    let mut source = Source::default();
    let mut rules = 0_usize;
    for object in objects {
        let Some((kind, body)) = object.as_object().and_then(|object| object.iter().next()) else {
            continue;
        };
        let text = |key: &str| {
            body.get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        match kind.as_str() {
            "metainfo" | "counter" | "quota" | "limit" | "ct helper" | "ct timeout"
            | "ct expectation" | "flowtable" | "secmark" | "synproxy" => {}
            "table" => {
                let dormant = body
                    .get("flags")
                    .is_some_and(|flags| flags.to_string().contains("dormant"));
                source.table(&text("family"), &text("name")).dormant |= dormant;
            }
            "chain" => {
                let hook = hook(body);
                let chain: &mut ChainSource = source
                    .table(&text("family"), &text("table"))
                    .chain(&text("name"));
                chain.hook = hook;
            }
            "set" | "map" => {
                let flags = body.get("flags").map(Value::to_string).unwrap_or_default();
                let set = SetSource {
                    changes: flags.contains("dynamic") || flags.contains("timeout"),
                    elements: elements(body.get("elem").unwrap_or(&Value::Null)),
                };
                source
                    .table(&text("family"), &text("table"))
                    .sets
                    .insert(text("name"), set);
            }
            "rule" => {
                rules += 1;
                let expressions = body.get("expr").and_then(Value::as_array);
                let statements = expressions
                    .into_iter()
                    .flatten()
                    .map(statement)
                    .filter(|found| *found != Statement::Silent);
                let rule = RuleSource {
                    line: rules,
                    text: body
                        .get("expr")
                        .map(Value::to_string)
                        .unwrap_or_default()
                        .chars()
                        .take(SHOWN)
                        .collect(),
                    statements: statements.collect(),
                };
                source
                    .table(&text("family"), &text("table"))
                    .chain(&text("chain"))
                    .rules
                    .push(rule);
            }
            other => source.notes.push(Note {
                line: 0,
                text: format!("an object {other:?} is not read"),
            }),
        }
    }
    Ok(source)
}

fn hook(body: &Value) -> Option<Hook> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Hook {
        kind: text("type")?,
        hook: text("hook")?,
        priority: match body.get("prio")? {
            Value::Number(number) => number.as_i64()?,
            Value::String(word) => priority(&[word]),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => 0,
        },
        drops: text("policy").as_deref() == Some("drop"),
    })
}

fn elements(value: &Value) -> Vec<Element> {
    match value {
        Value::Array(list) => list.iter().flat_map(element).collect(),
        Value::Object(object) => match object.get("set") {
            Some(set) => elements(set),
            None => element(value),
        },
        Value::Null => Vec::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => element(value),
    }
}

/// A member of a set; a pair is a key and its verdict.
fn element(value: &Value) -> Vec<Element> {
    match value.as_array().map(Vec::as_slice) {
        Some([key, verdict]) => {
            let verdict = verdict_of(verdict);
            keys(key)
                .into_iter()
                .map(|key| Element {
                    key,
                    verdict: verdict.clone(),
                })
                .collect()
        }
        _ => keys(value)
            .into_iter()
            .map(|key| Element { key, verdict: None })
            .collect(),
    }
}

/// The words of a value; a set in place of a value gives several.
fn keys(value: &Value) -> Vec<Vec<String>> {
    if let Some(inner) = value.get("elem").and_then(|elem| elem.get("val")) {
        return keys(inner);
    }
    if let Some(set) = value.get("set") {
        return match set {
            Value::Array(list) => list.iter().flat_map(keys).collect(),
            other => keys(other),
        };
    }
    if let Some(parts) = value.get("concat").and_then(Value::as_array) {
        return vec![parts.iter().map(word).collect()];
    }
    vec![vec![word(value)]]
}

/// One value as the text language writes it.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Object(object) => {
            if let Some(prefix) = object.get("prefix") {
                let part = |key: &str| prefix.get(key).map(word).unwrap_or_default();
                return format!("{}/{}", part("addr"), part("len"));
            }
            if let Some([first, last]) = object
                .get("range")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
            {
                return format!("{}-{}", word(first), word(last));
            }
            if let Some(inner) = object.get("elem").and_then(|elem| elem.get("val")) {
                return word(inner);
            }
            format!("?{value}")
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => format!("?{value}"),
    }
}

fn verdict_of(value: &Value) -> Option<Verdict> {
    let object = value.as_object()?;
    let (kind, body) = object.iter().next()?;
    let target = || {
        body.get("target")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Some(match kind.as_str() {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "return" => Verdict::Return,
        "continue" => Verdict::Continue,
        "jump" => Verdict::Jump(target()?),
        "goto" => Verdict::Goto(target()?),
        _ => return None,
    })
}

fn statement(value: &Value) -> Statement {
    let strange = || Statement::Strange(value.to_string().chars().take(SHOWN).collect());
    let Some((kind, body)) = value.as_object().and_then(|object| object.iter().next()) else {
        return strange();
    };
    if let Some(verdict) = verdict_of(value) {
        return Statement::Verdict(verdict);
    }
    match kind.as_str() {
        "match" => compare(body).unwrap_or_else(strange),
        "vmap" => {
            let read = || {
                Some(Statement::Map {
                    keys: left(body.get("key")?)?,
                    right: right(body.get("data")?),
                })
            };
            read().unwrap_or_else(strange)
        }
        "reject" => Statement::Verdict(Verdict::Drop),
        "masquerade" | "snat" => Statement::Verdict(Verdict::Accept),
        "dnat" | "redirect" | "tproxy" => Statement::Rewrite,
        "counter" | "log" | "mangle" | "notrack" | "flow" | "comment" => Statement::Silent,
        "limit" | "quota" | "ct count" | "meter" => Statement::Maybe(format!("a {kind}")),
        "set" => Statement::Maybe("a set that rules fill".to_owned()),
        _ => strange(),
    }
}

fn key(value: &Value) -> Option<Key> {
    let (kind, body) = value.as_object()?.iter().next()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    match kind.as_str() {
        "payload" => Some((text("protocol")?, text("field")?)),
        "meta" => Some(("meta".to_owned(), text("key")?)),
        "ct" => {
            let key = text("key")?;
            Some((
                "ct".to_owned(),
                text("dir").map_or(key.clone(), |dir| format!("{dir} {key}")),
            ))
        }
        "fib" => Some(("fib".to_owned(), text("result")?)),
        _ => None,
    }
}

fn left(value: &Value) -> Option<Vec<Key>> {
    match value.get("concat").and_then(Value::as_array) {
        Some(parts) => parts.iter().map(key).collect(),
        None => key(value).map(|key| vec![key]),
    }
}

fn right(value: &Value) -> Right {
    match value.as_str().and_then(|text| text.strip_prefix('@')) {
        Some(set) => Right::Set(set.to_owned()),
        None => Right::Elements(elements(value)),
    }
}

fn compare(body: &Value) -> Option<Statement> {
    let value = body.get("right")?;
    let of = body.get("left")?;
    let operator = match body.get("op").and_then(Value::as_str)? {
        "==" | "in" => Operator::Is,
        "!=" => Operator::IsNot,
        "<" => Operator::Less,
        "<=" => Operator::AtMost,
        ">" => Operator::More,
        ">=" => Operator::AtLeast,
        _ => return None,
    };
    let negated = operator == Operator::IsNot;
    if let Some([masked, mask]) = of.get("&").and_then(Value::as_array).map(Vec::as_slice) {
        let is_flags =
            key(masked).is_some_and(|(header, field)| header == "tcp" && field == "flags");
        return is_flags.then(|| Statement::Flags {
            mask: flags(mask),
            values: vec![flags(value)],
            negated,
        });
    }
    let keys = left(of)?;
    if keys
        .iter()
        .any(|(header, field)| header == "tcp" && field == "flags")
    {
        if let Some(set) = value.get("set").and_then(Value::as_array) {
            let all = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"]
                .map(str::to_owned)
                .to_vec();
            return Some(Statement::Flags {
                mask: all,
                values: set.iter().map(flags).collect(),
                negated,
            });
        }
        return Some(match body.get("op").and_then(Value::as_str) {
            Some("in") => Statement::Flags {
                mask: flags(value),
                values: vec![Vec::new()],
                negated: true,
            },
            _ => {
                let all = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"]
                    .map(str::to_owned)
                    .to_vec();
                Statement::Flags {
                    mask: all,
                    values: vec![flags(value)],
                    negated,
                }
            }
        });
    }
    Some(Statement::Match {
        keys,
        operator,
        right: right(value),
    })
}

fn flags(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(flags).collect(),
        Value::Object(object) => object.get("|").map(flags).unwrap_or_default(),
        Value::Number(_) | Value::Null | Value::Bool(_) => Vec::new(),
    }
}
