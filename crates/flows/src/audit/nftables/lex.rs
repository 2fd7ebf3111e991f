//! Words and signs of nft's language.

use std::net::Ipv6Addr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    /// In quotes.
    pub(super) quoted: bool,
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        !self.quoted && self.text == text
    }

    /// Whether it ends a statement.
    pub(super) fn ends(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "\n" | ";")
    }
}

/// Splits a file; the ends of lines are tokens, comments are none.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        rest: text,
        line: 1,
        tokens: Vec::new(),
    };
    while lexer.step() {}
    lexer.tokens
}

struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn push(&mut self, text: &str, quoted: bool) {
        self.tokens.push(Token {
            text: text.to_owned(),
            line: self.line,
            quoted,
        });
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn step(&mut self) -> bool {
        let Some(c) = self.rest.chars().next() else {
            return false;
        };
        match c {
            '\n' => {
                self.push("\n", false);
                self.line += 1;
                self.skip(1);
            }
            '\\' if self.rest.starts_with("\\\n") => {
                self.line += 1;
                self.skip(2);
            }
            '\\' if self.rest.starts_with("\\\r\n") => {
                self.line += 1;
                self.skip(3);
            }
            '#' => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.skip(end);
            }
            '"' | '\'' => {
                let body = self.rest.get(1..).unwrap_or_default();
                let end = body.find(c).unwrap_or(body.len());
                let inner = body.get(..end).unwrap_or_default().to_owned();
                self.push(&inner, true);
                self.line += inner.matches('\n').count();
                self.skip(end + 2);
            }
            c if c.is_whitespace() => self.skip(c.len_utf8()),
            '=' | '!' | '<' | '>' if self.rest.get(1..2) == Some("=") => {
                let sign = self.rest.get(..2).unwrap_or_default().to_owned();
                self.push(&sign, false);
                self.skip(2);
            }
            '{' | '}' | '(' | ')' | ',' | ';' | '=' | '@' | '|' | '&' | '!' | '<' | '>' | '^'
            | ':' => {
                if c == ':' && self.rest.starts_with("::") {
                    self.word();
                } else {
                    let sign = c.to_string();
                    self.push(&sign, false);
                    self.skip(1);
                }
            }
            _ => self.word(),
        }
        true
    }

    fn word(&mut self) {
        let ends = |c: char| c.is_whitespace() || "{}(),;=@|&!<>^\"'#".contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len()).max(1);
        let end = (end..=self.rest.len())
            .find(|end| self.rest.is_char_boundary(*end))
            .unwrap_or(self.rest.len());
        let whole = self.rest.get(..end).unwrap_or_default();
        // A colon belongs to an address, and else parts words.
        let end = match whole.find(':') {
            Some(at) if at > 0 && !is_v6(whole) => at,
            _ => end,
        };
        let word = self.rest.get(..end).unwrap_or_default().to_owned();
        self.push(&word, false);
        self.skip(end.max(1));
    }
}

fn is_v6(word: &str) -> bool {
    let address = |part: &str| {
        part.split('/')
            .next()
            .is_some_and(|part| part.parse::<Ipv6Addr>().is_ok())
    };
    match word.split_once('-') {
        Some((first, last)) => address(first) && address(last),
        None => address(word),
    }
}
