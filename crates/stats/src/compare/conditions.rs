//! Conditions under which a comparison has failed. Text in, a verdict in words out.
//!
//! ```text
//!   condition = measure [ "(" [METHOD] name ")" ] [ "surely" | "maybe" ] direction [ "by" number unit ]
//!   measure   = p<number> | median | avg | rps | fail_ratio
//!   direction = "worse" | "better" | "higher" | "lower" | "different"
//!   unit      = "%" (of A's figure) | "us" | "ms" | "s" | "/s" | "pp" (points of a ratio)
//! ```
//!
//! Plainly, a condition holds if a difference can be shown and is that large. `surely`: its whole interval is;
//! `maybe`: its interval reaches so far, that is, it cannot be shown that the difference is smaller.

use serde::Serialize;

use super::{Change, Compared, Estimate, Measure, Reason, Series, compare};
use crate::thresholds::{self, ParseError, Scanner, Selector, split};

/// How sure one must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Plain,
    Surely,
    Maybe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Worse,
    Better,
    Higher,
    Lower,
    Different,
}

/// How large a difference must be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Limit {
    Any,
    /// A share of A's figure.
    Share(f64),
    /// In the measure's unit.
    Absolute(f64),
}

/// One condition under which a comparison has failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    measure: Measure,
    selector: Selector,
    certainty: Certainty,
    direction: Direction,
    limit: Limit,
}

/// What became of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    /// Nothing that it could be judged by; counts as failed.
    Unknown,
}

/// What became of a condition, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judgement {
    pub condition: String,
    pub outcome: Outcome,
    /// What was found, in words.
    pub found: String,
}

/// The runs of both sides, of one name or of all requests.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// Method and name in one; empty for all requests.
    pub label: &'a str,
    pub method: &'a str,
    pub name: &'a str,
    pub a: &'a [Series<'a>],
    pub b: &'a [Series<'a>],
}

/// All conditions of a text, in which `;` or line ends stand between them.
pub fn parse_conditions(text: &str) -> Result<Vec<Condition>, ParseError> {
    split(text).into_iter().filter(|part| !part.trim().is_empty()).map(parse).collect()
}

fn parse(text: &str) -> Result<Condition, ParseError> {
    let mut scanner = Scanner::new(text);
    let measure = match scanner.measure()? {
        thresholds::Measure::Percentile(p) if p < 1.0 => Measure::Percentile(p),
        thresholds::Measure::Average => Measure::Average,
        thresholds::Measure::RequestRate => Measure::RequestRate,
        thresholds::Measure::FailRatio => Measure::FailRatio,
        _ => {
            let problem = "this cannot be compared; there are p<number>, median, avg, rps, fail_ratio";
            return Err(scanner.error_at(0, problem));
        }
    };
    let selector = scanner.selector()?;
    let mut start = scanner.skip_blanks();
    let mut word = scanner.word();
    let certainty = match word {
        "surely" => Certainty::Surely,
        "maybe" => Certainty::Maybe,
        _ => Certainty::Plain,
    };
    if certainty != Certainty::Plain {
        start = scanner.skip_blanks();
        word = scanner.word();
    }
    let direction = match word {
        "worse" => Direction::Worse,
        "better" => Direction::Better,
        "higher" => Direction::Higher,
        "lower" => Direction::Lower,
        "different" => Direction::Different,
        _ => return Err(scanner.error_at(start, "one of worse, better, higher, lower, different is wanted")),
    };
    let start = scanner.skip_blanks();
    let limit = match scanner.word() {
        "" if scanner.rest().is_empty() => Limit::Any,
        "by" => limit(&mut scanner, measure)?,
        _ => return Err(scanner.error_at(start, "here only 'by <number><unit>' can stand")),
    };
    let end = scanner.skip_blanks();
    if !scanner.rest().is_empty() {
        return Err(scanner.error_at(end, "nothing can follow"));
    }
    Ok(Condition { text: text.trim().to_owned(), measure, selector, certainty, direction, limit })
}

fn limit(scanner: &mut Scanner<'_>, measure: Measure) -> Result<Limit, ParseError> {
    let number = scanner.number()?;
    let start = scanner.skip_blanks();
    let unit = scanner.unit();
    let limit = match (measure.unit(), unit) {
        (_, "%") => Limit::Share(number / 100.0),
        (thresholds::Unit::Time, "us" | "µs") => Limit::Absolute(number),
        (thresholds::Unit::Time, "ms") => Limit::Absolute(number * 1e3),
        (thresholds::Unit::Time, "s") => Limit::Absolute(number * 1e6),
        (thresholds::Unit::PerSecond, "/s") => Limit::Absolute(number),
        (thresholds::Unit::Ratio, "pp") => Limit::Absolute(number / 100.0),
        (of, _) => {
            let other = match of {
                thresholds::Unit::Time => "us, ms or s",
                thresholds::Unit::PerSecond => "/s",
                _ => "pp (percentage points)",
            };
            let problem = format!("'{unit}' is no unit here; after the number comes % (of the first side) or {other}");
            return Err(scanner.error_at(start, problem));
        }
    };
    Ok(limit)
}

impl Condition {
    /// Hold it against the total or the names that it means. `level` is that of intervals; with several names it is
    /// shared out among them (Bonferroni), so that chance does not fail a test with many names.
    pub fn judge<'a>(&self, total: &Pair<'a>, names: &[Pair<'a>], level: f64) -> Judgement {
        let meant: Vec<&Pair<'_>> = match self.selector {
            Selector::Total => vec![total],
            _ => names.iter().filter(|pair| self.selector.matches(pair.method, pair.name)).collect(),
        };
        let level = 1.0 - (1.0 - level) / meant.len().max(1) as f64;
        let compared = meant.iter().map(|pair| (pair.label, compare(pair.a, pair.b, self.measure, level)));
        let (known, unknown): (Vec<_>, Vec<_>) = compared.partition(|(_, it)| it.change != Change::Unknown);
        let (outcome, found) = match known.iter().max_by(|(_, x), (_, y)| self.order(x).total_cmp(&self.order(y))) {
            Some((label, worst)) => {
                let outcome = if self.holds(worst) { Outcome::Failed } else { Outcome::Passed };
                (outcome, format!("{}{}", worst.told(), of(label)))
            }
            None => {
                let reason = unknown.first().and_then(|(_, it)| it.reason).map_or("no such name", Reason::text);
                (Outcome::Unknown, format!("cannot be judged: {reason}"))
            }
        };
        Judgement { condition: self.text.clone(), outcome, found }
    }

    fn holds(&self, compared: &Compared) -> bool {
        self.excess(compared).is_some_and(|excess| excess >= 0.0)
    }

    /// The larger, the nearer to failing.
    fn order(&self, compared: &Compared) -> f64 {
        match self.excess(compared) {
            Some(excess) => excess,
            None => self.along(compared).map_or(f64::NEG_INFINITY, |along| along.value - 1e18),
        }
    }

    /// By how much more than the limit it differs; `None` if no difference can be shown where one must be.
    fn excess(&self, compared: &Compared) -> Option<f64> {
        let along = self.along(compared)?;
        let limit = match self.limit {
            Limit::Any => f64::MIN_POSITIVE,
            Limit::Share(limit) | Limit::Absolute(limit) => limit,
        };
        match self.certainty {
            Certainty::Plain => (along.low > 0.0).then_some(along.value - limit),
            Certainty::Surely => Some(along.low - limit),
            Certainty::Maybe => Some(along.high - limit),
        }
    }

    /// The difference in the direction that is asked for, as a share or absolute.
    fn along(&self, compared: &Compared) -> Option<Estimate> {
        let difference = compared.difference?;
        let it = match self.limit {
            Limit::Share(_) => compared.relative.unwrap_or_else(|| infinite(&difference)),
            _ => difference,
        };
        let upwards = match self.direction {
            Direction::Higher => true,
            Direction::Lower => false,
            Direction::Worse => !self.measure.more_is_better(),
            Direction::Better => self.measure.more_is_better(),
            Direction::Different => it.value >= 0.0,
        };
        Some(if upwards { it } else { Estimate { value: -it.value, low: -it.high, high: -it.low } })
    }
}

/// The share of nothing that something is.
fn infinite(difference: &Estimate) -> Estimate {
    let share = |value: f64| if value > 0.0 { f64::INFINITY } else { 0.0 };
    Estimate { value: share(difference.value), low: share(difference.low), high: share(difference.high) }
}

fn of(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!(" for {label}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Condition {
        parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_can_be_said() {
        let plain = parsed(" p95 worse by 10% ");
        assert_eq!((plain.measure, plain.direction), (Measure::Percentile(0.95), Direction::Worse));
        assert_eq!(
            (plain.certainty, plain.limit, plain.text.as_str()),
            (Certainty::Plain, Limit::Share(0.1), "p95 worse by 10%")
        );
        let named = parsed("rps(GET /a) surely lower by 5/s");
        assert_eq!((named.certainty, named.limit), (Certainty::Surely, Limit::Absolute(5.0)));
        assert_eq!(named.selector, Selector::Named { method: Some("GET".into()), name: "/a".into() });
        assert_eq!(parsed("fail_ratio maybe higher by 0.5 pp").limit, Limit::Absolute(0.005));
        assert_eq!(parsed("avg(*) better by 1.5s").limit, Limit::Absolute(1_500_000.0));
        assert_eq!(parsed("median different").limit, Limit::Any);
        assert_eq!(parse_conditions("p95 worse; p99(/a;b) worse by 5ms\n").unwrap().len(), 2);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, message) in [
            ("q95 worse", "'q95' is nothing that is measured"),
            ("max worse", "this cannot be compared; there are p<number>, median, avg, rps, fail_ratio, at column 1"),
            ("p100 worse", "this cannot be compared"),
            ("p95", "one of worse, better, higher, lower, different is wanted, at column 4 of 'p95'"),
            ("p95 surely", "one of worse, better"),
            ("p95 > 4ms", "one of worse, better"),
            ("p95 worse than", "here only 'by <number><unit>' can stand, at column 11"),
            ("p95 worse by", "a number is wanted, at column 13"),
            ("p95 worse by x%", "a number is wanted"),
            ("p95 worse by 10", "'' is no unit here; after the number comes % (of the first side) or us, ms or s"),
            ("rps worse by 10ms", "'ms' is no unit here; after the number comes % (of the first side) or /s"),
            ("fail_ratio worse by 1/s", "or pp (percentage points), at column 22"),
            ("p95 worse by 10% over 5s", "nothing can follow, at column 18"),
            ("p95(/a worse", "the ')' after the name is missing"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    fn compared(measure: Measure, a: f64, difference: [f64; 3]) -> Compared {
        let estimate = |[value, low, high]: [f64; 3]| Estimate { value, low, high };
        Compared {
            measure,
            a: None,
            b: None,
            difference: Some(estimate(difference)),
            relative: (a > 0.0).then(|| estimate(difference.map(|it| it / a))),
            change: Change::NotShown,
            reason: None,
            p_value: None,
            maybe_chance: false,
            blocks: [20, 20],
            paired: false,
            correlated: false,
            between_runs: false,
        }
    }

    #[test]
    fn when_it_holds() {
        let time = Measure::Percentile(0.95);
        let rate = Measure::RequestRate;
        let slower = compared(time, 100e3, [12e3, 8e3, 16e3]);
        let unclear = compared(time, 100e3, [12e3, -1e3, 25e3]);
        let faster = compared(time, 100e3, [-12e3, -16e3, -8e3]);
        let fewer = compared(rate, 100.0, [-12.0, -16.0, -8.0]);
        let first_failures = compared(Measure::FailRatio, 0.0, [0.01, 0.005, 0.015]);
        for (text, compared, holds) in [
            ("p95 worse", &slower, true),
            ("p95 worse by 10%", &slower, true),
            ("p95 worse by 13%", &slower, false),
            ("p95 worse by 11ms", &slower, true),
            ("p95 surely worse by 10%", &slower, false),
            ("p95 surely worse by 8%", &slower, true),
            ("p95 maybe worse by 15%", &slower, true),
            ("p95 maybe worse by 17%", &slower, false),
            ("p95 better", &slower, false),
            ("p95 higher", &slower, true),
            ("p95 lower", &slower, false),
            ("p95 different by 10%", &slower, true),
            ("p95 different by 10%", &faster, true),
            ("p95 worse", &unclear, false),
            ("p95 worse by 1%", &unclear, false),
            ("p95 surely worse by 0%", &unclear, false),
            ("p95 maybe worse by 20%", &unclear, true),
            ("p95 better by 10%", &faster, true),
            ("p95 worse", &faster, false),
            ("rps worse by 10%", &fewer, true),
            ("rps lower by 10/s", &fewer, true),
            ("rps better", &fewer, false),
            ("fail_ratio worse by 1000%", &first_failures, true),
            ("fail_ratio worse by 2pp", &first_failures, false),
        ] {
            assert_eq!(parsed(text).holds(compared), holds, "{text} {compared:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = parse_conditions(&text);
        }

        #[test]
        fn what_is_read_can_be_read_again(text in "(p95|avg|rps|fail_ratio|max)(\\(/a\\*\\))? (surely |maybe )?(worse|lower|x)( by [0-9.]{1,4} ?(%|ms|pp|/s)?)?") {
            if let Ok(condition) = parse(&text) {
                prop_assert_eq!(parse(&condition.text), Ok(condition));
            }
        }
    }
}
