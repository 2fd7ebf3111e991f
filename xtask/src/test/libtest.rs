//! Reads what the standard test harness prints.

/// What one or several test executables said, in their own words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) passed: usize,
    pub(crate) failed: Vec<String>,
    /// Tests that their attribute leaves out, with its reason.
    pub(crate) ignored: Vec<(String, String)>,
    /// Whether a summary line came: without one, the executable did not come to its end.
    pub(crate) complete: bool,
}

/// Result lines carry names, and a test's own output may break one apart; so
/// the numbers are the summary's.
pub(crate) fn parse(text: &str) -> Report {
    let mut report = Report::default();
    let mut passed_lines = 0;
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    for line in text.lines() {
        if let Some((name, result)) = result_line(line) {
            match result {
                "ok" => passed_lines += 1,
                "FAILED" => report.failed.push(name.to_owned()),
                other => {
                    if let Some(reason) = other.strip_prefix("ignored") {
                        let reason = reason.trim_start_matches(", ");
                        let reason = if reason.is_empty() {
                            "ignored, with no reason given"
                        } else {
                            reason
                        };
                        report.ignored.push((name.to_owned(), reason.to_owned()));
                    }
                }
            }
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            report.complete = true;
            passed += count(counts, "passed");
            failed += count(counts, "failed");
            ignored += count(counts, "ignored");
        }
    }
    report.passed = if report.complete {
        passed
    } else {
        passed_lines
    };
    while report.failed.len() < failed {
        report
            .failed
            .push("(a test whose line could not be read)".to_owned());
    }
    while report.ignored.len() < ignored {
        let unread = "(a test whose line could not be read)".to_owned();
        report.ignored.push((unread, "ignored".to_owned()));
    }
    report
}

/// `test NAME ... RESULT`, also with a remark such as ` - should panic` after the name.
fn result_line(line: &str) -> Option<(&str, &str)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    Some((name, result.trim()))
}

/// The number before `word` in `ok. 3 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> usize {
    let words: Vec<&str> = counts.split_whitespace().collect();
    words
        .windows(2)
        .find_map(|pair| match pair {
            [number, label] if label.trim_end_matches(';') == word => number.parse().ok(),
            _ => None,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: &str = "
running 4 tests
test a::passes ... ok
test a::panics - should panic ... ok
test b::breaks ... FAILED
test b::waits ... ignored, needs a second machine

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    #[test]
    fn each_result_is_counted_with_its_name() {
        let report = parse(ORDINARY);
        assert_eq!(report.passed, 2);
        assert_eq!(report.failed, ["b::breaks"]);
        assert_eq!(
            report.ignored,
            [("b::waits".to_owned(), "needs a second machine".to_owned())]
        );
        assert!(report.complete);
    }

    #[test]
    fn several_summaries_add_up() {
        assert_eq!(parse(&[ORDINARY, ORDINARY].concat()).passed, 4);
    }

    #[test]
    fn a_line_that_other_output_broke_is_still_counted() {
        let report = parse(
            "test a ... noise\nFAILED\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
        );
        assert_eq!(report.failed.len(), 1);
    }

    #[test]
    fn without_a_summary_the_report_is_not_complete() {
        let report = parse("running 2 tests\ntest a ... ok\n");
        assert!(!report.complete);
        assert_eq!(report.passed, 1);
    }

    #[test]
    fn an_empty_executable_is_complete() {
        let report = parse(
            "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert!(report.complete);
        assert_eq!(report.passed, 0);
    }
}
