//! The answer in its form, and what is shown while it is on its way.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use doctor::output::{junit, prometheus, sarif, text};
use doctor::{Progress, Report};

use super::{DoctorArguments, Form};
use crate::table::Table;

/// How often the line is drawn anew.
const PACE: Duration = Duration::from_millis(80);

pub(super) fn write(arguments: &DoctorArguments, report: &Report) -> anyhow::Result<()> {
    let form = if arguments.json {
        Form::Json
    } else {
        arguments.format
    };
    let output = &arguments.output;
    match form {
        Form::Json => output.json(report),
        Form::Sarif => output.json(&sarif::sarif(report, env!("CARGO_PKG_VERSION"))),
        Form::Junit => output.write(junit::junit(report)),
        Form::Prometheus => output.write(prometheus::prometheus(report)),
        Form::Table => output.write(table(report, arguments.all)),
    }
}

fn table(report: &Report, all: bool) -> String {
    let rows = if all {
        text::Rows::All
    } else {
        text::Rows::Checked
    };
    let mut table = Table::new(&["RESULT", "FLOW", "DESTINATION", "WAY", "WHAT"]);
    for row in text::rows(report, rows) {
        table.row(row);
    }
    let skipped = if all {
        String::new()
    } else {
        text::skipped(report)
    };
    format!("{table}{skipped}\n{}", text::findings(report))
}

/// One line on a terminal that says how far the run is.
pub(super) struct Live {
    terminal: bool,
    drawn: Option<Instant>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            drawn: None,
        }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        let fresh = self.drawn.is_some_and(|drawn| drawn.elapsed() < PACE);
        if !self.terminal || (fresh && progress.done < progress.all) {
            return;
        }
        self.drawn = Some(Instant::now());
        let failed = match progress.failed {
            0 => String::new(),
            failed => format!(", {failed} with trouble"),
        };
        self.draw(&format!(
            "checking {} of {}{failed}; Ctrl-C shows what is known",
            progress.done, progress.all
        ));
    }

    pub(super) fn clear(&mut self) {
        if self.drawn.take().is_some() {
            self.draw("");
        }
    }

    fn draw(&self, line: &str) {
        // Whether somebody sees it changes nothing.
        let mut error = std::io::stderr().lock();
        let _ = write!(error, "\r\x1b[2K{line}");
        let _ = error.flush();
    }
}
