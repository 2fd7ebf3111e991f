//! The rules and imports of a namespace, found by parsing its parts.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use yara_x_parser::Parser;
use yara_x_parser::ast::{AST, Error, Item, Rule, RuleFlags, WithSpan as _};
use yara_x_parser::cst::{CST, SyntaxKind};

use super::condition::{Names, Scope};
use super::expression;
use super::includes::{Namespace, Part};
use super::needed::{Literals, Needed};
use super::text::Text;
use crate::error::SourceError;
use crate::source::Source;

/// What a condition stands behind.
const CONDITION: &str = "condition";

/// A rule.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// The place of its part in the namespace.
    pub(super) part: usize,
    pub(super) span: Range<usize>,
    pub(super) scope: Scope,
    /// What a file must hold for it to match.
    pub(super) needed: Option<Needed>,
    /// Every other rule of the namespace depends on it.
    pub(super) global: bool,
    /// The rules of the namespace that its condition names.
    pub(super) needs: Vec<usize>,
    /// The modules that its condition names.
    pub(super) modules: Vec<usize>,
}

/// An `import`.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) part: usize,
    pub(super) span: Range<usize>,
    pub(super) module: String,
}

/// What a namespace consists of, in the order of its parts.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) imports: Vec<Import>,
    pub(super) rules: Vec<Entry>,
}

/// Parses sources once each, however often they are included.
pub(super) struct Parsed<'t> {
    trees: Vec<Tree<'t>>,
}

struct Tree<'t> {
    ast: AST<'t>,
    /// Stretches of whole rules; broken ones too.
    rules: Vec<Range<usize>>,
}

impl<'t> Parsed<'t> {
    /// Parses all sources. What has the wrong form is reported and costs the rule that it is in.
    pub(super) fn new(
        sources: &[&Source],
        texts: &'t [Text],
        errors: &mut Vec<SourceError>,
    ) -> Self {
        let mut trees = Vec::with_capacity(texts.len());
        for (source, text) in sources.iter().zip(texts) {
            let ast = AST::from(text.as_str());
            for error in ast.errors() {
                let (reason, at) = wrong_form(error);
                errors.push(SourceError {
                    source: source.name.clone(),
                    line: Some(text.line(at)),
                    reason,
                });
            }
            trees.push(Tree {
                ast,
                rules: rule_spans(text.as_str()),
            });
        }
        Self { trees }
    }

    /// The includes of a source: where each stands, and what it names.
    pub(super) fn includes(&self, source: usize) -> Vec<(Range<usize>, &'t str)> {
        let items = self.trees.get(source).map(|tree| tree.ast.items());
        items
            .into_iter()
            .flatten()
            .filter_map(|item| match item {
                Item::Include(include) => Some((include.span().range(), include.file_name)),
                Item::Import(_) | Item::Rule(_) => None,
            })
            .collect()
    }

    /// The entries of a namespace. Rules that can't be read are reported and left out.
    pub(super) fn entries(
        &self,
        namespace: &Namespace,
        sources: &[&Source],
        texts: &[Text],
        errors: &mut Vec<SourceError>,
    ) -> Entries {
        let mut reading = Reading {
            entries: Entries::default(),
            scopes: HashMap::new(),
            needed: HashMap::new(),
            numbers: HashMap::new(),
        };
        for (place, part) in namespace.parts.iter().enumerate() {
            let (Some(tree), Some(source), Some(text)) = (
                self.trees.get(part.source),
                sources.get(part.source),
                texts.get(part.source),
            ) else {
                continue;
            };
            reading.read(place, part, tree, source, text, errors);
        }
        reading.entries
    }
}

struct Reading {
    entries: Entries,
    scopes: HashMap<String, Scope>,
    needed: HashMap<String, Option<Needed>>,
    numbers: HashMap<String, usize>,
}

impl Reading {
    fn read(
        &mut self,
        place: usize,
        part: &Part,
        tree: &Tree<'_>,
        source: &Source,
        text: &Text,
        errors: &mut Vec<SourceError>,
    ) {
        for item in tree.ast.items() {
            match item {
                Item::Import(import) => {
                    let span = import.span().range();
                    if part.contains(&span) {
                        self.entries.imports.push(Import {
                            part: place,
                            span,
                            module: import.module_name.to_owned(),
                        });
                    }
                }
                Item::Include(_) => {}
                Item::Rule(rule) => {
                    let at = rule.identifier.span().start();
                    let Some(span) = tree.rule_at(at).filter(|span| part.contains(span)) else {
                        continue;
                    };
                    let patterns = rule.patterns.as_deref().unwrap_or_default();
                    let code = patterns
                        .iter()
                        .map(|pattern| pattern.span().range())
                        .chain([rule.condition.span().range()]);
                    if let Some(bad) = code.into_iter().find_map(|range| text.replaced_in(&range)) {
                        errors.push(SourceError {
                            source: source.name.clone(),
                            line: Some(text.line(bad)),
                            reason: format!(
                                "rule {}: expected UTF-8; write other bytes as \\x and two digits",
                                rule.identifier.name
                            ),
                        });
                        continue;
                    }
                    if let Some((at, reason)) = expression::refused_in(rule) {
                        errors.push(SourceError {
                            source: source.name.clone(),
                            line: Some(text.line(at)),
                            reason: format!(
                                "rule {}: invalid regular expression: {reason}",
                                rule.identifier.name
                            ),
                        });
                        continue;
                    }
                    let names = Names {
                        patterns,
                        rules: &self.scopes,
                    };
                    let scope = names.scope(&rule.condition);
                    let literals = Literals {
                        patterns,
                        rules: &self.needed,
                    };
                    let needed = literals.needed(&rule.condition);
                    let (needs, modules) = self.named_in(condition_text(rule, text));
                    let name = rule.identifier.name.to_owned();
                    self.numbers
                        .entry(name.clone())
                        .or_insert(self.entries.rules.len());
                    self.scopes.entry(name.clone()).or_insert(scope);
                    let known = self.needed.entry(name.clone());
                    known.or_insert_with(|| needed.clone());
                    self.entries.rules.push(Entry {
                        name,
                        part: place,
                        span,
                        scope,
                        needed,
                        global: rule.flags.contains(RuleFlags::Global),
                        needs,
                        modules,
                    });
                }
            }
        }
    }

    /// The rules and modules whose names stand in a condition.
    fn named_in(&self, condition: &str) -> (Vec<usize>, Vec<usize>) {
        let words: HashSet<&str> = condition
            .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .collect();
        let mut needs: Vec<usize> = words
            .iter()
            .filter_map(|word| self.numbers.get(*word).copied())
            .collect();
        needs.sort_unstable();
        let imports = self.entries.imports.iter().enumerate();
        let modules = imports
            .filter(|(_, import)| words.contains(import.module.as_str()))
            .map(|(number, _)| number)
            .collect();
        (needs, modules)
    }
}

/// A condition as it is written. Its own span leaves out the module of a call that it begins with.
fn condition_text<'t>(rule: &Rule<'_>, text: &'t Text) -> &'t str {
    let text = text.as_str();
    let span = rule.condition.span().range();
    let keyword = text.get(..span.start).and_then(|all| all.rfind(CONDITION));
    let from = keyword.unwrap_or(span.start);
    text.get(from..span.end).unwrap_or_default()
}

impl Part {
    fn contains(&self, span: &Range<usize>) -> bool {
        self.from <= span.start && span.end <= self.to
    }
}

impl Tree<'_> {
    /// The rule that a place is in.
    fn rule_at(&self, at: usize) -> Option<Range<usize>> {
        let after = self.rules.partition_point(|span| span.start <= at);
        self.rules
            .get(after.checked_sub(1)?)
            .filter(|span| span.contains(&at))
            .cloned()
    }
}

fn wrong_form(error: &Error) -> (String, usize) {
    let (title, message, span) = match error {
        Error::SyntaxError { message, span } => ("syntax error", message, span),
        Error::InvalidInteger { message, span } => ("invalid integer", message, span),
        Error::InvalidFloat { message, span } => ("invalid float", message, span),
        Error::InvalidRegexpModifier { message, span } => {
            ("invalid modifier of a regular expression", message, span)
        }
        Error::InvalidEscapeSequence { message, span } => {
            ("invalid escape sequence", message, span)
        }
        Error::InvalidUTF8(span) => return ("expected UTF-8".to_owned(), span.start()),
        Error::UnexpectedEscapeSequence(span) => {
            return ("unexpected escape sequence".to_owned(), span.start());
        }
    };
    (format!("{title}: {message}"), span.start())
}

fn rule_spans(text: &str) -> Vec<Range<usize>> {
    let Ok(tree) = CST::try_from(Parser::new(text.as_bytes())) else {
        return Vec::new();
    };
    tree.root()
        .children()
        .filter(|node| node.kind() == SyntaxKind::RULE_DECL)
        .map(|node| node.span().range())
        .collect()
}
