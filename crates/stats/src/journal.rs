//! The samples of the last moments, one after the other, for whoever makes series of them on another thread.
//!
//! Written only while somebody follows, so that a run without charts pays nothing for it; a push otherwise.

use crate::histogram::Bucket;
use crate::increment::Increment;
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

    /// What another node has counted, as the samples that it may have been made of: times and seconds are true, which
    /// time was measured in which second is not known and spread evenly.
    pub fn of_increment<S, T>(id: EntryId, increment: Increment<S, T>, into: &mut Vec<Self>)
    where
        S: Iterator<Item = (i64, u32, u32)>,
        T: Iterator<Item = (Bucket, u64)>,
    {
        let many = |amount: u64| usize::try_from(amount).unwrap_or(usize::MAX);
        let seconds: Vec<(i64, u32, u32)> = increment.per_second.collect();
        let at = seconds.iter().flat_map(|(second, requests, _)| std::iter::repeat_n(*second, *requests as usize));
        let at: Vec<i64> = at.take(MOST_SAMPLES).collect();
        let figures = increment.figures;
        let last = figures.last_request_timestamp.unwrap_or(0.0) as i64;
        let length = figures.total_content_length / figures.num_requests.max(1);
        let step = stride(at.len());
        let timed = increment.times.map(|(bucket, amount)| (Some(bucket.value_us()), amount));
        let all = timed.chain([(None, figures.num_none_requests)]);
        let times = all.flat_map(|(time_us, amount)| std::iter::repeat_n(time_us, many(amount)));
        for (number, time_us) in times.take(MOST_SAMPLES).enumerate() {
            let second = at.get(number.wrapping_mul(step) % at.len().max(1)).copied().unwrap_or(last);
            into.push(Self::request(id, second as f64, time_us, length));
        }
        for (second, _, failures) in seconds {
            let failures = std::iter::repeat_n(Self::failure(id, second as f64), failures as usize);
            into.extend(failures.take(MOST_SAMPLES));
        }
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

    /// Samples that were made elsewhere.
    pub(crate) fn extend(&mut self, samples: &[Sample]) {
        let (fit, lost) = samples.split_at(samples.len().min(MOST_SAMPLES - self.samples.len()));
        self.samples.extend_from_slice(fit);
        self.lost += lost.len() as u64;
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

/// A step that visits every one of so many places before it comes back to the first, far from its neighbours.
fn stride(places: usize) -> usize {
    fn divisor(left: usize, right: usize) -> usize {
        if right == 0 { left } else { divisor(right, left % right) }
    }
    let golden = (places as f64 * 0.618_034) as usize;
    (golden.max(1)..).find(|step| divisor(*step, places) == 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;

    #[test]
    fn what_another_node_has_counted_becomes_samples_of_the_same_seconds_and_times() {
        let mut entry = Entry::new("GET".into(), "/".into(), 100.0);
        for (second, us) in [(101.2, 10), (101.9, 20), (102.5, 30), (103.1, 40), (103.2, 50)] {
            entry.record(second, Some(us), 7, 10);
        }
        entry.record(103.5, None, 7, 10);
        entry.record_failure(102.0);
        let mut journal = Journal::default();
        let mut samples = Vec::new();
        Sample::of_increment(EntryId::from_index(4), entry.increment(), &mut samples);
        journal.extend(&samples);
        journal.take(&mut samples);
        let (failures, requests): (Vec<_>, Vec<_>) = samples.into_iter().partition(Sample::is_failure);
        assert_eq!(failures.iter().map(|sample| sample.second).collect::<Vec<_>>(), [102]);
        let mut seconds: Vec<_> = requests.iter().map(|sample| sample.second).collect();
        seconds.sort_unstable();
        assert_eq!(seconds, [101, 101, 102, 103, 103, 103]);
        let times: Vec<_> = requests.iter().map(Sample::response_time_us).collect();
        assert_eq!(times, [Some(10), Some(20), Some(30), Some(40), Some(50), None]);
        assert!(requests.iter().all(|sample| (sample.entry, sample.length) == (4, 7)));
    }

    #[test]
    fn a_stride_visits_every_place() {
        for places in 1..200_usize {
            let visited: std::collections::HashSet<_> = (0..places).map(|n| n * stride(places) % places).collect();
            assert_eq!(visited.len(), places);
        }
    }

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
