//! A spreadsheet (Office Open XML): destinations, what breaks, and the sources, one sheet each.

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format as Style, Workbook, Worksheet, XlsxError,
};

use super::document::{all_exact, words};
use super::table::{COLUMNS, rows};
use super::{Format, Options, RenderError, Rendered, Renderer, header};
use crate::select::Selection;

pub(super) struct Xlsx;

/// How hard the sheets are compressed: least, as they are small and writing them took longest.
const COMPRESSION: u8 = 1;

/// A cell holds no more characters (Excel's specification).
const MAX_CELL: usize = 32_767;

impl Renderer for Xlsx {
    fn format(&self) -> Format {
        Format::Xlsx
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let bytes = write(selection, options).map_err(|error| RenderError::Writer {
            format: Format::Xlsx,
            reason: error.to_string(),
        })?;
        Ok(Rendered {
            bytes,
            report: all_exact(selection),
        })
    }
}

fn write(selection: &Selection<'_>, options: &Options) -> Result<Vec<u8>, XlsxError> {
    let words = words(&options.language);
    let mut workbook = Workbook::new();
    workbook.set_zip_compression_level(COMPRESSION);
    // The writer would ask the clock; the same selection makes the same bytes.
    let epoch = ExcelDateTime::from_ymd(2000, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&epoch));

    let cells = rows(selection, &options.language);
    let sheet = workbook.add_worksheet().set_name("Flows")?;
    let cells = cells.iter().map(|row| row.as_slice());
    fill(
        sheet,
        &COLUMNS,
        cells,
        &[14.0, 30.0, 16.0, 48.0, 18.0, 18.0],
    )?;

    let broken: Vec<[String; 2]> = selection
        .flows
        .iter()
        .flat_map(|selected| {
            let id = &selected.flow.id;
            let line = |broken| [id.to_string(), words.broken(broken)];
            selected.flow.breaks.iter().map(line)
        })
        .collect();
    let sheet = workbook.add_worksheet().set_name("Breaks")?;
    let cells = broken.iter().map(|row| row.as_slice());
    fill(sheet, &["id", "breaks"], cells, &[30.0, 120.0])?;

    let origin: Vec<[String; 1]> = header::lines(selection.catalogue)
        .into_iter()
        .map(|line| [line])
        .collect();
    let sheet = workbook.add_worksheet().set_name("Sources")?;
    let cells = origin.iter().map(|row| row.as_slice());
    fill(sheet, &["source"], cells, &[140.0])?;
    workbook.save_to_buffer()
}

fn fill<'r>(
    sheet: &mut Worksheet,
    columns: &[&str],
    rows: impl Iterator<Item = &'r [String]>,
    widths: &[f64],
) -> Result<(), XlsxError> {
    let bold = Style::new().set_bold();
    for (column, name) in (0u16..).zip(columns) {
        sheet.write_string_with_format(0, column, *name, &bold)?;
    }
    for (column, width) in (0u16..).zip(widths) {
        sheet.set_column_width(column, *width)?;
    }
    let mut last = 0;
    for (line, row) in (1u32..).zip(rows) {
        for (column, cell) in (0u16..).zip(row) {
            // As a string, whatever it begins with: it never becomes a formula.
            if cell.len() <= MAX_CELL {
                sheet.write_string(line, column, cell.as_str())?;
            } else {
                let cell: String = cell.chars().take(MAX_CELL).collect();
                sheet.write_string(line, column, cell)?;
            }
        }
        last = line;
    }
    sheet.set_freeze_panes(1, 0)?;
    let columns = u16::try_from(columns.len()).unwrap_or(1).saturating_sub(1);
    if last > 0 {
        sheet.autofilter(0, 0, last, columns)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "xlsx/tests.rs"]
mod tests;
