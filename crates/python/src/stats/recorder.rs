//! The listener on the request event that counts requests. Where it is the only one, the engine counts without calling it.

use gregaria_stats::samples::Wanted;
use gregaria_stats::{Exchange, Redaction};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::client;

use super::{RequestStats, bytes, errors, microseconds, names, now, samples, text};

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

    /// Keep a request that was wanted. What goes wrong while it is looked at is nobody's business.
    #[cold]
    pub fn keep(&self, py: Python<'_>, wanted: &Wanted, made: impl FnOnce(&Redaction) -> PyResult<Exchange>) {
        let redaction = self.stats.get().redaction();
        match made(&redaction) {
            Ok(exchange) => self.stats.get().with(|stats| stats.keep_sample(wanted, exchange)),
            Err(error) => samples::tell_once(py, &error),
        }
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
        let (too_many, wanted) = self.stats.get().count(|stats| {
            let id = stats.entry(&method, &name, now);
            stats.record(id, now, response_time_us, length, phases.as_ref());
            let wanted = match &failure {
                Some(failure) => {
                    let place = stats.record_failure(id, now, failure);
                    place.and_then(|place| stats.wants_failure(id, place, response_time_us, now))
                }
                None => response_time_us.and_then(|us| stats.wants_slow(id, us)),
            };
            (stats.take_too_many_names(), wanted)
        });
        names::warn(too_many);
        if let Some(wanted) = wanted {
            let made = |redaction: &Redaction| client::samples::of_event(response_time_us, more, redaction);
            self.keep(request_type.py(), &wanted, made);
        }
        Ok(())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast_exact::<Self>().is_ok_and(|other| other.get().stats.is(&self.stats))
    }

    fn __hash__(&self) -> usize {
        self.stats.as_ptr() as usize
    }
}
