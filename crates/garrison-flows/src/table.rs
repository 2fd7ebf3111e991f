//! Tables made to be read: no frames, one line a row where the terminal is wide enough.

use std::fmt;

use comfy_table::{ContentArrangement, presets};

/// Below it text would stand letter by letter.
const LEAST_WIDTH: u16 = 40;

/// Columns of text under headings.
#[derive(Debug)]
pub struct Table {
    inner: comfy_table::Table,
    empty: bool,
}

impl Table {
    /// A table without rows.
    pub fn new(headings: &[&str]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(headings.iter().map(|heading| (*heading).to_owned()));
        // A terminal that has no size yet, as in some scripts, says 0.
        if inner.width().is_some_and(|width| width < LEAST_WIDTH) {
            inner.set_content_arrangement(ContentArrangement::Disabled);
        }
        for column in inner.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self { inner, empty: true }
    }

    /// Whether each row has its line; where no terminal is looked at, it always has.
    pub fn fits(&self) -> bool {
        let Some(width) = self.inner.width() else {
            return true;
        };
        let mut natural = self.inner.clone();
        natural.set_content_arrangement(ContentArrangement::Disabled);
        natural
            .lines()
            .all(|line| line.trim_end().chars().count() <= usize::from(width))
    }

    /// Adds a row.
    pub fn row<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        self.empty = false;
        self.inner.add_row(cells.into_iter().map(plain));
    }
}

/// Text without characters that a terminal would obey.
pub fn plain(text: String) -> String {
    if text.chars().any(char::is_control) {
        text.chars()
            .map(|one| {
                if one.is_control() && one != '\n' {
                    '\u{fffd}'
                } else {
                    one
                }
            })
            .collect()
    } else {
        text
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.empty {
            return writeln!(f, "(none)");
        }
        for line in self.inner.lines() {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_control_characters_are_harmless() {
        let mut table = Table::new(&["NAME", "STATE"]);
        table.row(["a\u{1b}[31m".to_owned(), "open".to_owned()]);
        table.row(["longer-name".to_owned(), "done".to_owned()]);
        let text = table.to_string();
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let place = |word| {
            text.lines()
                .find_map(|line: &str| line.find(word).map(|at| line[..at].chars().count()))
        };
        assert!(place("STATE").is_some(), "{text}");
        assert_eq!(place("STATE"), place("open"), "{text}");
        assert_eq!(place("STATE"), place("done"), "{text}");
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Table::new(&["NAME"]).to_string(), "(none)\n");
    }
}
