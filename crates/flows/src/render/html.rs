//! HTML: one file that needs nothing else, readable in light, in dark and on paper.

use std::fmt::Write;

use super::comment::whole_line;
use super::document::{all_exact, words};
use super::{Format, Options, RenderError, Rendered, Renderer, header};
use crate::select::Selection;

pub(super) struct Html;

const STYLE: &str = include_str!("html/page.css");

impl Renderer for Html {
    fn format(&self) -> Format {
        Format::Html
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let mut text = String::new();
        write(&mut text, selection, options).map_err(|error| RenderError::Writer {
            format: Format::Html,
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
    let title = escaped(&whole_line(&format!(
        "{} {}",
        catalogue.vendor, catalogue.product
    )));
    write!(
        text,
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<ul class=\"source\">\n",
        words.language
    )?;
    for line in header::lines(catalogue) {
        writeln!(text, "<li>{}</li>", escaped(&line))?;
    }
    write!(text, "</ul>\n<table>\n<thead><tr>")?;
    for heading in [words.flow, words.way, words.host, words.need, words.purpose] {
        write!(text, "<th scope=\"col\">{heading}</th>")?;
    }
    writeln!(text, "</tr></thead>\n<tbody>")?;
    for selected in &selection.flows {
        row(text, words, selected)?;
    }
    writeln!(text, "</tbody>\n</table>")?;
    if !selection.left_out.is_empty() {
        writeln!(text, "<h2>{}</h2>\n<ul>", words.left_out)?;
        for (flow, reason) in &selection.left_out {
            let reason = whole_line(&reason.to_string());
            writeln!(text, "<li><b>{}</b>: {}</li>", flow.id, escaped(&reason))?;
        }
        writeln!(text, "</ul>")?;
    }
    writeln!(text, "</body>\n</html>")
}

fn row(
    text: &mut String,
    words: &super::document::Words,
    selected: &crate::select::Selected<'_>,
) -> Result<(), std::fmt::Error> {
    let flow = selected.flow;
    write!(
        text,
        "<tr id=\"{id}\"><th scope=\"row\"><a href=\"#{id}\">{id}</a></th><td>{} → {}<small>{}</small></td><td class=\"mono\">",
        escaped(&words.dialers(selected)),
        escaped(&words.party(selected, &flow.to)),
        words.direction(flow.direction),
        id = flow.id,
    )?;
    for endpoint in &selected.endpoints {
        // A long name may break behind its dots alone.
        let host = escaped(&words.host(&endpoint.host)).replace('.', ".<wbr>");
        let ports = escaped(&words.ports(endpoint));
        write!(text, "<span>{host} <b>{ports}</b></span>")?;
    }
    write!(
        text,
        "</td><td>{}</td><td>{}",
        escaped(&words.need(flow)),
        escaped(&words.text(&flow.purpose)),
    )?;
    let tls = words.tls(flow.tls.as_ref());
    if !tls.is_empty() {
        write!(text, "<small>{}: {}</small>", words.tls, escaped(&tls))?;
    }
    for broken in &flow.breaks {
        let broken = escaped(&words.broken(broken));
        write!(text, "<small>{}: {broken}</small>", words.breaks)?;
    }
    for caveat in &flow.caveats {
        let caveat = escaped(&words.text(caveat));
        write!(
            text,
            "<small class=\"mind\">{}: {caveat}</small>",
            words.caveats
        )?;
    }
    writeln!(text, "</td></tr>")
}

/// Text in which nothing is markup, inside elements and quoted attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escaped("<b onclick='x'>&\""),
            "&lt;b onclick=&#39;x&#39;&gt;&amp;&quot;"
        );
    }
}
