//! CSV (RFC 4180): one line for each destination, the catalogue's origin in the first lines.

use super::document::all_exact;
use super::table::{COLUMNS, rows};
use super::{Format, Options, RenderError, Rendered, Renderer, header};
use crate::select::Selection;

pub(super) struct Csv;

impl Renderer for Csv {
    fn format(&self) -> Format {
        Format::Csv
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let mut text = String::new();
        for line in header::lines(selection.catalogue) {
            text.push_str("# ");
            text.push_str(&line);
            text.push_str("\r\n");
        }
        record(&mut text, COLUMNS.iter().copied());
        for row in rows(selection, &options.language) {
            record(&mut text, row.iter().map(String::as_str));
        }
        Ok(Rendered {
            bytes: text.into_bytes(),
            report: all_exact(selection),
        })
    }
}

fn record<'c>(text: &mut String, cells: impl Iterator<Item = &'c str>) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            text.push(',');
        }
        // Spreadsheets take such a cell for a formula.
        let formula = cell.starts_with(['=', '+', '-', '@']);
        if formula || cell.contains(['"', ',', '\n', '\r', '#', ';']) {
            text.push('"');
            if formula {
                text.push('\'');
            }
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(cell);
        }
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_a_cell_and_no_formula() {
        let mut text = String::new();
        record(&mut text, ["a", "b,c", "say \"x\"", "=1+1", ""].into_iter());
        assert_eq!(text, "a,\"b,c\",\"say \"\"x\"\"\",\"'=1+1\",\r\n");
    }
}
