//! Failures as Python sees them.

use std::sync::Mutex;

use gregaria_stats::{ErrorRecord, error_key, mask_address};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use super::{RequestStats, lock, now, text};

/// What a failure is called: a string itself, of anything else its `repr`.
pub fn description(error: &Bound<'_, PyAny>) -> PyResult<String> {
    match error.cast::<PyString>() {
        Ok(string) => Ok(string.to_string_lossy().into_owned()),
        Err(_) => Ok(error.repr()?.to_string_lossy().into_owned()),
    }
}

/// The key of a failure in `RequestStats.errors`.
pub fn key(py: Python<'_>, record: &ErrorRecord) -> PyResult<String> {
    let text = PyString::new(py, &record.text).repr()?;
    Ok(error_key(&record.method, &record.name, &text.to_string_lossy()))
}

enum Source {
    /// A failure of nobody's table.
    Own(Mutex<ErrorRecord>),
    /// Place and generation in the table; the record is what is told once the place is another's.
    Table { stats: Py<RequestStats>, at: usize, generation: u64, last: Mutex<ErrorRecord> },
}

/// One kind of failure: what, where, how often and when. One of a table is looked up there at each access.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct StatsError {
    error: Py<PyAny>,
    source: Source,
}

impl StatsError {
    /// A live view of the failure at a place of the table.
    pub fn in_table(py: Python<'_>, stats: &Py<RequestStats>, generation: u64, at: usize, last: ErrorRecord) -> Self {
        let error = PyString::new(py, &last.text).into_any().unbind();
        let source = Source::Table { stats: stats.clone_ref(py), at, generation, last: Mutex::new(last) };
        StatsError { error, source }
    }

    fn change<R>(&self, action: impl FnOnce(&mut ErrorRecord) -> R) -> R {
        match &self.source {
            Source::Own(record) => action(&mut lock(record)),
            Source::Table { stats, at, generation, last } => stats.get().with(|stats| {
                let errors = stats.errors_mut();
                match errors.generation() == *generation {
                    true => action(errors.record_mut(*at).unwrap_or(&mut lock(last))),
                    false => action(&mut lock(last)),
                }
            }),
        }
    }

    /// The figures of this moment.
    pub fn record(&self) -> ErrorRecord {
        self.change(|record| record.clone())
    }

    fn tell(&self, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        let record = self.record();
        dict.set_item("error", mask_address(&*record.text))?;
        dict.set_item("occurrences", record.occurrences)?;
        dict.set_item("first_seen", record.first_seen)?;
        dict.set_item("last_seen", record.last_seen)
    }
}

#[pymethods]
impl StatsError {
    #[new]
    #[pyo3(signature = (method, name, error, occurrences = 0, first_seen = None, last_seen = None))]
    fn new(
        method: &Bound<'_, PyAny>,
        name: &Bound<'_, PyAny>,
        error: Py<PyAny>,
        occurrences: u64,
        first_seen: Option<f64>,
        last_seen: Option<f64>,
    ) -> PyResult<Self> {
        let record = ErrorRecord {
            method: text(method)?.into(),
            name: text(name)?.into(),
            text: description(error.bind(method.py()))?.into(),
            occurrences,
            first_seen,
            last_seen,
        };
        Ok(StatsError { error, source: Source::Own(Mutex::new(record)) })
    }

    #[classmethod]
    fn parse_error(_class: &Bound<'_, PyType>, error: &Bound<'_, PyAny>) -> PyResult<String> {
        Ok(mask_address(&description(error)?).into_owned())
    }

    #[classmethod]
    fn create_key(
        class: &Bound<'_, PyType>,
        method: &Bound<'_, PyAny>,
        name: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
    ) -> PyResult<String> {
        let shown = PyString::new(class.py(), &Self::parse_error(class, error)?).repr()?;
        Ok(error_key(&text(method)?, &text(name)?, &shown.to_string_lossy()))
    }

    #[classmethod]
    fn unserialize(_class: &Bound<'_, PyType>, data: &Bound<'_, PyDict>) -> PyResult<Self> {
        let time = |key: &str| data.get_item(key)?.map_or(Ok(None), |value| value.extract());
        let required = |key: &str| data.as_any().get_item(key);
        Self::new(
            &required("method")?,
            &required("name")?,
            required("error")?.unbind(),
            required("occurrences")?.extract()?,
            time("first_seen")?,
            time("last_seen")?,
        )
    }

    #[getter]
    fn method(&self) -> String {
        self.change(|record| record.method.to_string())
    }

    #[getter]
    fn name(&self) -> String {
        self.change(|record| record.name.to_string())
    }

    #[getter]
    fn error(&self, py: Python<'_>) -> Py<PyAny> {
        self.error.clone_ref(py)
    }

    #[getter]
    fn occurrences(&self) -> u64 {
        self.change(|record| record.occurrences)
    }

    #[setter]
    fn set_occurrences(&self, occurrences: u64) {
        self.change(|record| record.occurrences = occurrences);
    }

    #[getter]
    fn first_seen(&self) -> Option<f64> {
        self.change(|record| record.first_seen)
    }

    #[setter]
    fn set_first_seen(&self, at: Option<f64>) {
        self.change(|record| record.first_seen = at);
    }

    #[getter]
    fn last_seen(&self) -> Option<f64> {
        self.change(|record| record.last_seen)
    }

    #[setter]
    fn set_last_seen(&self, at: Option<f64>) {
        self.change(|record| record.last_seen = at);
    }

    fn occurred(&self) {
        let now = now();
        self.change(|record| {
            record.occurrences += 1;
            record.first_seen = record.first_seen.or(Some(now));
            record.last_seen = Some(now);
        });
    }

    fn to_name(&self) -> String {
        self.record().to_name()
    }

    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("method", self.method())?;
        dict.set_item("name", self.name())?;
        self.tell(&dict)?;
        Ok(dict)
    }

    pub fn serialize<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("name", self.name())?;
        dict.set_item("method", self.method())?;
        self.tell(&dict)?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        format!("<StatsError {} ×{}>", self.to_name(), self.occurrences())
    }
}
