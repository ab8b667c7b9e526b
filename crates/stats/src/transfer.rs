//! Statistics on their way to another node: taken out of here, merged in there. What is taken is no longer here.

use crate::entry::Entry;
use crate::errors::ErrorRecord;
use crate::request_stats::Stats;
use crate::samples::Exchange;

/// What was counted since the last time it was taken.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Entries with requests or failures.
    pub entries: Vec<Entry>,
    /// Of all requests together; `None` if there were none.
    pub total: Option<Entry>,
    pub errors: Vec<ErrorRecord>,
    /// Some of the requests themselves.
    pub samples: Vec<Exchange>,
}

impl Taken {
    pub fn is_empty(&self) -> bool {
        self.total.is_none() && self.entries.is_empty() && self.errors.is_empty() && self.samples.is_empty()
    }
}

impl Taken {
    /// Move everything that has a time by so many seconds: from another clock to this one.
    pub fn shift(&mut self, seconds: f64) {
        self.entries.iter_mut().chain(&mut self.total).for_each(|entry| entry.shift(seconds));
        for error in &mut self.errors {
            error.first_seen = error.first_seen.map(|at| at + seconds);
            error.last_seen = error.last_seen.map(|at| at + seconds);
        }
        self.samples.iter_mut().for_each(|sample| sample.at += seconds);
    }
}

fn counted(entry: &Entry) -> bool {
    entry.num_requests() > 0 || entry.num_failures() > 0
}

impl Stats {
    /// Take out everything that was counted; entries and their places stay, at zero. Costs a move for each entry.
    pub fn take(&mut self, now: f64) -> Taken {
        let take = |entry: &mut Entry| {
            let fresh = Entry::new(entry.method().clone(), entry.name().clone(), now);
            let (windowed, floor_us) = (entry.has_window(), entry.slow_floor_us);
            let taken = std::mem::replace(entry, fresh);
            entry.slow_floor_us = floor_us;
            if windowed {
                entry.enable_window(now);
            }
            taken
        };
        // Room for all at once: a list that grows would be moved again and again.
        let mut entries = Vec::with_capacity(self.entries().filter(|entry| counted(entry)).count());
        entries.extend(self.entries_mut().filter(|entry| counted(entry)).map(take));
        let total = counted(self.total()).then(|| take(self.total_mut()));
        let errors = self.errors().records().to_vec();
        self.clear_errors();
        Taken { entries, total, errors, samples: self.take_untold_samples(false) }
    }

    /// The same at the end of a run: with all that is to be told of requests.
    pub fn take_last(&mut self, now: f64) -> Taken {
        let mut taken = self.take(now);
        taken.samples.extend(self.take_untold_samples(true));
        taken
    }

    /// Add what was taken elsewhere.
    pub fn merge(&mut self, taken: &Taken, now: f64) {
        for entry in &taken.entries {
            self.add((entry.method(), entry.name()), entry.increment(), now);
        }
        if let Some(total) = &taken.total {
            self.add_to_total(total.increment());
        }
        for record in &taken.errors {
            self.merge_error(record, now);
        }
        taken.samples.iter().for_each(|sample| self.offer_sample(sample.clone(), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(stats: &mut Stats, samples: &[(u8, u64, bool)]) {
        for (name, us, failed) in samples {
            let id = stats.entry("GET", &format!("/{name}"), 100.0);
            stats.record(id, 101.0, Some(*us), 7);
            if *failed {
                stats.record_failure(id, 101.0, "E()");
            }
        }
    }

    /// Name, requests, failures, bytes, distribution.
    type Figures = (String, u64, u64, u64, Vec<(u64, u64)>);

    fn figures(stats: &Stats) -> Vec<Figures> {
        let mut rows: Vec<_> = stats
            .entries()
            .chain([stats.total()])
            .filter(|entry| counted(entry))
            .map(|entry| {
                let name = entry.name().to_string();
                let length = entry.total_content_length();
                (name, entry.num_requests(), entry.num_failures(), length, entry.response_times_us())
            })
            .collect();
        rows.sort();
        rows
    }

    proptest! {
        #[test]
        fn what_is_taken_in_pieces_and_merged_is_what_was_recorded(
            pieces in prop::collection::vec(prop::collection::vec((0_u8..5, 1_u64..5_000_000, any::<bool>()), 0..30), 0..6),
        ) {
            let (mut whole, mut worker, mut master) = (Stats::new(100.0), Stats::new(100.0), Stats::new(100.0));
            for piece in &pieces {
                record(&mut whole, piece);
                record(&mut worker, piece);
                let taken = worker.take(102.0);
                prop_assert_eq!(taken.is_empty(), piece.is_empty());
                prop_assert!(worker.take(102.0).is_empty());
                master.merge(&taken, 103.0);
            }
            prop_assert_eq!(figures(&master), figures(&whole));
            let occurrences = |stats: &Stats| -> u64 { stats.errors().records().iter().map(|row| row.occurrences).sum() };
            prop_assert_eq!(occurrences(&master), occurrences(&whole));
        }
    }

    #[test]
    fn places_stay_valid_when_everything_is_taken() {
        let mut stats = Stats::new(100.0);
        let id = stats.entry("GET", "/", 100.0);
        let generation = stats.generation();
        stats.record(id, 101.0, Some(5), 1);
        stats.take(102.0);
        stats.record(id, 103.0, Some(6), 1);
        assert_eq!(stats.generation(), generation);
        assert_eq!(stats.get(id).map(Entry::num_requests), Some(1));
        assert_eq!(stats.total().start_time(), 102.0);
    }

    #[test]
    fn what_comes_from_a_clock_that_is_wrong_is_moved() {
        let mut worker = Stats::new(1_000.0);
        let id = worker.entry("GET", "/", 1_000.0);
        worker.record(id, 1_005.5, Some(5), 1);
        worker.record_failure(id, 1_005.5, "E()");
        let mut taken = worker.take(1_006.0);
        taken.shift(-900.25);
        let entry = &taken.entries[0];
        assert_eq!((entry.start_time(), entry.last_request_timestamp()), (99.75, Some(105.25)));
        assert_eq!(entry.per_second().at(105), (1, 1));
        assert_eq!((taken.errors[0].first_seen, taken.errors[0].last_seen), (Some(105.25), Some(105.25)));
        assert_eq!(taken.total.map(|total| total.start_time()), Some(99.75));
    }

    #[test]
    fn merged_errors_keep_the_first_and_the_last_time() {
        let mut worker = Stats::new(100.0);
        let id = worker.entry("GET", "/", 100.0);
        worker.record(id, 105.0, Some(5), 1);
        worker.record_failure(id, 105.0, "E()");
        let late = worker.take(106.0);
        worker.record_failure(id, 103.0, "E()");
        let early = worker.take(106.0);
        let mut master = Stats::new(100.0);
        master.merge(&late, 107.0);
        master.merge(&early, 107.0);
        let [record] = master.errors().records() else { panic!("one kind of failure was recorded") };
        assert_eq!((record.occurrences, record.first_seen, record.last_seen), (2, Some(103.0), Some(105.0)));
    }
}
