//! The interval of a figure on each side, and that of their difference.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::blocks::{Shape, cut};
use super::spread::{FEWEST, MOST, Spread};
use super::{Change, Compared, Estimate, Measure, Reason, Series};
use crate::histogram::{Bucket, Histogram};

/// So many requests at least must be expected beyond a percentile, on both sides of it.
const FEWEST_BEYOND: f64 = 5.0;
/// Runs whose lengths differ by less than this share are as long as each other.
const AS_LONG: f64 = 0.02;

/// The runs of one side.
struct Side<'a> {
    runs: &'a [Series<'a>],
    measure: Measure,
    histogram: Histogram,
    shape: Option<Shape>,
    value: f64,
}

impl<'a> Side<'a> {
    fn new(runs: &'a [Series<'a>], measure: Measure) -> Option<Self> {
        let sum = |field: fn(&Series<'_>) -> u64| runs.iter().map(field).sum::<u64>() as f64;
        let requests = sum(|run| run.requests);
        if requests == 0.0 {
            return None;
        }
        let mut histogram = Histogram::new();
        runs.iter().for_each(|run| histogram.merge(run.histogram));
        let timed = histogram.len() as f64;
        let seconds: f64 = runs.iter().map(Series::seconds).sum();
        let value = match measure {
            Measure::Percentile(p) => histogram.percentile(p)? as f64,
            Measure::Average if timed == 0.0 => return None,
            Measure::Average => sum(|run| run.total_us) / timed,
            Measure::FailRatio => sum(|run| run.failures) / requests,
            Measure::RequestRate if seconds <= 0.0 => return None,
            Measure::RequestRate => requests / seconds,
        };
        let shape = matches!(measure, Measure::Percentile(_))
            .then(|| Shape::of(&histogram, runs.iter().flat_map(|run| &run.windows)));
        Some(Self { runs, measure, histogram, shape, value })
    }

    /// The most blocks that each run can be cut into: none is shorter than three windows.
    fn most_blocks(&self) -> Result<usize, Reason> {
        let requests = self.histogram.len() as f64;
        let beyond = match self.measure {
            Measure::Percentile(p) => requests * p.min(1.0 - p),
            _ => f64::INFINITY,
        };
        if beyond < FEWEST_BEYOND {
            return Err(Reason::TooFewRequests);
        }
        let mut most = MOST;
        for run in self.runs.iter().filter(|run| run.requests > 0) {
            let widest = run.windows.iter().map(|window| window.length_s).fold(0.0, f64::max);
            if widest <= 0.0 || run.windows.iter().all(|window| window.requests == 0) {
                return Err(Reason::NoSeries);
            }
            most = most.min((run.seconds() / widest / 3.0) as usize);
        }
        if most * self.runs.len() < FEWEST { Err(Reason::TooFewBlocks) } else { Ok(most) }
    }

    fn spread(&self, blocks: usize) -> Spread {
        let limit = self.shape.as_ref().map(|shape| (Bucket::of(self.value as u64), shape));
        Spread::of(&self.runs.iter().map(|series| cut(series, blocks, self.measure, limit)).collect::<Vec<_>>())
    }

    /// Its interval, where `times` standard errors are wanted.
    fn interval(&self, spread: &Spread, level: f64) -> Estimate {
        let reach = quantile(level, spread.freedom) * spread.error;
        let (low, high) = match self.measure {
            Measure::Percentile(p) => (self.at(p - reach), self.at(p + reach)),
            _ => (self.value - reach, self.value + reach),
        };
        Estimate { value: self.value, low: low.max(0.0).min(self.value), high: high.max(self.value) }
    }

    /// The response time up to which that share of requests lies.
    fn at(&self, share: f64) -> f64 {
        let longest = self.runs.iter().map(|run| run.max_us).max().unwrap_or(0);
        if share >= 1.0 { longest as f64 } else { self.histogram.percentile(share.max(0.0)).unwrap_or(0) as f64 }
    }
}

/// The value that a t-distributed one stays between, plus or minus, in that share of cases.
fn quantile(level: f64, freedom: f64) -> f64 {
    student(freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(0.5 + level / 2.0))
}

fn student(freedom: f64) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, freedom).ok()
}

/// Hold one figure of two sides against each other. `level` is that of the intervals, such as 0.95.
pub fn compare(a: &[Series<'_>], b: &[Series<'_>], measure: Measure, level: f64) -> Compared {
    let sides = (Side::new(a, measure), Side::new(b, measure));
    let alone = |side: &Option<Side<'_>>| side.as_ref().map(|side| without_interval(side.value));
    let mut compared = Compared {
        measure,
        a: alone(&sides.0),
        b: alone(&sides.1),
        difference: None,
        relative: None,
        change: Change::Unknown,
        reason: Some(Reason::OnlyOneSide),
        p_value: None,
        maybe_chance: false,
        blocks: [0, 0],
        paired: false,
        correlated: false,
        between_runs: false,
    };
    let (Some(a), Some(b)) = sides else { return compared };
    compared.difference = Some(without_interval(b.value - a.value));
    compared.relative = (a.value > 0.0).then(|| without_interval(b.value / a.value - 1.0));
    match (a.most_blocks(), b.most_blocks()) {
        (Ok(most_a), Ok(most_b)) => with_intervals(&mut compared, (&a, most_a), (&b, most_b), level),
        (Err(reason), _) | (_, Err(reason)) => compared.reason = Some(reason),
    }
    compared
}

fn without_interval(value: f64) -> Estimate {
    Estimate { value, low: f64::NEG_INFINITY, high: f64::INFINITY }
}

fn with_intervals(compared: &mut Compared, a: (&Side<'_>, usize), b: (&Side<'_>, usize), level: f64) {
    let paired = as_long(a.0.runs, b.0.runs);
    let (spread_a, spread_b) = if paired {
        let blocks = a.1.min(b.1);
        together(blocks, |blocks| (a.0.spread(blocks), b.0.spread(blocks)))
    } else {
        (alone(a), alone(b))
    };
    let (of_a, of_b) = (a.0.interval(&spread_a, level), b.0.interval(&spread_b, level));
    let paired = paired && !spread_a.between_runs && !spread_b.between_runs;
    let correlation = if paired { spread_a.correlation(&spread_b) } else { 0.0 };
    let difference = difference(&of_a, &of_b, correlation);
    compared.relative = relative(&of_a, &of_b, correlation);
    compared.blocks = [&spread_a, &spread_b].map(|spread| spread.deviations.iter().map(Vec::len).sum());
    compared.correlated = spread_a.correlated || spread_b.correlated;
    compared.between_runs = spread_a.between_runs || spread_b.between_runs;
    compared.paired = paired;
    let freedom = spread_a.freedom.min(spread_b.freedom);
    compared.p_value = Some(by_chance(&difference, quantile(level, freedom), freedom));
    compared.change = if difference.low <= 0.0 && difference.high >= 0.0 {
        Change::NotShown
    } else if (difference.value > 0.0) == compared.measure.more_is_better() {
        Change::Better
    } else {
        Change::Worse
    };
    (compared.a, compared.b, compared.difference, compared.reason) = (Some(of_a), Some(of_b), Some(difference), None);
}

/// Whether every run of one side has one of the other that is as long, so that blocks can be held against each other.
fn as_long(a: &[Series<'_>], b: &[Series<'_>]) -> bool {
    let alike = |(a, b): (&Series<'_>, &Series<'_>)| {
        (a.seconds() - b.seconds()).abs() <= AS_LONG * a.seconds().max(b.seconds())
    };
    a.len() == b.len() && a.iter().zip(b).all(alike)
}

fn alone((side, most): (&Side<'_>, usize)) -> Spread {
    together(most, |blocks| {
        let spread = side.spread(blocks);
        (spread.clone(), spread)
    })
    .0
}

/// The spreads with as many blocks as are not correlated; the fewest if all are.
fn together(most: usize, make: impl Fn(usize) -> (Spread, Spread)) -> (Spread, Spread) {
    let mut blocks = most;
    loop {
        let made = make(blocks);
        if !(made.0.correlated || made.1.correlated) || blocks / 2 < FEWEST {
            return made;
        }
        blocks /= 2;
    }
}

/// The difference of two figures (Zou and Donner, with the correlation of both).
fn difference(a: &Estimate, b: &Estimate, correlation: f64) -> Estimate {
    let value = b.value - a.value;
    let reach = |own: f64, other: f64| (own * own + other * other - 2.0 * correlation * own * other).max(0.0).sqrt();
    Estimate {
        value,
        low: value - reach(b.value - b.low, a.high - a.value),
        high: value + reach(b.high - b.value, a.value - a.low),
    }
}

/// The same as a share of A, by way of logarithms; none if A is nothing.
fn relative(a: &Estimate, b: &Estimate, correlation: f64) -> Option<Estimate> {
    if a.value <= 0.0 {
        return None;
    }
    if b.value <= 0.0 {
        return Some(without_interval(-1.0));
    }
    // An end at or below zero has no logarithm: the other end's distance stands for it.
    let log = |it: &Estimate| {
        let value = it.value.ln();
        let high = it.high.ln();
        Estimate { value, low: if it.low > 0.0 { it.low.ln() } else { value - (high - value).max(1.0) }, high }
    };
    let of_logs = difference(&log(a), &log(b), correlation);
    let share = |log: f64| log.exp_m1();
    Some(Estimate { value: share(of_logs.value), low: share(of_logs.low), high: share(of_logs.high) })
}

/// How likely so large a difference is if there is none.
fn by_chance(difference: &Estimate, reach_errors: f64, freedom: f64) -> f64 {
    let towards_zero =
        if difference.value > 0.0 { difference.value - difference.low } else { difference.high - difference.value };
    if difference.value == 0.0 {
        return 1.0;
    }
    if towards_zero <= 0.0 {
        return 0.0;
    }
    let errors = difference.value.abs() / towards_zero * reach_errors;
    student(freedom).map_or(1.0, |t| 2.0 * (1.0 - t.cdf(errors)))
}
