//! The language of nft files: blocks, defines, commands.

use std::collections::BTreeMap;

use super::lex::{Token, tokens};
use super::statement;
use super::{FAMILIES, Hook, RuleSource, SetSource, Source, priority};
use crate::audit::{AuditError, Note};

/// Tokens that defines are replaced by, all in all.
const MAX_TOKENS: usize = 4_000_000;
/// Defines inside defines.
const MAX_DEFINES: usize = 16;
/// Characters of a rule that findings repeat.
const SHOWN: usize = 160;

/// Reads a file.
pub(super) fn read(text: &str) -> Result<Source, AuditError> {
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        defines: BTreeMap::new(),
        spent: 0,
        source: Source::default(),
    };
    while parser.at < parser.tokens.len() {
        parser.command()?;
    }
    Ok(parser.source)
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    defines: BTreeMap<String, Vec<Token>>,
    spent: usize,
    source: Source,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn line(&self) -> usize {
        self.peek()
            .or(self.tokens.last())
            .map_or(0, |token| token.line)
    }

    fn expected(&self, expected: &'static str) -> AuditError {
        AuditError::Syntax {
            line: self.line(),
            expected,
            got: self.peek().map_or_else(
                || "the end of the file".to_owned(),
                |token| token.text.clone(),
            ),
        }
    }

    fn note(&mut self, line: usize, text: String) {
        self.source.notes.push(Note { line, text });
    }

    /// The tokens up to the end of the statement, with defines replaced; braces are kept whole.
    fn statement(&mut self) -> Result<Vec<Token>, AuditError> {
        let mut taken = Vec::new();
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if depth == 0 && (token.ends() || token.is("}")) {
                if token.ends() {
                    self.at += 1;
                }
                break;
            }
            if token.is("{") {
                depth += 1;
            } else if token.is("}") {
                depth = depth.saturating_sub(1);
            }
            let token = token.clone();
            self.at += 1;
            if !(token.is("\n")) {
                taken.push(token);
            }
        }
        let mut out = Vec::with_capacity(taken.len());
        for token in taken {
            self.replaced(token, 0, &mut out)?;
        }
        Ok(out)
    }

    fn replaced(
        &mut self,
        token: Token,
        depth: usize,
        out: &mut Vec<Token>,
    ) -> Result<(), AuditError> {
        self.spent += 1;
        if self.spent > MAX_TOKENS {
            return Err(AuditError::TooMuch {
                what: "words after its defines are replaced",
                most: MAX_TOKENS,
            });
        }
        let value = (!token.quoted && depth < MAX_DEFINES)
            .then(|| {
                token
                    .text
                    .strip_prefix('$')
                    .and_then(|name| self.defines.get(name))
                    .cloned()
            })
            .flatten();
        match value {
            None => out.push(token),
            Some(value) => {
                for inner in value {
                    let inner = Token {
                        line: token.line,
                        ..inner
                    };
                    self.replaced(inner, depth + 1, out)?;
                }
            }
        }
        Ok(())
    }

    fn block(&mut self) -> Result<(), AuditError> {
        match self.next() {
            Some(token) if token.is("{") => Ok(()),
            _ => {
                self.at -= 1;
                Err(self.expected("{"))
            }
        }
    }

    /// Over a block of no interest.
    fn skip_block(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.next() {
            if token.is("{") {
                depth += 1;
            } else if token.is("}") {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return;
                }
            } else if depth == 0 && token.ends() {
                return;
            }
        }
    }

    fn command(&mut self) -> Result<(), AuditError> {
        let Some(token) = self.peek().cloned() else {
            return Ok(());
        };
        if token.ends() {
            self.at += 1;
            return Ok(());
        }
        match token.text.as_str() {
            "table" => self.table_block(),
            "add" | "create" | "insert" | "replace" => {
                let words = self.braced_command()?;
                self.added(&token.text, &words, token.line)
            }
            "define" | "redefine" => {
                self.at += 1;
                let words = self.statement()?;
                if let [name, sign, value @ ..] = words.as_slice()
                    && sign.is("=")
                {
                    self.defines.insert(name.text.clone(), value.to_vec());
                }
                Ok(())
            }
            "undefine" => {
                let words = self.statement()?;
                if let Some(name) = words.get(1) {
                    self.defines.remove(&name.text);
                }
                Ok(())
            }
            "include" => {
                let words = self.statement()?;
                let file = words.get(1).map_or("", |word| word.text.as_str());
                self.note(token.line, format!("the included file {file:?} is not read; audit the output of \"nft list ruleset\" instead"));
                Ok(())
            }
            _ => {
                let words = self.statement()?;
                if words.is_empty() {
                    self.at += 1;
                }
                let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
                if ["flush", "delete", "destroy"].contains(&token.text.as_str())
                    && self.source.remove(&texts)
                {
                    return Ok(());
                }
                let shown = shown(&words);
                if !["list", "flush", "delete", "destroy", "reset"]
                    .iter()
                    .any(|known| token.is(known))
                    && self.source.tables.is_empty()
                {
                    return Err(AuditError::Syntax {
                        line: token.line,
                        expected: "a ruleset of nftables (table …)",
                        got: shown,
                    });
                }
                self.note(token.line, format!("this command is not read: {shown}"));
                Ok(())
            }
        }
    }

    /// A command's words; a chain or set may have its block over several lines.
    fn braced_command(&mut self) -> Result<Vec<Token>, AuditError> {
        self.statement()
    }

    fn table_block(&mut self) -> Result<(), AuditError> {
        self.at += 1;
        let mut name = self
            .next()
            .ok_or_else(|| self.expected("the name of a table"))?
            .text;
        let mut family = "ip".to_owned();
        if FAMILIES.contains(&name.as_str()) {
            family = name;
            name = self
                .next()
                .ok_or_else(|| self.expected("the name of a table"))?
                .text;
        }
        self.source.table(&family, &name);
        if self.peek().is_none_or(Token::ends) {
            return Ok(());
        }
        self.block()?;
        loop {
            let Some(token) = self.peek().cloned() else {
                return Err(self.expected("} at the end of the table"));
            };
            if token.is("}") {
                self.at += 1;
                return Ok(());
            }
            if token.ends() {
                self.at += 1;
                continue;
            }
            match token.text.as_str() {
                "chain" => {
                    self.at += 1;
                    let chain = self
                        .next()
                        .ok_or_else(|| self.expected("the name of a chain"))?
                        .text;
                    self.block()?;
                    self.chain(&family, &name, &chain)?;
                }
                "set" | "map" => {
                    self.at += 1;
                    let set = self
                        .next()
                        .ok_or_else(|| self.expected("the name of a set"))?
                        .text;
                    self.block()?;
                    let set_source = self.set()?;
                    self.source
                        .table(&family, &name)
                        .sets
                        .insert(set, set_source);
                }
                "flags" => {
                    let words = self.statement()?;
                    let dormant = words.iter().any(|word| word.is("dormant"));
                    self.source.table(&family, &name).dormant |= dormant;
                }
                "comment" => {
                    self.statement()?;
                }
                "counter" | "quota" | "limit" | "ct" | "flowtable" | "secmark" | "synproxy" => {
                    self.skip_block()
                }
                _ => {
                    let words = self.statement()?;
                    if words.is_empty() {
                        self.at += 1;
                    }
                    let text = format!("this part of a table is not understood: {}", shown(&words));
                    self.note(token.line, text);
                }
            }
        }
    }

    fn chain(&mut self, family: &str, table: &str, name: &str) -> Result<(), AuditError> {
        self.source.table(family, table).chain(name);
        loop {
            let Some(token) = self.peek().cloned() else {
                return Err(self.expected("} at the end of the chain"));
            };
            if token.is("}") {
                self.at += 1;
                return Ok(());
            }
            if token.ends() {
                self.at += 1;
                continue;
            }
            let words = self.statement()?;
            if words.is_empty() {
                // A sign that no statement begins with.
                self.at += 1;
                continue;
            }
            self.chain_line(family, table, name, &words);
        }
    }

    fn chain_line(&mut self, family: &str, table: &str, name: &str, words: &[Token]) {
        let Some(first) = words.first() else { return };
        let line = first.line;
        let chain = self.source.table(family, table).chain(name);
        match first.text.as_str() {
            "type" => chain.hook = hook(words).or(chain.hook.take()),
            "policy" => {
                if let Some(hook) = &mut chain.hook {
                    hook.drops = words.get(1).is_some_and(|word| word.is("drop"));
                }
            }
            "comment" | "devices" | "flags" => {}
            _ => {
                let rule = rule(words, line);
                chain.rules.push(rule);
            }
        }
    }

    fn set(&mut self) -> Result<SetSource, AuditError> {
        let mut set = SetSource::default();
        loop {
            let Some(token) = self.peek().cloned() else {
                return Err(self.expected("} at the end of the set"));
            };
            if token.is("}") {
                self.at += 1;
                return Ok(set);
            }
            if token.ends() {
                self.at += 1;
                continue;
            }
            let words = self.statement()?;
            if words.is_empty() {
                self.at += 1;
            }
            match token.text.as_str() {
                "elements" => {
                    let values = words.get(2..).unwrap_or_default();
                    set.elements.extend(statement::elements(values));
                }
                "flags" => {
                    set.changes |= words
                        .iter()
                        .any(|word| word.is("dynamic") || word.is("timeout"))
                }
                _ => {}
            }
        }
    }

    /// `add rule inet filter input …` and its like.
    fn added(&mut self, verb: &str, words: &[Token], line: usize) -> Result<(), AuditError> {
        let mut rest = words.get(1..).unwrap_or_default();
        let mut object = "rule".to_owned();
        if let [word, more @ ..] = rest
            && !FAMILIES.contains(&word.text.as_str())
        {
            object = word.text.clone();
            rest = more;
        }
        let mut family = "ip".to_owned();
        if let [word, more @ ..] = rest
            && FAMILIES.contains(&word.text.as_str())
        {
            family = word.text.clone();
            rest = more;
        }
        let [table, rest @ ..] = rest else {
            return Err(AuditError::Syntax {
                line,
                expected: "the name of a table",
                got: shown(words),
            });
        };
        if object == "table" {
            self.source.table(&family, &table.text);
            return Ok(());
        }
        let [name, rest @ ..] = rest else {
            return Err(AuditError::Syntax {
                line,
                expected: "a name",
                got: shown(words),
            });
        };
        match object.as_str() {
            "chain" => {
                self.source.table(&family, &table.text).chain(&name.text);
                for part in inner(rest).split(Token::ends) {
                    self.chain_line(&family, &table.text, &name.text, part);
                }
            }
            "rule" => {
                let rest = match rest {
                    [word, _, rest @ ..]
                        if ["position", "handle", "index"]
                            .iter()
                            .any(|known| word.is(known)) =>
                    {
                        self.note(line, "a rule that is placed by position, handle or index is read as the chain's last".to_owned());
                        rest
                    }
                    rest => rest,
                };
                let rule = rule(rest, line);
                let chain = self.source.table(&family, &table.text).chain(&name.text);
                if verb == "insert" {
                    chain.rules.insert(0, rule);
                } else {
                    chain.rules.push(rule);
                }
            }
            "element" | "set" | "map" => {
                let mut set = SetSource::default();
                if object == "element" {
                    set.elements = statement::elements(rest);
                } else {
                    for part in inner(rest).split(Token::ends) {
                        match part {
                            [word, _, values @ ..] if word.is("elements") => {
                                set.elements.extend(statement::elements(values))
                            }
                            [word, flags @ ..] if word.is("flags") => {
                                set.changes |= flags
                                    .iter()
                                    .any(|word| word.is("dynamic") || word.is("timeout"));
                            }
                            _ => {}
                        }
                    }
                }
                let own = self
                    .source
                    .table(&family, &table.text)
                    .sets
                    .entry(name.text.clone())
                    .or_default();
                own.elements.extend(set.elements);
                own.changes |= set.changes;
            }
            _ => self.note(line, format!("this command is not read: {}", shown(words))),
        }
        Ok(())
    }
}

/// What stands in braces.
fn inner(words: &[Token]) -> &[Token] {
    match words {
        [open, inside @ .., close] if open.is("{") && close.is("}") => inside,
        other => other,
    }
}

fn hook(words: &[Token]) -> Option<Hook> {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let kind = (*texts.get(1)?).to_owned();
    let at = texts.iter().position(|word| *word == "hook")?;
    let hook = (*texts.get(at + 1)?).to_owned();
    let of_priority = texts
        .iter()
        .position(|word| *word == "priority")
        .and_then(|at| texts.get(at + 1..))
        .unwrap_or_default();
    let drops = texts.windows(2).any(|pair| pair == ["policy", "drop"]);
    Some(Hook {
        kind,
        hook,
        priority: priority(of_priority),
        drops,
    })
}

fn rule(words: &[Token], line: usize) -> RuleSource {
    RuleSource {
        line,
        text: shown(words),
        statements: statement::read(words),
    }
}

fn shown(words: &[Token]) -> String {
    let mut text = String::new();
    for word in words {
        if text.len() > SHOWN {
            text.push('…');
            break;
        }
        if !text.is_empty() && !word.is(",") {
            text.push(' ');
        }
        if word.quoted {
            text.push('"');
            text.push_str(&word.text);
            text.push('"');
        } else {
            text.push_str(&word.text);
        }
    }
    text
}
