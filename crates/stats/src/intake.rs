//! Requests on their way into statistics of very many names, a few dozen at a time.
//!
//! Of ten thousand entries hardly one is in the processor's cache. Recording a request reads the entry, then the table of
//! its histogram, then a page, and each read waits for the one before; those of different requests wait together:
//!
//! ```text
//!   one by one:  entry · table · page │ entry · table · page │ entry · table · page
//!   together:    entry entry entry · table table table · page page page
//! ```
//!
//! Where there are few names every request is recorded at once. Figures are only reached through [`Intake::settled`], so
//! that nobody ever sees statistics with something missing.

use crate::histogram::{Bucket, fetch};
use crate::phases::PhaseSample;
use crate::request_stats::{EntryId, Stats, TooManyNames};
use crate::samples::Wanted;

/// So many requests wait at the most (about 15 us of work).
const TOGETHER: usize = 64;
/// The entries of so many names stay in the processor's cache.
const FEW_NAMES: usize = 256;

#[derive(Debug)]
struct Waiting {
    id: EntryId,
    now: f64,
    time_us: Option<u64>,
    length: u64,
    phases: Option<PhaseSample>,
}

/// Statistics and the requests that are about to be recorded in them.
#[derive(Debug)]
pub struct Intake {
    stats: Stats,
    waiting: Vec<Waiting>,
}

impl Intake {
    pub fn new(stats: Stats) -> Self {
        Self { stats, waiting: Vec::with_capacity(TOGETHER) }
    }

    /// The statistics with everything in them.
    #[inline]
    pub fn settled(&mut self) -> &mut Stats {
        if !self.waiting.is_empty() {
            self.settle();
        }
        &mut self.stats
    }

    /// As [`Stats::record`] and [`Stats::record_phases`].
    #[inline]
    pub fn record(&mut self, id: EntryId, now: f64, time_us: Option<u64>, length: u64, phases: Option<&PhaseSample>) {
        if self.stats.places() <= FEW_NAMES {
            self.stats.record(id, now, time_us, length);
            if let Some(phases) = phases {
                self.stats.record_phases(id, phases);
            }
            return;
        }
        self.waiting.push(Waiting { id, now, time_us, length, phases: phases.copied() });
        if self.waiting.len() >= TOGETHER {
            self.settle();
        }
    }

    #[inline(never)]
    fn settle(&mut self) {
        let Self { stats, waiting } = self;
        let entries = || waiting.iter().filter_map(|it| Some((it, stats.get(it.id)?)));
        fetch(entries().map(|(it, entry)| entry.first_cells(it.now as i64)));
        let phases = || entries().filter_map(|(it, entry)| Some((it.phases.as_ref()?, entry.phases()?)));
        fetch(phases().map(|(_, phases)| phases.first_cells()));
        let of_phases = || phases().flat_map(|(sample, phases)| phases.touched(sample));
        let of_times = || entries().filter_map(|(it, entry)| Some((entry.histogram(), Bucket::of(it.time_us?))));
        fetch(of_times().chain(of_phases()).map(|(histogram, bucket)| histogram.note(bucket)));
        fetch(of_times().chain(of_phases()).map(|(histogram, bucket)| histogram.counter(bucket)));
        for it in waiting.drain(..) {
            stats.record(it.id, it.now, it.time_us, it.length);
            if let Some(phases) = &it.phases {
                stats.record_phases(it.id, phases);
            }
        }
    }

    /// As [`Stats::entry`].
    #[inline]
    pub fn entry(&mut self, method: &str, name: &str, now: f64) -> EntryId {
        self.stats.entry(method, name, now)
    }

    /// As [`Stats::generation`].
    #[inline]
    pub fn generation(&self) -> u32 {
        self.stats.generation()
    }

    /// As [`Stats::record_failure`].
    pub fn record_failure(&mut self, id: EntryId, now: f64, text: &str) -> Option<usize> {
        self.stats.record_failure(id, now, text)
    }

    /// As [`Stats::wants_slow`].
    #[inline]
    pub fn wants_slow(&self, id: EntryId, us: u64) -> Option<Wanted> {
        self.stats.wants_slow(id, us)
    }

    /// As [`Stats::wants_failure`].
    pub fn wants_failure(&self, id: EntryId, place: usize, us: Option<u64>, now: f64) -> Option<Wanted> {
        self.stats.wants_failure(id, place, us, now)
    }

    /// As [`Stats::take_too_many_names`].
    #[inline]
    pub fn take_too_many_names(&mut self) -> Option<Box<TooManyNames>> {
        self.stats.take_too_many_names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phases::Phase;
    use crate::request_stats::Windows;
    use crate::snapshot::Detail;
    use proptest::prelude::*;

    const NAMES: usize = FEW_NAMES + 40;

    fn with_names(names: usize) -> (Stats, Vec<EntryId>) {
        let mut stats = Stats::new(100.0);
        stats.follow();
        stats.set_windows(Windows::Everybody, 100.0);
        let ids = (0..names).map(|at| stats.entry("GET", &format!("/{at}"), 100.0)).collect();
        (stats, ids)
    }

    /// Everything that can be told.
    fn figures(stats: &mut Stats) -> (Vec<crate::Row>, Vec<crate::ErrorRecord>, Vec<crate::Sample>) {
        let detail = Detail { percentiles: vec![0.9, 1.0], current_percentiles: true, errors: true, phases: true };
        let snapshot = stats.snapshot(200.0, &detail);
        let mut samples = Vec::new();
        assert_eq!(stats.take_samples(&mut samples), 0);
        samples.sort_unstable_by_key(|sample| (sample.second, sample.entry, sample.response_time_us(), sample.length));
        (snapshot.entries.into_iter().chain([snapshot.total]).collect(), snapshot.errors, samples)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_went_together_is_counted_as_if_one_by_one(
            steps in proptest::collection::vec((0..NAMES, proptest::option::of(0..9_000_000u64), 0..60u8, any::<bool>()), 0..400),
            names in prop_oneof![Just(3), Just(NAMES)],
        ) {
            let ((mut stats, ids), (other, other_ids)) = (with_names(names), with_names(names));
            let mut intake = Intake::new(other);
            for (at, (name, us, kind, timed)) in steps.into_iter().enumerate() {
                let (now, place) = (101.0 + at as f64 / 40.0, name % names);
                let mut phases = PhaseSample::default();
                (phases.reused, phases.version) = (1, 11);
                phases.set(Phase::Wait, us.unwrap_or(7));
                phases.set(Phase::Send, 3);
                stats.record(ids[place], now, us, 9);
                if timed {
                    stats.record_phases(ids[place], &phases);
                }
                intake.record(other_ids[place], now, us, 9, timed.then_some(&phases));
                match kind {
                    0 => prop_assert_eq!(stats.remove("GET", &format!("/{place}"), now), intake.settled().remove("GET", &format!("/{place}"), now)),
                    1 => {
                        stats.reset_all(now);
                        intake.settled().reset_all(now);
                    }
                    2..9 => {
                        let told = stats.record_failure(ids[place], now, "E()");
                        prop_assert_eq!(told, intake.record_failure(other_ids[place], now, "E()"));
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(figures(intake.settled()), figures(&mut stats));
        }
    }

    #[test]
    fn with_few_names_nothing_waits_and_with_many_a_few_dozen_do() {
        for (names, waiting) in [(FEW_NAMES, 0), (NAMES, TOGETHER - 1)] {
            let (stats, ids) = with_names(names);
            let mut intake = Intake::new(stats);
            for id in &ids[..TOGETHER - 1] {
                intake.record(*id, 101.0, Some(1_000), 1, None);
            }
            assert_eq!(intake.waiting.len(), waiting);
            intake.record(ids[0], 101.0, Some(1_000), 1, None);
            assert_eq!(intake.waiting.len(), 0);
            assert_eq!(intake.settled().total().num_requests(), TOGETHER as u64);
        }
    }

    #[test]
    fn ids_of_names_that_were_forgotten_count_under_the_total() {
        let (stats, ids) = with_names(NAMES);
        let mut intake = Intake::new(stats);
        let generation = intake.generation();
        intake.settled().clear_all(101.0);
        assert_ne!(intake.generation(), generation);
        intake.record(ids[NAMES - 1], 102.0, Some(1_000), 1, None);
        let stats = intake.settled();
        assert_eq!((stats.total().num_requests(), stats.entries().count()), (1, 0));
    }
}
