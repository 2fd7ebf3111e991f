//! The known word that a wrong one probably stood for.

/// More changed letters than this are another word.
const MOST_CHANGES: usize = 3;

/// The candidate with the fewest letters changed, if those are few.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let mut longer = candidates
        .iter()
        .filter(|candidate| !word.is_empty() && candidate.starts_with(word));
    if let (Some(only), None) = (longer.next(), longer.next()) {
        return Some(only);
    }
    let most = MOST_CHANGES.min(word.chars().count() / 2);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(changes, _)| *changes <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Ends an error: the nearest of the candidates, else all of them.
#[must_use]
pub fn advice<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, candidates.clone()) {
        return format!("did you mean {near:?}?");
    }
    let all: Vec<&str> = candidates.into_iter().collect();
    if all.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are: {}", all.join(", "))
    }
}

/// The advice on a key that a TOML file has and its shape hasn't; `None` for other errors.
pub(crate) fn advice_on_key(error: &toml::de::Error) -> Option<String> {
    let mut words = error.message().split('`').skip(1).step_by(2);
    let rest = error.message().strip_prefix("unknown field `")?;
    let key = words.next()?;
    let known: Vec<&str> = words.collect();
    rest.starts_with(key)
        .then(|| format!("there is no key {key:?}; {}", advice(key, known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_names_the_word_and_another_word_names_all() {
        let known = ["manager", "clients"];
        assert_eq!(nearest("manger", known), Some("manager"));
        assert_eq!(nearest("cl", known), Some("clients"));
        assert_eq!(nearest("x", known), None);
        assert_eq!(advice("proxy", known), "there are: manager, clients");
        assert_eq!(advice("proxy", []), "there are none");
    }
}
