//! Conditions of `--fail-if`, of a run and of a comparison: whatever somebody writes is understood or refused with a column that
//! lies in the text, and what was understood is understood again as it is told.

use gregaria_stats::compare::parse_conditions;
use gregaria_stats::thresholds::{ParseError, parse, parse_all};

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match parse_all(&text) {
        Ok(thresholds) => {
            for threshold in thresholds {
                assert!(threshold.limit.is_finite() && threshold.limit >= 0.0, "{threshold:?}");
                assert_eq!(parse(&threshold.text), Ok(threshold));
            }
        }
        Err(error) => check(&error),
    }
    match parse_conditions(&text) {
        Ok(conditions) => {
            for condition in conditions {
                assert_eq!(parse_conditions(&condition.text), Ok(vec![condition]));
            }
        }
        Err(error) => check(&error),
    }
}

fn check(error: &ParseError) {
    assert!((1..=error.text.chars().count() + 1).contains(&error.column), "{error:?}");
    assert!(!error.problem.is_empty());
}
