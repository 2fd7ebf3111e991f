//! The file in a real reader (openpyxl).

use std::process::Command;

use serde_json::Value;

use super::super::sample::{rendered, selection};
use super::*;

const READER: &str = r#"
import json, sys
from openpyxl import load_workbook
book = load_workbook(sys.argv[1])
print(json.dumps({sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book},
                 default=str))
print(json.dumps([cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]))
"#;

#[test]
fn a_reader_finds_every_destination_and_no_formula() {
    let file = tempfile::NamedTempFile::with_suffix(".xlsx").unwrap();
    std::fs::write(file.path(), rendered(Format::Xlsx).bytes).unwrap();
    let output = Command::new("/usr/bin/python3")
        .args(["-c", READER])
        .arg(file.path())
        .output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        skip::skip(
            "a_reader_finds_every_destination_and_no_formula",
            "python3 with openpyxl is not installed",
        );
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let sheets: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(lines.next(), Some("[]"), "no cell is a formula");
    let rows_read = sheets["Flows"].as_array().unwrap();
    let expected = rows(&selection(), "en");
    assert_eq!(rows_read.len(), expected.len() + 1);
    for (read, expected) in rows_read.iter().skip(1).zip(&expected) {
        for (cell, expected) in read.as_array().unwrap().iter().zip(expected) {
            assert_eq!(cell.as_str().unwrap_or_default(), expected);
        }
    }
    assert!(sheets["Sources"].to_string().contains("2024-11-11"));
    assert!(
        sheets["Breaks"]
            .to_string()
            .contains("=1+1 old definitions")
    );
}
