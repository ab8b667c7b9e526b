//! An owned copy of the figures at one moment, for sinks on other threads. Cheap: percentiles are computed while it is
//! taken, no histogram is copied, and names are shared.

use std::sync::Arc;

use crate::entry::Entry;
use crate::errors::ErrorRecord;
use crate::phases::Phases;
use crate::request_stats::Stats;

/// One failure, as in the table.
pub type ErrorRow = ErrorRecord;

/// What a snapshot shall contain.
#[derive(Debug, Clone, Default)]
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
        let wanted = detail.wanted();
        Snapshot {
            now,
            entries: self.entries().map(|entry| self.row(entry, now, &wanted, detail)).collect(),
            total: self.row(self.total(), now, &wanted, detail),
            errors: if detail.errors { self.errors().records().to_vec() } else { Vec::new() },
        }
    }

    /// The figures of all requests together, without those of each name and without failures: quick, however many
    /// names there are.
    pub fn totals(&self, now: f64, detail: &Detail) -> Snapshot {
        let total = self.row(self.total(), now, &detail.wanted(), detail);
        Snapshot { now, entries: Vec::new(), total, errors: Vec::new() }
    }

    /// The figures of one entry.
    pub fn row_of(&self, entry: &Entry, now: f64, detail: &Detail) -> Row {
        self.row(entry, now, &detail.wanted(), detail)
    }

    fn row(&self, entry: &Entry, now: f64, wanted: &[f64], detail: &Detail) -> Row {
        let (current_rps, current_fail_per_sec) = self.current_rates(entry);
        let (total_rps, total_fail_per_sec) = self.total_rates(entry);
        let mut percentiles_us = entry.percentiles_us(wanted);
        let median_us = (!percentiles_us.is_empty()).then(|| percentiles_us.remove(0));
        let current_percentiles_us = (detail.current_percentiles && entry.has_window()).then(|| {
            let told = entry.current_percentiles_us(&detail.percentiles, now, self.span_s());
            told.unwrap_or_else(|| vec![0; detail.percentiles.len()])
        });
        Row {
            method: entry.method().clone(),
            name: entry.name().clone(),
            num_requests: entry.num_requests(),
            num_failures: entry.num_failures(),
            fail_ratio: entry.fail_ratio(),
            median_us,
            avg_response_time_ms: entry.avg_response_time_ms(),
            min_response_time_us: entry.min_response_time_us(),
            max_response_time_us: entry.max_response_time_us(),
            avg_content_length: entry.avg_content_length(),
            current_rps,
            current_fail_per_sec,
            total_rps,
            total_fail_per_sec,
            percentiles_us,
            current_percentiles_us,
            phases: if detail.phases { entry.phases().cloned().map(Box::new) } else { None },
        }
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
