//! Lists as CSV and JSON. A spreadsheet must not run what a file name says.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use proto::Page;
use proto::api::PAGE_MAX;
use serde::Serialize;
use serde_json::Value;

use super::answer::Answer;
use crate::refusal::Refusal;

/// Rows of one export; the file says when there were more.
pub(crate) const MAX_ROWS: usize = 10_000;

/// How a list is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Json,
}

/// Reads a list page by page, up to [`MAX_ROWS`].
///
/// # Errors
/// Those of the list.
pub(crate) async fn gather<T, F>(
    mut read: impl FnMut(u32, Option<String>) -> F,
) -> Result<Page<T>, Refusal>
where
    F: Future<Output = Result<Page<T>, Refusal>>,
{
    let mut whole = read(PAGE_MAX, None).await?;
    while let Some(cursor) = whole.next_cursor.take() {
        if whole.items.len() >= MAX_ROWS {
            whole.next_cursor = Some(cursor);
            break;
        }
        let more = read(PAGE_MAX, Some(cursor)).await?;
        whole.items.extend(more.items);
        whole.next_cursor = more.next_cursor;
    }
    Ok(whole)
}

/// The file. `first` names the columns that come first in CSV; the others follow by name.
///
/// # Errors
/// When the rows can't be written.
pub(crate) fn file<T: Serialize>(
    format: Format,
    name: &str,
    first: &[&str],
    page: &Page<T>,
) -> Answer {
    let (text, ending, media_type) = match format {
        Format::Csv => (csv(first, &page.items)?, "csv", "text/csv; charset=utf-8"),
        Format::Json => (
            serde_json::to_string_pretty(page).map_err(Refusal::internal("writing an export"))?,
            "json",
            "application/json",
        ),
    };
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let disposition = format!("attachment; filename=\"garrison-{name}.{ending}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// RFC 4180, with a header line; objects inside become columns such as `state.host.os`.
fn csv<T: Serialize>(first: &[&str], rows: &[T]) -> Result<String, Refusal> {
    let rows: Vec<Vec<(String, String)>> = rows
        .iter()
        .map(|row| {
            let value =
                serde_json::to_value(row).map_err(Refusal::internal("writing an export"))?;
            let mut cells = Vec::new();
            flatten("", &value, &mut cells);
            Ok(cells)
        })
        .collect::<Result<_, Refusal>>()?;
    let mut columns: Vec<String> = first.iter().map(|name| (*name).to_owned()).collect();
    let mut others: Vec<String> = rows
        .iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    others.sort_unstable();
    others.dedup();
    others.retain(|name| !columns.contains(name));
    columns.extend(others);
    let mut text = line(columns.iter().map(String::as_str));
    for row in &rows {
        text.push_str(&line(columns.iter().map(|column| {
            row.iter()
                .find(|(name, _)| name == column)
                .map_or("", |(_, value)| value.as_str())
        })));
    }
    Ok(text)
}

fn flatten(prefix: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                flatten(&name, value, cells);
            }
        }
        Value::Null => {}
        Value::String(text) => cells.push((prefix.to_owned(), text.clone())),
        other => cells.push((prefix.to_owned(), other.to_string())),
    }
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell that begins like a formula is made text (OWASP, CSV Injection).
fn cell(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if risky {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\n', '\r', ';', '\t']) || text != text.trim() {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_stays_text_and_a_number_a_number() {
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        for text in ["+1+1", "-cmd", "@SUM(A1)", "\t=1"] {
            assert!(
                cell(text).trim_start_matches('"').starts_with('\''),
                "{text:?}"
            );
        }
        assert_eq!(cell("-5"), "-5");
        assert_eq!(cell("a,b"), "\"a,b\"");
    }

    #[test]
    fn objects_inside_become_columns() {
        let rows = [serde_json::json!({"id": 1, "host": {"os": "x", "up": true}, "tags": [1, 2]})];
        assert_eq!(
            csv(&["id"], &rows).unwrap(),
            "id,host.os,host.up,tags\r\n1,x,true,\"[1,2]\"\r\n"
        );
    }
}
