//! [`EventReader`]: the server-sent events of a streamed response, each with the time at which the engine had it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gregaria_http::{EventParser, ServerEvent};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::stream::BodyStream;

/// Seconds since the request was taken up; type, data, id, milliseconds to wait before connecting again.
type Told = (f64, String, String, String, Option<u64>);

#[derive(Default)]
struct Reading {
    parser: EventParser,
    ready: VecDeque<(ServerEvent, f64)>,
}

/// See the module's text.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct EventReader {
    stream: Py<BodyStream>,
    reading: Mutex<Reading>,
}

impl EventReader {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl EventReader {
    #[new]
    fn new(stream: Py<BodyStream>) -> Self {
        EventReader { stream, reading: Mutex::default() }
    }

    /// The next event; waits for it. None at the end of the stream.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Told>> {
        loop {
            if let Some((event, seconds)) = self.reading().ready.pop_front() {
                return Ok(Some((seconds, event.event, event.data, event.id, event.retry_ms)));
            }
            let stream = self.stream.get();
            let Some((bytes, at)) = stream.next_piece(py)? else { return Ok(None) };
            let seconds = at.saturating_duration_since(stream.started()).as_secs_f64();
            let Reading { parser, ready } = &mut *self.reading();
            parser.feed(&bytes, |event| ready.push_back((event, seconds)));
        }
    }

    /// Let go of the stream.
    fn close(&self, py: Python<'_>) {
        self.stream.get().close(py);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.stream)
    }
}
