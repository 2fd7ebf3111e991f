//! What papers claim of tests.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::sources::Source;

/// The systems of docs/coverage.md, with their states and tests.
const LEDGER: &str = "crates/flows/catalogue/coverage.toml";

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

#[derive(Deserialize)]
struct Ledger {
    #[serde(rename = "system", default)]
    systems: Vec<System>,
}

#[derive(Deserialize)]
struct System {
    id: String,
    state: String,
    #[serde(default)]
    tests: Vec<String>,
}

/// What the ledger says to work names a test, and each test that it names is run.
pub(super) fn ledger_tests(sources: &[Source]) -> Vec<String> {
    let Some(ledger) = sources
        .iter()
        .find(|source| source.path.as_os_str() == LEDGER)
    else {
        return vec![format!("{LEDGER} is missing")];
    };
    let ledger: Ledger = match toml::from_str(text(ledger)) {
        Ok(ledger) => ledger,
        Err(error) => return vec![format!("{LEDGER}: {error}")],
    };
    let tests: BTreeSet<&str> = sources
        .iter()
        .filter(|source| source.path.extension().is_some_and(|kind| kind == "rs"))
        .flat_map(|source| tests(text(source)))
        .collect();
    let mut complaints = Vec::new();
    for System {
        id,
        state,
        tests: named,
    } in &ledger.systems
    {
        if state == "works" && named.is_empty() {
            complaints.push(format!("{LEDGER}: {id} works, and no test shows it"));
        }
        for name in named.iter().filter(|name| !tests.contains(name.as_str())) {
            complaints.push(format!(
                "{LEDGER}: {id} names the test {name}, and no test that is run is called so"
            ));
        }
    }
    complaints
}

/// Functions with a test's attribute and without `#[ignore]`.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let mut attributes: Vec<&str> = Vec::new();
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with("#[") {
            attributes.push(line);
            return None;
        }
        let found = functions(line).next().filter(|_| {
            let is = |name: &str| attributes.iter().any(|attribute| attribute.contains(name));
            (is("#[test]") || is("::test]") || is("::test(")) && !is("#[ignore")
        });
        if !line.starts_with("//") {
            attributes.clear();
        }
        found
    })
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
    fn a_system_works_by_tests_that_are_run() {
        let ledger = "[[system]]\nid = \"a\"\nstate = \"works\"\ntests = [\"x_is_y\", \"async_is_y\"]\n\
            [[system]]\nid = \"b\"\nstate = \"works\"\n\
            [[system]]\nid = \"c\"\nstate = \"partly\"\ntests = [\"ignored_is_y\", \"helper_is_y\"]\n\
            [[system]]\nid = \"d\"\nstate = \"not-yet\"\n";
        let code = "#[test]\nfn x_is_y() {}\n#[tokio::test(flavor = \"multi_thread\")]\n// why\n\
            async fn async_is_y() {}\n#[test]\n#[ignore = \"slow\"]\nfn ignored_is_y() {}\n\
            fn helper_is_y() {}\n";
        let complaints =
            ledger_tests(&[source(LEDGER, ledger), source("crates/a/src/lib.rs", code)]);
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        for (complaint, words) in complaints
            .iter()
            .zip(["b works", "ignored_is_y", "helper_is_y"])
        {
            assert!(complaint.contains(words), "{complaint}");
        }
        assert_eq!(ledger_tests(&[]).len(), 1);
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
