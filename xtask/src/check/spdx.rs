//! Licence expressions, as SPDX 2.3 annex D writes them, and the `A/B` of older crates.

use std::iter::Peekable;

/// `A WITH exception` is one licence here, for it is one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Licence(String),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Expression {
    /// # Errors
    /// A sentence that says what was expected and what came.
    pub(super) fn parse(text: &str) -> Result<Expression, String> {
        let spaced = text
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let mut words = spaced.split_whitespace().peekable();
        let expression = any(&mut words)?;
        match words.next() {
            None => Ok(expression),
            Some(rest) => Err(format!("expected the end or AND/OR/WITH, came {rest:?}")),
        }
    }

    /// Whether a choice of licences exists that `allowed` accepts.
    pub(super) fn is_satisfied(&self, allowed: &impl Fn(&str) -> bool) -> bool {
        match self {
            Expression::Licence(name) => allowed(name),
            Expression::All(parts) => parts.iter().all(|part| part.is_satisfied(allowed)),
            Expression::Any(parts) => parts.iter().any(|part| part.is_satisfied(allowed)),
        }
    }
}

fn any<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Result<Expression, String> {
    let mut parts = vec![all(words)?];
    while words.next_if_eq(&"OR").is_some() {
        parts.push(all(words)?);
    }
    Ok(single_or(parts, Expression::Any))
}

fn all<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Result<Expression, String> {
    let mut parts = vec![term(words)?];
    while words.next_if_eq(&"AND").is_some() {
        parts.push(term(words)?);
    }
    Ok(single_or(parts, Expression::All))
}

fn term<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Result<Expression, String> {
    match words.next() {
        Some("(") => {
            let inner = any(words)?;
            match words.next() {
                Some(")") => Ok(inner),
                other => Err(format!("expected ')', came {other:?}")),
            }
        }
        Some(word @ (")" | "AND" | "OR" | "WITH")) => {
            Err(format!("expected a licence, came {word:?}"))
        }
        Some(name) => {
            if words.next_if_eq(&"WITH").is_none() {
                return Ok(Expression::Licence(name.to_owned()));
            }
            let exception = words
                .next()
                .ok_or("expected an exception after WITH, came the end")?;
            Ok(Expression::Licence(format!("{name} WITH {exception}")))
        }
        None => Err("expected a licence, came the end".to_owned()),
    }
}

fn single_or(mut parts: Vec<Expression>, combine: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            combine(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn satisfied(text: &str) -> bool {
        let allowed = |name: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&name);
        Expression::parse(text).unwrap().is_satisfied(&allowed)
    }

    #[test]
    fn a_choice_needs_one_and_a_sum_needs_all() {
        assert!(satisfied("GPL-3.0-only OR MIT"));
        assert!(!satisfied("GPL-3.0-only AND MIT"));
        assert!(satisfied("MIT AND ISC"));
        assert!(satisfied("GPL-2.0/MIT"));
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert!(satisfied("MIT OR ISC AND GPL-3.0-only"));
        assert!(!satisfied("(MIT OR ISC) AND GPL-3.0-only"));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(satisfied("Apache-2.0 WITH LLVM-exception"));
        assert!(!satisfied("Apache-2.0 WITH Classpath-exception-2.0"));
    }

    #[test]
    fn a_broken_expression_is_an_error() {
        for text in ["", "MIT OR", "(MIT", "MIT ISC", "AND MIT", "MIT WITH", ")"] {
            assert!(Expression::parse(text).is_err(), "{text:?}");
        }
    }
}
