//! All statistics of a run: entries by name and method, the total, and the failures.
//!
//! `record` is the hot path: no hashing, no clock, and no allocation but for a new histogram page or, once a second,
//! the total's window.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::entry::Entry;
use crate::errors::{ErrorRecord, ErrorTable};
use crate::histogram::Bucket;
use crate::increment::Increment;
use crate::journal::{Journal, Sample};
use crate::patterns::{Group, worst_patterns};
use crate::phases::{self, PhaseSample};
use crate::samples::Samples;
use crate::window::DEFAULT_SPAN_S;

/// The place of an entry; valid until [`Stats::generation`] changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryId(u32);

impl EntryId {
    /// The entry with this number, as [`EntryId::index`] gave it.
    pub fn from_index(index: u32) -> Self {
        EntryId(index)
    }

    /// The entry's number.
    pub fn index(self) -> u32 {
        self.0
    }
}

/// A generation that no statistics of this process have had, so that a kept [`EntryId`] never fits others.
fn fresh_generation() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Which entries can tell percentiles of the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windows {
    Nobody,
    Total,
    Everybody,
}

/// The name under which requests beyond the limit of names are counted.
pub const OTHER_NAMES: &str = "(other names)";
/// So many names, the first ones, keep a window at the most: each of them holds a second copy of its histogram.
pub const MOST_WINDOWS: usize = 1_000;
/// So many different (method, name) are told apart unless the run says otherwise.
pub const DEFAULT_NAME_LIMIT: usize = 10_000;
/// So many patterns are told when there are too many names.
const TOLD_PATTERNS: usize = 3;

/// There are more names than are told apart: which they are, for a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooManyNames {
    pub limit: usize,
    /// What most names have in common, the worst first.
    pub worst: Vec<Group>,
}

/// The statistics of a run.
#[derive(Debug)]
pub struct Stats {
    entries: Vec<Entry>,
    by_name: FxHashMap<Arc<str>, Vec<u32>>,
    methods: FxHashSet<Arc<str>>,
    total: Entry,
    errors: ErrorTable,
    generation: u32,
    windows: Windows,
    span_s: i64,
    journal: Option<Journal>,
    resets: u64,
    name_limit: usize,
    /// The entry of all further names, once there are too many.
    other: Option<EntryId>,
    too_many: Option<Box<TooManyNames>>,
    pub(crate) samples: Samples,
}

impl Stats {
    pub fn new(now: f64) -> Self {
        let mut stats = Self {
            entries: Vec::new(),
            by_name: FxHashMap::default(),
            methods: FxHashSet::default(),
            total: Entry::new("".into(), "Aggregated".into(), now),
            errors: ErrorTable::default(),
            generation: fresh_generation(),
            windows: Windows::Nobody,
            span_s: DEFAULT_SPAN_S,
            journal: None,
            resets: 0,
            name_limit: DEFAULT_NAME_LIMIT,
            other: None,
            too_many: None,
            samples: Samples::default(),
        };
        stats.set_windows(Windows::Total, now);
        stats
    }

    /// Choose who keeps a window, for existing and for later entries.
    pub fn set_windows(&mut self, windows: Windows, now: f64) {
        self.windows = windows;
        for (place, entry) in self.entries.iter_mut().enumerate() {
            match windows {
                Windows::Everybody if place < MOST_WINDOWS => entry.enable_window(now),
                _ => entry.disable_window(),
            }
        }
        match windows {
            Windows::Nobody => self.total.disable_window(),
            Windows::Total | Windows::Everybody => self.total.enable_window(now),
        }
    }

    pub fn windows(&self) -> Windows {
        self.windows
    }

    /// How many seconds current percentiles look back.
    pub fn span_s(&self) -> i64 {
        self.span_s
    }

    pub fn set_span_s(&mut self, seconds: i64) {
        self.span_s = seconds.clamp(1, 3_600);
    }

    /// The entry of a name and method, created if there is none.
    pub fn entry(&mut self, method: &str, name: &str, now: f64) -> EntryId {
        if let Some(place) = self.place(method, name) {
            let entry = &mut self.entries[place as usize];
            if !entry.present {
                entry.reset(now);
            }
            return EntryId(place);
        }
        if self.entries.len() >= self.name_limit {
            return self.other_names(now);
        }
        self.insert(method, name, now)
    }

    /// The entry of names beyond the limit.
    #[cold]
    fn other_names(&mut self, now: f64) -> EntryId {
        if let Some(other) = self.other {
            return other;
        }
        let worst = worst_patterns(self.entries.iter().map(|entry| &*entry.name), TOLD_PATTERNS);
        self.too_many = Some(Box::new(TooManyNames { limit: self.name_limit, worst }));
        let other = self.insert("", OTHER_NAMES, now);
        self.other = Some(other);
        other
    }

    /// What to tell about too many names; comes once.
    #[inline]
    pub fn take_too_many_names(&mut self) -> Option<Box<TooManyNames>> {
        self.too_many.take()
    }

    /// Requests that were counted as those of other names.
    pub fn other_requests(&self) -> u64 {
        self.other.and_then(|other| self.get(other)).map_or(0, Entry::num_requests)
    }

    pub fn name_limit(&self) -> usize {
        self.name_limit
    }

    /// Tell at most so many different (method, name) apart; those that are known stay.
    pub fn set_name_limit(&mut self, limit: usize) {
        self.name_limit = limit;
    }

    fn insert(&mut self, method: &str, name: &str, now: f64) -> EntryId {
        let method = self.methods.get(method).cloned().unwrap_or_else(|| {
            let fresh: Arc<str> = method.into();
            self.methods.insert(fresh.clone());
            fresh
        });
        let name = self.by_name.get_key_value(name).map_or_else(|| name.into(), |(known, _)| known.clone());
        let place = self.entries.len() as u32;
        self.by_name.entry(name.clone()).or_default().push(place);
        let mut entry = Entry::new(method, name, now);
        if self.windows == Windows::Everybody && self.entries.len() < MOST_WINDOWS {
            entry.enable_window(now);
        }
        entry.slow_floor_us = self.samples.floor_us(place);
        self.entries.push(entry);
        EntryId(place)
    }

    fn place(&self, method: &str, name: &str) -> Option<u32> {
        let places = self.by_name.get(name)?;
        places.iter().copied().find(|place| &*self.entries[*place as usize].method == method)
    }

    /// The entry of a name and method if there is one.
    pub fn find(&self, method: &str, name: &str) -> Option<EntryId> {
        self.place(method, name).filter(|place| self.entries[*place as usize].present).map(EntryId)
    }

    /// Count a request under its entry and the total. An id of an older generation counts under the total only.
    #[inline]
    pub fn record(&mut self, id: EntryId, now: f64, response_time_us: Option<u64>, length: u64) {
        let sample = response_time_us.map(|us| (us, Bucket::of(us)));
        if let Some(entry) = self.entries.get_mut(id.0 as usize) {
            entry.record_sample(now, sample, length, self.span_s);
        }
        self.total.record_sample(now, sample, length, self.span_s);
        if let Some(journal) = &mut self.journal {
            journal.push(Sample::request(id, now, response_time_us, length));
        }
    }

    /// Count the phases of a request, which itself is counted by [`Stats::record`].
    #[inline]
    pub fn record_phases(&mut self, id: EntryId, sample: &PhaseSample) {
        let buckets = phases::buckets(sample);
        if let Some(entry) = self.entries.get_mut(id.0 as usize) {
            entry.phases.get_or_insert_default().record(sample, &buckets);
        }
        self.total.phases.get_or_insert_default().record(sample, &buckets);
    }

    /// Count a failure of a request, which itself is counted by [`Stats::record`], and note its text. Gives its place in
    /// the table of failures.
    pub fn record_failure(&mut self, id: EntryId, now: f64, text: &str) -> Option<usize> {
        self.total.record_failure(now);
        if let Some(journal) = &mut self.journal {
            journal.push(Sample::failure(id, now));
        }
        let entry = self.entries.get_mut(id.0 as usize)?;
        entry.record_failure(now);
        Some(self.errors.occurred(id.0, (&entry.method, &entry.name), text, now))
    }

    /// From now on keep every sample until [`Stats::take_samples`] takes it.
    pub fn follow(&mut self) {
        self.journal.get_or_insert_default();
    }

    /// Take the samples since the last call, in exchange for what `into` holds; says how many did not fit.
    pub fn take_samples(&mut self, into: &mut Vec<Sample>) -> u64 {
        into.clear();
        self.journal.as_mut().map_or(0, |journal| journal.take(into))
    }

    /// How often everything went back to zero.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    fn forget_samples(&mut self) {
        self.resets += 1;
        if let Some(journal) = &mut self.journal {
            journal.clear();
        }
    }

    /// Changes whenever all earlier [`EntryId`]s have become invalid.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(id.0 as usize)
    }

    pub fn get_mut(&mut self, id: EntryId) -> Option<&mut Entry> {
        self.entries.get_mut(id.0 as usize)
    }

    /// How many places there are: every [`EntryId`] of this generation is below.
    pub fn places(&self) -> usize {
        self.entries.len()
    }

    /// All entries, in the order of their creation.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.present)
    }

    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().filter(|entry| entry.present)
    }

    /// Add what was counted elsewhere under a name.
    pub fn add<S, T>(&mut self, (method, name): (&str, &str), increment: Increment<S, T>, now: f64)
    where
        S: Iterator<Item = (i64, u32, u32)> + Clone,
        T: Iterator<Item = (Bucket, u64)> + Clone,
    {
        let id = self.entry(method, name, now);
        if self.is_followed() {
            let mut samples = Vec::new();
            Sample::of_increment(id, increment.clone(), &mut samples);
            self.tell_samples(&samples);
        }
        self.add_untold(id, increment);
    }

    /// The same for an entry that is known; whoever follows is to be told by [`Stats::tell_samples`].
    pub fn add_untold<S, T>(&mut self, id: EntryId, increment: Increment<S, T>)
    where
        S: Iterator<Item = (i64, u32, u32)>,
        T: Iterator<Item = (Bucket, u64)>,
    {
        if let Some(entry) = self.entries.get_mut(id.0 as usize) {
            entry.present = true;
            entry.add(increment, self.span_s);
        }
    }

    /// Whether somebody follows, see [`Stats::follow`].
    pub fn is_followed(&self) -> bool {
        self.journal.is_some()
    }

    /// Tell whoever follows what another node has counted.
    pub fn tell_samples(&mut self, samples: &[Sample]) {
        if let Some(journal) = &mut self.journal {
            journal.extend(samples);
        }
    }

    /// Add what was counted elsewhere under all names together.
    pub fn add_to_total<S, T>(&mut self, increment: Increment<S, T>)
    where
        S: Iterator<Item = (i64, u32, u32)>,
        T: Iterator<Item = (Bucket, u64)>,
    {
        self.total.add(increment, self.span_s);
    }

    /// Add the occurrences of a failure that was recorded elsewhere.
    pub fn merge_error(&mut self, record: &ErrorRecord, now: f64) {
        let id = self.entry(&record.method, &record.name, now);
        self.errors.merge(id.0, record);
    }

    /// All entries with their numbers.
    pub fn numbered_entries(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (0u32..).zip(&self.entries).filter(|(_, entry)| entry.present)
    }

    pub fn total(&self) -> &Entry {
        &self.total
    }

    pub fn total_mut(&mut self) -> &mut Entry {
        &mut self.total
    }

    pub fn errors(&self) -> &ErrorTable {
        &self.errors
    }

    pub fn errors_mut(&mut self) -> &mut ErrorTable {
        &mut self.errors
    }

    /// Add failures that were counted elsewhere; the entry of their name and method need not be there.
    pub fn add_error(&mut self, record: ErrorRecord, now: f64) {
        let place = self.place(&record.method, &record.name).unwrap_or_else(|| {
            let EntryId(place) = self.entry(&record.method, &record.name, now);
            self.entries[place as usize].present = false;
            place
        });
        self.errors.add(place, record);
    }

    pub fn clear_errors(&mut self) {
        self.errors.clear();
    }

    /// Take an entry out of the tables; it comes back, from zero, with the next request of that name.
    pub fn remove(&mut self, method: &str, name: &str, now: f64) -> bool {
        let Some(EntryId(place)) = self.find(method, name) else { return false };
        let entry = &mut self.entries[place as usize];
        entry.reset(now);
        entry.present = false;
        true
    }

    /// What is kept of requests has changed: so have the floors of all entries.
    pub(crate) fn renew_floors(&mut self) {
        for (place, entry) in (0u32..).zip(&mut self.entries) {
            entry.slow_floor_us = self.samples.floor_us(place);
        }
    }

    /// Everything back to zero; the entries stay.
    pub fn reset_all(&mut self, now: f64) {
        self.forget_samples();
        self.total.reset(now);
        self.errors.clear();
        for entry in self.entries.iter_mut().filter(|entry| entry.present) {
            entry.reset(now);
        }
        self.samples.clear();
        self.renew_floors();
    }

    /// Forget all entries and failures.
    pub fn clear_all(&mut self, now: f64) {
        self.forget_samples();
        self.total.reset(now);
        self.errors.clear();
        self.entries.clear();
        self.by_name.clear();
        self.samples.clear();
        self.other = None;
        self.generation = fresh_generation();
    }

    /// Requests and failures per second of an entry over ten seconds that end two before the last request of all.
    pub fn current_rates(&self, entry: &Entry) -> (f64, f64) {
        let Some(last) = self.total.last_request_timestamp() else { return (0.0, 0.0) };
        let last = last as i64;
        entry.per_second().mean((last - 12).max(self.total.start_time() as i64), last - 3)
    }

    /// Requests and failures per second of an entry from the start to the last request of all.
    pub fn total_rates(&self, entry: &Entry) -> (f64, f64) {
        let seconds = self.total.last_request_timestamp().map_or(0.0, |last| last - self.total.start_time());
        if seconds == 0.0 {
            return (0.0, 0.0);
        }
        (entry.num_requests() as f64 / seconds, entry.num_failures() as f64 / seconds)
    }

    /// Bytes of all entries with their histograms and names, the error table left out.
    pub fn heap_bytes(&self) -> usize {
        let names = |entry: &Entry| entry.name.len() + 2 * size_of::<usize>();
        let index = self.by_name.capacity() * (size_of::<(Arc<str>, Vec<u32>)>() + 1);
        let places: usize = self.by_name.values().map(|places| places.capacity() * size_of::<u32>()).sum();
        let entries: usize = self.entries.iter().map(|entry| entry.heap_bytes() + names(entry)).sum();
        self.entries.capacity() * size_of::<Entry>() + entries + index + places + self.total.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_of_very_many_names_are_bounded() {
        let mut early = Stats::new(100.0);
        early.set_windows(Windows::Everybody, 100.0);
        let mut late = Stats::new(100.0);
        for stats in [&mut early, &mut late] {
            for at in 0..MOST_WINDOWS + 1 {
                stats.entry("GET", &format!("/{at}"), 100.0);
            }
        }
        late.set_windows(Windows::Everybody, 100.0);
        for stats in [early, late] {
            assert_eq!(stats.entries().filter(|entry| entry.has_window()).count(), MOST_WINDOWS);
        }
    }

    #[test]
    fn an_entry_is_found_again_by_name_and_method() {
        let mut stats = Stats::new(0.0);
        let get = stats.entry("GET", "/", 0.0);
        let post = stats.entry("POST", "/", 0.0);
        assert_ne!(get, post);
        assert_eq!(stats.entry("GET", "/", 5.0), get);
        assert_eq!(stats.find("POST", "/"), Some(post));
        assert_eq!(stats.find("PUT", "/"), None);
        assert_eq!(stats.entries().count(), 2);
    }

    #[test]
    fn rates_end_two_seconds_before_the_last_request() {
        let mut stats = Stats::new(1_000.0);
        let id = stats.entry("GET", "/", 1_000.0);
        for second in 0..20 {
            for _ in 0..=second {
                stats.record(id, 1_000.0 + f64::from(second), Some(1_000), 0);
            }
            stats.record_failure(id, 1_000.0 + f64::from(second), "E()");
        }
        // Last second 1019: the window is 1007 to 1016 with 8 to 17 requests each.
        assert_eq!(stats.current_rates(stats.total()), (12.5, 1.0));
        let (rps, fails) = stats.total_rates(stats.total());
        assert_eq!((rps, fails), (210.0 / 19.0, 20.0 / 19.0));
    }

    #[test]
    fn a_young_run_averages_over_the_seconds_it_had() {
        let mut stats = Stats::new(1_000.5);
        let id = stats.entry("GET", "/", 1_000.5);
        stats.record(id, 1_001.0, Some(1), 0);
        assert_eq!(stats.current_rates(stats.total()), (0.0, 0.0));
        stats.record(id, 1_004.0, Some(1), 0);
        assert_eq!(stats.current_rates(stats.total()), (0.5, 0.0));
    }

    #[test]
    fn clearing_invalidates_ids_and_resetting_does_not() {
        let mut stats = Stats::new(0.0);
        let id = stats.entry("GET", "/", 0.0);
        stats.record(id, 1.0, Some(1), 0);
        stats.record_failure(id, 1.0, "E()");
        let generation = stats.generation();
        stats.reset_all(2.0);
        assert_eq!((stats.generation(), stats.entries().count(), stats.errors().records().len()), (generation, 1, 0));
        assert_eq!(stats.get(id).map(Entry::num_requests), Some(0));
        stats.clear_all(3.0);
        assert_ne!(stats.generation(), generation);
        assert_eq!(stats.entries().count(), 0);
        assert_eq!(stats.total().start_time(), 3.0);
        stats.record(id, 4.0, Some(1), 0);
        assert_eq!(stats.total().num_requests(), 1);
    }

    #[test]
    fn a_removed_entry_comes_back_from_zero() {
        let mut stats = Stats::new(0.0);
        let id = stats.entry("GET", "/", 0.0);
        stats.record(id, 1.0, Some(1), 0);
        assert!(stats.remove("GET", "/", 2.0) && !stats.remove("GET", "/", 2.0));
        assert_eq!((stats.entries().count(), stats.find("GET", "/")), (0, None));
        stats.record(id, 3.0, Some(1), 0);
        assert_eq!(stats.entries().map(Entry::num_requests).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn beyond_the_limit_all_names_are_one_and_nothing_is_lost() {
        let mut stats = Stats::new(0.0);
        stats.set_name_limit(20);
        for at in 0..100 {
            let id = stats.entry("GET", &format!("/item/{at}"), 1.0);
            stats.record(id, 1.0, Some(1_000), 1);
            if at % 2 == 0 {
                stats.record_failure(id, 1.0, "E()");
            }
        }
        assert_eq!(stats.entries().count(), 21);
        assert_eq!(stats.other_requests(), 80);
        assert_eq!(stats.entries().map(Entry::num_requests).sum::<u64>(), stats.total().num_requests());
        assert_eq!(stats.entries().map(Entry::num_failures).sum::<u64>(), 50);
        assert_eq!(stats.errors().records().iter().map(|record| record.occurrences).sum::<u64>(), 50);
        let told = stats.take_too_many_names().unwrap();
        assert_eq!((told.limit, told.worst[0].pattern.as_str(), told.worst[0].names), (20, "/item/{n}", 20));
        assert_eq!(stats.take_too_many_names(), None);
        let known = stats.entry("GET", "/item/3", 2.0);
        assert_eq!(stats.get(known).map(Entry::num_requests), Some(1));
        stats.clear_all(3.0);
        stats.entry("GET", "/item/99", 3.0);
        assert_eq!((stats.entries().count(), stats.other_requests()), (1, 0));
    }

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_the_entries(
            samples in proptest::collection::vec((0..6u8, proptest::option::of(0..10_000_000u64), 0..5_000u64, any::<bool>()), 0..200)
        ) {
            let mut stats = Stats::new(0.0);
            for (at, (name, us, length, failed)) in samples.iter().enumerate() {
                let now = 1.0 + at as f64 / 7.0;
                let id = stats.entry("GET", &format!("/{name}"), now);
                stats.record(id, now, *us, *length);
                if *failed {
                    stats.record_failure(id, now, "E()");
                }
            }
            let mut sum = Entry::new("".into(), "sum".into(), 0.0);
            for entry in stats.entries() {
                sum.merge(entry, DEFAULT_SPAN_S);
            }
            let figures = |e: &Entry| (
                (e.num_requests(), e.num_none_requests(), e.num_failures(), e.total_response_time_us()),
                (e.min_response_time_us(), e.max_response_time_us(), e.total_content_length()),
                e.response_times_ms(),
                e.per_second().seconds().collect::<Vec<_>>(),
            );
            prop_assert_eq!(figures(&sum), figures(stats.total()));
            prop_assert_eq!(sum.histogram(), stats.total().histogram());
            let failures: u64 = stats.errors().records().iter().map(|record| record.occurrences).sum();
            prop_assert_eq!(failures, stats.total().num_failures());
        }
    }
}
