//! How far a build is, shown on standard error: a bar on a terminal, lines elsewhere.

use std::io::IsTerminal as _;

use definitions::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows a build's progress.
#[derive(Debug)]
pub(crate) struct Shown {
    bar: Option<ProgressBar>,
    tenths_told: Option<u64>,
}

impl Shown {
    /// A bar where standard error is a terminal.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template(
                "compiling definitions {bar:30} {percent:>3}% {wide_msg}",
            );
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            tenths_told: None,
        }
    }

    /// Shows where the build is.
    pub(crate) fn tell(&mut self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message(progress.step.clone());
            return;
        }
        let tenths = progress.done.saturating_mul(10) / progress.total.max(1);
        if self.tenths_told != Some(tenths) {
            self.tenths_told = Some(tenths);
            let percent = tenths * 10;
            eprintln!("compiling definitions: {percent} % ({})", progress.step);
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
