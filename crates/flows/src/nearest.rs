//! The known word that a wrong one probably stood for.

/// More changed letters than this are another word.
const MOST_CHANGES: usize = 3;

/// The candidate with the fewest letters changed, if those are few.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = MOST_CHANGES.min(word.chars().count() / 2);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(changes, _)| *changes <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Ends an error: the nearest of the candidates, else all of them.
pub(crate) fn advice<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(near) = nearest(word, candidates.clone()) {
        return format!("did you mean {near:?}?");
    }
    let all: Vec<&str> = candidates.into_iter().collect();
    if all.is_empty() {
        "there is none at all".to_owned()
    } else {
        format!("there are: {}", all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_names_the_word_and_another_word_names_all() {
        let known = ["manager", "clients"];
        assert_eq!(nearest("manger", known), Some("manager"));
        assert_eq!(nearest("x", known), None);
        assert_eq!(advice("proxy", known), "there are: manager, clients");
        assert_eq!(advice("proxy", []), "there is none at all");
    }
}
