//! A page that was saved as HTML, without its tags.

use std::borrow::Cow;

/// Ends of cells become tabs, ends of blocks line ends; what scripts and styles hold is left out.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let head: String = text
        .chars()
        .take(1024)
        .collect::<String>()
        .to_ascii_lowercase();
    if !head.contains("<html") && !head.contains("<!doctype html") {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() / 2);
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(&before.replace(['\n', '\r', '\t'], " "));
        let (inside, after) = tag.split_once('>').unwrap_or((tag, ""));
        let name: String = inside
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        rest = after;
        match name.as_str() {
            "script" | "style" if !inside.starts_with('/') => {
                rest = skipped(after, &name);
            }
            "td" | "th" if inside.starts_with('/') => plain.push('\t'),
            "tr" | "p" | "div" | "li" | "ul" | "table" | "h1" | "h2" | "h3" | "h4" | "br"
            | "pre" => plain.push('\n'),
            _ => {}
        }
    }
    plain.push_str(rest);
    let plain = plain
        .replace("&nbsp;", " ")
        .replace("&#160;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    Cow::Owned(plain)
}

/// What follows the end of a script or style.
fn skipped<'t>(text: &'t str, name: &str) -> &'t str {
    let end = format!("</{name}");
    text.match_indices("</")
        .find(|(at, _)| {
            text.get(*at..*at + end.len())
                .is_some_and(|tag| tag.eq_ignore_ascii_case(&end))
        })
        .and_then(|(at, _)| text.get(at..))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_scripts_go_and_cells_stay_apart() {
        let page = "<!DOCTYPE html><html><script>var x = 'a.example.com:1';</SCRIPT>\
            <table><tr><td>b.example.com</td><td>TCP&nbsp;443</td></tr></table>";
        let text = plain(page);
        assert!(text.contains("b.example.com\tTCP 443\t\n"), "{text:?}");
        assert!(!text.contains("a.example.com"), "{text:?}");
    }

    #[test]
    fn plain_text_and_torn_tags_are_left_as_they_are() {
        assert_eq!(plain("a < b"), "a < b");
        assert_eq!(plain("<html><script>x"), "");
        assert_eq!(plain("<html><p"), "\n");
    }
}
