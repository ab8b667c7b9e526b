//! An owned copy of the figures at one moment, for sinks on other threads. Cheap: percentiles are computed while it is
//! taken, no histogram is copied, and names are shared.
//!
//! [`Snapshots`] takes them again and again beside the thread that counts, and holds it up for short moments only:
//!
//! ```text
//!   lock: counts and rates of all entries │ lock: percentiles of a few │ lock: of the next few │ …
//! ```

use std::sync::Arc;

use crate::entry::Entry;
use crate::errors::ErrorRecord;
use crate::phases::Phases;
use crate::request_stats::{EntryId, Stats};

/// The total's number in [`Row::entry`].
pub const TOTAL: u32 = u32::MAX;
/// The percentiles of so many entries are looked up under one lock (about 0.1 ms).
const ENTRIES_AT_ONCE: usize = 64;

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

impl Detail {
    /// The percentiles to look up: the median, then those asked for.
    fn wanted(&self) -> Vec<f64> {
        [&[0.5], &self.percentiles[..]].concat()
    }
}

/// The figures of one entry.
#[derive(Debug, Clone, PartialEq)]
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
    pub percentiles_us: Vec<u64>,
    /// Of the last seconds, 0 where unknown; `None` if not asked for or no window is kept.
    pub current_percentiles_us: Option<Vec<u64>>,
    /// `None` if not asked for or nothing is known.
    pub phases: Option<Box<Phases>>,
}

/// The figures of a run at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// When it was taken, in seconds since the epoch.
    pub now: f64,
    /// In the order of creation.
    pub entries: Vec<Row>,
    pub total: Row,
    pub errors: Vec<ErrorRow>,
}

impl Snapshot {
    /// The entries by name, then method, as all tables show them.
    pub fn sorted_entries(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.entries.iter().collect();
        rows.sort_unstable_by(|a, b| (&a.name, &a.method).cmp(&(&b.name, &b.method)));
        rows
    }
}

impl Stats {
    /// The figures at this moment.
    pub fn snapshot(&self, now: f64, detail: &Detail) -> Snapshot {
        let mut snapshot = self.counts(now, detail);
        for row in snapshot.entries.iter_mut().chain([&mut snapshot.total]) {
            self.look_up_percentiles(row, now, detail, &detail.wanted());
        }
        snapshot
    }

    /// The figures of all requests together, without those of each name and without failures: quick, however many
    /// names there are.
    pub fn totals(&self, now: f64, detail: &Detail) -> Snapshot {
        let total = self.row_of(self.total(), now, detail);
        Snapshot { now, entries: Vec::new(), total, errors: Vec::new() }
    }

    /// The figures of one entry.
    pub fn row_of(&self, entry: &Entry, now: f64, detail: &Detail) -> Row {
        let mut row = self.counts_of(TOTAL, entry);
        fill(&mut row, entry, self, now, (detail, &detail.wanted()));
        row
    }

    /// A snapshot without percentiles.
    fn counts(&self, now: f64, detail: &Detail) -> Snapshot {
        Snapshot {
            now,
            entries: self.numbered_entries().map(|(number, entry)| self.counts_of(number, entry)).collect(),
            total: self.counts_of(TOTAL, self.total()),
            errors: if detail.errors { self.errors().records().to_vec() } else { Vec::new() },
        }
    }

    fn look_up_percentiles(&self, row: &mut Row, now: f64, detail: &Detail, wanted: &[f64]) {
        let entry = if row.entry == TOTAL { Some(self.total()) } else { self.get(EntryId::from_index(row.entry)) };
        if let Some(entry) = entry {
            fill(row, entry, self, now, (detail, wanted));
        }
    }

    fn counts_of(&self, number: u32, entry: &Entry) -> Row {
        let (current_rps, current_fail_per_sec) = self.current_rates(entry);
        let (total_rps, total_fail_per_sec) = self.total_rates(entry);
        Row {
            entry: number,
            method: entry.method().clone(),
            name: entry.name().clone(),
            num_requests: entry.num_requests(),
            num_failures: entry.num_failures(),
            fail_ratio: entry.fail_ratio(),
            median_us: None,
            avg_response_time_ms: entry.avg_response_time_ms(),
            min_response_time_us: entry.min_response_time_us(),
            max_response_time_us: entry.max_response_time_us(),
            avg_content_length: entry.avg_content_length(),
            current_rps,
            current_fail_per_sec,
            total_rps,
            total_fail_per_sec,
            percentiles_us: Vec::new(),
            current_percentiles_us: None,
            phases: None,
        }
    }
}

fn fill(row: &mut Row, entry: &Entry, stats: &Stats, now: f64, (detail, wanted): (&Detail, &[f64])) {
    let mut percentiles_us = entry.percentiles_us(wanted);
    row.median_us = (!percentiles_us.is_empty()).then(|| percentiles_us.remove(0));
    row.percentiles_us = percentiles_us;
    row.phases = if detail.phases { entry.phases().cloned().map(Box::new) } else { None };
    row.current_percentiles_us = (detail.current_percentiles && entry.has_window()).then(|| {
        let told = entry.current_percentiles_us(&detail.percentiles, now, stats.span_s());
        told.unwrap_or_else(|| vec![0; detail.percentiles.len()])
    });
}

/// Takes one snapshot after the other of statistics that are being written to.
#[derive(Debug, Default)]
pub struct Snapshots {
    detail: Detail,
    /// Percentiles by the entry's number, with the number of requests they are of.
    known: Vec<(u64, Option<u64>, Vec<u64>)>,
    /// Generation and resets that `known` is of.
    state: (u32, u64),
}

impl Snapshots {
    pub fn new(detail: Detail) -> Self {
        Self { detail, ..Self::default() }
    }

    pub fn detail(&self) -> &Detail {
        &self.detail
    }

    /// Take a snapshot. `with` locks the statistics, calls its argument, and lets others have them before it returns.
    /// All counts are of one moment; percentiles may be a few samples further.
    pub fn take(&mut self, now: f64, mut with: impl FnMut(&mut dyn FnMut(&Stats))) -> Snapshot {
        let mut taken = None;
        with(&mut |stats| taken = Some((stats.counts(now, &self.detail), (stats.generation(), stats.resets()))));
        let (mut snapshot, state) = taken.expect("`with` calls its argument");
        if self.state != state {
            self.known.clear();
            self.state = state;
        }
        let wanted = self.detail.wanted();
        for rows in snapshot.entries.chunks_mut(ENTRIES_AT_ONCE) {
            let mut changed: Vec<&mut Row> = rows.iter_mut().filter_map(|row| self.unless_known(row)).collect();
            if changed.is_empty() {
                continue;
            }
            with(&mut |stats| {
                if (stats.generation(), stats.resets()) == state {
                    let entries = changed.iter().filter_map(|row| stats.get(EntryId::from_index(row.entry)));
                    entries.for_each(|entry| entry.histogram().fetch_table());
                    changed.iter_mut().for_each(|row| stats.look_up_percentiles(row, now, &self.detail, &wanted));
                }
            });
            changed.into_iter().for_each(|row| self.remember(row));
        }
        with(&mut |stats| stats.look_up_percentiles(&mut snapshot.total, now, &self.detail, &wanted));
        snapshot
    }

    /// Fill in what is known of an entry that has no more requests than the last time, or give it back.
    fn unless_known<'a>(&self, row: &'a mut Row) -> Option<&'a mut Row> {
        let Some((requests, median, percentiles)) = self.known.get(row.entry as usize) else { return Some(row) };
        if *requests != row.num_requests || self.detail.current_percentiles || self.detail.phases {
            return Some(row);
        }
        row.median_us = *median;
        row.percentiles_us.clone_from(percentiles);
        None
    }

    fn remember(&mut self, row: &Row) {
        let place = row.entry as usize;
        if self.known.len() <= place {
            self.known.resize(place + 1, (u64::MAX, None, Vec::new()));
        }
        let (requests, median, percentiles) = &mut self.known[place];
        (*requests, *median) = (row.num_requests, row.median_us);
        percentiles.clone_from(&row.percentiles_us);
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
        assert_eq!(snapshot.total.percentiles_us, [8_000, 8_000]);
        assert_eq!(snapshot.total.median_us, Some(4_000));
        assert_eq!((snapshot.total.total_rps, snapshot.errors.len()), (1.5, 1));
        assert_eq!(snapshot.total.current_percentiles_us, None);
    }

    #[test]
    fn one_after_the_other_they_are_as_if_each_was_taken_at_once() {
        let mut stats = Stats::new(100.0);
        let detail = Detail { percentiles: vec![0.9, 1.0], errors: true, ..Detail::default() };
        let mut snapshots = Snapshots::new(detail.clone());
        for round in 0..6u32 {
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
            let mut locks = 0;
            let taken = snapshots.take(now, |look| {
                locks += 1;
                look(&stats);
            });
            assert_eq!(taken, stats.snapshot(now, &detail));
            assert!(locks <= 200 / ENTRIES_AT_ONCE + 3);
        }
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
