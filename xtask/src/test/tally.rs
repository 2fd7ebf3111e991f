//! Adds up what passed, failed and was skipped, and says why.

use std::path::Path;
use std::time::Duration;

use super::libtest::Report;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) name: String,
    pub(crate) why: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) name: String,
    pub(crate) reason: String,
}

/// What came of one executable.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) label: String,
    pub(crate) passed: usize,
    pub(crate) failures: Vec<Failure>,
    pub(crate) skips: Vec<Skip>,
    pub(crate) took: Duration,
    /// Shown where something failed.
    pub(crate) output: String,
}

impl Outcome {
    pub(crate) fn of(label: String, report: Report, skip_log: &str) -> Outcome {
        let mut outcome = Outcome {
            label,
            passed: report.passed,
            ..Outcome::default()
        };
        for (name, reason) in report.ignored {
            outcome.skips.push(Skip { name, reason });
        }
        for line in skip_log.lines() {
            outcome.take_skip_line(line, &report.failed);
        }
        outcome
            .failures
            .extend(report.failed.into_iter().map(|name| Failure {
                name,
                why: "failed".to_owned(),
            }));
        outcome
    }

    /// A test that skips itself has passed in the harness's eyes: it moves.
    fn take_skip_line(&mut self, line: &str, failed: &[String]) {
        let Some(skip) = Skip::parse(line) else {
            self.fail(
                "skip log",
                format!("expected `SKIPPED: <test>: <reason>`, came {line:?}"),
            );
            return;
        };
        let failed_too = failed
            .iter()
            .any(|name| *name == skip.name || name.ends_with(&format!("::{}", skip.name)));
        if failed_too {
            return;
        }
        match self.passed.checked_sub(1) {
            Some(passed) => {
                self.passed = passed;
                self.skips.push(skip);
            }
            None => self.fail(
                "skip log",
                format!("more tests say that they skip than passed: {line:?}"),
            ),
        }
    }

    pub(crate) fn fail(&mut self, name: &str, why: String) {
        self.failures.push(Failure {
            name: name.to_owned(),
            why,
        });
    }
}

impl Skip {
    /// `SKIPPED: <test name>: <reason>`.
    pub(crate) fn parse(line: &str) -> Option<Skip> {
        let (name, reason) = line.strip_prefix("SKIPPED: ")?.split_once(": ")?;
        Some(Skip {
            name: name.trim().to_owned(),
            reason: reason.trim().to_owned(),
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failures: Vec<(String, Failure)>,
    skips: Vec<(String, Skip)>,
}

impl Tally {
    /// Adds an outcome and prints its line; of a failed one, its output too.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        let word = if outcome.failures.is_empty() {
            "ok  "
        } else {
            "FAIL"
        };
        println!(
            "{word}  {:<44} {:>4} passed {:>3} failed {:>3} skipped {:>7.1} s",
            outcome.label,
            outcome.passed,
            outcome.failures.len(),
            outcome.skips.len(),
            outcome.took.as_secs_f64()
        );
        if !outcome.failures.is_empty() {
            println!("----- output of {}", outcome.label);
            println!("{}", outcome.output.trim_end());
            println!("----- end of output of {}", outcome.label);
        }
        self.passed += outcome.passed;
        let label = outcome.label;
        self.failures.extend(
            outcome
                .failures
                .into_iter()
                .map(|failure| (label.clone(), failure)),
        );
        self.skips
            .extend(outcome.skips.into_iter().map(|skip| (label.clone(), skip)));
    }

    /// A part of the suite that could not run, as one skip.
    pub(crate) fn skip_part(&mut self, part: &str, reason: &str) {
        println!("SKIPPED: {part}: {reason}");
        let skip = Skip {
            name: part.to_owned(),
            reason: reason.to_owned(),
        };
        self.skips.push((part.to_owned(), skip));
    }

    /// A part of the suite that could not even begin, as one failure.
    pub(crate) fn fail_part(&mut self, part: &str, why: String) {
        let failure = Failure {
            name: part.to_owned(),
            why,
        };
        self.failures.push((part.to_owned(), failure));
    }

    pub(crate) fn print_details(&self, logs: &Path) {
        println!();
        for (label, skip) in &self.skips {
            println!("SKIPPED: {label}: {}: {}", skip.name, skip.reason);
        }
        for (label, failure) in &self.failures {
            println!("FAILED: {label}: {}: {}", failure.name, failure.why);
        }
        if !self.failures.is_empty() {
            println!("Whole outputs: {}", logs.display());
        }
        if self.passed == 0 && self.failures.is_empty() {
            println!("Nothing ran, which is a failure.");
        }
    }

    pub(crate) fn summary(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed,
            self.failures.len(),
            self.skips.len()
        )
    }

    pub(crate) fn is_success(&self) -> bool {
        self.failures.is_empty() && self.passed > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(passed: usize, failed: &[&str]) -> Report {
        Report {
            passed,
            failed: failed.iter().map(|name| (*name).to_owned()).collect(),
            ignored: Vec::new(),
            complete: true,
        }
    }

    #[test]
    fn a_skip_line_moves_one_test_from_passed_to_skipped() {
        let outcome = Outcome::of(
            "x".into(),
            report(3, &[]),
            "SKIPPED: a::b: no root: needs mount\n",
        );
        assert_eq!(outcome.passed, 2);
        assert_eq!(
            outcome.skips,
            [Skip {
                name: "a::b".into(),
                reason: "no root: needs mount".into()
            }]
        );
    }

    #[test]
    fn a_test_that_failed_after_its_skip_line_stays_failed() {
        let outcome = Outcome::of("x".into(), report(3, &["m::b"]), "SKIPPED: b: reason\n");
        assert_eq!(
            (outcome.passed, outcome.failures.len(), outcome.skips.len()),
            (3, 1, 0)
        );
    }

    #[test]
    fn more_skips_than_passes_are_a_failure() {
        let outcome = Outcome::of("x".into(), report(0, &[]), "SKIPPED: b: reason\n");
        assert_eq!((outcome.passed, outcome.failures.len()), (0, 1));
    }

    #[test]
    fn a_skip_line_in_another_form_is_a_failure() {
        let outcome = Outcome::of("x".into(), report(1, &[]), "skipped b\n");
        assert_eq!(outcome.failures.len(), 1);
    }

    #[test]
    fn the_summary_has_the_agreed_form() {
        let mut tally = Tally::default();
        tally.add(Outcome::of(
            "x".into(),
            report(3, &[]),
            "SKIPPED: b: reason\n",
        ));
        tally.skip_part("as nobody", "not root");
        assert_eq!(tally.summary(), "2 passed, 0 failed, 2 skipped");
        assert!(tally.is_success());
    }

    #[test]
    fn a_run_in_which_nothing_ran_is_no_success() {
        let mut tally = Tally::default();
        tally.skip_part("everything", "a reason");
        assert!(!tally.is_success());
    }
}
