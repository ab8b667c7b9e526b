//! The samples of the last moments, one after the other, for whoever makes series of them on another thread.
//!
//! Written only while somebody follows, so that a run without charts pays nothing for it; a push otherwise.

use crate::request_stats::EntryId;

/// So many samples are kept for a follower that does not come (24 MB); more are only counted.
const MOST_SAMPLES: usize = 1 << 20;

/// Something that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// In seconds since the epoch.
    pub second: u32,
    /// The entry's number, [`EntryId::index`].
    pub entry: u32,
    /// Bytes of the response.
    pub length: u64,
    time_us: u64,
}

const WITHOUT_TIME: u64 = u64::MAX;
const FAILURE: u64 = u64::MAX - 1;

impl Sample {
    /// A request.
    pub fn request(entry: EntryId, now: f64, response_time_us: Option<u64>, length: u64) -> Self {
        let time_us = response_time_us.map_or(WITHOUT_TIME, |us| us.min(FAILURE - 1));
        Self { second: now as u32, entry: entry.index(), length, time_us }
    }

    /// The failure of a request, which is a sample of its own.
    pub fn failure(entry: EntryId, now: f64) -> Self {
        Self { second: now as u32, entry: entry.index(), length: 0, time_us: FAILURE }
    }

    pub fn is_failure(&self) -> bool {
        self.time_us == FAILURE
    }

    pub fn response_time_us(&self) -> Option<u64> {
        (self.time_us < FAILURE).then_some(self.time_us)
    }
}

/// What came since the follower last took it.
#[derive(Debug, Default)]
pub struct Journal {
    samples: Vec<Sample>,
    lost: u64,
}

impl Journal {
    #[inline]
    pub(crate) fn push(&mut self, sample: Sample) {
        if self.samples.len() < MOST_SAMPLES {
            self.samples.push(sample);
        } else {
            self.lost += 1;
        }
    }

    /// Take everything in exchange for an empty list; says how many samples did not fit.
    pub(crate) fn take(&mut self, into: &mut Vec<Sample>) -> u64 {
        into.clear();
        std::mem::swap(&mut self.samples, into);
        std::mem::take(&mut self.lost)
    }

    pub(crate) fn clear(&mut self) {
        self.samples.clear();
        self.lost = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_say_what_they_are() {
        let id = EntryId::from_index(3);
        let (timed, untimed, failure) =
            (Sample::request(id, 7.9, Some(20), 5), Sample::request(id, 8.0, None, 0), Sample::failure(id, 8.0));
        assert_eq!((timed.second, timed.entry, timed.length, timed.response_time_us()), (7, 3, 5, Some(20)));
        assert_eq!((untimed.is_failure(), untimed.response_time_us()), (false, None));
        assert_eq!((failure.is_failure(), failure.response_time_us()), (true, None));
    }

    #[test]
    fn a_follower_that_does_not_come_costs_bounded_memory() {
        let mut journal = Journal::default();
        for _ in 0..MOST_SAMPLES + 5 {
            journal.push(Sample::failure(EntryId::from_index(0), 1.0));
        }
        let mut taken = Vec::new();
        assert_eq!((journal.take(&mut taken), taken.len()), (5, MOST_SAMPLES));
        assert_eq!((journal.take(&mut taken), taken.len()), (0, 0));
    }
}
