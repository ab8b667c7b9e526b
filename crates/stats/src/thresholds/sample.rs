//! What an entry has counted up to a moment, and between two of them; and a measure's value from that.

use std::borrow::Cow;

use super::Measure;
use crate::entry::Entry;
use crate::histogram::Histogram;

/// The counts of an entry at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    requests: u64,
    failures: u64,
    total_us: u64,
    histogram: Histogram,
}

impl State {
    pub fn of(entry: &Entry) -> Self {
        Self {
            requests: entry.num_requests(),
            failures: entry.num_failures(),
            total_us: entry.total_response_time_us(),
            histogram: entry.histogram().clone(),
        }
    }
}

/// What was counted in a span of time.
pub(super) struct Sample<'a> {
    requests: u64,
    failures: u64,
    total_us: u64,
    histogram: Cow<'a, Histogram>,
    seconds: f64,
}

impl<'a> Sample<'a> {
    /// What the entry has counted since `earlier`, or ever. Statistics that were set back meanwhile count from there.
    pub fn since(entry: &'a Entry, earlier: Option<&State>, seconds: f64) -> Self {
        let all = Self {
            requests: entry.num_requests(),
            failures: entry.num_failures(),
            total_us: entry.total_response_time_us(),
            histogram: Cow::Borrowed(entry.histogram()),
            seconds,
        };
        match earlier {
            Some(earlier) if earlier.requests <= all.requests && earlier.failures <= all.failures => Self {
                requests: all.requests - earlier.requests,
                failures: all.failures - earlier.failures,
                total_us: all.total_us.saturating_sub(earlier.total_us),
                histogram: Cow::Owned(all.histogram.since(&earlier.histogram)),
                seconds,
            },
            _ => all,
        }
    }

    /// The value, in the measure's unit; `None` if nothing was measured that it could be computed from.
    pub fn value(&self, measure: Measure) -> Option<f64> {
        let us = |us: u64| us as f64;
        match measure {
            Measure::Percentile(p) => self.histogram.percentile(p).map(us),
            Measure::Average => {
                let samples = self.histogram.len();
                (samples > 0).then(|| self.total_us as f64 / samples as f64)
            }
            Measure::Minimum => {
                self.histogram.buckets().map(|(bucket, _)| bucket).min().map(|least| us(least.value_us()))
            }
            Measure::Maximum => self.histogram.percentile(1.0).map(us),
            Measure::FailRatio if self.requests == 0 => (self.failures > 0).then_some(1.0),
            Measure::FailRatio => Some((self.failures as f64 / self.requests as f64).min(1.0)),
            Measure::RequestRate => (self.seconds > 0.0).then(|| self.requests as f64 / self.seconds),
            Measure::FailureRate => (self.seconds > 0.0).then(|| self.failures as f64 / self.seconds),
            Measure::Requests => Some(self.requests as f64),
            Measure::Failures => Some(self.failures as f64),
        }
    }
}
