//! The live view as Python sees it: Python says when and what it knows; figures are picked here, painting is a thread's.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Mutex;

use gregaria_sinks::live::view::{MOST_ERRORS, MOST_ROWS, SERIES_S};
use gregaria_sinks::live::{LiveScreen, View, ViewRow, ViewThreshold};
use gregaria_stats::{Entry, Stats};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::stats::{RequestStats, lock, now};

const CURRENT: [f64; 4] = [0.5, 0.95, 0.99, 1.0];
const WHOLE: [f64; 3] = [0.5, 0.95, 0.99];

/// What only Python knows.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Facts {
    title: String,
    state: String,
    elapsed_s: u64,
    run_time_s: Option<u64>,
    users: u64,
    target_users: u64,
    generator: String,
    generator_is_limit: bool,
    /// Condition, whether it holds, value.
    thresholds: Vec<(String, bool, Option<String>)>,
}

/// A live view at the foot of a terminal.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct LiveView {
    stats: Py<RequestStats>,
    screen: Mutex<Option<LiveScreen>>,
    /// Requests of past seconds, and how many there had been before the last.
    series: Mutex<(VecDeque<u64>, u64)>,
}

#[pymethods]
impl LiveView {
    #[new]
    fn new(stats: Py<RequestStats>, terminal: PathBuf) -> PyResult<Self> {
        let terminal = File::options().write(true).custom_flags(libc::O_NOCTTY).open(terminal)?;
        let screen = LiveScreen::open(terminal).map_err(|error| PyOSError::new_err(error.to_string()))?;
        let before = stats.get().with(|stats| stats.total().num_requests());
        Ok(Self { stats, screen: Mutex::new(Some(screen)), series: Mutex::new((VecDeque::new(), before)) })
    }

    /// Whether a terminal has room for it.
    #[staticmethod]
    fn fits(columns: u16, rows: u16) -> bool {
        LiveScreen::fits((columns, rows))
    }

    fn show(&self, facts: Facts, columns: u16, rows: u16) {
        let now = now();
        let mut view = self.stats.get().with(|stats| figures(stats, now));
        let mut series = lock(&self.series);
        let (seconds, before) = &mut *series;
        seconds.push_back(view.requests.saturating_sub(*before));
        *before = view.requests;
        if seconds.len() > SERIES_S {
            seconds.pop_front();
        }
        view.series = seconds.iter().copied().collect();
        view.title = facts.title;
        view.state = facts.state;
        view.elapsed_s = facts.elapsed_s;
        view.run_time_s = facts.run_time_s;
        view.users = facts.users;
        view.target_users = facts.target_users;
        view.generator = facts.generator;
        view.generator_is_limit = facts.generator_is_limit;
        let thresholds = facts.thresholds.into_iter();
        view.thresholds =
            thresholds.map(|(condition, holds, value)| ViewThreshold { condition, holds, value }).collect();
        if let Some(screen) = &*lock(&self.screen) {
            screen.show(view, (columns, rows));
        }
    }

    fn close(&self, py: Python<'_>) {
        let screen = lock(&self.screen).take();
        py.detach(|| drop(screen));
    }
}

/// The busiest names and the most frequent failures: one pass over all, and percentiles only of those.
fn figures(stats: &Stats, now: f64) -> View {
    let total = stats.total();
    let (rps, failures_per_s) = stats.current_rates(total);
    let mut busiest: Vec<(f64, &Entry)> = Vec::with_capacity(MOST_ROWS + 1);
    let mut names = 0;
    for entry in stats.entries() {
        names += 1;
        let rate = stats.current_rates(entry).0;
        let place =
            busiest.partition_point(|(other, known)| (*other, known.num_requests()) >= (rate, entry.num_requests()));
        if place < MOST_ROWS {
            busiest.insert(place, (rate, entry));
            busiest.truncate(MOST_ROWS);
        }
    }
    let mut errors: Vec<(u64, String)> = Vec::with_capacity(MOST_ERRORS + 1);
    for record in stats.errors().records() {
        let place = errors.partition_point(|(count, _)| *count >= record.occurrences);
        if place < MOST_ERRORS {
            errors.insert(place, (record.occurrences, record.to_name()));
            errors.truncate(MOST_ERRORS);
        }
    }
    View {
        requests: total.num_requests(),
        failures: total.num_failures(),
        rps,
        failures_per_s,
        percentiles_us: total.current_percentiles_us(&CURRENT, now, stats.span_s()).unwrap_or_default(),
        rows: busiest.into_iter().map(|(rate, entry)| row(rate, entry)).collect(),
        names,
        errors,
        error_kinds: stats.errors().records().len(),
        ..View::default()
    }
}

fn row(rps: f64, entry: &Entry) -> ViewRow {
    ViewRow {
        method: entry.method().to_string(),
        name: entry.name().to_string(),
        requests: entry.num_requests(),
        failures: entry.num_failures(),
        rps,
        percentiles_us: entry.percentiles_us(&WHOLE),
    }
}
