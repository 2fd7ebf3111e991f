//! One measured quantity, and what it should be.

use serde::{Deserialize, Serialize};

/// A quantity with the values that were measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Figure {
    pub(super) what: String,
    pub(super) unit: String,
    pub(super) aim: Aim,
    /// One for each repetition.
    pub(super) values: Vec<f64>,
}

/// What a quantity should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Aim {
    /// Measured to be known.
    None,
    AtMost {
        aim: f64,
        /// Still acceptable.
        limit: Option<f64>,
    },
    AtLeast {
        aim: f64,
    },
}

impl Figure {
    pub(super) fn new(what: impl Into<String>, unit: &str, values: Vec<f64>) -> Figure {
        Figure {
            what: what.into(),
            unit: unit.to_owned(),
            aim: Aim::None,
            values,
        }
    }

    pub(super) fn at_most(mut self, aim: f64, limit: Option<f64>) -> Figure {
        self.aim = Aim::AtMost { aim, limit };
        self
    }

    pub(super) fn at_least(mut self, aim: f64) -> Figure {
        self.aim = Aim::AtLeast { aim };
        self
    }

    /// Smallest, middle and largest value.
    pub(super) fn spread(&self) -> Option<[f64; 3]> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, *sorted.get(middle)?)
        } else {
            *sorted.get(middle)?
        };
        Some([*sorted.first()?, median, *sorted.last()?])
    }

    /// What is said of the median beside the aim.
    pub(super) fn judgement(&self) -> String {
        let Some([_, median, _]) = self.spread() else {
            return "not measured".to_owned();
        };
        match self.aim {
            Aim::None => String::new(),
            Aim::AtMost { aim, .. } if median <= aim => "met".to_owned(),
            Aim::AtMost {
                limit: Some(limit), ..
            } if median <= limit => "aim missed, limit kept".to_owned(),
            Aim::AtMost { .. } => "**missed**".to_owned(),
            Aim::AtLeast { aim } if median >= aim => "met".to_owned(),
            Aim::AtLeast { .. } => "**missed**".to_owned(),
        }
    }

    pub(super) fn aim_in_words(&self) -> String {
        match self.aim {
            Aim::None => String::new(),
            Aim::AtMost { aim, limit: None } => format!("≤ {}", number(aim)),
            Aim::AtMost {
                aim,
                limit: Some(limit),
            } => format!("≤ {}, at most {}", number(aim), number(limit)),
            Aim::AtLeast { aim } => format!("≥ {}", number(aim)),
        }
    }
}

/// Three significant digits, and no more than three places.
pub(super) fn number(value: f64) -> String {
    let places = match value.abs() {
        small if small < 0.1 => 3,
        small if small < 10.0 => 2,
        middling if middling < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        grouped(&text)
    }
}

/// 12345 as 12,345.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_judged_and_not_the_best_run() {
        let figure = Figure::new("x", "s", vec![9.0, 1.0, 4.0]).at_most(3.0, Some(5.0));
        assert_eq!(figure.spread(), Some([1.0, 4.0, 9.0]));
        assert_eq!(figure.judgement(), "aim missed, limit kept");
        let even = Figure::new("x", "s", vec![2.0, 4.0]).at_least(3.1);
        assert_eq!(even.spread(), Some([2.0, 3.0, 4.0]));
        assert_eq!(even.judgement(), "**missed**");
        assert_eq!(
            Figure::new("x", "s", Vec::new()).judgement(),
            "not measured"
        );
    }

    #[test]
    fn numbers_are_as_long_as_they_are_worth() {
        let texts = [0.0123, 0.25, 3.0, 41.26, 9999.6, 1_234_567.0].map(number);
        assert_eq!(texts, ["0.012", "0.25", "3", "41.3", "10,000", "1,234,567"]);
        assert_eq!(number(-123_456.0), "-123,456");
    }
}
