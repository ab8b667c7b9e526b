//! `RequestStats.errors`: a live mapping of keys to failures. Keys are worked out once for each failure, when asked for.

use std::sync::Mutex;

use gregaria_stats::ErrorRecord;
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyIterator, PyString, PyTuple};

use super::{RequestStats, StatsError, errors, lock, now};

/// Keys of the failures of one generation, as far as they were asked for.
#[derive(Default)]
pub struct Keys {
    generation: u64,
    known: Vec<String>,
}

/// The failures of one `RequestStats`, as they are at the moment.
#[pyclass(frozen, mapping, module = "gregaria._engine")]
pub struct StatsErrors {
    stats: Py<RequestStats>,
}

struct Present {
    generation: u64,
    records: Vec<ErrorRecord>,
}

impl StatsErrors {
    pub fn new(stats: Py<RequestStats>) -> Self {
        StatsErrors { stats }
    }

    /// The records from a place on.
    fn present(&self, from: usize) -> Present {
        self.stats.get().with(|stats| Present {
            generation: stats.errors().generation(),
            records: stats.errors().records().get(from..).unwrap_or_default().to_vec(),
        })
    }

    fn keys_of_all(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let cache: &Mutex<Keys> = self.stats.get().error_keys();
        let generation = self.stats.get().with(|stats| stats.errors().generation());
        let mut known = {
            let mut keys = lock(cache);
            if keys.generation == generation { std::mem::take(&mut keys.known) } else { Vec::new() }
        };
        for record in self.present(known.len()).records {
            known.push(errors::key(py, &record)?);
        }
        *lock(cache) = Keys { generation, known: known.clone() };
        Ok(known)
    }

    fn place(&self, py: Python<'_>, wanted: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        let Ok(wanted) = wanted.cast::<PyString>() else { return Ok(None) };
        let wanted = wanted.to_string_lossy();
        Ok(self.keys_of_all(py)?.iter().position(|key| *key == wanted))
    }

    fn at(&self, py: Python<'_>, at: usize) -> Option<StatsError> {
        let Present { generation, records } = self.present(at);
        let record = records.into_iter().next()?;
        Some(StatsError::in_table(py, &self.stats, generation, at, record))
    }

    fn remove(&self, at: usize) {
        self.stats.get().with(|stats| stats.errors_mut().remove(at));
    }

    pub fn add(&self, record: ErrorRecord) {
        self.stats.get().with(|stats| stats.add_error(record, now()));
    }
}

#[pymethods]
impl StatsErrors {
    fn __len__(&self) -> usize {
        self.stats.get().with(|stats| stats.errors().records().len())
    }

    fn __contains__(&self, py: Python<'_>, wanted: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.place(py, wanted)?.is_some())
    }

    fn __getitem__(&self, py: Python<'_>, wanted: &Bound<'_, PyAny>) -> PyResult<StatsError> {
        let found = self.place(py, wanted)?.and_then(|at| self.at(py, at));
        found.ok_or_else(|| PyKeyError::new_err(wanted.clone().unbind()))
    }

    /// The key says nothing that the failure does not.
    fn __setitem__(&self, py: Python<'_>, wanted: &Bound<'_, PyAny>, error: &Bound<'_, StatsError>) -> PyResult<()> {
        let record = error.get().record();
        if errors::key(py, &record)? != *wanted.str()?.to_string_lossy() {
            return Err(PyTypeError::new_err("the key of a failure is StatsError.create_key of what it tells"));
        }
        if let Some(at) = self.place(py, wanted)? {
            self.remove(at);
        }
        self.add(record);
        Ok(())
    }

    fn __delitem__(&self, py: Python<'_>, wanted: &Bound<'_, PyAny>) -> PyResult<()> {
        let found = self.place(py, wanted)?.ok_or_else(|| PyKeyError::new_err(wanted.clone().unbind()))?;
        self.remove(found);
        Ok(())
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.keys(py)?.into_pyobject(py)?.try_iter()
    }

    fn keys(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.keys_of_all(py)
    }

    fn values(&self, py: Python<'_>) -> Vec<StatsError> {
        let Present { generation, records } = self.present(0);
        let view = |(at, record)| StatsError::in_table(py, &self.stats, generation, at, record);
        records.into_iter().enumerate().map(view).collect()
    }

    pub fn items(&self, py: Python<'_>) -> PyResult<Vec<(String, StatsError)>> {
        Ok(self.keys_of_all(py)?.into_iter().zip(self.values(py)).collect())
    }

    #[pyo3(signature = (wanted, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        wanted: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.place(py, wanted)?.and_then(|at| self.at(py, at)) {
            Some(error) => Ok(Some(Bound::new(py, error)?.into_any())),
            None => Ok(default),
        }
    }

    #[pyo3(signature = (wanted, *default))]
    fn pop<'py>(
        &self,
        py: Python<'py>,
        wanted: &Bound<'py, PyAny>,
        default: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(at) = self.place(py, wanted)? else {
            return default.get_item(0).map_err(|_| PyKeyError::new_err(wanted.clone().unbind()));
        };
        let error = self.at(py, at);
        self.remove(at);
        error.into_pyobject(py)
    }

    fn clear(&self) {
        self.stats.get().with(gregaria_stats::Stats::clear_errors);
    }

    /// As dictionaries are compared.
    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast_exact::<Self>() {
            return Ok(self.stats.is(&other.get().stats));
        }
        self.items(py)?.into_py_dict(py)?.eq(other)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("StatsErrors({})", self.values(py).into_pyobject(py)?.repr()?))
    }
}
