//! The listener on the request event that counts requests. Where it is the only one, the engine counts without calling it.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::client;

use super::{RequestStats, bytes, errors, microseconds, names, now, text};

/// Counts what the request event tells into one `RequestStats`.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct Recorder {
    stats: Py<RequestStats>,
}

impl Recorder {
    pub fn new(stats: Py<RequestStats>) -> Self {
        Recorder { stats }
    }

    /// Where it counts.
    pub fn stats(&self) -> &Py<RequestStats> {
        &self.stats
    }
}

#[pymethods]
impl Recorder {
    #[pyo3(signature = (request_type, name, response_time, response_length, **more))]
    fn __call__(
        &self,
        request_type: &Bound<'_, PyAny>,
        name: &Bound<'_, PyAny>,
        response_time: &Bound<'_, PyAny>,
        response_length: &Bound<'_, PyAny>,
        more: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let (method, name) = (text(request_type)?, text(name)?);
        let (response_time_us, length) = (microseconds(response_time)?, bytes(response_length)?);
        let exception = more.map(|more| more.get_item(intern!(more.py(), "exception"))).transpose()?.flatten();
        let failure = match exception {
            Some(exception) if exception.is_truthy()? => Some(errors::description(&exception)?),
            _ => None,
        };
        let phases = more.map(|more| more.get_item(intern!(more.py(), "response"))).transpose()?.flatten();
        let phases = phases.and_then(|response| client::phases_of(&response));
        let now = now();
        let too_many = self.stats.get().with(|stats| {
            let id = stats.entry(&method, &name, now);
            stats.record(id, now, response_time_us, length);
            if let Some(phases) = &phases {
                stats.record_phases(id, phases);
            }
            if let Some(failure) = &failure {
                stats.record_failure(id, now, failure);
            }
            stats.take_too_many_names()
        });
        names::warn(too_many);
        Ok(())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast_exact::<Self>().is_ok_and(|other| other.get().stats.is(&self.stats))
    }

    fn __hash__(&self) -> usize {
        self.stats.as_ptr() as usize
    }
}
