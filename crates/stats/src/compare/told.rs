//! A comparison in words: "412 ms -> 512 ms, +24.3 % (+18.0 % to +31.2 %)".

use super::{Compared, Estimate, Measure};
use crate::thresholds::Unit;

impl Compared {
    /// Both figures, and the difference with its interval.
    pub fn told(&self) -> String {
        let shown = |side: &Option<Estimate>| side.map_or("–".to_owned(), |it| self.measure.unit().shown(it.value));
        format!("{} → {}, {}", shown(&self.a), shown(&self.b), self.change_told())
    }

    /// The difference with its interval.
    pub fn change_told(&self) -> String {
        match self.interval_told() {
            (value, Some(interval)) => format!("{value} ({interval})"),
            (value, None) => value,
        }
    }

    /// The difference, and its interval if it has one.
    pub fn interval_told(&self) -> (String, Option<String>) {
        let (estimate, show): (_, fn(f64) -> String) = match (self.measure, self.relative, self.difference) {
            // Shares of a ratio say little: from 0.01 % to 0.02 % is not twice as bad as anything.
            (Measure::FailRatio, _, Some(difference)) => (difference, points),
            (_, Some(relative), _) => (relative, percent),
            (measure, None, Some(difference)) if measure.unit() == Unit::PerSecond => (difference, rate),
            (_, None, Some(difference)) => (difference, milliseconds),
            (_, None, None) => return ("–".to_owned(), None),
        };
        let interval = estimate.low.is_finite() && estimate.high.is_finite() && self.reason.is_none();
        (show(estimate.value), interval.then(|| format!("{} to {}", show(estimate.low), show(estimate.high))))
    }
}

/// Without a minus sign before a zero.
fn signed(value: f64, digits: usize, unit: &str) -> String {
    let text = format!("{value:+.digits$}");
    let zero = text.bytes().all(|byte| !byte.is_ascii_digit() || byte == b'0');
    let text = if zero { text.trim_start_matches(['+', '-']).to_owned() } else { text };
    format!("{text}{unit}")
}

fn percent(share: f64) -> String {
    signed(share * 100.0, if share.abs() >= 1.0 { 0 } else { 1 }, " %")
}

fn points(ratio: f64) -> String {
    signed(ratio * 100.0, 2, " pp")
}

fn rate(per_second: f64) -> String {
    signed(per_second, 2, "/s")
}

fn milliseconds(us: f64) -> String {
    signed(us / 1_000.0, 2, " ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_digits() {
        let shown =
            [percent(0.1234), percent(-0.00001), percent(2.5), points(-0.0123), rate(1.5), milliseconds(-1_500.0)];
        assert_eq!(shown, ["+12.3 %", "0.0 %", "+250 %", "-1.23 pp", "+1.50/s", "-1.50 ms"]);
    }
}
