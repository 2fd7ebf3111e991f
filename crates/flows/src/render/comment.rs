//! Texts of a catalogue inside other languages' files.
//!
//! A catalogue is written by people whom the reader of a rendering need not trust. Every text
//! passes here before it reaches a file: it becomes one line, without signs that a terminal or
//! an editor obeys, and no longer than its place allows.

use super::{Expressed, Options, header};
use crate::flow::Flow;
use crate::id::FlowId;
use crate::select::Selection;

/// A purpose in a comment is cut here.
const MAX_PURPOSE: usize = 300;
/// Another line is cut here.
const MAX_LINE: usize = 300;
/// Lists are broken before they are longer.
const WIDTH: usize = 96;

/// The text on one line of at most so many characters: breaks, control characters and signs that
/// turn the direction of writing become spaces.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let plain: String = text
        .chars()
        .map(|sign| if is_plain(sign) { sign } else { ' ' })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let mut cut: String = line.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The text on one line, however long it is.
pub(crate) fn whole_line(text: &str) -> String {
    one_line(text, usize::MAX)
}

/// Whether a sign is neither a control nor a format character (Unicode's categories Cc, Cf, Zl
/// and Zp, as far as readers obey them), nor one for private use.
fn is_plain(sign: char) -> bool {
    !sign.is_control()
        && !matches!(
            sign,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text in printable ASCII without the given signs, which become `_`, for places that can
/// hold nothing else.
pub(crate) fn ascii(text: &str, without: &str, most: usize) -> String {
    whole_line(text)
        .chars()
        .map(|sign| match sign {
            ' '..='~' if !without.contains(sign) => sign,
            _ => '_',
        })
        .take(most)
        .collect()
}

/// `id: purpose` of a flow.
pub(crate) fn flow(flow: &Flow, options: &Options) -> String {
    let purpose = flow.purpose.in_language(&options.language);
    format!("{}: {}", flow.id, one_line(purpose, MAX_PURPOSE))
}

/// What a file of rules begins with: its origin, and what it can't say.
pub(crate) fn opening(selection: &Selection<'_>, report: &[Expressed]) -> Vec<String> {
    let mut lines = header(selection, report);
    let short = shortfalls(selection, report);
    if !short.is_empty() {
        lines.extend([String::new(), "Not exactly as asked for:".to_owned()]);
        lines.extend(short.iter().map(|line| format!("  {line}")));
    }
    lines
}

/// The catalogue, its sources with their dates, and how many
/// destinations the target expresses how.
fn header(selection: &Selection<'_>, report: &[Expressed]) -> Vec<String> {
    let mut lines: Vec<String> = header::lines(selection.catalogue)
        .iter()
        .map(|line| one_line(line, MAX_LINE))
        .collect();
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for entry in report {
        let name = entry.how.as_str();
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    counts.sort_unstable();
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    lines.push(format!("Destinations: {}", counts.join(", ")));
    lines
}

/// What the target can't say: each reason once, with the flows and hosts that it concerns.
fn shortfalls(selection: &Selection<'_>, report: &[Expressed]) -> Vec<String> {
    let mut reasons: Vec<(String, Concerned<'_>)> = Vec::new();
    for entry in report.iter().filter(|entry| !entry.how.is_exact()) {
        let host = selection
            .flows
            .iter()
            .find(|selected| selected.flow.id == entry.flow)
            .and_then(|selected| selected.endpoints.get(entry.endpoint))
            .map(|endpoint| super::host_pattern(&endpoint.host))
            .filter(|host| !host.is_empty())
            .map_or_else(
                || "unknown host".to_owned(),
                |host| one_line(&host, MAX_LINE),
            );
        let reason = one_line(&entry.how.to_string(), MAX_PURPOSE);
        let at = reasons.iter().position(|(known, _)| *known == reason);
        let at = at.unwrap_or_else(|| {
            reasons.push((reason, Concerned::default()));
            reasons.len() - 1
        });
        if let Some((_, concerned)) = reasons.get_mut(at) {
            concerned.add(&entry.flow, host);
        }
    }
    let mut lines = Vec::new();
    for (reason, concerned) in reasons {
        lines.push(reason);
        lines.extend(
            concerned
                .lines()
                .into_iter()
                .map(|line| format!("  {line}")),
        );
    }
    lines
}

/// Flows with hosts of theirs, in the order in which they came.
#[derive(Default)]
struct Concerned<'r>(Vec<(&'r FlowId, Vec<String>)>);

impl<'r> Concerned<'r> {
    fn add(&mut self, flow: &'r FlowId, host: String) {
        match self.0.iter_mut().find(|(known, _)| *known == flow) {
            Some((_, hosts)) if hosts.contains(&host) => {}
            Some((_, hosts)) => hosts.push(host),
            None => self.0.push((flow, vec![host])),
        }
    }

    /// `flow (host, host), flow (host)`, broken into lines of a readable width.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let words = self.0.iter().enumerate().flat_map(|(at, (flow, hosts))| {
            let end = if at + 1 == self.0.len() { ")" } else { ")," };
            let last = hosts.len().saturating_sub(1);
            hosts.iter().enumerate().map(move |(place, host)| {
                let begin = if place == 0 {
                    format!("{flow} (")
                } else {
                    String::new()
                };
                let end = if place == last { end } else { "," };
                format!("{begin}{host}{end}")
            })
        });
        for word in words {
            match lines.last_mut() {
                Some(line) if line.len() + word.len() < WIDTH => {
                    line.push(' ');
                    line.push_str(&word);
                }
                _ => lines.push(word),
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line() {
        for text in [
            "a\nb",
            "a\r\nb",
            "a\u{2028}b",
            "a\u{85}b",
            "a\0b",
            "a\u{1b}b",
            "a\u{202e}b",
            "a \t b",
        ] {
            assert_eq!(one_line(text, 80), "a b", "{text:?}");
        }
        assert_eq!(one_line("é’“", 80), "é’“");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(one_line("", 4), "");
    }

    #[test]
    fn ascii_holds_nothing_else() {
        assert_eq!(ascii("a\"b\né’", "\"", 80), "a_b __");
        assert_eq!(ascii("abc", "", 2), "ab");
    }
}
