//! What is known about the requests of one (name, method), or of all of them together.
//! Totals, minimum and maximum are exact; percentiles come from the histogram. Knows nothing of other entries.

use std::sync::Arc;

use smallvec::smallvec;

use crate::bucket::bucket_ms;
use crate::histogram::{Bucket, Histogram, Search, Values, Wanted};
use crate::increment::{Figures, Increment, PhaseIncrement};
use crate::phases::{Phase, Phases};
use crate::rate::PerSecond;
use crate::samples::NEVER_US;
use crate::window::{DEFAULT_SPAN_S, Window};

/// Statistics of one kind of request.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(crate) method: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) present: bool,
    num_requests: u64,
    num_none_requests: u64,
    num_failures: u64,
    total_response_time_us: u64,
    min_response_time_us: u64,
    max_response_time_us: u64,
    total_content_length: u64,
    start_time: f64,
    last_request_timestamp: Option<f64>,
    per_second: PerSecond,
    histogram: Histogram,
    window: Option<Box<Window>>,
    /// Made with the first request whose phases are known.
    pub(crate) phases: Option<Box<Phases>>,
    /// Requests that go well and take longer are kept as samples.
    pub(crate) slow_floor_us: u64,
}

impl Entry {
    pub fn new(method: Arc<str>, name: Arc<str>, now: f64) -> Self {
        Self {
            method,
            name,
            present: true,
            num_requests: 0,
            num_none_requests: 0,
            num_failures: 0,
            total_response_time_us: 0,
            min_response_time_us: u64::MAX,
            max_response_time_us: 0,
            total_content_length: 0,
            start_time: now,
            last_request_timestamp: None,
            per_second: PerSecond::default(),
            histogram: Histogram::new(),
            window: None,
            phases: None,
            slow_floor_us: NEVER_US,
        }
    }

    /// Back to zero; the name, and whether a window and samples are kept, stay.
    pub fn reset(&mut self, now: f64) {
        let (windowed, floor_us) = (self.window.is_some(), self.slow_floor_us);
        *self = Self::new(self.method.clone(), self.name.clone(), now);
        self.slow_floor_us = floor_us;
        if windowed {
            self.enable_window(now);
        }
    }

    /// From now on keep a state per second, so that current percentiles can be told.
    pub fn enable_window(&mut self, now: f64) {
        if self.window.is_none() {
            let mut window = Box::new(Window::default());
            window.keep(now as i64, &self.histogram, DEFAULT_SPAN_S);
            self.window = Some(window);
        }
    }

    pub fn disable_window(&mut self) {
        self.window = None;
    }

    /// Count a request; one without a response time only counts as a request.
    pub fn record(&mut self, now: f64, response_time_us: Option<u64>, length: u64, span_s: i64) {
        let sample = response_time_us.map(|us| (us, Bucket::of(us)));
        self.record_sample(now, sample, length, span_s);
    }

    #[inline]
    pub(crate) fn record_sample(&mut self, now: f64, sample: Option<(u64, Bucket)>, length: u64, span_s: i64) {
        let second = now as i64;
        if let (Some(window), Some(last)) = (&mut self.window, self.last_request_timestamp)
            && second > last as i64
        {
            window.keep(second - 1, &self.histogram, span_s);
        }
        self.present = true;
        self.num_requests += 1;
        self.total_content_length += length;
        self.last_request_timestamp = Some(now);
        self.per_second.request(second);
        let Some((response_time_us, bucket)) = sample else {
            self.num_none_requests += 1;
            return;
        };
        self.total_response_time_us = self.total_response_time_us.saturating_add(response_time_us);
        self.min_response_time_us = self.min_response_time_us.min(response_time_us);
        self.max_response_time_us = self.max_response_time_us.max(response_time_us);
        if let Some(window) = &mut self.window {
            window.note(bucket, &self.histogram);
        }
        self.histogram.record(bucket);
    }

    /// Something of what recording a request of this second reads first.
    #[inline]
    pub(crate) fn first_cells(&self, second: i64) -> u64 {
        let sums = self.num_requests ^ self.total_content_length ^ self.total_response_time_us;
        let extremes = self.min_response_time_us ^ self.max_response_time_us;
        let last = self.last_request_timestamp.map_or(0, f64::to_bits);
        let rest = u64::from(self.window.is_some()) ^ u64::from(self.phases.is_some()) ^ u64::from(self.present);
        sums ^ extremes ^ last ^ rest ^ self.per_second.cell(second) ^ self.histogram.first_cells()
    }

    /// Something of all that is told of an entry but percentiles.
    #[inline]
    pub(crate) fn all_cells(&self) -> u64 {
        self.first_cells(0) ^ self.num_failures ^ self.per_second.all_cells()
    }

    /// Count a failure. The request itself is counted by [`Entry::record`].
    pub fn record_failure(&mut self, now: f64) {
        self.present = true;
        self.num_failures += 1;
        self.per_second.failure(now as i64);
    }

    /// Move everything that has a time by so many seconds: from another clock to this one.
    pub fn shift(&mut self, seconds: f64) {
        self.start_time += seconds;
        self.last_request_timestamp = self.last_request_timestamp.map(|last| last + seconds);
        let moved: Vec<_> = self.per_second.seconds().collect();
        self.per_second = PerSecond::default();
        for (second, requests, failures) in moved {
            self.per_second.add(second.saturating_add(seconds.round() as i64), requests, failures);
        }
    }

    /// Add everything another entry has counted.
    pub fn merge(&mut self, other: &Self, span_s: i64) {
        self.add(other.increment(), span_s);
    }

    /// Everything that was counted, to be added elsewhere.
    pub fn increment(
        &self,
    ) -> Increment<impl Iterator<Item = (i64, u32, u32)> + Clone, impl Iterator<Item = (Bucket, u64)> + Clone> {
        let figures = Figures {
            num_requests: self.num_requests,
            num_none_requests: self.num_none_requests,
            num_failures: self.num_failures,
            total_response_time_us: self.total_response_time_us,
            min_response_time_us: self.min_response_time_us(),
            max_response_time_us: self.max_response_time_us,
            total_content_length: self.total_content_length,
            start_time: self.start_time,
            last_request_timestamp: self.last_request_timestamp,
        };
        let phases = self.phases().map(|phases| PhaseIncrement {
            times: Phase::ALL.map(|phase| {
                let times = phases.times(phase);
                (times.histogram.buckets(), times.total_us)
            }),
            reused: phases.reused,
            opened: phases.opened,
            versions: phases.versions,
        });
        Increment { figures, per_second: self.per_second.seconds(), times: self.histogram.buckets(), phases }
    }

    /// Add what was counted elsewhere.
    pub fn add<S, T>(&mut self, increment: Increment<S, T>, span_s: i64)
    where
        S: Iterator<Item = (i64, u32, u32)>,
        T: Iterator<Item = (Bucket, u64)>,
    {
        let last_second = self.last_request_timestamp.map(|last| last as i64);
        let Figures { min_response_time_us: least_us, max_response_time_us: most_us, .. } = increment.figures;
        self.add_figures(&increment.figures);
        increment.per_second.for_each(|(second, requests, failures)| self.per_second.add(second, requests, failures));
        let samples = self.histogram.len();
        if let Some(window) = &mut self.window {
            window.compare_with(&self.histogram);
        }
        increment.times.for_each(|(bucket, amount)| self.histogram.record_many(bucket, amount));
        if self.histogram.len() > samples {
            self.min_response_time_us = self.min_response_time_us.min(least_us.unwrap_or(most_us)).min(most_us);
            self.max_response_time_us = self.max_response_time_us.max(most_us);
        }
        if let Some(phases) = increment.phases {
            self.phases.get_or_insert_default().add(phases);
        }
        let second = self.last_request_timestamp.map(|last| last as i64);
        if let (Some(window), Some(second)) = (&mut self.window, second)
            && last_second.is_none_or(|before| second > before)
        {
            window.keep(second, &self.histogram, span_s);
        }
    }

    fn add_figures(&mut self, theirs: &Figures) {
        self.last_request_timestamp = match (self.last_request_timestamp, theirs.last_request_timestamp) {
            (Some(ours), Some(theirs)) => Some(ours.max(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        self.start_time = self.start_time.min(theirs.start_time);
        self.num_requests = self.num_requests.saturating_add(theirs.num_requests);
        self.num_none_requests = self.num_none_requests.saturating_add(theirs.num_none_requests);
        self.num_failures = self.num_failures.saturating_add(theirs.num_failures);
        self.total_response_time_us = self.total_response_time_us.saturating_add(theirs.total_response_time_us);
        self.total_content_length = self.total_content_length.saturating_add(theirs.total_content_length);
    }

    pub fn method(&self) -> &Arc<str> {
        &self.method
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn num_requests(&self) -> u64 {
        self.num_requests
    }

    /// Requests without a response time.
    pub fn num_none_requests(&self) -> u64 {
        self.num_none_requests
    }

    pub fn num_failures(&self) -> u64 {
        self.num_failures
    }

    pub fn total_response_time_us(&self) -> u64 {
        self.total_response_time_us
    }

    pub fn min_response_time_us(&self) -> Option<u64> {
        (!self.histogram.is_empty()).then_some(self.min_response_time_us)
    }

    pub fn max_response_time_us(&self) -> Option<u64> {
        (!self.histogram.is_empty()).then_some(self.max_response_time_us)
    }

    pub fn total_content_length(&self) -> u64 {
        self.total_content_length
    }

    /// When this entry was created or reset.
    pub fn start_time(&self) -> f64 {
        self.start_time
    }

    /// Rates over the whole time are from then on.
    pub fn set_start_time(&mut self, at: f64) {
        self.start_time = at;
    }

    pub fn last_request_timestamp(&self) -> Option<f64> {
        self.last_request_timestamp
    }

    pub fn per_second(&self) -> &PerSecond {
        &self.per_second
    }

    pub fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// Where the time went, if any of the requests could tell.
    pub fn phases(&self) -> Option<&Phases> {
        self.phases.as_deref()
    }

    pub fn into_histogram(self) -> Histogram {
        self.histogram
    }

    pub fn has_window(&self) -> bool {
        self.window.is_some()
    }

    /// Failures per request; 1 if there are failures and no requests.
    pub fn fail_ratio(&self) -> f64 {
        match (self.num_requests, self.num_failures) {
            (0, 0) => 0.0,
            (0, _) => 1.0,
            (requests, failures) => failures as f64 / requests as f64,
        }
    }

    /// Mean response time in milliseconds, 0 if none is known.
    pub fn avg_response_time_ms(&self) -> f64 {
        match self.histogram.len() {
            0 => 0.0,
            samples => self.total_response_time_us as f64 / 1_000.0 / samples as f64,
        }
    }

    /// Mean content length in bytes, `None` if there were no requests.
    pub fn avg_content_length(&self) -> Option<f64> {
        (self.num_requests > 0).then(|| self.total_content_length as f64 / self.num_requests as f64)
    }

    /// The response time in microseconds at percentile `p` (0 to 1), `None` without samples.
    /// Never outside of minimum and maximum; `p` = 1 is the maximum itself.
    pub fn percentile_us(&self, p: f64) -> Option<u64> {
        self.percentiles_us(&[p]).first().copied()
    }

    /// Several percentiles at once; empty without samples. See [`Entry::percentile_us`].
    pub fn percentiles_us(&self, wanted: &[f64]) -> Vec<u64> {
        self.look_up(&Wanted::new(wanted)).into_vec()
    }

    /// As [`Entry::percentiles_us`], for many entries.
    pub fn look_up(&self, wanted: &Wanted) -> Values {
        self.found(wanted, &self.histogram.search(wanted))
    }

    /// The second half of [`Entry::look_up`]; the first is [`Histogram::search`].
    pub(crate) fn found(&self, wanted: &Wanted, search: &Search) -> Values {
        let mut values = self.histogram.found(wanted, search);
        if values.is_empty() {
            return values;
        }
        for (p, at) in wanted.iter() {
            values[at] = if p >= 1.0 { self.max_response_time_us } else { self.within(values[at]) };
        }
        values
    }

    fn within(&self, value_us: u64) -> u64 {
        value_us.clamp(self.min_response_time_us, self.max_response_time_us)
    }

    /// Percentiles in microseconds of about the last `span_s` seconds, 0 where nothing was measured in them.
    /// `None` if no window is kept or none reaches that far back.
    pub fn current_percentiles_us(&self, wanted: &[f64], now: f64, span_s: i64) -> Option<Vec<u64>> {
        let told = self.look_up_current(&Wanted::new(wanted), now, span_s)?;
        Some(told.into_vec())
    }

    /// As [`Entry::current_percentiles_us`], for many entries.
    pub fn look_up_current(&self, wanted: &Wanted, now: f64, span_s: i64) -> Option<Values> {
        let recent = self.window.as_ref()?.recent(now as i64, span_s, &self.histogram)?;
        let mut values = recent.look_up(wanted);
        if values.is_empty() {
            return Some(smallvec![0; wanted.len()]);
        }
        values.iter_mut().for_each(|value| *value = self.within(*value));
        Some(values)
    }

    /// The distribution: counts by response time in microseconds, ascending.
    pub fn response_times_us(&self) -> Vec<(u64, u64)> {
        self.histogram.buckets().map(|(bucket, amount)| (self.within(bucket.value_us()), amount)).collect()
    }

    /// Locust's view of the distribution: counts by coarse bucket in milliseconds, ascending.
    pub fn response_times_ms(&self) -> Vec<(u64, u64)> {
        let mut coarse: Vec<(u64, u64)> = Vec::new();
        for (us, amount) in self.response_times_us() {
            let ms = bucket_ms(us);
            match coarse.last_mut() {
                Some((last, sum)) if *last == ms => *sum += amount,
                _ => coarse.push((ms, amount)),
            }
        }
        coarse
    }

    /// Bytes on the heap, names left out.
    pub fn heap_bytes(&self) -> usize {
        let window = self.window.as_ref().map_or(0, |window| size_of::<Window>() + window.heap_bytes());
        let phases = self.phases.as_ref().map_or(0, |phases| size_of::<Phases>() + phases.heap_bytes());
        self.histogram.heap_bytes() + window + phases
    }
}

/// The parts of an entry as they travel between processes.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    pub figures: Figures,
    /// (second, requests, failures)
    pub per_second: Vec<(i64, u32, u32)>,
    pub histogram: Histogram,
}

impl Entry {
    /// An entry from its parts.
    pub fn from_parts(method: Arc<str>, name: Arc<str>, mut parts: Parts) -> Self {
        let figures = parts.figures;
        let mut entry = Self::new(method, name, figures.start_time);
        entry.add_figures(&figures);
        entry.min_response_time_us = figures.min_response_time_us.unwrap_or(u64::MAX);
        entry.max_response_time_us = figures.max_response_time_us;
        parts.per_second.sort_unstable();
        for (second, requests, failures) in parts.per_second {
            entry.per_second.add(second, requests, failures);
        }
        entry.histogram = parts.histogram;
        if !entry.histogram.is_empty() {
            entry.min_response_time_us = entry.min_response_time_us.min(entry.max_response_time_us);
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry::new("GET".into(), "/".into(), 1_000.0)
    }

    #[test]
    fn figures_of_nothing_are_zero() {
        let entry = entry();
        assert_eq!(entry.fail_ratio(), 0.0);
        assert_eq!(entry.avg_response_time_ms(), 0.0);
        assert_eq!(entry.avg_content_length(), None);
        assert_eq!(entry.min_response_time_us(), None);
        assert_eq!(entry.percentile_us(0.5), None);
        assert!(entry.response_times_ms().is_empty());
    }

    #[test]
    fn requests_without_a_time_count_only_as_requests() {
        let mut entry = entry();
        entry.record(1_001.0, None, 10, DEFAULT_SPAN_S);
        entry.record(1_001.5, Some(44_080), 30, DEFAULT_SPAN_S);
        assert_eq!((entry.num_requests(), entry.num_none_requests()), (2, 1));
        assert_eq!(entry.avg_response_time_ms(), 44.08);
        assert_eq!(entry.avg_content_length(), Some(20.0));
        assert_eq!(entry.percentile_us(0.5), Some(44_080));
        assert_eq!(entry.response_times_ms(), [(44, 1)]);
    }

    #[test]
    fn failures_without_requests_are_all_of_them() {
        let mut entry = entry();
        entry.record_failure(1_001.0);
        assert_eq!(entry.fail_ratio(), 1.0);
    }

    #[test]
    fn current_percentiles_forget_what_is_older_than_the_window() {
        let mut entry = entry();
        entry.enable_window(1_000.0);
        for second in 0..30u64 {
            let us = if second < 15 { 500_000 } else { 20_000 };
            entry.record(1_000.0 + second as f64 + 0.5, Some(us), 0, DEFAULT_SPAN_S);
        }
        assert_eq!(entry.current_percentiles_us(&[0.99], 1_029.9, 10), Some(vec![20_000]));
        assert_eq!(entry.percentile_us(0.99), Some(500_000));
        assert_eq!(entry.current_percentiles_us(&[0.5], 1_040.0, 10), Some(vec![20_000]));
        assert_eq!(entry.current_percentiles_us(&[0.5], 1_060.0, 10), None);
        assert_eq!(self::entry().current_percentiles_us(&[0.5], 1_000.0, 10), None);
    }

    #[test]
    fn merging_adds_counts_and_keeps_extremes() {
        let (mut left, mut right) = (entry(), entry());
        left.record(1_002.0, Some(3_000), 1, DEFAULT_SPAN_S);
        right.record(1_003.0, Some(9_000), 2, DEFAULT_SPAN_S);
        right.record_failure(1_003.0);
        left.merge(&right, DEFAULT_SPAN_S);
        assert_eq!((left.num_requests(), left.num_failures(), left.total_content_length()), (2, 1, 3));
        assert_eq!((left.min_response_time_us(), left.max_response_time_us()), (Some(3_000), Some(9_000)));
        assert_eq!(left.last_request_timestamp(), Some(1_003.0));
        assert_eq!(left.per_second().seconds().collect::<Vec<_>>(), [(1_002, 1, 0), (1_003, 1, 1)]);
    }

    #[test]
    fn reset_keeps_the_name_and_the_window() {
        let mut entry = entry();
        entry.enable_window(1_000.0);
        entry.record(1_001.0, Some(5), 5, DEFAULT_SPAN_S);
        entry.reset(1_050.0);
        assert!(entry.has_window() && entry.histogram().is_empty());
        assert_eq!((entry.num_requests(), entry.start_time(), entry.last_request_timestamp()), (0, 1_050.0, None));
        assert_eq!(&**entry.name(), "/");
    }
}
