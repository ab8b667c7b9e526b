//! `StatsEntry`: a live view of one entry or of the total, or an entry of its own that belongs to no table.

use std::sync::Mutex;

use gregaria_sinks::console::{self, Rates};
use gregaria_stats::{Detail, Entry, Stats, Windows, bucket};
use pyo3::exceptions::{PyAttributeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use super::phases;
use super::settings::{layout, setting};
use super::wire::{counts, parts};
use super::{RequestStats, bytes, lock, microseconds, milliseconds, now, text};

enum Source {
    Total,
    Named,
    Own(Box<Mutex<Entry>>),
}

/// Figures of the requests of one name and method. What the table holds is looked up at each access.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct StatsEntry {
    stats: Py<RequestStats>,
    method: String,
    name: String,
    source: Source,
}

/// What changes whenever counts do: requests, failures, the sum of response times, when it was set back.
type State = (u64, u64, u64, u64);

fn state_of(entry: &Entry) -> State {
    (entry.num_requests(), entry.num_failures(), entry.total_response_time_us(), entry.start_time().to_bits())
}

/// A dictionary that shows these counts as they are whenever it is looked at.
fn live_counts<'py>(entry: &Bound<'py, StatsEntry>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    entry.py().import("gregaria.stats_views")?.getattr("LiveCounts")?.call1((entry, name))
}

/// Locust's coarse bucket, in milliseconds, of a response time in milliseconds.
#[pyfunction]
pub fn bucket_response_time(response_time: &Bound<'_, PyAny>) -> PyResult<u64> {
    Ok(bucket::bucket_ms(microseconds(response_time)?.unwrap_or(0)))
}

impl StatsEntry {
    pub fn total(stats: Py<RequestStats>) -> Self {
        StatsEntry { stats, method: String::new(), name: "Aggregated".into(), source: Source::Total }
    }

    /// A view of an entry, which need not exist: then it shows zeros.
    pub fn named(stats: Py<RequestStats>, method: String, name: String) -> Self {
        StatsEntry { stats, method, name, source: Source::Named }
    }

    /// A view of an entry, which is created if there is none.
    pub fn created(_py: Python<'_>, stats: Py<RequestStats>, method: String, name: String) -> PyResult<Self> {
        stats.get().with(|table| table.entry(&method, &name, now()));
        Ok(Self::named(stats, method, name))
    }

    /// The figures of this moment as an entry of its own.
    pub fn detached(&self, py: Python<'_>) -> Self {
        let source = Source::Own(Box::new(Mutex::new(self.copy(py))));
        StatsEntry { stats: self.stats.clone_ref(py), method: self.method.clone(), name: self.name.clone(), source }
    }

    pub fn copy(&self, _py: Python<'_>) -> Entry {
        self.read(|_, entry| entry.clone())
    }

    fn empty(&self) -> Entry {
        Entry::new(self.method.as_str().into(), self.name.as_str().into(), now())
    }

    fn read<R>(&self, look: impl FnOnce(&Stats, &Entry) -> R) -> R {
        self.stats.get().with(|stats| match &self.source {
            Source::Total => look(stats, stats.total()),
            Source::Own(entry) => look(stats, &lock(entry)),
            Source::Named => match stats.find(&self.method, &self.name).and_then(|id| stats.get(id)) {
                Some(entry) => look(stats, entry),
                None => look(stats, &self.empty()),
            },
        })
    }

    /// Change the entry; `span_s`, which it is given, is how far its window reaches.
    fn change<R>(&self, action: impl FnOnce(&mut Entry, i64) -> R) -> R {
        self.stats.get().with(|stats| {
            let span_s = stats.span_s();
            match &self.source {
                Source::Total => action(stats.total_mut(), span_s),
                Source::Own(entry) => action(&mut lock(entry), span_s),
                Source::Named => {
                    let id = stats.entry(&self.method, &self.name, now());
                    match stats.get_mut(id) {
                        Some(entry) => action(entry, span_s),
                        None => action(&mut self.empty(), span_s),
                    }
                }
            }
        })
    }

    fn by_second<'py>(&self, py: Python<'py>, count: fn((i64, u32, u32)) -> u32) -> PyResult<Bound<'py, PyDict>> {
        let seconds: Vec<_> = self.read(|_, entry| entry.per_second().seconds().collect());
        counts(py, seconds.into_iter().map(|second| (second.0, count(second))))
    }

    fn by_response_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let to_bucket = setting(py, "bucket_response_time")?;
        let dict = PyDict::new(py);
        if to_bucket.is(&py.import("gregaria._engine")?.getattr("bucket_response_time")?) {
            for (ms, amount) in self.read(|_, entry| entry.response_times_ms()) {
                dict.set_item(ms, amount)?;
            }
            return Ok(dict);
        }
        for (us, amount) in self.read(|_, entry| entry.response_times_us()) {
            let key = to_bucket.call1((us as f64 / 1_000.0,))?;
            let before = dict.get_item(&key)?.map_or(Ok(0), |before| before.extract::<u64>())?;
            dict.set_item(key, before + amount)?;
        }
        Ok(dict)
    }

    fn percentiles(&self, wanted: &[f64]) -> Vec<u64> {
        self.read(|_, entry| entry.percentiles_us(wanted))
    }

    fn row(&self, percentiles: Vec<f64>) -> gregaria_stats::Row {
        let detail = Detail { percentiles, ..Detail::default() };
        self.read(|stats, entry| stats.row_of(entry, now(), &detail))
    }
}

#[pymethods]
impl StatsEntry {
    #[new]
    #[pyo3(signature = (stats, name, method, use_response_times_cache = false))]
    fn new(
        stats: Py<RequestStats>,
        name: &Bound<'_, PyAny>,
        method: &Bound<'_, PyAny>,
        use_response_times_cache: bool,
    ) -> PyResult<Self> {
        let (method, name, now) = (text(method)?, text(name)?, now());
        let mut entry = Entry::new(method.as_str().into(), name.as_str().into(), now);
        if use_response_times_cache {
            entry.enable_window(now);
        }
        Ok(StatsEntry { stats, method, name, source: Source::Own(Box::new(Mutex::new(entry))) })
    }

    #[getter]
    fn stats(&self, py: Python<'_>) -> Py<RequestStats> {
        self.stats.clone_ref(py)
    }

    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    #[getter]
    fn method(&self) -> &str {
        &self.method
    }

    #[getter]
    fn phases<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        phases::by_name(py, self.read(|_, entry| entry.phases().cloned()))
    }

    #[getter]
    fn connections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        phases::connections(py, self.read(|_, entry| entry.phases().cloned()).as_ref())
    }

    #[getter]
    fn http_versions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        phases::versions(py, self.read(|_, entry| entry.phases().cloned()).as_ref())
    }

    #[getter]
    fn use_response_times_cache(&self) -> bool {
        self.read(|stats, entry| match self.source {
            Source::Named => stats.windows() != Windows::Nobody,
            _ => entry.has_window(),
        })
    }

    /// When counting began can be set, and whether current percentiles can be told; the rest is what was counted.
    fn __setattr__(&self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let now = now();
        match name {
            "use_response_times_cache" => {
                let wanted = value.is_truthy()?;
                self.change(|entry, _| if wanted { entry.enable_window(now) } else { entry.disable_window() });
            }
            "start_time" => {
                let at: f64 = value.extract()?;
                if !at.is_finite() {
                    return Err(PyValueError::new_err(format!("start_time is seconds since the epoch, not {at}")));
                }
                self.change(|entry, _| entry.set_start_time(at));
            }
            _ => {
                return Err(PyAttributeError::new_err(format!(
                    "{name} of a StatsEntry cannot be set, since an entry shows what the engine has counted; \
                     use the entry's log(), log_error(), extend() or reset()"
                )));
            }
        }
        Ok(())
    }

    #[getter]
    fn num_requests(&self) -> u64 {
        self.read(|_, entry| entry.num_requests())
    }

    #[getter]
    fn num_none_requests(&self) -> u64 {
        self.read(|_, entry| entry.num_none_requests())
    }

    #[getter]
    fn num_failures(&self) -> u64 {
        self.read(|_, entry| entry.num_failures())
    }

    #[getter]
    fn total_response_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        milliseconds(py, self.read(|_, entry| entry.max_response_time_us().map(|_| entry.total_response_time_us())))
    }

    #[getter]
    fn min_response_time(&self) -> Option<f64> {
        self.read(|_, entry| entry.min_response_time_us()).map(|us| us as f64 / 1_000.0)
    }

    #[getter]
    fn max_response_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        milliseconds(py, self.read(|_, entry| entry.max_response_time_us()))
    }

    #[getter]
    fn total_content_length(&self) -> u64 {
        self.read(|_, entry| entry.total_content_length())
    }

    #[getter]
    fn start_time(&self) -> f64 {
        self.read(|_, entry| entry.start_time())
    }

    #[getter]
    fn last_request_timestamp(&self) -> Option<f64> {
        self.read(|_, entry| entry.last_request_timestamp())
    }

    #[getter]
    fn num_reqs_per_sec<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        live_counts(slf, "num_reqs_per_sec")
    }

    #[getter]
    fn num_fail_per_sec<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        live_counts(slf, "num_fail_per_sec")
    }

    #[getter]
    fn response_times<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        live_counts(slf, "response_times")
    }

    /// The counts of that name and what state of the entry they belong to; None if it is still that one.
    #[pyo3(signature = (name, known = None))]
    fn _counts<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        known: Option<State>,
    ) -> PyResult<Option<(State, Bound<'py, PyDict>)>> {
        let state = self.read(|_, entry| state_of(entry));
        if known == Some(state) {
            return Ok(None);
        }
        let counts = match name {
            "response_times" => self.by_response_time(py)?,
            "num_reqs_per_sec" => self.by_second(py, |(_, requests, _)| requests)?,
            _ => self.by_second(py, |(_, _, failures)| failures)?,
        };
        Ok(Some((state, counts)))
    }

    #[getter]
    fn fail_ratio(&self) -> f64 {
        self.read(|_, entry| entry.fail_ratio())
    }

    #[getter]
    fn avg_response_time(&self) -> f64 {
        self.read(|_, entry| entry.avg_response_time_ms())
    }

    #[getter]
    fn median_response_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get_response_time_percentile(py, 0.5)
    }

    #[getter]
    fn avg_content_length(&self) -> f64 {
        self.read(|_, entry| entry.avg_content_length()).unwrap_or(0.0)
    }

    #[getter]
    fn current_rps(&self) -> f64 {
        self.read(|stats, entry| stats.current_rates(entry).0)
    }

    #[getter]
    fn current_fail_per_sec(&self) -> f64 {
        self.read(|stats, entry| stats.current_rates(entry).1)
    }

    #[getter]
    fn total_rps(&self) -> f64 {
        self.read(|stats, entry| stats.total_rates(entry).0)
    }

    #[getter]
    fn total_fail_per_sec(&self) -> f64 {
        self.read(|stats, entry| stats.total_rates(entry).1)
    }

    fn get_response_time_percentile<'py>(&self, py: Python<'py>, percent: f64) -> PyResult<Bound<'py, PyAny>> {
        milliseconds(py, self.percentiles(&[percent]).first().copied())
    }

    fn get_current_response_time_percentile<'py>(
        &self,
        py: Python<'py>,
        percent: f64,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let span_s: f64 = setting(py, "CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW")?.extract()?;
        if !self.use_response_times_cache() {
            return Err(PyValueError::new_err(
                "the current percentile is only known with StatsEntry.use_response_times_cache set to True",
            ));
        }
        self.stats.get().with(|stats| stats.set_span_s(span_s as i64));
        let now = now();
        let told = self.change(|entry, span_s| {
            entry.enable_window(now);
            entry.current_percentiles_us(&[percent], now, span_s)
        });
        told.map(|values| milliseconds(py, values.first().copied().filter(|us| *us > 0))).transpose()
    }

    fn log(&self, response_time: &Bound<'_, PyAny>, content_length: &Bound<'_, PyAny>) -> PyResult<()> {
        let (response_time_us, length) = (microseconds(response_time)?, bytes(content_length)?);
        self.change(|entry, span_s| entry.record(now(), response_time_us, length, span_s));
        Ok(())
    }

    #[pyo3(signature = (error = None))]
    fn log_error(&self, error: Option<&Bound<'_, PyAny>>) {
        let _ = error;
        self.change(|entry, _| entry.record_failure(now()));
    }

    fn reset(&self) {
        self.change(|entry, _| entry.reset(now()));
    }

    fn extend(&self, py: Python<'_>, other: &Bound<'_, StatsEntry>) {
        let other = other.get().copy(py);
        self.change(|entry, span_s| entry.merge(&other, span_s));
    }

    #[classmethod]
    fn unserialize(_class: &Bound<'_, PyType>, data: &Bound<'_, PyDict>, stats: Py<RequestStats>) -> PyResult<Self> {
        let (method, name) = (text(&data.as_any().get_item("method")?)?, text(&data.as_any().get_item("name")?)?);
        let entry = Entry::from_parts(method.as_str().into(), name.as_str().into(), parts(data)?);
        Ok(StatsEntry { stats, method, name, source: Source::Own(Box::new(Mutex::new(entry))) })
    }

    fn serialize<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("name", &self.name)?;
        dict.set_item("method", &self.method)?;
        dict.set_item("last_request_timestamp", self.last_request_timestamp())?;
        dict.set_item("start_time", self.start_time())?;
        dict.set_item("num_requests", self.num_requests())?;
        dict.set_item("num_none_requests", self.num_none_requests())?;
        dict.set_item("num_failures", self.num_failures())?;
        dict.set_item("total_response_time", self.total_response_time(py)?)?;
        dict.set_item("max_response_time", self.max_response_time(py)?)?;
        dict.set_item("min_response_time", self.min_response_time())?;
        dict.set_item("total_content_length", self.total_content_length())?;
        dict.set_item("response_times", self.by_response_time(py)?)?;
        dict.set_item("num_reqs_per_sec", self.by_second(py, |(_, requests, _)| requests)?)?;
        dict.set_item("num_fail_per_sec", self.by_second(py, |(_, _, failures)| failures)?)?;
        Ok(dict)
    }

    pub fn get_stripped_report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = self.serialize(py)?;
        self.reset();
        Ok(report)
    }

    #[pyo3(signature = (escape_string_values = false))]
    fn to_dict<'py>(&self, py: Python<'py>, escape_string_values: bool) -> PyResult<Bound<'py, PyDict>> {
        let _ = escape_string_values;
        let row = self.row(Vec::new());
        let dict = PyDict::new(py);
        dict.set_item("method", &self.method)?;
        dict.set_item("name", &self.name)?;
        dict.set_item("num_requests", row.num_requests)?;
        dict.set_item("num_failures", row.num_failures)?;
        match row.min_response_time_us {
            Some(us) => dict.set_item("min_response_time", whole_ms(us))?,
            None => dict.set_item("min_response_time", 0)?,
        }
        dict.set_item("max_response_time", whole_ms(row.max_response_time_us.unwrap_or(0)))?;
        dict.set_item("current_rps", row.current_rps)?;
        dict.set_item("current_fail_per_sec", row.current_fail_per_sec)?;
        dict.set_item("avg_response_time", row.avg_response_time_ms)?;
        dict.set_item("median_response_time", milliseconds(py, row.median_us)?)?;
        dict.set_item("total_rps", row.total_rps)?;
        dict.set_item("total_fail_per_sec", row.total_fail_per_sec)?;
        for percentile in setting(py, "PERCENTILES_TO_STATISTICS")?.try_iter()? {
            let percentile = percentile?;
            let value = self.get_response_time_percentile(py, percentile.extract()?)?;
            dict.set_item(format!("response_time_percentile_{}", percentile.str()?), value)?;
        }
        dict.set_item("avg_content_length", self.avg_content_length())?;
        Ok(dict)
    }

    #[pyo3(signature = (current = true))]
    fn to_string(&self, py: Python<'_>, current: bool) -> PyResult<String> {
        let rates = if current { Rates::Current } else { Rates::Total };
        Ok(console::summary_line(&self.row(Vec::new()), rates, layout(py)?))
    }

    fn percentile(&self, py: Python<'_>) -> PyResult<String> {
        if self.num_requests() == 0 {
            return Err(PyValueError::new_err("there are no percentiles without requests"));
        }
        let percentiles = setting(py, "PERCENTILES_TO_REPORT")?.extract()?;
        Ok(console::percentiles_line(&self.row(percentiles), layout(py)?))
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        self.to_string(py, true)
    }

    fn __repr__(&self) -> String {
        format!("<StatsEntry {} {}: {} requests>", self.method, self.name, self.num_requests())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let Ok(other) = other.cast_exact::<Self>() else { return false };
        let other = other.get();
        match (&self.source, &other.source) {
            (Source::Own(_), _) | (_, Source::Own(_)) => std::ptr::eq(self, other),
            (Source::Total, Source::Total) => self.stats.is(&other.stats),
            (Source::Named, Source::Named) => {
                self.stats.is(&other.stats) && (&self.name, &self.method) == (&other.name, &other.method)
            }
            _ => false,
        }
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (self.stats.as_ptr() as usize, &self.name, &self.method).into_pyobject(py)?.hash()
    }
}

/// Rounded to whole milliseconds, halves up.
fn whole_ms(us: u64) -> f64 {
    ((us + 500) / 1_000) as f64
}
