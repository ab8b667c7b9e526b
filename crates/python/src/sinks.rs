//! Outputs as Python sees them: console tables as lines of text, and the thread that writes the CSV files.
//! Python only says when; what is written is the sinks' business.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use gregaria_sinks::console::{self, Layout, Rates};
use gregaria_sinks::{CsvSettings, CsvSink, Error, ExceptionRow, Pace, Report, Service};
use gregaria_stats::{Detail, MOST_WINDOWS, Windows};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::stats::{RequestStats, Shared, lock, now};

/// The table of requests, line by line.
#[pyfunction]
#[pyo3(signature = (stats, current, name_width, type_width = 8))]
pub fn format_stats(
    stats: &Bound<'_, RequestStats>,
    current: bool,
    name_width: usize,
    type_width: usize,
) -> Vec<String> {
    let rates = if current { Rates::Current } else { Rates::Total };
    let snapshot = stats.get().with(|stats| stats.snapshot(now(), &Detail::default()));
    console::summary(&snapshot, rates, Layout { type_width, name_width })
}

/// A table in the making, on a thread of its own.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct TableBeside(Mutex<Option<JoinHandle<String>>>);

#[pymethods]
impl TableBeside {
    /// The table, once; nothing while it is not there yet.
    fn take(&self) -> PyResult<Option<String>> {
        let mut making = lock(&self.0);
        if making.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Ok(None);
        }
        let done = making.take().and_then(|thread| thread.join().ok());
        done.map(Some).ok_or_else(|| PyRuntimeError::new_err("the table cannot be made, or was taken"))
    }
}

/// The table of requests as one text, made beside the thread that asks: with very many names it takes long.
#[pyfunction]
#[pyo3(signature = (stats, current, name_width, type_width = 8))]
pub fn format_stats_beside(
    stats: &Bound<'_, RequestStats>,
    current: bool,
    name_width: usize,
    type_width: usize,
) -> PyResult<TableBeside> {
    let rates = if current { Rates::Current } else { Rates::Total };
    let shared = Arc::clone(stats.get().shared());
    let make = move || {
        let snapshot = shared.snapshot(now(), &Detail::default());
        console::summary(&snapshot, rates, Layout { type_width, name_width }).join("\n")
    };
    let thread = std::thread::Builder::new().name("gregaria-table".into()).spawn(make);
    Ok(TableBeside(Mutex::new(Some(thread.map_err(|error| PyRuntimeError::new_err(error.to_string()))?))))
}

/// The table of percentiles, line by line.
#[pyfunction]
#[pyo3(signature = (stats, percentiles, name_width, type_width = 8))]
pub fn format_percentiles(
    stats: &Bound<'_, RequestStats>,
    percentiles: Vec<f64>,
    name_width: usize,
    type_width: usize,
) -> Vec<String> {
    let detail = Detail { percentiles, ..Detail::default() };
    let snapshot = stats.get().with(|stats| stats.snapshot(now(), &detail));
    console::percentiles(&snapshot, &detail.percentiles, Layout { type_width, name_width })
}

/// The table of failures, line by line.
#[pyfunction]
#[pyo3(signature = (stats, name_width, type_width = 8))]
pub fn format_errors(stats: &Bound<'_, RequestStats>, name_width: usize, type_width: usize) -> Vec<String> {
    let snapshot = stats.get().with(|stats| stats.snapshot(now(), &Detail { errors: true, ..Detail::default() }));
    console::error_report(&snapshot, Layout { type_width, name_width })
}

/// Headings of percentiles: `["50%", "99.9%"]`.
#[pyfunction]
pub fn percentile_labels(percentiles: Vec<f64>) -> Vec<String> {
    percentiles.into_iter().map(gregaria_sinks::cells::percentile_label).collect()
}

/// (count, message, traceback, nodes)
pub type ExceptionTuple<'py> = (u64, Bound<'py, PyString>, Bound<'py, PyString>, Bound<'py, PyString>);

/// Exceptions as sinks take them.
pub fn exception_rows(exceptions: Vec<ExceptionTuple<'_>>) -> Vec<ExceptionRow> {
    let owned = |text: Bound<'_, PyString>| text.to_string_lossy().into_owned();
    let row = |(count, message, traceback, nodes)| ExceptionRow {
        count,
        message: owned(message),
        traceback: owned(traceback),
        nodes: owned(nodes),
    };
    exceptions.into_iter().map(row).collect()
}

/// The CSV files of a run, written by a thread of their own, which also takes the snapshots.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct CsvWriter {
    shared: Arc<Shared>,
    detail: Detail,
    pace: Arc<Mutex<Pace>>,
    service: Mutex<Option<Service>>,
}

#[pymethods]
impl CsvWriter {
    #[new]
    fn new(
        py: Python<'_>,
        stats: &Bound<'_, RequestStats>,
        prefix: PathBuf,
        full_history: bool,
        percentiles: Vec<f64>,
    ) -> PyResult<Self> {
        let shared = Arc::clone(stats.get().shared());
        if full_history {
            shared.with(|stats| stats.set_windows(Windows::Everybody, now()));
        }
        let detail = Detail {
            percentiles: percentiles.clone(),
            current_percentiles: full_history,
            errors: true,
            ..Detail::default()
        };
        let sink = CsvSink::new(CsvSettings { prefix, percentiles, full_history });
        let service = py.detach(|| Service::spawn(Box::new(sink))).map_err(|error| to_exception(py, &error))?;
        Ok(CsvWriter { shared, detail, pace: Arc::default(), service: Mutex::new(Some(service)) })
    }

    fn tick(&self, now: f64, user_count: u64, exceptions: Vec<ExceptionTuple<'_>>) -> PyResult<()> {
        let exceptions = exception_rows(exceptions);
        let (shared, detail, pace) = (Arc::clone(&self.shared), self.detail.clone(), Arc::clone(&self.pace));
        // With every name, or only with the total where another such report would cost too much already. A full history
        // has every name each second as long as there are not very many.
        let take = move || {
            let few = || shared.look(|stats| stats.places()) <= MOST_WINDOWS;
            let whole = lock(&pace).is_due(now) || (detail.current_percentiles && few());
            let started = Instant::now();
            let stats = match whole {
                true => shared.snapshot(now, &detail),
                false => Arc::new(shared.look_at_whole(|stats| stats.totals(now, &detail))),
            };
            if whole {
                lock(&pace).took(now, started.elapsed());
            }
            Report { stats, whole, user_count, exceptions }
        };
        match &mut *lock(&self.service) {
            Some(service) => service.send_later(Box::new(take)),
            None => return Err(PyValueError::new_err("the CSV files are closed")),
        }
        Ok(())
    }

    fn take_error(&self) -> Option<String> {
        lock(&self.service).as_mut().and_then(Service::take_error).map(|error| describe(&error))
    }

    fn close(&self, py: Python<'_>, now: f64, user_count: u64, exceptions: Vec<ExceptionTuple<'_>>) -> Vec<String> {
        let Some(service) = lock(&self.service).take() else { return Vec::new() };
        let exceptions = exception_rows(exceptions);
        let errors = py.detach(|| {
            let stats = self.shared.fresh_snapshot(now, &self.detail);
            service.finish(Report { stats, whole: true, user_count, exceptions })
        });
        errors.iter().map(describe).collect()
    }

    #[getter]
    fn closed(&self) -> bool {
        lock(&self.service).is_none()
    }
}

pub fn describe(error: &Error) -> String {
    match error.file() {
        Some((_, reason)) => format!("{error}: {reason}"),
        None => error.to_string(),
    }
}

/// An `OSError` with its number and file name where the system gave a reason.
pub fn to_exception(py: Python<'_>, error: &Error) -> PyErr {
    let Some((path, reason)) = error.file() else { return PyRuntimeError::new_err(describe(error)) };
    let Some(number) = reason.raw_os_error() else { return PyOSError::new_err(describe(error)) };
    let text = py.import("os").and_then(|os| os.call_method1("strerror", (number,))?.extract::<String>());
    PyOSError::new_err((number, text.unwrap_or_else(|_| reason.to_string()), path.as_os_str().to_owned()))
}
