//! What papers claim of tests.

use std::collections::BTreeSet;

use super::sources::Source;

/// Papers whose code words with underscores are names of tests.
const PAPERS: &[&str] = &["docs/coverage.md", "docs/threat-model.md"];

/// A test that a paper names must exist.
pub(super) fn named_tests(sources: &[Source]) -> Vec<String> {
    let functions: BTreeSet<&str> = sources
        .iter()
        .filter(|source| source.path.extension().is_some_and(|kind| kind == "rs"))
        .flat_map(|source| functions(text(source)))
        .collect();
    let papers = sources
        .iter()
        .filter(|source| PAPERS.iter().any(|paper| source.path.as_os_str() == *paper));
    papers
        .flat_map(|paper| {
            let functions = &functions;
            names(text(paper))
                .filter(|name| !functions.contains(name))
                .map(|name| {
                    format!(
                        "{}: names the test {name}, and no function is called so",
                        paper.path.display()
                    )
                })
        })
        .collect()
}

fn text(source: &Source) -> &str {
    std::str::from_utf8(&source.bytes).unwrap_or_default()
}

fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.split("fn ").skip(1).filter_map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
        rest.get(..end)
    })
}

/// Words in back ticks that are all of `a-z 0-9 _`, with two underscores at least.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| {
        let plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        word.chars().all(plain) && word.matches('_').count() >= 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.into(),
            bytes: text.into(),
        }
    }

    #[test]
    fn a_test_that_does_not_exist_is_complained_of() {
        let sources = [
            source("crates/a/src/lib.rs", "fn what_is_there_is_there() {}"),
            source(
                "docs/coverage.md",
                "| x | works | `what_is_there_is_there`, `what_is_not_there` |",
            ),
        ];
        let complaints = named_tests(&sources);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].contains("what_is_not_there"));
    }

    #[test]
    fn other_papers_and_other_words_are_left_alone() {
        let sources = [
            source("README.md", "`a_test_of_nobody`"),
            source(
                "docs/coverage.md",
                "`garrison up`, `definitions`, `own_rules`",
            ),
        ];
        assert_eq!(named_tests(&sources), Vec::<String>::new());
    }
}
