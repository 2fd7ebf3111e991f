//! What every rendering says of itself: which catalogue, from which sources, of when.

use crate::catalogue::Catalogue;

/// The lines, without comment signs. There is always at least one.
pub(super) fn lines(catalogue: &Catalogue) -> Vec<String> {
    let mut lines = vec![format!(
        "Flows of {} {}: catalogue {} version {}.",
        one_line(&catalogue.vendor),
        one_line(&catalogue.product),
        catalogue.id,
        one_line(&catalogue.version)
    )];
    for source in &catalogue.sources {
        let date = source
            .date
            .as_ref()
            .map_or_else(|| "undated".to_owned(), ToString::to_string);
        let hash = source.sha256.get(..16).unwrap_or(&source.sha256);
        lines.push(format!(
            "Source {}: {} ({}, {date}, SHA-256 {}).",
            source.id,
            one_line(&source.title),
            one_line(&source.language),
            one_line(hash),
        ));
    }
    lines
}

/// Text without control characters, so that it can't leave the line it stands in.
pub(super) fn one_line(text: &str) -> String {
    let printable = |character: char| {
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            ' '
        } else {
            character
        }
    };
    let mut line = String::with_capacity(text.len());
    for word in text
        .chars()
        .map(printable)
        .collect::<String>()
        .split_whitespace()
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_in_its_line() {
        assert_eq!(one_line("a\nb\r\n\tc\u{2028}d\0e  f "), "a b c d e f");
    }

    #[test]
    fn the_header_names_catalogue_and_version() {
        let lines = lines(Catalogue::garrison());
        assert!(
            lines[0].contains("garrison") && lines[0].contains("version"),
            "{lines:?}"
        );
    }
}
