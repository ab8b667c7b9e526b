//! What came in past seconds, one list per second, from which the percentiles of the last seconds are taken.
//! Keeps few of them and never a clock; when a second ends is decided by the entry.
//!
//! ```text
//!   [ came in 1 ][ in 2 ][ in 3 ][ fresh ]      few samples a second: they are noted one by one
//!   [ came in 1 ][ in 2 ][ in 3 ][ fresh │ what is in the histogram and not in `compared` ]   many
//! ```

use std::collections::VecDeque;

use crate::histogram::{Bucket, Histogram, Values, Wanted};

/// How many seconds "current" percentiles look back, unless told otherwise.
pub const DEFAULT_SPAN_S: i64 = 10;
const TOLERANCE_S: i64 = 8;
const RESERVE_S: i64 = 10;
/// So many samples of a second are noted one by one.
const FEW: usize = 64;
/// Percentiles of so many different buckets are looked up in a list.
const SHORT_LIST: usize = 2_048;

/// The past seconds of one histogram, oldest first.
#[derive(Debug, Clone)]
pub struct Window {
    /// What came after the last kept second and before `compared`.
    fresh: Vec<Bucket>,
    /// A former state of the histogram: what came later is found by comparing.
    compared: Option<Histogram>,
    /// What came after the second before, up to the end of this one; ascending, but for a second kept twice.
    seconds: VecDeque<(i64, Vec<(Bucket, u64)>)>,
}

/// What came within the last seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Recent {
    Few(Vec<(Bucket, u64)>),
    Many(Histogram),
}

impl Recent {
    fn of(mut counts: Vec<(Bucket, u64)>) -> Self {
        if counts.len() > SHORT_LIST {
            let mut all = Histogram::new();
            counts.iter().for_each(|(bucket, amount)| all.record_many(*bucket, *amount));
            return Self::Many(all);
        }
        counts.sort_unstable_by_key(|(bucket, _)| *bucket);
        Self::Few(counts)
    }

    pub fn look_up(&self, wanted: &Wanted) -> Values {
        match self {
            Self::Few(counts) => wanted.look_up_in(counts),
            Self::Many(all) => all.look_up(wanted),
        }
    }
}

impl Default for Window {
    /// A window that takes everything in the histogram for fresh.
    fn default() -> Self {
        Self { fresh: Vec::new(), compared: Some(Histogram::new()), seconds: VecDeque::new() }
    }
}

impl Window {
    /// A sample that is about to be recorded in the histogram.
    #[inline]
    pub fn note(&mut self, bucket: Bucket, state: &Histogram) {
        if self.compared.is_some() {
            return;
        }
        if self.fresh.len() < FEW {
            self.fresh.push(bucket);
        } else {
            self.compare_with(state);
        }
    }

    /// What comes from now on is not noted.
    #[cold]
    pub fn compare_with(&mut self, state: &Histogram) {
        if self.compared.is_none() {
            self.compared = Some(state.clone());
        }
    }

    /// Note what came up to the end of `second`; forget seconds that no window of `span_s` seconds will ask for.
    pub fn keep(&mut self, second: i64, state: &Histogram, span_s: i64) {
        self.fresh.sort_unstable();
        let mut came: Vec<(Bucket, u64)> = self.fresh.drain(..).map(|bucket| (bucket, 1)).collect();
        if let Some(compared) = &mut self.compared {
            let more = state.since(compared);
            came.extend(more.buckets());
            if more.len() > FEW as u64 / 2 {
                compared.merge(&more);
            } else {
                self.compared = None;
            }
        }
        match self.seconds.back_mut() {
            Some((kept, all)) if *kept >= second => all.append(&mut came),
            _ => self.seconds.push_back((second, came)),
        }
        while self.seconds.len() > (span_s + RESERVE_S).max(1) as usize {
            self.seconds.pop_front();
        }
    }

    /// What came into `state` since the end of the second nearest to `second - span_s`, the older of two equally near;
    /// `None` if none is within 8 s.
    pub fn recent(&self, second: i64, span_s: i64, state: &Histogram) -> Option<Recent> {
        let wanted = second - span_s;
        let distance = |kept: i64| (kept - wanted).abs();
        let near = self.seconds.iter().enumerate().filter(|(_, (kept, _))| distance(*kept) <= TOLERANCE_S);
        let (nearest, _) = near.min_by_key(|(_, (kept, _))| (distance(*kept), *kept))?;
        let later = self.seconds.iter().skip(nearest + 1).flat_map(|(_, came)| came).copied();
        let mut counts: Vec<(Bucket, u64)> = later.chain(self.fresh.iter().map(|bucket| (*bucket, 1))).collect();
        if let Some(compared) = &self.compared {
            counts.extend(state.since(compared).buckets());
        }
        Some(Recent::of(counts))
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let lists = self.seconds.iter().map(|(_, came)| came.capacity() * size_of::<(Bucket, u64)>());
        self.seconds.capacity() * size_of::<(i64, Vec<(Bucket, u64)>)>()
            + lists.sum::<usize>()
            + self.fresh.capacity() * size_of::<Bucket>()
            + self.compared.as_ref().map_or(0, Histogram::heap_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A histogram and its window, second by second.
    #[derive(Clone)]
    struct Run {
        window: Window,
        all: Histogram,
    }

    impl Run {
        fn new() -> Self {
            let mut run = Self { window: Window::default(), all: Histogram::new() };
            run.keep(-1);
            run
        }

        fn record(&mut self, values: impl IntoIterator<Item = u64>) {
            for us in values {
                self.window.note(Bucket::of(us), &self.all);
                self.all.record(Bucket::of(us));
            }
        }

        fn keep(&mut self, second: i64) {
            self.window.keep(second, &self.all, 10);
        }

        fn recent(&self, second: i64) -> Option<Histogram> {
            let mut all = Histogram::new();
            match self.window.recent(second, 10, &self.all)? {
                Recent::Few(counts) => counts.iter().for_each(|(bucket, amount)| all.record_many(*bucket, *amount)),
                Recent::Many(histogram) => all.merge(&histogram),
            }
            Some(all)
        }
    }

    #[test]
    fn finds_the_nearest_second_and_prefers_the_older() {
        let mut run = Run::new();
        for (second, came) in [(80, 80), (88, 8), (92, 4)] {
            run.record(0..came);
            run.keep(second);
        }
        run.record(0..8);
        let recent = |second| run.recent(second).map(|came| came.len());
        assert_eq!(recent(100), Some(100 - 88));
        assert_eq!(recent(104), Some(100 - 92));
        assert_eq!(recent(110), Some(100 - 92));
        assert_eq!(recent(111), None);
    }

    #[test]
    fn keeps_twenty_seconds_and_adds_to_a_second_kept_twice() {
        let mut run = Run::new();
        for second in 0..50 {
            run.keep(second);
        }
        run.record(0..4);
        run.keep(49);
        run.record(0..2);
        assert_eq!(run.window.seconds.len(), 20);
        assert_eq!(run.recent(59).map(|came| came.len()), Some(2));
        assert_eq!(run.recent(58).map(|came| came.len()), Some(6));
    }

    #[test]
    fn a_histogram_is_held_a_second_time_only_while_much_comes() {
        let mut run = Run::new();
        for (second, came, compares) in
            [(0, FEW, false), (1, FEW + 1, false), (2, 3 * FEW, true), (3, FEW, true), (4, 9, false)]
        {
            run.record(0..came as u64);
            run.keep(second);
            assert_eq!(run.window.compared.is_some(), compares, "second {second}");
            assert_eq!(run.window.seconds.back().unwrap().1.iter().map(|(_, amount)| amount).sum::<u64>(), came as u64);
        }
    }

    fn seconds() -> impl Strategy<Value = Vec<Vec<u64>>> {
        let some = proptest::collection::vec(0..90_000u64, 0..9);
        let many = proptest::collection::vec(0..90_000u64, 0..4 * FEW);
        proptest::collection::vec(prop_oneof![some, many], 2..40)
    }

    proptest! {
        #[test]
        fn what_is_recent_is_what_was_recorded_since(came in seconds(), merged in proptest::collection::vec(any::<bool>(), 40)) {
            let mut run = Run::new();
            for ((second, values), merged) in (0i64..).zip(&came).zip(merged) {
                if merged {
                    run.window.compare_with(&run.all);
                    values.iter().for_each(|us| run.all.record_many(Bucket::of(*us), 1));
                } else {
                    run.record(values.iter().copied());
                }
                run.keep(second);
            }
            run.record([77]);
            let now = came.len() as i64;
            let after = (now - 10).max(-1) as usize;
            let exact: Vec<u64> = came.iter().skip(after.wrapping_add(1)).flatten().copied().chain([77]).collect();
            let exact: Histogram = exact.into_iter().collect();
            let wanted = [1.0, 0.5, 0.0, 0.99];
            let told = run.window.recent(now, 10, &run.all).map(|recent| recent.look_up(&Wanted::new(&wanted)).into_vec());
            prop_assert_eq!(told, Some(exact.percentiles(&wanted)));
            prop_assert_eq!(run.recent(now), Some(exact));
        }

        #[test]
        fn a_list_says_what_a_histogram_says(values in proptest::collection::vec(0..5_000_000u64, 0..3_000)) {
            let counts: Vec<_> = values.iter().map(|us| (Bucket::of(*us), 1)).collect();
            let wanted = Wanted::new(&[0.5, 0.9, 0.1, 1.0, 0.999]);
            let all: Histogram = values.iter().copied().collect();
            prop_assert_eq!(Recent::of(counts).look_up(&wanted), all.look_up(&wanted));
        }
    }
}
