//! Markdown (GitHub's tables): a table of all destinations, then what breaks and what to mind.

use std::fmt::Write;

use super::comment::whole_line;
use super::document::{all_exact, words};
use super::{Format, Options, RenderError, Rendered, Renderer, header};
use crate::select::Selection;

pub(super) struct Markdown;

impl Renderer for Markdown {
    fn format(&self) -> Format {
        Format::Markdown
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let mut text = String::new();
        write(&mut text, selection, options).map_err(|error| RenderError::Writer {
            format: Format::Markdown,
            reason: error.to_string(),
        })?;
        Ok(Rendered {
            bytes: text.into_bytes(),
            report: all_exact(selection),
        })
    }
}

fn write(
    text: &mut String,
    selection: &Selection<'_>,
    options: &Options,
) -> Result<(), std::fmt::Error> {
    let words = words(&options.language);
    let catalogue = selection.catalogue;
    let title = format!("{} {}", catalogue.vendor, catalogue.product);
    writeln!(text, "# {}\n", plain(&whole_line(&title)))?;
    for line in header::lines(catalogue) {
        writeln!(text, "- {}", plain(&line))?;
    }
    writeln!(
        text,
        "\n| {} | {} | {} | {} | {} | {} | {} |\n|---|---|---|---|---|---|---|",
        words.flow, words.from, words.to, words.host, words.port, words.need, words.purpose
    )?;
    for selected in &selection.flows {
        let flow = selected.flow;
        for endpoint in &selected.endpoints {
            writeln!(
                text,
                "| {} | {} | {} ({}) | {} | {} | {} | {} |",
                flow.id,
                plain(&words.dialers(selected)),
                plain(&words.party(selected, &flow.to)),
                words.direction(flow.direction),
                plain(&words.host(&endpoint.host)),
                plain(&words.ports(endpoint)),
                plain(&words.need(flow)),
                plain(&words.text(&flow.purpose)),
            )?;
        }
    }
    for selected in &selection.flows {
        let flow = selected.flow;
        let tls = words.tls(flow.tls.as_ref());
        if tls.is_empty() && flow.breaks.is_empty() && flow.caveats.is_empty() {
            continue;
        }
        writeln!(text, "\n## {}\n", flow.id)?;
        if !tls.is_empty() {
            writeln!(text, "{}: {}\n", words.tls, plain(&tls))?;
        }
        for broken in &flow.breaks {
            writeln!(text, "- {}: {}", words.breaks, plain(&words.broken(broken)))?;
        }
        for caveat in &flow.caveats {
            writeln!(text, "- {}: {}", words.caveats, plain(&words.text(caveat)))?;
        }
    }
    if !selection.left_out.is_empty() {
        writeln!(text, "\n## {}\n", words.left_out)?;
        for (flow, reason) in &selection.left_out {
            let reason = whole_line(&reason.to_string());
            writeln!(text, "- {}: {}", flow.id, plain(&reason))?;
        }
    }
    Ok(())
}

/// Text in which nothing is a sign of markup or a cell's end.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                plain.push('\\');
                plain.push(character);
            }
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            // A colon behind a scheme would become a link.
            ':' => plain.push_str("&#58;"),
            _ => plain.push(character),
        }
    }
    plain.replace("&#58; ", ": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            plain("a|b <script> [x](javascript:y) *z*"),
            "a\\|b &lt;script&gt; \\[x\\](javascript&#58;y) \\*z\\*"
        );
    }
}
