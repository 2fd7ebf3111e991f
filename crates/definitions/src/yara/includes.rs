//! Which sources are read together: `include` names another of the sources given, and never
//! anything else.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::error::SourceError;
use crate::source::Source;

use super::entries::Parsed;
use super::text::Text;

/// Sources inside each other.
const MAX_DEPTH: usize = 16;
/// Parts that all namespaces together are made of: a source that many include counts each time.
const MAX_PARTS: usize = 100_000;

/// A stretch of one source, between two includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The source's place among all.
    pub(super) source: usize,
    /// Bytes of it.
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Sources that share their rules' names: one that was given, and what it includes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Namespace {
    pub(super) name: String,
    /// In the order in which they are read.
    pub(super) parts: Vec<Part>,
}

/// An `include` in a source.
struct Include {
    from: usize,
    to: usize,
    /// The place of what is included among all sources.
    source: Option<usize>,
}

/// Arranges sources. One that another includes is read there and not on its own.
pub(super) fn arrange(
    sources: &[&Source],
    texts: &[Text],
    parsed: &Parsed<'_>,
    errors: &mut Vec<SourceError>,
) -> Vec<Namespace> {
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for (place, source) in sources.iter().enumerate() {
        by_name.entry(&source.name).or_insert(place);
    }
    let includes: Vec<Vec<Include>> = sources
        .iter()
        .zip(texts)
        .zip(0..)
        .map(|((source, text), place)| {
            read(source, text, &parsed.includes(place), &by_name, errors)
        })
        .collect();
    let mut arrangement = Arrangement {
        sources,
        texts,
        includes: &includes,
        parts: 0,
        read: HashSet::new(),
        errors,
    };
    let included: HashSet<usize> = includes
        .iter()
        .enumerate()
        .flat_map(|(place, of)| of.iter().map(move |include| (place, include.source)))
        .filter_map(|(place, source)| source.filter(|source| *source != place))
        .collect();
    let mut names = HashSet::new();
    let mut namespaces = Vec::new();
    // Those that nobody includes, and then what is left: sources that only include each other.
    for leftover in [false, true] {
        for (place, source) in sources.iter().enumerate() {
            if arrangement.read.contains(&place) || (!leftover && included.contains(&place)) {
                continue;
            }
            let mut name = source.name.clone();
            while !names.insert(name.clone()) {
                name.push('+');
            }
            let mut parts = Vec::new();
            arrangement.add(place, &mut Vec::new(), &mut HashSet::new(), &mut parts);
            namespaces.push(Namespace { name, parts });
        }
    }
    namespaces
}

struct Arrangement<'a> {
    sources: &'a [&'a Source],
    texts: &'a [Text],
    includes: &'a [Vec<Include>],
    parts: usize,
    /// In any namespace.
    read: HashSet<usize>,
    errors: &'a mut Vec<SourceError>,
}

impl Arrangement<'_> {
    fn add(
        &mut self,
        place: usize,
        within: &mut Vec<usize>,
        here: &mut HashSet<usize>,
        parts: &mut Vec<Part>,
    ) {
        // A second time in one namespace would only repeat its names.
        if !here.insert(place) {
            return;
        }
        self.read.insert(place);
        let (Some(includes), Some(text)) = (self.includes.get(place), self.texts.get(place)) else {
            return;
        };
        within.push(place);
        let mut from = 0;
        for include in includes {
            let Some(source) = include.source else {
                continue;
            };
            self.part(place, from, include.from, parts);
            from = include.to;
            if within.contains(&source) {
                self.refuse(
                    place,
                    include,
                    "sources that include each other in a circle",
                );
            } else if within.len() >= MAX_DEPTH {
                self.refuse(place, include, "sources inside each other beyond 16");
            } else {
                self.add(source, within, here, parts);
            }
        }
        self.part(place, from, text.as_str().len(), parts);
        within.pop();
    }

    fn part(&mut self, source: usize, from: usize, to: usize, parts: &mut Vec<Part>) {
        if self.parts < MAX_PARTS {
            self.parts += 1;
            parts.push(Part { source, from, to });
        } else if self.parts == MAX_PARTS {
            self.parts += 1;
            self.errors.push(SourceError {
                source: self
                    .sources
                    .get(source)
                    .map_or_else(String::new, |source| source.name.clone()),
                line: None,
                reason: format!(
                    "expected at most {MAX_PARTS} sources, included ones counted each time; \
                     the rest is left out"
                ),
            });
        }
    }

    fn refuse(&mut self, place: usize, include: &Include, what: &str) {
        if let (Some(source), Some(text)) = (self.sources.get(place), self.texts.get(place)) {
            self.errors.push(SourceError {
                source: source.name.clone(),
                line: Some(text.line(include.from)),
                reason: format!("include is left out: expected none of {what}"),
            });
        }
    }
}

fn read(
    source: &Source,
    text: &Text,
    named: &[(Range<usize>, &str)],
    by_name: &HashMap<&str, usize>,
    errors: &mut Vec<SourceError>,
) -> Vec<Include> {
    let mut includes = Vec::new();
    for (span, name) in named {
        let found = candidates(&source.name, name)
            .iter()
            .find_map(|name| by_name.get(name.as_str()).copied());
        if found.is_none() {
            errors.push(SourceError {
                source: source.name.clone(),
                line: Some(text.line(span.start)),
                reason: format!(
                    "include is left out: expected one of the sources given, got {name:?}"
                ),
            });
        }
        includes.push(Include {
            from: span.start,
            to: span.end,
            source: found,
        });
    }
    includes
}

/// The names that an `include` may mean: beside the source that it is in, then from the top.
fn candidates(from: &str, named: &str) -> Vec<String> {
    let named = named.replace('\\', "/");
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    [inside(&format!("{folder}/{named}")), inside(&named)]
        .into_iter()
        .flatten()
        .collect()
}

/// A name without `.` and `..`; `None` when it leads outside.
fn inside(name: &str) -> Option<String> {
    let mut steps: Vec<&str> = Vec::new();
    for step in name.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop()?;
            }
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}
