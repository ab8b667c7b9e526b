//! What changed in the statistics since the last look, in bounded portions: the hub's side of the event stream.
//!
//! Of ten thousand names only so many are looked at in one portion; those left out come first in the next. The total is
//! always told. Pure; knows neither clock nor Python.

use std::sync::Arc;

use gregaria_stats::{Detail, EntryId, ErrorRecord, ErrorRow, Row, Stats};

/// Rows told in one portion.
pub const ROWS: usize = 1_000;
/// Failures told in one portion.
pub const FAILURES: usize = 500;

/// Which percentiles the figures have.
#[derive(Debug, Clone, Default)]
pub struct Percentiles {
    pub statistics: Vec<f64>,
    pub chart: Vec<f64>,
}

/// What changed.
#[derive(Debug, Clone)]
pub struct Portion {
    pub now: f64,
    /// All entries known before are gone.
    pub reset: bool,
    pub rows: Vec<(u32, Row)>,
    /// All failures known before are gone.
    pub failures_reset: bool,
    pub failures: Vec<(u32, ErrorRow)>,
    pub total: Row,
    /// Of the last seconds; `None` where unknown.
    pub current_percentiles_us: Vec<Option<u64>>,
    pub start_time: f64,
    /// Seconds from the start to the last request.
    pub elapsed_s: f64,
    /// There is more to tell than fits.
    pub more: bool,
}

/// What was told of an entry last.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Told {
    requests: u64,
    failures: u64,
    moving: bool,
    known: bool,
}

/// Remembers what was told.
#[derive(Debug, Default)]
pub struct Feed {
    generation: u32,
    told: Vec<Told>,
    next: usize,
    failures: Vec<(Arc<str>, u64)>,
    next_failure: usize,
}

impl Feed {
    /// The changes since the last call, at most `rows` and [`FAILURES`] of them.
    pub fn collect(&mut self, stats: &Stats, now: f64, percentiles: &Percentiles, rows: usize) -> Portion {
        let reset = stats.generation() != self.generation;
        if reset {
            *self = Self { generation: stats.generation(), ..Self::default() };
        }
        let detail = Detail { percentiles: percentiles.statistics.clone(), ..Detail::default() };
        let (changed, more_rows) = self.rows(stats, now, &detail, rows);
        let failures_reset = self.failures_are_others(stats.errors().records());
        if failures_reset {
            self.failures.clear();
            self.next_failure = 0;
        }
        let (failures, more_failures) = self.failures(stats.errors().records());
        let total = stats.total();
        let current = total.current_percentiles_us(&percentiles.chart, now, stats.span_s());
        Portion {
            now,
            reset,
            rows: changed,
            failures_reset: failures_reset || reset,
            failures,
            total: stats.row_of(total, now, &detail),
            current_percentiles_us: match current {
                Some(told) => told.into_iter().map(Some).collect(),
                None => vec![None; percentiles.chart.len()],
            },
            start_time: total.start_time(),
            elapsed_s: total.last_request_timestamp().map_or(0.0, |last| last - total.start_time()),
            more: more_rows || more_failures,
        }
    }

    fn rows(&mut self, stats: &Stats, now: f64, detail: &Detail, limit: usize) -> (Vec<(u32, Row)>, bool) {
        let amount = stats.places();
        self.told.resize(amount, Told::default());
        if amount == 0 {
            return (Vec::new(), false);
        }
        let mut rows = Vec::new();
        let start = self.next % amount;
        for step in 0..amount {
            let place = (start + step) % amount;
            let Some(entry) = stats.get(EntryId::from_index(place as u32)) else { continue };
            let told = self.told[place];
            let same = told.known && (told.requests, told.failures) == (entry.num_requests(), entry.num_failures());
            if same && !told.moving {
                continue;
            }
            if rows.len() == limit {
                self.next = place;
                return (rows, true);
            }
            let row = stats.row_of(entry, now, detail);
            let moving = row.current_rps > 0.0 || row.current_fail_per_sec > 0.0;
            self.told[place] = Told { requests: row.num_requests, failures: row.num_failures, moving, known: true };
            rows.push((place as u32, row));
        }
        (rows, false)
    }

    /// The table of failures was cleared: it is shorter, or another failure stands in a known place.
    fn failures_are_others(&self, records: &[ErrorRecord]) -> bool {
        let same = |(known, record): (&(Arc<str>, u64), &ErrorRecord)| {
            Arc::ptr_eq(&known.0, &record.text) && known.1 <= record.occurrences
        };
        records.len() < self.failures.len() || !self.failures.iter().zip(records).all(same)
    }

    fn failures(&mut self, records: &[ErrorRecord]) -> (Vec<(u32, ErrorRow)>, bool) {
        let amount = records.len();
        let mut changed = Vec::new();
        let start = if amount == 0 { 0 } else { self.next_failure % amount };
        for step in 0..amount {
            let place = (start + step) % amount;
            let record = &records[place];
            if self.failures.get(place).is_some_and(|told| told.1 == record.occurrences) {
                continue;
            }
            if changed.len() == FAILURES {
                self.next_failure = place;
                return (changed, true);
            }
            if place >= self.failures.len() {
                // New ones come in order, so that every place below is known.
                let unknown = records[self.failures.len()..place].iter();
                self.failures.extend(unknown.map(|record| (Arc::clone(&record.text), 0)));
                self.failures.push((Arc::clone(&record.text), record.occurrences));
            } else {
                self.failures[place].1 = record.occurrences;
            }
            changed.push((place as u32, record.clone()));
        }
        (changed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percentiles() -> Percentiles {
        Percentiles { statistics: vec![0.95], chart: vec![0.5] }
    }

    fn filled(names: usize) -> Stats {
        let mut stats = Stats::new(1_000.0);
        for name in 0..names {
            let id = stats.entry("GET", &format!("/{name}"), 1_000.0);
            stats.record(id, 1_001.0, Some(5_000), 10);
        }
        stats
    }

    #[test]
    fn only_what_changed_is_told_again() {
        let mut stats = filled(3);
        let mut feed = Feed::default();
        let first = feed.collect(&stats, 1_002.0, &percentiles(), ROWS);
        assert!(first.reset && first.rows.len() == 3 && !first.more);
        assert!(feed.collect(&stats, 1_003.0, &percentiles(), ROWS).rows.is_empty());
        let id = stats.find("GET", "/1").unwrap();
        stats.record(id, 1_004.0, Some(7_000), 10);
        let second = feed.collect(&stats, 1_004.0, &percentiles(), ROWS);
        assert!(!second.reset);
        assert_eq!(second.rows.iter().map(|(place, row)| (*place, row.num_requests)).collect::<Vec<_>>(), [(1, 2)]);
        assert_eq!(second.total.num_requests, 4);
    }

    #[test]
    fn a_rate_is_followed_until_it_is_zero() {
        let mut stats = filled(2);
        let mut feed = Feed::default();
        let id = stats.find("GET", "/0").unwrap();
        stats.record(id, 1_006.0, Some(7_000), 10);
        let told = feed.collect(&stats, 1_006.0, &percentiles(), ROWS);
        assert!(told.rows[1].1.current_rps > 0.0);
        // The other name moves the window, in which nothing of /1 is left.
        stats.record(id, 1_030.0, Some(7_000), 10);
        let places = |portion: Portion| portion.rows.into_iter().map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!(places(feed.collect(&stats, 1_030.0, &percentiles(), ROWS)), [0, 1]);
        assert_eq!(places(feed.collect(&stats, 1_031.0, &percentiles(), ROWS)), Vec::<u32>::new());
    }

    #[test]
    fn many_names_come_in_portions_and_none_is_forgotten() {
        let mut stats = filled(25);
        let mut feed = Feed::default();
        let mut seen = std::collections::BTreeSet::new();
        for round in 0..3 {
            // All of them go on changing, and still each has its turn.
            for place in 0..25 {
                stats.record(EntryId::from_index(place), 1_002.0, Some(1), 0);
            }
            let portion = feed.collect(&stats, 1_002.0, &percentiles(), 10);
            assert!(portion.rows.len() <= 10 && portion.more, "round {round}");
            seen.extend(portion.rows.into_iter().map(|(place, _)| place));
        }
        assert_eq!(seen.len(), 25);
    }

    #[test]
    fn a_new_test_and_cleared_failures_are_told() {
        let mut stats = filled(1);
        let mut feed = Feed::default();
        let id = stats.find("GET", "/0").unwrap();
        for text in ["A()", "B()", "A()"] {
            stats.record_failure(id, 1_001.0, text);
        }
        let first = feed.collect(&stats, 1_001.0, &percentiles(), ROWS);
        let told: Vec<_> = first.failures.iter().map(|(place, row)| (*place, row.occurrences)).collect();
        assert_eq!(told, [(0, 2), (1, 1)]);
        stats.reset_all(1_002.0);
        stats.record_failure(id, 1_002.0, "C()");
        stats.record_failure(id, 1_002.0, "D()");
        let second = feed.collect(&stats, 1_002.0, &percentiles(), ROWS);
        assert!(second.failures_reset && !second.reset && second.failures.len() == 2);
        stats.clear_all(1_003.0);
        assert!(feed.collect(&stats, 1_003.0, &percentiles(), ROWS).reset);
    }

    #[test]
    fn more_kinds_of_failures_than_fit_come_later() {
        let mut stats = filled(FAILURES + 20);
        for number in 0..FAILURES + 20 {
            let id = stats.find("GET", &format!("/{number}")).unwrap();
            stats.record_failure(id, 1_001.0, "E()");
        }
        let mut feed = Feed::default();
        assert_eq!(feed.collect(&stats, 1_001.0, &percentiles(), ROWS).failures.len(), FAILURES);
        let rest = feed.collect(&stats, 1_001.0, &percentiles(), ROWS);
        assert!(rest.failures.len() == 20 && !rest.more && !rest.failures_reset);
    }
}
