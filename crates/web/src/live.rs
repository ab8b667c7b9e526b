//! The state of the run as the server knows it: put together from portions, read by every endpoint and by the stream.
//!
//! ```text
//!   hub: Tick ──▶ Live::apply ──▶ UpdateMessage (what changed) ──▶ all streams
//!                     └ the tables ──▶ /stats/requests, /exceptions, a new stream's SnapshotMessage, /metrics
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use gregaria_stats::{ErrorRow, Row};

use crate::feed::{Percentiles, Portion};
use crate::messages::{
    ExceptionRow, Failure, Figures, Mark, Name, Point, Ratios, STREAM_VERSION, SnapshotMessage, Status, StreamSettings,
    UpdateMessage,
};

/// Points of the charts that are kept: when there are more, every second one of the older half goes.
const POINTS: usize = 3_600;
/// Log lines that are kept.
const LOG_LINES: usize = 500;
const MARKS: usize = 1_000;

/// What the hub tells once a second. `None` means: as before.
#[derive(Debug)]
pub struct Tick {
    pub portion: Portion,
    pub status: Status,
    pub exceptions: Option<Vec<ExceptionRow>>,
    pub ratios: Option<Ratios>,
    pub logs: Vec<String>,
    pub marks: Vec<Mark>,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Live {
    pub sequence: u64,
    pub time: f64,
    pub settings: StreamSettings,
    pub status: Status,
    pub rows: Vec<Option<Row>>,
    pub order: BTreeMap<(Arc<str>, Arc<str>), u32>,
    pub failures: Vec<ErrorRow>,
    pub total: Option<Row>,
    pub current_percentiles_us: Vec<Option<u64>>,
    pub start_time: f64,
    pub elapsed_s: f64,
    pub exceptions: Vec<ExceptionRow>,
    pub ratios: Ratios,
    pub logs: VecDeque<String>,
    pub points: Vec<Point>,
    pub marks: Vec<Mark>,
}

impl Live {
    pub fn new(settings: StreamSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// The percentiles that portions are collected with.
    pub fn percentiles(&self) -> Percentiles {
        Percentiles { statistics: self.settings.percentiles.clone(), chart: self.settings.chart_percentiles.clone() }
    }

    /// Take in what the hub tells, and say what changed.
    pub fn apply(&mut self, tick: Tick) -> UpdateMessage {
        let Tick { portion, status, exceptions, ratios, logs, marks } = tick;
        self.sequence += 1;
        self.time = portion.now;
        self.start_time = portion.start_time;
        self.elapsed_s = portion.elapsed_s;
        self.total = Some(portion.total);
        self.current_percentiles_us = portion.current_percentiles_us;
        self.status = status;
        let names = self.take_rows(portion.reset, &portion.rows);
        let failures = self.take_failures(portion.failures_reset, portion.failures);
        if let Some(exceptions) = &exceptions {
            self.exceptions.clone_from(exceptions);
        }
        if let Some(ratios) = &ratios {
            self.ratios = ratios.clone();
        }
        self.logs.extend(logs.iter().cloned());
        self.logs.drain(..self.logs.len().saturating_sub(LOG_LINES));
        self.marks.extend(marks.iter().cloned());
        self.marks.drain(..self.marks.len().saturating_sub(MARKS));
        UpdateMessage {
            sequence: self.sequence,
            time: self.time,
            status: self.status.clone(),
            total: self.total_figures(),
            current_percentiles: self.current_percentiles(),
            reset: portion.reset || portion.failures_reset,
            names,
            rows: portion.rows.iter().map(|(id, row)| figures(*id, row)).collect(),
            failures,
            exceptions,
            ratios,
            logs,
            point: self.take_point(),
            marks,
        }
    }

    fn take_rows(&mut self, reset: bool, rows: &[(u32, Row)]) -> Vec<Name> {
        if reset {
            self.rows.clear();
            self.order.clear();
        }
        let mut names = Vec::new();
        for (id, row) in rows {
            let place = *id as usize;
            if self.rows.len() <= place {
                self.rows.resize(place + 1, None);
            }
            if self.rows[place].is_none() {
                self.order.insert((row.name.clone(), row.method.clone()), *id);
                names.push(Name(*id, row.method.to_string(), row.name.to_string()));
            }
            self.rows[place] = Some(row.clone());
        }
        names
    }

    fn take_failures(&mut self, reset: bool, failures: Vec<(u32, ErrorRow)>) -> Vec<Failure> {
        if reset {
            self.failures.clear();
        }
        let mut changed = Vec::new();
        for (id, row) in failures {
            changed.push(failure(id, &row));
            match self.failures.get_mut(id as usize) {
                Some(known) => *known = row,
                None => self.failures.push(row),
            }
        }
        changed
    }

    /// A point for the charts while a test runs, one a second.
    fn take_point(&mut self) -> Option<Point> {
        let quiet = matches!(self.status.state.as_str(), "ready" | "stopped" | "missing" | "");
        let too_soon = self.points.last().is_some_and(|last| self.time - last.time < 0.9 && self.time >= last.time);
        if quiet || too_soon {
            return None;
        }
        let total = self.total.as_ref()?;
        let point = Point {
            time: self.time,
            run: self.status.run,
            users: self.status.user_count,
            rps: rounded(total.current_rps),
            failures_per_second: rounded(total.current_fail_per_sec),
            percentiles: self.current_percentiles(),
        };
        self.points.push(point.clone());
        if self.points.len() > POINTS {
            let half = self.points.len() / 2;
            let mut place = 0;
            self.points.retain(|_| {
                place += 1;
                place > half || place % 2 == 0
            });
        }
        Some(point)
    }

    fn total_figures(&self) -> Figures {
        self.total.as_ref().map(|row| figures(0, row)).unwrap_or_default()
    }

    /// In milliseconds.
    pub fn current_percentiles(&self) -> Vec<Option<f64>> {
        self.current_percentiles_us.iter().map(|us| us.map(milliseconds)).collect()
    }

    /// Everything, for a stream that begins.
    pub fn snapshot(&self, read_only: bool) -> SnapshotMessage {
        let known = |(id, row): (usize, &Option<Row>)| row.as_ref().map(|row| (id as u32, row.clone()));
        let rows: Vec<(u32, Row)> = self.rows.iter().enumerate().filter_map(known).collect();
        SnapshotMessage {
            version: STREAM_VERSION,
            sequence: self.sequence,
            settings: StreamSettings { read_only, ..self.settings.clone() },
            time: self.time,
            status: self.status.clone(),
            total: self.total_figures(),
            current_percentiles: self.current_percentiles(),
            names: rows.iter().map(|(id, row)| Name(*id, row.method.to_string(), row.name.to_string())).collect(),
            rows: rows.iter().map(|(id, row)| figures(*id, row)).collect(),
            failures: self.failures.iter().enumerate().map(|(id, row)| failure(id as u32, row)).collect(),
            exceptions: self.exceptions.clone(),
            ratios: self.ratios.clone(),
            logs: self.logs.iter().cloned().collect(),
            points: self.points.clone(),
            marks: self.marks.clone(),
        }
    }
}

/// Milliseconds of microseconds.
pub fn milliseconds(us: u64) -> f64 {
    us as f64 / 1_000.0
}

/// Three digits behind the point: more would be bytes that nobody reads.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn figures(id: u32, row: &Row) -> Figures {
    Figures {
        id,
        requests: row.num_requests,
        failures: row.num_failures,
        rps: rounded(row.current_rps),
        failures_per_second: rounded(row.current_fail_per_sec),
        median: row.median_us.map_or(0.0, milliseconds),
        average: rounded(row.avg_response_time_ms),
        min: row.min_response_time_us.map_or(0.0, milliseconds),
        max: row.max_response_time_us.map_or(0.0, milliseconds),
        size: rounded(row.avg_content_length.unwrap_or(0.0)),
        percentiles: row.percentiles_us.iter().map(|us| milliseconds(*us)).collect(),
    }
}

fn failure(id: u32, row: &ErrorRow) -> Failure {
    Failure {
        id,
        method: row.method.to_string(),
        name: row.name.to_string(),
        error: row.text.to_string(),
        occurrences: row.occurrences,
        first_seen: row.first_seen,
        last_seen: row.last_seen,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::feed::{Feed, ROWS};
    use gregaria_stats::Stats;

    pub fn settings() -> StreamSettings {
        StreamSettings { percentiles: vec![0.95, 0.99], chart_percentiles: vec![0.5], ..StreamSettings::default() }
    }

    pub fn tick(feed: &mut Feed, stats: &Stats, now: f64, state: &str) -> Tick {
        let percentiles = Live::new(settings()).percentiles();
        Tick {
            portion: feed.collect(stats, now, &percentiles, ROWS),
            status: Status { state: state.into(), user_count: 2, run: 1, ..Status::default() },
            exceptions: None,
            ratios: None,
            logs: Vec::new(),
            marks: Vec::new(),
        }
    }

    #[test]
    fn updates_put_together_are_the_snapshot() {
        let (mut stats, mut feed, mut live) = (Stats::new(1_000.0), Feed::default(), Live::new(settings()));
        let (mut names, mut rows) = (Vec::new(), BTreeMap::new());
        for second in 0..30 {
            let now = 1_000.0 + f64::from(second);
            let id = stats.entry("GET", &format!("/{}", second % 7), now);
            stats.record(id, now, Some(1_000 * (1 + second as u64)), 10);
            let update = live.apply(tick(&mut feed, &stats, now, "running"));
            names.extend(update.names);
            rows.extend(update.rows.into_iter().map(|row| (row.id, row)));
        }
        let snapshot = live.snapshot(false);
        assert_eq!(snapshot.names, names);
        assert_eq!(snapshot.rows, rows.into_values().collect::<Vec<_>>());
        assert_eq!(snapshot.total.requests, 30);
        assert_eq!(snapshot.points.len(), 30);
        assert_eq!(snapshot.sequence, 30);
    }

    #[test]
    fn a_new_test_forgets_the_names_but_not_the_charts() {
        let (mut stats, mut feed, mut live) = (Stats::new(1_000.0), Feed::default(), Live::new(settings()));
        let id = stats.entry("GET", "/", 1_000.0);
        stats.record(id, 1_001.0, Some(1), 1);
        live.apply(tick(&mut feed, &stats, 1_001.0, "running"));
        stats.clear_all(1_002.0);
        let update = live.apply(tick(&mut feed, &stats, 1_003.0, "running"));
        assert!(update.reset && live.snapshot(false).rows.is_empty());
        assert_eq!(live.points.len(), 2);
    }

    #[test]
    fn the_charts_are_thinned_and_end_with_the_newest() {
        let (stats, mut feed, mut live) = (Stats::new(0.0), Feed::default(), Live::new(settings()));
        for second in 0..20_000 {
            live.apply(tick(&mut feed, &stats, f64::from(second), "running"));
        }
        assert!(live.points.len() <= POINTS && live.points.len() > POINTS / 2);
        assert_eq!(live.points.last().map(|point| point.time), Some(19_999.0));
        assert!(live.points.windows(2).all(|pair| pair[0].time < pair[1].time));
    }

    #[test]
    fn no_points_while_nothing_runs_and_lines_are_bounded() {
        let (stats, mut feed, mut live) = (Stats::new(0.0), Feed::default(), Live::new(settings()));
        for second in 0..10 {
            let mut tick = tick(&mut feed, &stats, f64::from(second), "stopped");
            tick.logs = (0..100).map(|line| format!("{second}.{line}")).collect();
            live.apply(tick);
        }
        assert!(live.points.is_empty());
        assert_eq!(live.logs.len(), LOG_LINES);
        assert_eq!(live.logs.back().map(String::as_str), Some("9.99"));
    }
}
