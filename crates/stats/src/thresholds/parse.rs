//! The grammar of thresholds. Text in, [`Threshold`]s or a message with the column out; nothing else.
//!
//! ```text
//!   threshold = measure [ "(" [METHOD] name ")" ] comparison number [unit] { "over" span | "after" span }
//!   measure   = p<number> | median | avg | min | max | fail_ratio | rps | failures_per_s | requests | failures
//!   span      = [<n>h][<n>m][<n>s]
//! ```

use super::{Comparison, Measure, Selector, Threshold, Unit};

const MEASURES: &str = "p<number> (such as p95 or p99.9), median, avg, min, max, fail_ratio, rps, failures_per_s, \
                        requests, failures";

/// Why a text is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}, at column {column} of '{text}'")]
pub struct ParseError {
    pub problem: String,
    /// From 1, in characters.
    pub column: usize,
    pub text: String,
}

/// All thresholds of a text, in which `;` or line ends stand between them.
pub fn parse_all(text: &str) -> Result<Vec<Threshold>, ParseError> {
    split(text).into_iter().filter(|part| !part.trim().is_empty()).map(parse).collect()
}

/// One threshold.
pub fn parse(text: &str) -> Result<Threshold, ParseError> {
    let mut scanner = Scanner::new(text);
    let measure = scanner.measure()?;
    let selector = scanner.selector()?;
    let comparison = scanner.comparison()?;
    let limit = scanner.limit(measure.unit())?;
    let (mut over_s, mut after_s) = (None, None);
    loop {
        let start = scanner.skip_blanks();
        let clause = match scanner.word() {
            "" if scanner.rest().is_empty() => break,
            "over" => &mut over_s,
            "after" => &mut after_s,
            _ => return Err(scanner.error_at(start, "here only 'over <time>' or 'after <time>' can stand")),
        };
        if clause.is_some() {
            return Err(scanner.error_at(start, "this is said twice"));
        }
        *clause = Some(scanner.span()?);
    }
    if over_s == Some(0) {
        return Err(scanner.error_at(0, "'over' wants at least one second"));
    }
    Ok(Threshold { text: text.trim().to_owned(), measure, selector, comparison, limit, over_s, after_s })
}

/// The parts of a text between `;` and line ends that are in no name.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (at, character) in text.char_indices() {
        match character {
            '"' if depth > 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ';' | '\n' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Reads a condition from its beginning to its end.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text: text.trim(), at: 0 }
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn error_at(&self, at: usize, problem: impl Into<String>) -> ParseError {
        let column = self.text[..at].chars().count() + 1;
        ParseError { problem: problem.into(), column, text: self.text.to_owned() }
    }

    /// Says where the next word begins.
    pub fn skip_blanks(&mut self) -> usize {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|character| !accept(character)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    pub fn word(&mut self) -> &'a str {
        self.take_while(|character| character.is_alphanumeric() || character == '_' || character == '.')
    }

    pub fn measure(&mut self) -> Result<Measure, ParseError> {
        let word = self.word();
        let known = match word {
            "median" | "med" => Measure::Percentile(0.5),
            "avg" | "mean" => Measure::Average,
            "min" => Measure::Minimum,
            "max" => Measure::Maximum,
            "fail_ratio" => Measure::FailRatio,
            "rps" => Measure::RequestRate,
            "failures_per_s" => Measure::FailureRate,
            "requests" => Measure::Requests,
            "failures" => Measure::Failures,
            _ => return self.percentile(word),
        };
        Ok(known)
    }

    fn percentile(&self, word: &str) -> Result<Measure, ParseError> {
        let Some(Ok(percent)) = word.strip_prefix('p').map(str::parse::<f64>) else {
            return Err(self.error_at(0, format!("'{word}' is nothing that is measured; there are {MEASURES}")));
        };
        if !(percent > 0.0 && percent <= 100.0) {
            return Err(self.error_at(0, format!("'{word}' is no percentile: one lies above 0 and up to 100")));
        }
        Ok(Measure::Percentile(percent / 100.0))
    }

    pub fn selector(&mut self) -> Result<Selector, ParseError> {
        self.skip_blanks();
        if !self.rest().starts_with('(') {
            return Ok(Selector::Total);
        }
        let start = self.at;
        self.at += 1;
        let (mut depth, mut quoted) = (1_usize, false);
        let rest = self.rest();
        for (at, character) in rest.char_indices() {
            match character {
                '"' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at += at + 1;
                return named(&rest[..at]).map_err(|problem| self.error_at(start, problem));
            }
        }
        Err(self.error_at(start, "the ')' after the name is missing"))
    }

    fn comparison(&mut self) -> Result<Comparison, ParseError> {
        let start = self.skip_blanks();
        let sign = self.take_while(|character| matches!(character, '<' | '>' | '=' | '!' | '≥' | '≤'));
        match sign {
            ">" => Ok(Comparison::Above),
            ">=" | "≥" => Ok(Comparison::AtLeast),
            "<" => Ok(Comparison::Below),
            "<=" | "≤" => Ok(Comparison::AtMost),
            _ => Err(self.error_at(start, "one of >, >=, <, <= is wanted")),
        }
    }

    pub fn number(&mut self) -> Result<f64, ParseError> {
        let start = self.skip_blanks();
        let digits = self.take_while(|character| character.is_ascii_digit() || character == '.' || character == '_');
        digits.replace('_', "").parse().map_err(|_| self.error_at(start, "a number is wanted"))
    }

    /// What stands right after a number.
    pub fn unit(&mut self) -> &'a str {
        self.take_while(|character| character.is_alphabetic() || matches!(character, '%' | '/'))
    }

    fn limit(&mut self, unit: Unit) -> Result<f64, ParseError> {
        let start = self.skip_blanks();
        let number = self.number()?;
        let blank = self.at;
        let at_unit = self.skip_blanks();
        let suffix = self.unit();
        let (factor, allowed) = match (unit, suffix) {
            // The next clause is no unit.
            (_, "over" | "after") => {
                self.at = blank;
                (if unit == Unit::Time { Some(1_000.0) } else { Some(1.0) }, "")
            }
            (Unit::Time, "us" | "µs") => (Some(1.0), ""),
            (Unit::Time, "" | "ms") => (Some(1_000.0), ""),
            (Unit::Time, "s") => (Some(1_000_000.0), ""),
            (Unit::Time, "m") => (Some(60_000_000.0), ""),
            (Unit::Time, _) => (None, "us, ms, s or m"),
            (Unit::Ratio, "%") => (Some(0.01), ""),
            (Unit::Ratio | Unit::PerSecond | Unit::Count, "") | (Unit::PerSecond, "/s") => (Some(1.0), ""),
            (Unit::Ratio, _) => (None, "% or nothing"),
            (Unit::PerSecond, _) => (None, "/s or nothing"),
            (Unit::Count, _) => (None, "nothing"),
        };
        let Some(factor) = factor else {
            return Err(self.error_at(at_unit, format!("'{suffix}' is no unit here; after the number comes {allowed}")));
        };
        if unit == Unit::Ratio && number * factor > 1.0 {
            return Err(self.error_at(start, "a ratio is at most 100% (that is, 1)"));
        }
        Ok(number * factor)
    }

    fn span(&mut self) -> Result<u32, ParseError> {
        let start = self.skip_blanks();
        let word = self.word();
        seconds(word).ok_or_else(|| self.error_at(start, "a time such as 30s, 5m or 1h30m is wanted"))
    }
}

/// The inside of the parentheses.
fn named(inner: &str) -> Result<Selector, &'static str> {
    let inner = inner.trim();
    if let Some(quoted) = inner.strip_prefix('"') {
        let name = quoted.strip_suffix('"').ok_or("the name's second quote is missing")?;
        return Ok(Selector::Named { method: None, name: name.to_owned() });
    }
    if inner.is_empty() {
        return Err("the name is missing");
    }
    let (method, name) = match inner.split_once(' ') {
        Some((method, name)) if method.chars().all(|letter| letter.is_ascii_uppercase()) => (Some(method), name),
        _ => (None, inner),
    };
    let unquoted = name.trim().strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    Ok(Selector::Named { method: method.map(str::to_owned), name: unquoted.unwrap_or(name.trim()).to_owned() })
}

/// `90`, `90s`, `5m`, `1h30m`: the grammar of `--run-time`.
fn seconds(word: &str) -> Option<u32> {
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok();
    }
    let (mut rest, mut total) = (word, None::<u32>);
    for (unit, factor) in [('h', 3_600), ('m', 60), ('s', 1)] {
        let Some((digits, after)) = rest.split_once(unit) else { continue };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let part = digits.parse::<u32>().ok()?.checked_mul(factor)?;
        total = Some(total.unwrap_or(0).checked_add(part)?);
        rest = after;
    }
    total.filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Threshold {
        parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn name(method: Option<&str>, name: &str) -> Selector {
        Selector::Named { method: method.map(str::to_owned), name: name.to_owned() }
    }

    #[test]
    fn what_can_be_said() {
        let plain = parsed("p95 > 400ms");
        assert_eq!((plain.measure, plain.comparison, plain.limit), (Measure::Percentile(0.95), Comparison::Above, 4e5));
        assert_eq!((plain.selector, plain.over_s, plain.after_s), (Selector::Total, None, None));
        let named = parsed(" p99.9(GET /checkout) >= 1.5s over 30s after 1m30s ");
        assert_eq!((named.limit, named.over_s, named.after_s), (1.5e6, Some(30), Some(90)));
        assert_eq!(named.selector, name(Some("GET"), "/checkout"));
        assert_eq!(named.text, "p99.9(GET /checkout) >= 1.5s over 30s after 1m30s");
        for (text, unit, limit) in [
            ("fail_ratio > 1%", Unit::Ratio, 0.01),
            ("fail_ratio>0.5", Unit::Ratio, 0.5),
            ("rps < 1_000", Unit::PerSecond, 1000.0),
            ("rps<100/s", Unit::PerSecond, 100.0),
            ("failures_per_s > 1 over 5", Unit::PerSecond, 1.0),
            ("requests < 10", Unit::Count, 10.0),
            ("failures ≥ 1", Unit::Count, 1.0),
            ("avg > 200", Unit::Time, 2e5),
            ("max > 500 us", Unit::Time, 500.0),
            ("med > 2 m", Unit::Time, 1.2e8),
            ("min > 5 after 3", Unit::Time, 5e3),
        ] {
            let threshold = parsed(text);
            assert_eq!((threshold.measure.unit(), threshold.limit), (unit, limit), "{text}");
        }
    }

    #[test]
    fn whose_requests() {
        for (text, selector) in [
            ("(/a)", name(None, "/a")),
            ("( /a b )", name(None, "/a b")),
            ("(POST /a b)", name(Some("POST"), "/a b")),
            ("(\"GET /a\")", name(None, "GET /a")),
            ("(GET \"a) > 3\")", name(Some("GET"), "a) > 3")),
            ("(/item/(id))", name(None, "/item/(id)")),
            ("(/x;y)", name(None, "/x;y")),
            ("(*)", name(None, "*")),
        ] {
            assert_eq!(parsed(&format!("p50{text} > 1")).selector, selector, "{text}");
        }
    }

    #[test]
    fn several_at_once() {
        let all = parse_all("p95 > 1s; rps(/a;b) < 3\n;\nfail_ratio > 1%").unwrap();
        let texts: Vec<&str> = all.iter().map(|threshold| threshold.text.as_str()).collect();
        assert_eq!(texts, ["p95 > 1s", "rps(/a;b) < 3", "fail_ratio > 1%"]);
        assert_eq!(parse_all(" ").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, message) in [
            ("", "'' is nothing that is measured; there are"),
            ("p95", "one of >, >=, <, <= is wanted, at column 4 of 'p95'"),
            ("q95 > 1", "'q95' is nothing that is measured"),
            ("p0 > 1", "'p0' is no percentile: one lies above 0 and up to 100, at column 1"),
            ("p101 > 1", "is no percentile"),
            ("pnan > 1", "is no percentile"),
            ("p95 == 1", "one of >, >=, <, <= is wanted, at column 5"),
            ("p95 > x", "a number is wanted, at column 7"),
            ("p95 > -1", "a number is wanted, at column 7"),
            ("p95 > 1.2.3", "a number is wanted"),
            ("p95 > 400 parsecs", "'parsecs' is no unit here; after the number comes us, ms, s or m, at column 11"),
            ("rps < 5%", "'%' is no unit here; after the number comes /s or nothing"),
            ("requests < 5s", "'s' is no unit here; after the number comes nothing"),
            ("fail_ratio > 1ms", "'ms' is no unit here; after the number comes % or nothing"),
            ("fail_ratio > 5", "a ratio is at most 100% (that is, 1), at column 14"),
            ("p95(/a > 1", "the ')' after the name is missing, at column 4"),
            ("p95() > 1", "the name is missing, at column 4"),
            ("p95(\"a) > 1", "the ')' after the name is missing"),
            ("p95 > 1s over", "a time such as 30s, 5m or 1h30m is wanted, at column 14"),
            ("p95 > 1s over 1d", "a time such as"),
            ("p95 > 1s over 99999999999s", "a time such as"),
            ("p95 > 1s over 0s", "'over' wants at least one second"),
            ("p95 > 1s over 3s over 4s", "this is said twice, at column 18"),
            ("p95 > 1s before 3s", "here only 'over <time>' or 'after <time>' can stand, at column 10"),
            ("p95 > 1s , rps < 3", "here only 'over <time>'"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = parse_all(&text);
        }

        #[test]
        fn no_text_that_is_nearly_right_panics(text in "(p|rps|avg|fail_ratio|requests)[0-9.]{0,5}[ (GET/a*)\"]{0,9}[<>=≥]{0,2} ?[0-9._]{0,9} ?[msuµ%/]{0,3}( (over|after) [0-9hms]{0,5}){0,2}") {
            if let Ok(threshold) = parse(&text) {
                prop_assert!(threshold.limit.is_finite() && threshold.limit >= 0.0);
                prop_assert_eq!(parse(&threshold.text), Ok(threshold));
            }
        }

        #[test]
        fn spans_are_those_of_run_time(hours in 0_u32..100, minutes in 0_u32..100, rest in 0_u32..100) {
            let total = (hours * 60 + minutes) * 60 + rest;
            prop_assert_eq!(seconds(&format!("{hours}h{minutes}m{rest}s")), Some(total));
            prop_assert_eq!(seconds(&total.to_string()), Some(total));
            prop_assert_eq!(seconds(&format!("{rest}s{hours}h")), None);
        }
    }
}
