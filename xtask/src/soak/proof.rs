//! The list of long proofs, from soak.toml.

use anyhow::{Context, bail};
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Proof {
    pub(super) name: String,
    pub(super) package: String,
    pub(super) executable: String,
    pub(super) test: String,
    pub(super) rounds: u64,
    pub(super) minutes: u64,
    /// A program of the tree that is given a folder to fill before the first round.
    #[serde(default)]
    pub(super) prepare: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    proof: Vec<Proof>,
}

pub(super) fn all() -> anyhow::Result<Vec<Proof>> {
    parse(include_str!("../../soak.toml"))
}

fn parse(text: &str) -> anyhow::Result<Vec<Proof>> {
    let list: List = toml::from_str(text).context("xtask/soak.toml")?;
    Ok(list.proof)
}

/// Those that are named, or all.
pub(super) fn choose(proofs: Vec<Proof>, names: &[&str]) -> anyhow::Result<Vec<Proof>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !proofs.iter().any(|proof| proof.name == **name))
    {
        let known: Vec<&str> = proofs.iter().map(|proof| proof.name.as_str()).collect();
        bail!(
            "{unknown:?} is no proof of xtask/soak.toml; there are: {}",
            known.join(", ")
        );
    }
    Ok(proofs
        .into_iter()
        .filter(|proof| names.is_empty() || names.contains(&proof.name.as_str()))
        .collect())
}

/// Reads lines `what: number`.
pub(super) fn counts(text: &str) -> anyhow::Result<Vec<(String, u64)>> {
    text.lines()
        .map(|line| {
            let (what, number) = line
                .rsplit_once(": ")
                .with_context(|| format!("a count: expected `what: number`, came {line:?}"))?;
            let number = number
                .trim()
                .parse()
                .with_context(|| format!("a count: {line:?}"))?;
            Ok((what.to_owned(), number))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[[proof]]\nname='a'\npackage='p'\nexecutable='p'\ntest='t'\nrounds=2\nminutes=1\n\
                       [[proof]]\nname='b'\npackage='p'\nexecutable='p'\ntest='t'\nrounds=2\nminutes=1\n";

    #[test]
    fn the_list_in_the_tree_is_well_formed() {
        all().unwrap();
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(parse(&format!("{TWO}colour='red'\n")).is_err());
    }

    #[test]
    fn a_named_proof_is_chosen_alone_and_an_unknown_one_refused() {
        let proofs = parse(TWO).unwrap();
        assert_eq!(choose(proofs.clone(), &["b"]).unwrap().len(), 1);
        assert_eq!(choose(proofs.clone(), &[]).unwrap().len(), 2);
        assert!(
            choose(proofs, &["c"])
                .unwrap_err()
                .to_string()
                .contains("a, b")
        );
    }

    #[test]
    fn counts_are_read_and_others_refused() {
        assert_eq!(
            counts("events sent: 12\n").unwrap(),
            [("events sent".to_owned(), 12)]
        );
        assert!(counts("events sent 12\n").is_err());
        assert!(counts("events: many\n").is_err());
    }
}
