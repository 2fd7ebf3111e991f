//! What every rendering says of itself: which catalogue, from which sources, of when.

use super::comment::whole_line;
use crate::catalogue::Catalogue;

/// The lines, without comment signs. There is always at least one.
pub(super) fn lines(catalogue: &Catalogue) -> Vec<String> {
    let mut lines = vec![format!(
        "Flows of {} {}: catalogue {} version {}.",
        whole_line(&catalogue.vendor),
        whole_line(&catalogue.product),
        catalogue.id,
        whole_line(&catalogue.version)
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
            whole_line(&source.title),
            whole_line(&source.language),
            whole_line(hash),
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_catalogue_and_version() {
        let lines = lines(Catalogue::garrison());
        assert!(
            lines[0].contains("garrison") && lines[0].contains("version"),
            "{lines:?}"
        );
    }
}
