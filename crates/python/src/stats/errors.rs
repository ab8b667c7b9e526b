//! Failures as Python sees them.

use std::sync::Mutex;

use gregaria_stats::{ErrorRecord, error_key, mask_address};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use super::{lock, now, text};

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

#[derive(Clone, Copy)]
struct Seen {
    occurrences: u64,
    first: Option<f64>,
    last: Option<f64>,
}

/// One kind of failure: what, where, how often and when. A copy, taken when it was asked for.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct StatsError {
    method: String,
    name: String,
    error: Py<PyAny>,
    seen: Mutex<Seen>,
}

impl StatsError {
    pub fn from_record(py: Python<'_>, record: &ErrorRecord) -> Self {
        let seen = Seen { occurrences: record.occurrences, first: record.first_seen, last: record.last_seen };
        StatsError {
            method: record.method.to_string(),
            name: record.name.to_string(),
            error: PyString::new(py, &record.text).into_any().unbind(),
            seen: Mutex::new(seen),
        }
    }

    fn seen(&self) -> Seen {
        *lock(&self.seen)
    }

    fn record(&self, py: Python<'_>) -> PyResult<ErrorRecord> {
        let seen = self.seen();
        Ok(ErrorRecord {
            method: self.method.as_str().into(),
            name: self.name.as_str().into(),
            text: description(self.error.bind(py))?.into(),
            occurrences: seen.occurrences,
            first_seen: seen.first,
            last_seen: seen.last,
        })
    }
}

impl StatsError {
    fn tell(&self, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        let (text, seen) = (description(self.error.bind(dict.py()))?, self.seen());
        dict.set_item("error", mask_address(&text))?;
        dict.set_item("occurrences", seen.occurrences)?;
        dict.set_item("first_seen", seen.first)?;
        dict.set_item("last_seen", seen.last)
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
        let seen = Mutex::new(Seen { occurrences, first: first_seen, last: last_seen });
        Ok(StatsError { method: text(method)?, name: text(name)?, error, seen })
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
    fn method(&self) -> &str {
        &self.method
    }

    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    #[getter]
    fn error(&self, py: Python<'_>) -> Py<PyAny> {
        self.error.clone_ref(py)
    }

    #[getter]
    fn occurrences(&self) -> u64 {
        self.seen().occurrences
    }

    #[getter]
    fn first_seen(&self) -> Option<f64> {
        self.seen().first
    }

    #[getter]
    fn last_seen(&self) -> Option<f64> {
        self.seen().last
    }

    fn occurred(&self) {
        let now = now();
        let mut seen = lock(&self.seen);
        *seen = Seen { occurrences: seen.occurrences + 1, first: seen.first.or(Some(now)), last: Some(now) };
    }

    fn to_name(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.record(py)?.to_name())
    }

    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("method", &self.method)?;
        dict.set_item("name", &self.name)?;
        self.tell(&dict)?;
        Ok(dict)
    }

    pub fn serialize<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("name", &self.name)?;
        dict.set_item("method", &self.method)?;
        self.tell(&dict)?;
        Ok(dict)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<StatsError {} ×{}>", self.to_name(py)?, self.seen().occurrences))
    }
}
