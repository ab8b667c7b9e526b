//! `RequestStats.entries`: a mapping of (name, method) to entries that makes entries when they are asked for.

use gregaria_stats::Entry;
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyIterator, PyTuple};

use super::{RequestStats, StatsEntry, now, text};

/// The entries of one `RequestStats`, as they are at the moment.
#[pyclass(frozen, mapping, module = "gregaria._engine")]
pub struct StatsEntries {
    stats: Py<RequestStats>,
}

/// (name, method)
type Key = (String, String);

fn key(value: &Bound<'_, PyAny>) -> PyResult<Key> {
    let wrong = || PyTypeError::new_err("entries are found by (name, method)");
    let pair = value.cast::<PyTuple>().map_err(|_| wrong())?;
    if pair.len() != 2 {
        return Err(wrong());
    }
    Ok((text(&pair.get_item(0)?)?, text(&pair.get_item(1)?)?))
}

impl StatsEntries {
    pub fn new(stats: Py<RequestStats>) -> Self {
        StatsEntries { stats }
    }

    fn named(&self, py: Python<'_>, (name, method): Key) -> StatsEntry {
        StatsEntry::named(self.stats.clone_ref(py), method, name)
    }

    fn has(&self, (name, method): &Key) -> bool {
        self.stats.get().with(|stats| stats.find(method, name).is_some())
    }

    /// An entry with what this one has counted.
    fn put(&self, (name, method): &Key, counted: &Entry) {
        self.stats.get().with(|stats| {
            let (id, span_s) = (stats.entry(method, name, counted.start_time()), stats.span_s());
            if let Some(ours) = stats.get_mut(id) {
                ours.reset(counted.start_time());
                ours.merge(counted, span_s);
            }
        });
    }

    /// These entries, a mapping, in place of those that are there.
    pub fn replace(&self, entries: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut copies = Vec::new();
        for pair in entries.call_method0("items")?.try_iter()? {
            let (name, entry): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            let entry = entry.cast::<StatsEntry>().map_err(|_| PyTypeError::new_err("entries holds StatsEntry"))?;
            copies.push((key(&name)?, entry.get().copy(entries.py())));
        }
        self.clear();
        copies.iter().for_each(|(key, counted)| self.put(key, counted));
        Ok(())
    }

    fn remove(&self, (name, method): &Key) -> bool {
        self.stats.get().with(|stats| stats.remove(method, name, now()))
    }
}

#[pymethods]
impl StatsEntries {
    fn __len__(&self) -> usize {
        self.stats.get().with(|stats| stats.entries().count())
    }

    fn __contains__(&self, wanted: &Bound<'_, PyAny>) -> bool {
        key(wanted).is_ok_and(|wanted| self.has(&wanted))
    }

    fn __getitem__(&self, py: Python<'_>, wanted: &Bound<'_, PyAny>) -> PyResult<StatsEntry> {
        let (name, method) = key(wanted)?;
        StatsEntry::created(py, self.stats.clone_ref(py), method, name)
    }

    fn __setitem__(&self, py: Python<'_>, wanted: &Bound<'_, PyAny>, entry: &Bound<'_, StatsEntry>) -> PyResult<()> {
        self.put(&key(wanted)?, &entry.get().copy(py));
        Ok(())
    }

    fn __delitem__(&self, wanted: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.remove(&key(wanted)?) { Ok(()) } else { Err(PyKeyError::new_err(wanted.clone().unbind())) }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.keys().into_pyobject(py)?.try_iter()
    }

    fn keys(&self) -> Vec<Key> {
        let names = |entry: &Entry| (entry.name().to_string(), entry.method().to_string());
        self.stats.get().with(|stats| stats.entries().map(names).collect())
    }

    fn values(&self, py: Python<'_>) -> Vec<StatsEntry> {
        self.keys().into_iter().map(|key| self.named(py, key)).collect()
    }

    fn items(&self, py: Python<'_>) -> Vec<(Key, StatsEntry)> {
        self.keys().into_iter().map(|key| (key.clone(), self.named(py, key))).collect()
    }

    #[pyo3(signature = (wanted, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        wanted: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let wanted = key(wanted)?;
        if !self.has(&wanted) {
            return Ok(default);
        }
        Ok(Some(Bound::new(py, self.named(py, wanted))?.into_any()))
    }

    #[pyo3(signature = (wanted, *default))]
    fn pop<'py>(
        &self,
        py: Python<'py>,
        wanted: &Bound<'py, PyAny>,
        default: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = key(wanted)?;
        if !self.has(&found) {
            return default.get_item(0).map_err(|_| PyKeyError::new_err(wanted.clone().unbind()));
        }
        let copy = self.named(py, found.clone()).detached(py);
        self.remove(&found);
        Ok(Bound::new(py, copy)?.into_any())
    }

    fn clear(&self) {
        for key in self.keys() {
            self.remove(&key);
        }
    }

    /// As dictionaries are compared.
    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast_exact::<Self>() {
            return Ok(self.stats.is(&other.get().stats));
        }
        self.items(py).into_py_dict(py)?.eq(other)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("StatsEntries({})", self.keys().into_pyobject(py)?.repr()?))
    }
}
