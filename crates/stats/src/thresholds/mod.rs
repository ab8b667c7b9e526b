//! Conditions under which a test has failed: `p95 > 400ms`, `p99(GET /checkout) > 1s over 30s`, `fail_ratio > 1%`.
//!
//! [`Threshold`] is one condition as written, [`Judge`] holds several against the statistics as time goes by. Pure: the
//! caller says what time it is, once a second.

mod evaluate;
mod parse;
mod sample;

use std::fmt;

pub use evaluate::{Judge, Outcome, Verdict};
pub use parse::{ParseError, parse, parse_all};
pub(crate) use parse::{Scanner, split};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// A percentile of the response times, from 0 to 1.
    Percentile(f64),
    Average,
    Minimum,
    Maximum,
    /// Failures by requests.
    FailRatio,
    /// Requests per second.
    RequestRate,
    /// Failures per second.
    FailureRate,
    Requests,
    Failures,
}

/// What a number is a number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds.
    Time,
    /// 1 is everything.
    Ratio,
    PerSecond,
    Count,
}

impl Measure {
    pub fn unit(self) -> Unit {
        match self {
            Self::Percentile(_) | Self::Average | Self::Minimum | Self::Maximum => Unit::Time,
            Self::FailRatio => Unit::Ratio,
            Self::RequestRate | Self::FailureRate => Unit::PerSecond,
            Self::Requests | Self::Failures => Unit::Count,
        }
    }
}

impl Unit {
    /// A value for people: `412 ms`, `1.24 s`, `0.70%`, `98.3/s`, `12`.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::Time if value >= 1_000_000.0 => format!("{:.2} s", value / 1_000_000.0),
            Self::Time if value >= 10_000.0 => format!("{:.0} ms", value / 1_000.0),
            Self::Time => format!("{:.2} ms", value / 1_000.0),
            Self::Ratio => format!("{:.2}%", value * 100.0),
            Self::PerSecond => format!("{value:.2}/s"),
            Self::Count => format!("{value:.0}"),
        }
    }
}

/// How a value fails the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Comparison {
    /// Whether the condition holds, that is, whether the test has failed.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
        }
    }

    /// Whether `value` is nearer to failing than `other`.
    fn is_worse(self, value: f64, other: f64) -> bool {
        match self {
            Self::Above | Self::AtLeast => value > other,
            Self::Below | Self::AtMost => value < other,
        }
    }
}

/// Whose requests are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// All together.
    Total,
    /// Each entry of that name on its own; `*` stands for any text.
    Named { method: Option<String>, name: String },
}

impl Selector {
    /// Whether an entry is meant.
    pub fn matches(&self, method: &str, name: &str) -> bool {
        match self {
            Self::Total => false,
            Self::Named { method: wanted, name: pattern } => {
                wanted.as_ref().is_none_or(|wanted| wanted == method) && is_like(pattern, name)
            }
        }
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any text.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(mut last) = parts.next() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(last) else { return false };
        rest = &rest[at + last.len()..];
        last = part;
    }
    rest.ends_with(last)
}

/// One condition under which the test has failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As it was written.
    pub text: String,
    pub measure: Measure,
    pub selector: Selector,
    pub comparison: Comparison,
    /// In the measure's unit.
    pub limit: f64,
    /// Look at the last so many seconds at any time, not at everything since the warm-up.
    pub over_s: Option<u32>,
    /// Seconds from the start that are left out; `None`: as the judge is told.
    pub after_s: Option<u32>,
}

impl fmt::Display for Threshold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_with_stars() {
        for (pattern, text, alike) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a*", "/ab", true),
            ("*", "", true),
            ("*b*", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("a*b*c", "a-c-b", false),
            ("*.png", "/x.png", true),
        ] {
            assert_eq!(is_like(pattern, text), alike, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_made_from_a_text_is_like_it(text in ".{0,20}", from in 0_usize..20, to in 0_usize..20) {
            let characters: Vec<char> = text.replace('*', "").chars().collect();
            let (from, to) = (from.min(to).min(characters.len()), from.max(to).min(characters.len()));
            let text: String = characters.iter().collect();
            let pattern: String = characters[..from].iter().chain(['*'].iter()).chain(&characters[to..]).collect();
            prop_assert!(is_like(&pattern, &text));
            prop_assert!(is_like(&text, &text));
        }
    }

    #[test]
    fn values_for_people() {
        let shown = [(Unit::Time, 1_234.0), (Unit::Time, 412_300.0), (Unit::Time, 1_240_000.0), (Unit::Ratio, 0.007)]
            .map(|(unit, value)| unit.shown(value));
        assert_eq!(shown, ["1.23 ms", "412 ms", "1.24 s", "0.70%"]);
        assert_eq!([Unit::PerSecond.shown(98.305), Unit::Count.shown(12.0)], ["98.31/s", "12"]);
    }
}
