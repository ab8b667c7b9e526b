//! Former states of an entry, one per second, from which the percentiles of the last seconds are taken.
//! Keeps few of them and never a clock; when to keep one is decided by the entry.

use std::collections::VecDeque;

use crate::histogram::Histogram;

/// How many seconds "current" percentiles look back, unless told otherwise.
pub const DEFAULT_SPAN_S: i64 = 10;
const TOLERANCE_S: i64 = 8;
const RESERVE_S: i64 = 10;

/// States of one histogram at the end of past seconds, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Window {
    states: VecDeque<(i64, Histogram)>,
}

impl Window {
    /// Keep the state at the end of `second`; forget states no window of `span_s` seconds will ask for.
    pub fn keep(&mut self, second: i64, state: &Histogram, span_s: i64) {
        match self.states.iter_mut().find(|(kept, _)| *kept == second) {
            Some((_, kept)) => kept.clone_from(state),
            None => {
                // The memory of a state that is not needed any more is that of the new one.
                let most = (span_s + RESERVE_S).max(1) as usize;
                let mut old = None;
                while self.states.len() >= most {
                    old = self.states.pop_front();
                }
                let (_, mut kept) = old.unwrap_or_default();
                kept.clone_from(state);
                self.states.push_back((second, kept));
            }
        }
    }

    /// The kept state nearest to `second - span_s`, the older of two equally near; `None` if none is within 8 s.
    pub fn nearest(&self, second: i64, span_s: i64) -> Option<&Histogram> {
        let wanted = second - span_s;
        self.states
            .iter()
            .filter(|(kept, _)| (kept - wanted).abs() <= TOLERANCE_S)
            .min_by_key(|(kept, _)| ((kept - wanted).abs(), *kept))
            .map(|(_, state)| state)
    }

    pub fn clear(&mut self) {
        self.states.clear();
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.states.capacity() * size_of::<(i64, Histogram)>()
            + self.states.iter().map(|(_, state)| state.heap_bytes()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(samples: u64) -> Histogram {
        (0..samples).collect()
    }

    #[test]
    fn finds_the_nearest_second_and_prefers_the_older() {
        let mut window = Window::default();
        for second in [80, 88, 92] {
            window.keep(second, &state(second as u64), 10);
        }
        assert_eq!(window.nearest(100, 10).map(Histogram::len), Some(88));
        assert_eq!(window.nearest(104, 10).map(Histogram::len), Some(92));
        assert_eq!(window.nearest(110, 10).map(Histogram::len), Some(92));
        assert_eq!(window.nearest(111, 10), None);
    }

    #[test]
    fn keeps_twenty_seconds_and_replaces_a_second_kept_twice() {
        let mut window = Window::default();
        for second in 0..50 {
            window.keep(second, &state(1), 10);
        }
        window.keep(49, &state(5), 10);
        assert_eq!(window.states.len(), 20);
        assert_eq!(window.states.back().map(|(second, kept)| (*second, kept.len())), Some((49, 5)));
    }
}
