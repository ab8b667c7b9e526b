//! An owned copy of the figures at one moment, for sinks on other threads. Cheap: percentiles are computed while it is
//! taken, no histogram is copied, and names are shared.
//!
//! [`Snapshots`] takes them again and again beside the thread that counts, and holds it up for short moments only:
//!
//! ```text
//!   lock: counts and rates of all entries │ lock: percentiles of a few │ lock: of the next few │ …
//! ```

use std::sync::Arc;

use smallvec::SmallVec;

use crate::entry::Entry;
use crate::errors::ErrorRecord;
use crate::histogram::{Histogram, Search, Values, Wanted, fetch};
use crate::phases::Phases;
use crate::request_stats::{EntryId, Stats};

/// The total's number in [`Row::entry`].
pub const TOTAL: u32 = u32::MAX;
/// The percentiles of so many entries are looked up under one lock (about 0.1 ms).
const ENTRIES_AT_ONCE: usize = 64;

type Together<T> = SmallVec<[T; ENTRIES_AT_ONCE]>;

/// One failure, as in the table.
pub type ErrorRow = ErrorRecord;

/// What a snapshot shall contain.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detail {
    /// Percentiles (0 to 1) of the whole run.
    pub percentiles: Vec<f64>,
    /// The same percentiles also for the last seconds, where a window is kept.
    pub current_percentiles: bool,
    /// The table of failures.
    pub errors: bool,
    /// The histograms of the phases.
    pub phases: bool,
}

/// The percentiles to look up in every row.
#[derive(Debug, Default)]
struct Lookup {
    /// The median, then those asked for.
    whole: Wanted,
    /// Those asked for.
    current: Wanted,
}

impl Lookup {
    fn of(detail: &Detail) -> Self {
        let whole = Wanted::new(&[&[0.5], &detail.percentiles[..]].concat());
        Self { whole, current: Wanted::new(&detail.percentiles) }
    }
}

/// The figures of one entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The entry's number, [`EntryId::index`]; that of the total is `u32::MAX`.
    pub entry: u32,
    pub method: Arc<str>,
    pub name: Arc<str>,
    pub num_requests: u64,
    pub num_failures: u64,
    pub fail_ratio: f64,
    pub median_us: Option<u64>,
    pub avg_response_time_ms: f64,
    pub min_response_time_us: Option<u64>,
    pub max_response_time_us: Option<u64>,
    pub avg_content_length: Option<f64>,
    pub current_rps: f64,
    pub current_fail_per_sec: f64,
    pub total_rps: f64,
    pub total_fail_per_sec: f64,
    /// In the order asked for; empty if there are no samples.
    pub percentiles_us: Values,
    /// Of the last seconds, 0 where unknown; `None` if not asked for or no window is kept.
    pub current_percentiles_us: Option<Vec<u64>>,
    /// `None` if not asked for or nothing is known.
    pub phases: Option<Box<Phases>>,
}

/// The figures of a run at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// When it was taken, in seconds since the epoch.
    pub now: f64,
    /// In the order of creation.
    pub entries: Vec<Row>,
    pub total: Row,
    pub errors: Vec<ErrorRow>,
    /// The places of the entries by name, then method.
    order: Arc<[u32]>,
}

impl Snapshot {
    /// The entries by name, then method, as all tables show them.
    pub fn sorted_entries(&self) -> Vec<&Row> {
        self.order.iter().map(|place| &self.entries[*place as usize]).collect()
    }
}

fn order_of(rows: &[Row]) -> Arc<[u32]> {
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    let key = |place: &u32| rows.get(*place as usize).map(|row| (&row.name, &row.method));
    order.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    order.into()
}

impl Stats {
    /// The figures at this moment.
    pub fn snapshot(&self, now: f64, detail: &Detail) -> Snapshot {
        let taken = Snapshots::new(detail.clone()).take(now, |look| look(self));
        Arc::unwrap_or_clone(taken)
    }

    /// The figures of all requests together, without those of each name and without failures: quick, however many
    /// names there are.
    pub fn totals(&self, now: f64, detail: &Detail) -> Snapshot {
        let total = self.row_of(self.total(), now, detail);
        Snapshot { now, total, ..Snapshot::default() }
    }

    /// The figures of one entry.
    pub fn row_of(&self, entry: &Entry, now: f64, detail: &Detail) -> Row {
        let mut row = Row::new(TOTAL, entry);
        self.count(&mut row, entry);
        let lookup = Lookup::of(detail);
        fill(&mut row, entry, self, now, (detail, &lookup, &entry.histogram().search(&lookup.whole)));
        row
    }

    /// Bring everything but percentiles and order up to date, and name the places of the rows whose percentiles are not.
    fn count_all(&self, snapshot: &mut Snapshot, stale: &mut Vec<u32>, detail: &Detail) {
        let rows = &mut snapshot.entries;
        rows.reserve(self.places().saturating_sub(rows.len()));
        let always = detail.current_percentiles || detail.phases;
        let (mut numbers, mut at) = (0..self.places() as u32, 0);
        while !numbers.is_empty() {
            let some = numbers.by_ref().take(ENTRIES_AT_ONCE).filter_map(|number| self.present(number));
            let some: Together<(u32, &Entry)> = some.collect();
            fetch(some.iter().map(|(_, entry)| entry.all_cells()));
            for (number, entry) in some {
                if rows.get(at).is_none_or(|row| row.entry != number) {
                    rows.truncate(at);
                    rows.push(Row::new(number, entry));
                }
                if self.count(&mut rows[at], entry) || always {
                    stale.push(at as u32);
                }
                at += 1;
            }
        }
        rows.truncate(at);
        snapshot.total = Row::new(TOTAL, self.total());
        self.count(&mut snapshot.total, self.total());
        snapshot.errors.clear();
        if detail.errors {
            snapshot.errors.extend_from_slice(self.errors().records());
        }
    }

    fn present(&self, number: u32) -> Option<(u32, &Entry)> {
        self.get(EntryId::from_index(number)).filter(|entry| entry.present).map(|entry| (number, entry))
    }

    /// The percentiles of these rows. What all of them need is fetched step by step, as when
    /// [requests are recorded](crate::intake).
    fn look_up(&self, (rows, stale): (&mut [Row], &[u32]), now: f64, detail: &Detail, lookup: &Lookup) {
        let entry_of = |at: &u32| Some((*at as usize, self.get(EntryId::from_index(rows[*at as usize].entry))?));
        let entries: Together<(usize, &Entry)> = stale.iter().filter_map(entry_of).collect();
        let histograms = || entries.iter().map(|(_, entry)| entry.histogram());
        fetch(histograms().map(Histogram::first_cells));
        histograms().for_each(Histogram::fetch_table);
        let searches: Together<Search> = histograms().map(|histogram| histogram.search(&lookup.whole)).collect();
        fetch(histograms().zip(&searches).flat_map(|(histogram, search)| histogram.first_of(search)));
        for ((at, entry), search) in entries.iter().zip(&searches) {
            fill(&mut rows[*at], entry, self, now, (detail, lookup, search));
        }
    }

    /// Everything but percentiles; says whether they must be looked up.
    fn count(&self, row: &mut Row, entry: &Entry) -> bool {
        let state = |row: &Row| {
            let Row { num_requests, avg_response_time_ms, min_response_time_us, max_response_time_us, .. } = row;
            (*num_requests, avg_response_time_ms.to_bits(), *min_response_time_us, *max_response_time_us)
        };
        let before = state(row);
        (row.current_rps, row.current_fail_per_sec) = self.current_rates(entry);
        (row.total_rps, row.total_fail_per_sec) = self.total_rates(entry);
        row.num_requests = entry.num_requests();
        row.num_failures = entry.num_failures();
        row.fail_ratio = entry.fail_ratio();
        row.avg_response_time_ms = entry.avg_response_time_ms();
        row.min_response_time_us = entry.min_response_time_us();
        row.max_response_time_us = entry.max_response_time_us();
        row.avg_content_length = entry.avg_content_length();
        state(row) != before
    }
}

impl Row {
    fn new(number: u32, entry: &Entry) -> Self {
        Self { entry: number, method: entry.method().clone(), name: entry.name().clone(), ..Self::default() }
    }
}

fn fill(row: &mut Row, entry: &Entry, stats: &Stats, now: f64, (detail, lookup, search): (&Detail, &Lookup, &Search)) {
    let told = entry.found(&lookup.whole, search);
    row.median_us = told.first().copied();
    row.percentiles_us = Values::from_slice(told.get(1..).unwrap_or_default());
    row.phases = if detail.phases { entry.phases().cloned().map(Box::new) } else { None };
    row.current_percentiles_us = (detail.current_percentiles && entry.has_window()).then(|| {
        let told = entry.look_up_current(&lookup.current, now, stats.span_s());
        told.map_or_else(|| vec![0; lookup.current.len()], Values::into_vec)
    });
}

/// Takes one snapshot after the other of statistics that are being written to. Each is made of the one before, in its
/// memory unless somebody still looks at that.
#[derive(Debug, Default)]
pub struct Snapshots {
    detail: Detail,
    lookup: Lookup,
    latest: Option<Arc<Snapshot>>,
    /// Generation and resets that `latest` is of.
    state: (u32, u64),
    /// The rows whose percentiles are to be looked up.
    stale: Vec<u32>,
    /// The entries that `order` is of.
    numbers: Vec<u32>,
    order: Arc<[u32]>,
}

impl Snapshots {
    pub fn new(detail: Detail) -> Self {
        Self { lookup: Lookup::of(&detail), detail, ..Self::default() }
    }

    pub fn detail(&self) -> &Detail {
        &self.detail
    }

    /// The last one that was taken.
    pub fn latest(&self) -> Option<&Arc<Snapshot>> {
        self.latest.as_ref()
    }

    /// Take a snapshot. `with` locks the statistics, calls its argument, and lets others have them before it returns.
    /// All counts are of one moment; percentiles may be a few samples further.
    pub fn take(&mut self, now: f64, mut with: impl FnMut(&mut dyn FnMut(&Stats))) -> Arc<Snapshot> {
        let mut snapshot = self.latest.take().map_or_else(Snapshot::default, Arc::unwrap_or_clone);
        let (detail, lookup) = (&self.detail, &self.lookup);
        let (state, stale, numbers) = (&mut self.state, &mut self.stale, &mut self.numbers);
        stale.clear();
        snapshot.now = now;
        with(&mut |stats| {
            let current = (stats.generation(), stats.resets());
            if *state != current {
                *state = current;
                snapshot.entries.clear();
                numbers.clear();
            }
            stats.count_all(&mut snapshot, stale, detail);
        });
        for some in stale.chunks(ENTRIES_AT_ONCE) {
            with(&mut |stats| {
                if (stats.generation(), stats.resets()) == *state {
                    stats.look_up((&mut snapshot.entries, some), now, detail, lookup);
                }
            });
        }
        with(&mut |stats| {
            let total = stats.total();
            fill(&mut snapshot.total, total, stats, now, (detail, lookup, &total.histogram().search(&lookup.whole)));
        });
        snapshot.order = self.order(&snapshot.entries);
        let taken = Arc::new(snapshot);
        self.latest = Some(Arc::clone(&taken));
        taken
    }

    /// The order of the rows; that of the last ones if they are of the same entries.
    fn order(&mut self, rows: &[Row]) -> Arc<[u32]> {
        let numbers = rows.iter().map(|row| row.entry);
        if self.order.len() != rows.len() || !numbers.clone().eq(self.numbers.iter().copied()) {
            self.numbers = numbers.collect();
            self.order = order_of(rows);
        }
        Arc::clone(&self.order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_stats::Windows;

    #[test]
    fn holds_the_figures_in_table_order() {
        let mut stats = Stats::new(100.0);
        for (name, method, ms) in [("/b", "GET", 4), ("/a", "POST", 2), ("/a", "GET", 8)] {
            let id = stats.entry(method, name, 100.0);
            stats.record(id, 102.0, Some(ms * 1_000), 10);
        }
        let id = stats.entry("GET", "/b", 102.0);
        stats.record_failure(id, 102.0, "E()");
        let detail = Detail { percentiles: vec![0.9, 1.0], errors: true, ..Detail::default() };
        let snapshot = stats.snapshot(103.0, &detail);
        let order: Vec<_> = snapshot.sorted_entries().iter().map(|row| (&*row.name, &*row.method)).collect();
        assert_eq!(order, [("/a", "GET"), ("/a", "POST"), ("/b", "GET")]);
        assert_eq!(snapshot.total.percentiles_us[..], [8_000, 8_000]);
        assert_eq!(snapshot.total.median_us, Some(4_000));
        assert_eq!((snapshot.total.total_rps, snapshot.errors.len()), (1.5, 1));
        assert_eq!(snapshot.total.current_percentiles_us, None);
    }

    #[test]
    fn one_after_the_other_they_are_as_if_each_was_taken_at_once() {
        let mut stats = Stats::new(100.0);
        let detail = Detail { percentiles: vec![0.9, 1.0], errors: true, ..Detail::default() };
        let mut snapshots = Snapshots::new(detail.clone());
        let mut seen: Vec<(Arc<Snapshot>, Snapshot)> = Vec::new();
        for round in 0..9u32 {
            let now = 101.0 + f64::from(round);
            if round == 4 {
                stats.reset_all(now);
            }
            for name in 0..200u32 {
                let id = stats.entry("GET", &name.to_string(), now);
                if (name + round) % 3 == 0 {
                    stats.record(id, now, Some(u64::from(name * 1_000 + round)), 7);
                }
            }
            if round == 6 {
                // From zero, and as many requests as before.
                let requests = stats.find("GET", "5").and_then(|id| stats.get(id)).map_or(0, Entry::num_requests);
                stats.remove("GET", "5", now);
                stats.remove("GET", "17", now);
                let id = stats.entry("GET", "5", now);
                (0..requests).for_each(|_| stats.record(id, now, Some(77), 7));
            }
            let mut locks = 0;
            let taken = snapshots.take(now, |look| {
                locks += 1;
                look(&stats);
            });
            assert_eq!(*taken, stats.snapshot(now, &detail));
            assert!(locks <= 200 / ENTRIES_AT_ONCE + 3);
            // What somebody still looks at stays as it was.
            if round % 2 == 0 {
                seen.push((Arc::clone(&taken), (*taken).clone()));
            }
        }
        assert!(seen.iter().all(|(shared, copy)| **shared == *copy));
    }

    #[test]
    fn the_order_is_that_of_the_entries_there_are() {
        let mut stats = Stats::new(0.0);
        let mut snapshots = Snapshots::new(Detail::default());
        let mut names = |stats: &Stats| {
            let taken = snapshots.take(1.0, |look| look(stats));
            taken.sorted_entries().iter().map(|row| row.name.to_string()).collect::<Vec<_>>().join("")
        };
        for name in ["c", "a", "d"] {
            stats.entry("GET", name, 0.0);
        }
        assert_eq!((names(&stats), names(&stats)), ("acd".into(), "acd".into()));
        stats.remove("GET", "a", 1.0);
        assert_eq!(names(&stats), "cd");
        stats.entry("GET", "b", 1.0);
        assert_eq!(names(&stats), "bcd");
        stats.clear_all(2.0);
        assert_eq!(names(&stats), "");
        for name in ["z", "y", "x"] {
            stats.entry("GET", name, 2.0);
        }
        assert_eq!(names(&stats), "xyz");
    }

    #[test]
    fn current_percentiles_only_where_a_window_is_kept() {
        let mut stats = Stats::new(100.0);
        let id = stats.entry("GET", "/", 100.0);
        stats.record(id, 105.0, Some(7_000), 0);
        let detail = Detail { percentiles: vec![0.5], current_percentiles: true, ..Detail::default() };
        let snapshot = stats.snapshot(110.0, &detail);
        assert_eq!(snapshot.entries[0].current_percentiles_us, None);
        assert_eq!(snapshot.total.current_percentiles_us, Some(vec![7_000]));
        stats.set_windows(Windows::Everybody, 110.0);
        stats.record(id, 111.0, Some(9_000), 0);
        assert_eq!(stats.snapshot(120.0, &detail).entries[0].current_percentiles_us, Some(vec![9_000]));
        assert_eq!(stats.snapshot(190.0, &detail).entries[0].current_percentiles_us, Some(vec![0]));
    }
}
