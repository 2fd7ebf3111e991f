//! Which tests a call asks for.

use anyhow::bail;

/// Everything, or the executables of some packages.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    packages: Vec<String>,
}

impl Selection {
    pub(crate) fn parse(words: &[&str]) -> anyhow::Result<Selection> {
        let mut selection = Selection::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match (*word, words.next()) {
                ("--package" | "-p", Some(name)) => selection.packages.push((*name).to_owned()),
                ("--package" | "-p", None) => {
                    bail!("--package: expected a package's name, came nothing")
                }
                (other, _) => bail!("expected --package NAME, came {other:?}"),
            }
        }
        Ok(selection)
    }

    pub(crate) fn of_package(name: &str) -> Selection {
        Selection {
            packages: vec![name.to_owned()],
        }
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.packages.is_empty()
    }

    /// How cargo is told.
    pub(super) fn cargo_arguments(&self) -> Vec<String> {
        if self.is_everything() {
            return vec!["--workspace".to_owned()];
        }
        self.packages
            .iter()
            .flat_map(|name| ["--package".to_owned(), name.clone()])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_words_mean_everything() {
        let selection = Selection::parse(&[]).unwrap();
        assert!(selection.is_everything());
        assert_eq!(selection.cargo_arguments(), ["--workspace"]);
    }

    #[test]
    fn packages_are_handed_to_cargo() {
        let selection = Selection::parse(&["--package", "model", "-p", "net"]).unwrap();
        assert_eq!(
            selection.cargo_arguments(),
            ["--package", "model", "--package", "net"]
        );
    }

    #[test]
    fn an_unknown_word_or_a_missing_name_is_an_error() {
        assert!(Selection::parse(&["model"]).is_err());
        assert!(Selection::parse(&["--package"]).is_err());
    }
}
