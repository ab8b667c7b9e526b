//! Statistics as Python sees them: `RequestStats` and live views of its entries and failures.
//!
//! The lock around the statistics is never held while Python is called, and other threads hold it for a tenth of a
//! millisecond at a time ([`Shared`]).

mod entries;
mod entry;
mod errors;
mod failures;
mod names;
mod phases;
mod recorder;
pub mod samples;
mod settings;
mod shared;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use gregaria_stats::{Intake, Redaction, Stats, Windows};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

pub use entries::StatsEntries;
pub use entry::{StatsEntry, bucket_response_time};
pub use errors::{StatsError, key as error_key};
pub use failures::StatsErrors;
pub use names::warn as warn_of_names;
pub use phases::PhaseTimes;
pub use recorder::Recorder;
pub use shared::Shared;

use crate::results::series;

/// The statistics of an environment.
#[pyclass(frozen, dict, weakref, module = "gregaria._engine")]
pub struct RequestStats {
    shared: Arc<Shared>,
    history: Mutex<Py<PyList>>,
    error_keys: Mutex<failures::Keys>,
    redaction: Mutex<Arc<Redaction>>,
}

impl RequestStats {
    /// Do something with the statistics; not with Python, the lock is held.
    pub fn with<R>(&self, action: impl FnOnce(&mut Stats) -> R) -> R {
        self.shared.with(action)
    }

    /// Put requests into the statistics; not with Python, the lock is held.
    #[inline]
    pub fn count<R>(&self, action: impl FnOnce(&mut Intake) -> R) -> R {
        self.shared.count(action)
    }

    /// For threads that look at them now and then.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What is taken out of samples.
    pub fn redaction(&self) -> Arc<Redaction> {
        Arc::clone(&lock(&self.redaction))
    }

    fn error_keys(&self) -> &Mutex<failures::Keys> {
        &self.error_keys
    }

    fn forget_history(&self, py: Python<'_>) {
        let fresh = PyList::empty(py).unbind();
        let old = std::mem::replace(&mut *lock(&self.history), fresh);
        drop(old);
    }
}

#[pymethods]
impl RequestStats {
    #[new]
    #[pyo3(signature = (use_response_times_cache = true))]
    fn new(py: Python<'_>, use_response_times_cache: bool) -> Self {
        let now = now();
        let mut stats = Stats::new(now);
        if !use_response_times_cache {
            stats.set_windows(Windows::Nobody, now);
        }
        let history = Mutex::new(PyList::empty(py).unbind());
        let (error_keys, redaction) = (Mutex::default(), Mutex::default());
        RequestStats { shared: Shared::new(stats), history, error_keys, redaction }
    }

    #[getter]
    fn use_response_times_cache(&self) -> bool {
        self.with(|stats| stats.windows() != Windows::Nobody)
    }

    #[getter]
    fn entries(slf: Py<Self>) -> StatsEntries {
        StatsEntries::new(slf)
    }

    #[setter]
    fn set_entries(slf: Py<Self>, entries: &Bound<'_, PyAny>) -> PyResult<()> {
        StatsEntries::new(slf).replace(entries)
    }

    #[getter]
    fn total(slf: Py<Self>) -> StatsEntry {
        StatsEntry::total(slf)
    }

    #[getter]
    fn phases<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        phases::by_name(py, self.with(|stats| stats.total().phases().cloned()))
    }

    #[getter]
    fn recorder(slf: Py<Self>) -> Recorder {
        Recorder::new(slf)
    }

    #[getter]
    fn errors(slf: Py<Self>) -> StatsErrors {
        StatsErrors::new(slf)
    }

    #[setter]
    fn set_errors(&self, errors: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut records = Vec::new();
        for error in errors.call_method0("values")?.try_iter()? {
            let error = error?;
            let told = error.cast_exact::<StatsError>();
            records.push(told.map_err(|_| PyTypeError::new_err("errors holds objects of StatsError"))?.get().record());
        }
        let now = now();
        self.with(|stats| {
            stats.clear_errors();
            records.into_iter().for_each(|record| stats.add_error(record, now));
        });
        Ok(())
    }

    #[getter]
    fn history(&self, py: Python<'_>) -> Py<PyList> {
        lock(&self.history).clone_ref(py)
    }

    #[setter]
    fn set_history(&self, history: Py<PyList>) {
        let old = std::mem::replace(&mut *lock(&self.history), history);
        drop(old);
    }

    #[getter]
    fn num_requests(&self) -> u64 {
        self.with(|stats| stats.total().num_requests())
    }

    #[getter]
    fn num_none_requests(&self) -> u64 {
        self.with(|stats| stats.total().num_none_requests())
    }

    #[getter]
    fn num_failures(&self) -> u64 {
        self.with(|stats| stats.total().num_failures())
    }

    #[getter]
    fn last_request_timestamp(&self) -> Option<f64> {
        self.with(|stats| stats.total().last_request_timestamp())
    }

    #[getter]
    fn start_time(&self) -> f64 {
        self.with(|stats| stats.total().start_time())
    }

    fn log_request(
        &self,
        method: &Bound<'_, PyAny>,
        name: &Bound<'_, PyAny>,
        response_time: &Bound<'_, PyAny>,
        content_length: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (method, name) = (text(method)?, text(name)?);
        let (response_time_us, length) = (microseconds(response_time)?, bytes(content_length)?);
        let now = now();
        let too_many = self.count(|stats| {
            let id = stats.entry(&method, &name, now);
            stats.record(id, now, response_time_us, length, None);
            stats.take_too_many_names()
        });
        names::warn(too_many);
        Ok(())
    }

    fn log_error(&self, method: &Bound<'_, PyAny>, name: &Bound<'_, PyAny>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let (method, name, error) = (text(method)?, text(name)?, errors::description(error)?);
        let now = now();
        self.with(|stats| {
            let id = stats.entry(&method, &name, now);
            stats.record_failure(id, now, &error);
        });
        Ok(())
    }

    fn get(slf: Py<Self>, py: Python<'_>, name: &Bound<'_, PyAny>, method: &Bound<'_, PyAny>) -> PyResult<StatsEntry> {
        StatsEntry::created(py, slf, text(method)?, text(name)?)
    }

    fn reset_all(&self, py: Python<'_>) {
        self.with(|stats| stats.reset_all(now()));
        self.forget_history(py);
    }

    fn clear_all(&self, py: Python<'_>) {
        self.with(|stats| stats.clear_all(now()));
        self.forget_history(py);
    }

    #[getter]
    fn name_limit(&self) -> usize {
        self.with(|stats| stats.name_limit())
    }

    #[setter]
    fn set_name_limit(&self, limit: usize) {
        self.with(|stats| stats.set_name_limit(limit));
    }

    #[pyo3(signature = (count, redact = Vec::new()))]
    fn keep_samples(&self, count: usize, redact: Vec<String>) {
        *lock(&self.redaction) = Arc::new(Redaction::with(redact));
        self.with(|stats| stats.set_samples(count));
    }

    fn samples(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| samples::json(&self.shared))
    }

    fn follow(&self) -> PyResult<()> {
        Ok(self.shared.follow()?)
    }

    fn tick(&self, now: f64, users: u64) {
        self.shared.tick(now, users);
    }

    fn close_history(&self, py: Python<'_>, now: f64, users: u64) {
        py.detach(|| self.shared.advance(now, users));
    }

    #[pyo3(signature = (since = 0))]
    fn total_series(&self, py: Python<'_>, since: u32) -> PyResult<String> {
        py.detach(|| series(&self.shared, None, since))
    }

    #[pyo3(signature = (name, method, since = 0))]
    fn entry_series(&self, py: Python<'_>, name: &str, method: &str, since: u32) -> PyResult<Option<String>> {
        let Some(id) = self.with(|stats| stats.find(method, name)) else { return Ok(None) };
        py.detach(|| series(&self.shared, Some(id), since)).map(Some)
    }

    fn serialize_stats<'py>(slf: &Bound<'py, Self>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let py = slf.py();
        let measured = slf.get().with(|stats| {
            let counted = stats.entries().filter(|entry| entry.num_requests() > 0 || entry.num_failures() > 0);
            counted.map(|entry| (entry.method().to_string(), entry.name().to_string())).collect::<Vec<_>>()
        });
        let entries = measured.into_iter().map(|(method, name)| StatsEntry::named(slf.clone().unbind(), method, name));
        entries.map(|entry| entry.get_stripped_report(py)).collect()
    }

    fn serialize_errors<'py>(slf: Py<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let errors = PyDict::new(py);
        for (key, error) in StatsErrors::new(slf).items(py)? {
            errors.set_item(key, error.serialize(py)?)?;
        }
        Ok(errors)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since the epoch.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A name or method as text: `None` is empty, lone surrogates are replaced.
fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_none() {
        return Ok(String::new());
    }
    match value.cast::<PyString>() {
        Ok(string) => Ok(string.to_string_lossy().into_owned()),
        Err(_) => Ok(value.str()?.to_string_lossy().into_owned()),
    }
}

/// A response time in milliseconds, or none, as whole microseconds.
fn microseconds(milliseconds: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    if milliseconds.is_none() {
        return Ok(None);
    }
    let milliseconds: f64 = milliseconds.extract()?;
    if milliseconds.is_nan() {
        return Err(PyValueError::new_err("response_time must be a number of milliseconds or None, not nan"));
    }
    Ok(Some((milliseconds * 1_000.0).round() as u64))
}

/// A content length; `None` counts as nothing.
fn bytes(length: &Bound<'_, PyAny>) -> PyResult<u64> {
    if length.is_none() {
        return Ok(0);
    }
    length.extract::<u64>().or_else(|_| length.extract::<f64>().map(|length| length as u64))
}

/// Milliseconds as Python shows them: a float, or the integer 0 where nothing was measured.
fn milliseconds(py: Python<'_>, us: Option<u64>) -> PyResult<Bound<'_, PyAny>> {
    match us {
        Some(us) => Ok((us as f64 / 1_000.0).into_pyobject(py)?.into_any()),
        None => Ok(0u8.into_pyobject(py)?.into_any()),
    }
}
