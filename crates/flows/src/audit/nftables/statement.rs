//! The statements of a rule.

use super::lex::Token;
use super::{Element, Key, Operator, Right, Statement, Verdict};

/// Headers of packets that keys begin with.
const HEADERS: &[&str] = &[
    "ip", "ip6", "tcp", "udp", "udplite", "sctp", "dccp", "th", "icmp", "icmpv6", "igmp", "ether",
    "vlan", "arp", "ah", "esp", "comp", "meta", "ct",
];
/// Keys of `meta` that need not say so.
const META: &[&str] = &[
    "iif",
    "iifname",
    "iiftype",
    "iifgroup",
    "oif",
    "oifname",
    "oiftype",
    "oifgroup",
    "mark",
    "skuid",
    "skgid",
    "rtclassid",
    "pkttype",
    "cpu",
    "cgroup",
    "priority",
    "nftrace",
    "time",
    "hour",
    "day",
    "length",
];

/// Reads a rule's words.
pub(super) fn read(words: &[Token]) -> Vec<Statement> {
    let mut reader = Reader { words, at: 0 };
    let mut statements = Vec::new();
    while reader.at < words.len() {
        let before = reader.at;
        match reader.statement() {
            Some(Statement::Silent) => {}
            Some(statement) => statements.push(statement),
            None => {
                statements.push(Statement::Strange(reader.rest(before)));
                break;
            }
        }
        if reader.at == before {
            statements.push(Statement::Strange(reader.rest(before)));
            break;
        }
    }
    statements
}

/// The elements of `{ a, b : accept, c . d }`; braces inside are opened.
pub(super) fn elements(words: &[Token]) -> Vec<Element> {
    let mut found = Vec::new();
    for part in words.split(|word| word.is(",") || word.is("{") || word.is("}")) {
        let mut sides = part.splitn(2, |word| word.is(":"));
        let (Some(key), value) = (sides.next(), sides.next()) else {
            continue;
        };
        // `counter packets 0 bytes 0`, `timeout 1h`, `expires 5m`, `comment "…"` say nothing here.
        let silent = |word: &Token| {
            ["counter", "timeout", "expires", "comment", "limit"]
                .iter()
                .any(|known| word.is(known))
        };
        let key: Vec<&Token> = key.iter().take_while(|word| !silent(word)).collect();
        if key.is_empty() {
            continue;
        }
        let verdict = value.and_then(|words| Reader { words, at: 0 }.verdict());
        found.push(Element {
            key: joined(&key),
            verdict,
        });
    }
    found
}

/// `a . b` as its parts; `80 - 90` as one.
fn joined(words: &[&Token]) -> Vec<String> {
    words
        .split(|word| word.is("."))
        .map(|part| {
            part.iter()
                .map(|word| word.text.as_str())
                .collect::<String>()
        })
        .collect()
}

struct Reader<'t> {
    words: &'t [Token],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", |word| {
            if word.quoted {
                "\""
            } else {
                word.text.as_str()
            }
        })
    }

    fn next(&mut self) -> &str {
        self.at += 1;
        self.words
            .get(self.at - 1)
            .map_or("", |word| word.text.as_str())
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == word;
        self.at += usize::from(found);
        found
    }

    fn rest(&self, from: usize) -> String {
        let words = self.words.get(from..).unwrap_or_default().iter();
        words
            .map(|word| word.text.as_str())
            .take(12)
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn verdict(&mut self) -> Option<Verdict> {
        let word = self.next().to_owned();
        Some(match word.as_str() {
            "accept" => Verdict::Accept,
            "drop" => Verdict::Drop,
            "return" => Verdict::Return,
            "continue" => Verdict::Continue,
            "jump" => Verdict::Jump(self.next().to_owned()),
            "goto" => Verdict::Goto(self.next().to_owned()),
            _ => return None,
        })
    }

    fn statement(&mut self) -> Option<Statement> {
        let word = self.peek().to_owned();
        match word.as_str() {
            "accept" | "drop" | "return" | "continue" | "jump" | "goto" => {
                self.verdict().map(Statement::Verdict)
            }
            "reject" => {
                self.at = self.words.len();
                Some(Statement::Verdict(Verdict::Drop))
            }
            "dnat" | "redirect" | "tproxy" => {
                self.at = self.words.len();
                Some(Statement::Rewrite)
            }
            // What a packet comes from changes after the chains that are judged.
            "masquerade" | "snat" => {
                self.at = self.words.len();
                Some(Statement::Verdict(Verdict::Accept))
            }
            "counter" => {
                self.at += 1;
                match self.peek() {
                    "packets" => self.at += 4,
                    "name" => self.at += 2,
                    "\"" => self.at += 1,
                    _ => {}
                }
                Some(Statement::Silent)
            }
            "comment" => {
                self.at += 2;
                Some(Statement::Silent)
            }
            "notrack" => {
                self.at += 1;
                Some(Statement::Silent)
            }
            "log" => {
                self.at += 1;
                while [
                    "prefix",
                    "level",
                    "group",
                    "snaplen",
                    "queue-threshold",
                    "flags",
                ]
                .contains(&self.peek())
                {
                    self.at += 2;
                    while self.take(",") {
                        self.at += 1;
                    }
                    // `flags tcp sequence,options`
                    while ["sequence", "options", "seq"].contains(&self.peek()) || self.take(",") {
                        self.at += 1;
                    }
                }
                Some(Statement::Silent)
            }
            "limit" => Some(self.limit()),
            "quota" => {
                self.at += 1;
                let from = self.at;
                while matches!(self.peek(), "over" | "until" | "used" | "name")
                    || self.peek().starts_with(|c: char| c.is_ascii_digit())
                    || self.peek().ends_with("bytes")
                {
                    self.at += 1;
                }
                Some(Statement::Maybe(format!("a quota ({})", self.rest(from))))
            }
            "fib" => {
                let from = self.at;
                while !matches!(self.peek(), "type" | "oif" | "oifname" | "check" | "")
                    || self.at == from
                {
                    self.at += 1;
                }
                // `fib saddr . iif oif` has its answer behind the last key.
                if self
                    .words
                    .get(self.at.wrapping_sub(1))
                    .is_some_and(|word| word.is("."))
                {
                    self.at += 1;
                    while !matches!(self.peek(), "type" | "oif" | "oifname" | "check" | "") {
                        self.at += 1;
                    }
                }
                let key = ("fib".to_owned(), self.next().to_owned());
                let operator = self.operator();
                let right = self.right(1)?;
                Some(Statement::Match {
                    keys: vec![key],
                    operator,
                    right,
                })
            }
            "add" | "update" | "delete" => {
                while !matches!(self.peek(), "{" | "") {
                    self.at += 1;
                }
                self.braces();
                Some(Statement::Maybe("a set that rules fill".to_owned()))
            }
            "meter" => {
                while !matches!(self.peek(), "{" | "") {
                    self.at += 1;
                }
                self.braces();
                Some(Statement::Maybe("a rate that is measured".to_owned()))
            }
            "flow" => {
                self.at = self.words.len();
                Some(Statement::Silent)
            }
            _ => self.compare(),
        }
    }

    fn limit(&mut self) -> Statement {
        let from = self.at;
        self.at += 1;
        if self.take("name") {
            self.at += 1;
            return Statement::Maybe("a rate".to_owned());
        }
        self.take("rate");
        self.take("over");
        self.at += 1;
        if self.peek().contains('/') && !self.peek().starts_with(|c: char| c.is_ascii_digit()) {
            self.at += 1;
        }
        if self.take("burst") {
            self.at += 2;
        }
        let words = self
            .words
            .get(from..self.at.min(self.words.len()))
            .unwrap_or_default();
        let shown: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        Statement::Maybe(format!("a rate ({})", shown.join(" ")))
    }

    /// Over a block.
    fn braces(&mut self) {
        let mut depth = 0_usize;
        while let Some(word) = self.words.get(self.at) {
            self.at += 1;
            if word.is("{") {
                depth += 1;
            } else if word.is("}") {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return;
                }
            }
        }
    }

    fn key(&mut self) -> Option<Key> {
        let word = self.next().to_owned();
        if HEADERS.contains(&word.as_str()) {
            let mut field = self.next().to_owned();
            if word == "ct" && ["original", "reply"].contains(&field.as_str()) {
                field = format!("{field} {}", self.next());
                if ["ip", "ip6"].iter().any(|family| field.ends_with(family)) {
                    field = format!("{field} {}", self.next());
                }
            }
            return (!field.is_empty()).then_some((word, field));
        }
        META.contains(&word.as_str())
            .then(|| ("meta".to_owned(), word))
    }

    fn operator(&mut self) -> Operator {
        let operator = match self.peek() {
            "==" | "eq" => Operator::Is,
            "!=" | "ne" => Operator::IsNot,
            "<" | "lt" => Operator::Less,
            "<=" | "le" => Operator::AtMost,
            ">" | "gt" => Operator::More,
            ">=" | "ge" => Operator::AtLeast,
            _ => return Operator::Is,
        };
        self.at += 1;
        operator
    }

    fn compare(&mut self) -> Option<Statement> {
        let mut keys = vec![self.key()?];
        while self.take(".") {
            keys.push(self.key()?);
        }
        let is_flags = keys.len() == 1
            && keys
                .first()
                .is_some_and(|(header, field)| header == "tcp" && field == "flags");
        match self.peek() {
            "set" => {
                self.at += 2;
                // `meta mark set ct mark` and its like have more words; none of them decides.
                while !self.peek().is_empty() && !self.is_verdict() {
                    self.at += 1;
                }
                return Some(Statement::Silent);
            }
            "vmap" => {
                self.at += 1;
                let right = self.right(keys.len())?;
                return Some(Statement::Map { keys, right });
            }
            "&" if is_flags => return self.masked_flags(),
            "&" | "|" | "^" | "and" | "or" | "map" => return None,
            _ => {}
        }
        if is_flags {
            return self.flags();
        }
        let operator = self.operator();
        let right = self.right(keys.len())?;
        Some(Statement::Match {
            keys,
            operator,
            right,
        })
    }

    fn is_verdict(&self) -> bool {
        matches!(
            self.peek(),
            "accept"
                | "drop"
                | "return"
                | "continue"
                | "jump"
                | "goto"
                | "reject"
                | "counter"
                | "log"
                | "comment"
        )
    }

    /// `& (fin | syn) == syn`
    fn masked_flags(&mut self) -> Option<Statement> {
        self.at += 1;
        let mask = self.flag_words(&["(", ")", "|", ","]);
        let negated = match self.next() {
            "==" => false,
            "!=" => true,
            _ => return None,
        };
        let value = self.flag_words(&["(", ")", "|", ","]);
        Some(Statement::Flags {
            mask,
            values: vec![value],
            negated,
        })
    }

    /// `syn`, `! syn`, `syn / fin,syn,rst`, `syn,ack`, `{ syn, ack }`
    fn flags(&mut self) -> Option<Statement> {
        let before = self.at;
        let mut negated = self.operator() == Operator::IsNot;
        let exact = self.at > before;
        negated |= self.take("!");
        let all = || {
            ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"]
                .map(str::to_owned)
                .to_vec()
        };
        if self.peek() == "{" {
            let values = self.flag_sets();
            return Some(Statement::Flags {
                mask: all(),
                values,
                negated,
            });
        }
        if exact {
            let values = self.flag_words(&["(", ")", "|"]);
            return Some(Statement::Flags {
                mask: all(),
                values: vec![values],
                negated,
            });
        }
        let values = self.flag_words(&[","]);
        if self.take("/") {
            let mask = self.flag_words(&[","]);
            return Some(Statement::Flags {
                mask,
                values: vec![values],
                negated,
            });
        }
        // Without a mask: any of them is set.
        Some(Statement::Flags {
            mask: values,
            values: vec![Vec::new()],
            negated: !negated,
        })
    }

    fn flag_sets(&mut self) -> Vec<Vec<String>> {
        self.at += 1;
        let mut sets = vec![Vec::new()];
        while !matches!(self.peek(), "}" | "") {
            match self.next() {
                "," => sets.push(Vec::new()),
                "|" => {}
                flag => {
                    let flag = flag.to_owned();
                    if let Some(last) = sets.last_mut() {
                        last.push(flag);
                    }
                }
            }
        }
        self.at += 1;
        sets
    }

    fn flag_words(&mut self, between: &[&str]) -> Vec<String> {
        let mut flags = Vec::new();
        loop {
            let word = self.peek();
            if super::words::flag(word).is_some() {
                flags.push(word.to_owned());
            } else if !between.contains(&word) || word.is_empty() {
                return flags;
            }
            self.at += 1;
        }
    }

    /// What stands right of the operator; `parts` of a concatenation.
    fn right(&mut self, parts: usize) -> Option<Right> {
        if self.take("@") {
            return Some(Right::Set(self.next().to_owned()));
        }
        if self.peek() == "{" {
            let from = self.at;
            self.braces();
            let inside = self.words.get(from..self.at)?;
            return Some(Right::Elements(elements(inside)));
        }
        let mut found = Vec::new();
        loop {
            let mut key = Vec::new();
            for part in 0..parts {
                if part > 0 && !self.take(".") {
                    return None;
                }
                let mut word = self
                    .words
                    .get(self.at)
                    .map(|word| word.text.clone())
                    .filter(|word| !word.is_empty())?;
                self.at += 1;
                if self.take("-") {
                    word = format!("{word}-{}", self.next());
                }
                key.push(word);
            }
            found.push(Element { key, verdict: None });
            if !self.take(",") {
                return Some(Right::Elements(found));
            }
        }
    }
}
