//! Two runs, or two groups of runs, held against each other: how much did a figure change, and can that be chance?
//!
//! Response times that follow each other resemble each other, so the spread of single requests says far too little
//! about the uncertainty of a mean or percentile. A run is therefore cut into **time blocks**, and the spread between
//! blocks is what intervals are made of:
//!
//! ```text
//!   series of windows:  ▁▂▁▁▃▂ ▁▁▂▃▂▁ ▂▁▁▂▁▁ …      (1 s, older parts 10 s, 1 min, 10 min)
//!   blocks:             [ z1 ] [ z2 ] [ z3 ] …      as many as are not correlated with their neighbours, 8 to 32
//!   figure ± t(blocks - 1) * spread of z / sqrt(blocks)
//! ```
//!
//! - Non-overlapping batch means, and how many batches: B. Schmeiser, "Batch size effects in the analysis of simulation
//!   output", Operations Research 30 (1982); larger blocks while neighbours are correlated, and what correlation is left
//!   taken into account: A. Tafazzoli, J. Wilson, "Skart", IIE Transactions 43 (2011). `spread.rs`.
//! - Percentiles: the share of requests up to the percentile is averaged over blocks, and its interval is carried over
//!   to response times with the run's histogram: R. Woodruff, "Confidence intervals for medians and other position
//!   measures", JASA 47 (1952). `blocks.rs` says how the share is known from the figures of a window.
//! - The interval of a difference from those of both sides: G. Zou, A. Donner, "Construction of confidence limits about
//!   effect measures", Statistics in Medicine 27 (2008). `interval.rs`.
//! - Several names: Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", JRSS B 57 (1995). `chance.rs`.
//!
//! Pure, and the same for the same input: nothing is drawn at random.

mod blocks;
mod chance;
mod conditions;
mod interval;
mod measure;
#[cfg(test)]
mod simulated;
mod spread;
mod told;

use serde::Serialize;

use crate::histogram::Histogram;

pub use chance::mark_chance;
pub use conditions::{Condition, Judgement, Outcome, Pair, parse_conditions};
pub use interval::compare;
pub use measure::Measure;

/// One window of a run's series.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Seconds since the epoch.
    pub start_s: f64,
    pub length_s: f64,
    pub requests: u32,
    pub failures: u32,
    pub mean_us: u32,
    /// At [`crate::history::PERCENTILES`].
    pub percentiles_us: [u32; 3],
    pub max_us: u32,
}

/// What one run knows of one name, or of all requests.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    /// When the run began and ended, in seconds since the epoch.
    pub from_s: f64,
    pub until_s: f64,
    pub requests: u64,
    pub failures: u64,
    /// Sum of all response times.
    pub total_us: u64,
    pub max_us: u64,
    pub histogram: &'a Histogram,
    /// In order of time. Where nothing happened there may be none.
    pub windows: Vec<Window>,
}

impl Series<'_> {
    fn seconds(&self) -> f64 {
        (self.until_s - self.from_s).max(0.0)
    }
}

/// A number between two others, all in the measure's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimate {
    pub value: f64,
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub low: f64,
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub high: f64,
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Better,
    Worse,
    /// No difference can be shown: the interval holds zero.
    NotShown,
    /// There is no interval; `Compared::reason` says why.
    Unknown,
}

/// Why there is no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// One of the two has no such requests.
    OnlyOneSide,
    /// The result file has no series of this name.
    NoSeries,
    /// The run was too short.
    TooFewBlocks,
    /// So rare a response time, or so few requests, that nothing can be said.
    TooFewRequests,
}

impl Reason {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::OnlyOneSide => "only on one side",
            Self::NoSeries => "no series of this name in the result file",
            Self::TooFewBlocks => "too few time blocks: the run was too short",
            Self::TooFewRequests => "too few requests",
        }
    }
}

/// One figure of two sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Compared {
    pub measure: Measure,
    /// With its interval, if that is known.
    pub a: Option<Estimate>,
    pub b: Option<Estimate>,
    /// B minus A. Without an interval both ends are infinite, which JSON writes as null.
    pub difference: Option<Estimate>,
    /// The same as a share of A: 0.1 is 10 % more.
    pub relative: Option<Estimate>,
    pub change: Change,
    pub reason: Option<Reason>,
    /// How likely so large a difference is by chance alone.
    pub p_value: Option<f64>,
    /// Among so many comparisons this one may well be chance ([`mark_chance`]).
    pub maybe_chance: bool,
    /// Time blocks of each side.
    pub blocks: [usize; 2],
    /// Blocks at the same place of both runs were held against each other, so what happens in both at the same time,
    /// such as a ramp of users, is no uncertainty.
    pub paired: bool,
    /// Even the longest blocks are correlated: the interval is wider for it, but may still be too narrow.
    pub correlated: bool,
    /// Runs of one side differ more than their blocks explain, so the spread between runs counts.
    pub between_runs: bool,
}
