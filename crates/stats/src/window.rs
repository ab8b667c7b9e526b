//! What came in past seconds, one list per second, from which the percentiles of the last seconds are taken.
//! Keeps few of them and never a clock; when a second ends is decided by the entry.
//!
//! ```text
//!   last: everything up to here ─┐
//!   [ came in 1 ][ in 2 ][ in 3 ]│ what is in the histogram and not in `last`
//! ```

use std::collections::VecDeque;

use crate::histogram::{Bucket, Histogram};

/// How many seconds "current" percentiles look back, unless told otherwise.
pub const DEFAULT_SPAN_S: i64 = 10;
const TOLERANCE_S: i64 = 8;
const RESERVE_S: i64 = 10;

/// The past seconds of one histogram, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Window {
    last: Histogram,
    /// What came after the second before, up to the end of this one.
    seconds: VecDeque<(i64, Vec<(Bucket, u64)>)>,
}

impl Window {
    /// Note what came up to the end of `second`; forget seconds that no window of `span_s` seconds will ask for.
    pub fn keep(&mut self, second: i64, state: &Histogram, span_s: i64) {
        let fresh = state.since(&self.last);
        match self.seconds.back_mut() {
            Some((kept, came)) if *kept >= second => came.extend(fresh.buckets()),
            _ => self.seconds.push_back((second, fresh.buckets().collect())),
        }
        self.last.merge(&fresh);
        while self.seconds.len() > (span_s + RESERVE_S).max(1) as usize {
            self.seconds.pop_front();
        }
    }

    /// What came into `state` since the end of the second nearest to `second - span_s`, the older of two equally near;
    /// `None` if none is within 8 s.
    pub fn recent(&self, second: i64, span_s: i64, state: &Histogram) -> Option<Histogram> {
        let wanted = second - span_s;
        let distance = |kept: i64| (kept - wanted).abs();
        let near = self.seconds.iter().enumerate().filter(|(_, (kept, _))| distance(*kept) <= TOLERANCE_S);
        let (nearest, _) = near.min_by_key(|(_, (kept, _))| (distance(*kept), *kept))?;
        let mut recent = state.since(&self.last);
        let later = self.seconds.iter().skip(nearest + 1);
        later.flat_map(|(_, came)| came).for_each(|(bucket, amount)| recent.record_many(*bucket, *amount));
        Some(recent)
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let lists = self.seconds.iter().map(|(_, came)| came.capacity() * size_of::<(Bucket, u64)>());
        self.seconds.capacity() * size_of::<(i64, Vec<(Bucket, u64)>)>() + lists.sum::<usize>() + self.last.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(samples: u64) -> Histogram {
        (0..samples).collect()
    }

    #[test]
    fn finds_the_nearest_second_and_prefers_the_older() {
        let mut window = Window::default();
        for second in [80, 88, 92] {
            window.keep(second, &state(second as u64), 10);
        }
        let recent = |second| window.recent(second, 10, &state(100)).map(|came| came.len());
        assert_eq!(recent(100), Some(100 - 88));
        assert_eq!(recent(104), Some(100 - 92));
        assert_eq!(recent(110), Some(100 - 92));
        assert_eq!(recent(111), None);
    }

    #[test]
    fn keeps_twenty_seconds_and_adds_to_a_second_kept_twice() {
        let mut window = Window::default();
        for second in 0..50 {
            window.keep(second, &state(1), 10);
        }
        window.keep(49, &state(5), 10);
        assert_eq!(window.seconds.len(), 20);
        assert_eq!(window.recent(59, 10, &state(7)).map(|came| came.len()), Some(2));
        assert_eq!(window.recent(58, 10, &state(7)).map(|came| came.len()), Some(6));
    }

    proptest! {
        #[test]
        fn what_is_recent_is_what_was_recorded_since(came in proptest::collection::vec(proptest::collection::vec(0..90_000u64, 0..9), 2..40)) {
            let (mut window, mut all) = (Window::default(), Histogram::new());
            for (second, values) in (0i64..).zip(&came) {
                values.iter().for_each(|us| all.record(Bucket::of(*us)));
                window.keep(second, &all, 10);
            }
            all.record(Bucket::of(77));
            let now = came.len() as i64;
            let after = (now - 10).max(0) as usize + 1;
            let exact = came.iter().skip(after).flatten().copied().chain([77]);
            prop_assert_eq!(window.recent(now, 10, &all), Some(exact.collect()));
        }
    }
}
