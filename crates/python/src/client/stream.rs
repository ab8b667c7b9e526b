//! [`BodyStream`]: the body of a response, read while it comes in; what scripts and urllib3 take for a file.
//!
//! The reactor reads ahead within bounds, and waits for a slow reader. At the end the connection goes back to where it
//! came from; a stream that is let go before is closed with its connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gregaria_http::{Channel, ConnectionId, End, Failure, Next, Origin, Piece, PieceKind};
use gregaria_stats::PhaseSample;
use memchr::memchr;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::failure;
use super::fast::{ClientPool, streamed_failure};
use super::session::HttpSession;
use super::timings::Timings;
use crate::hub::Hub;

/// Where the connection goes in the end, and in whose words failures are told.
pub enum Home {
    Session(Py<HttpSession>),
    Pool(Py<ClientPool>),
}

/// The route of a stream, settled when it is opened.
pub struct Route {
    pub origin: Arc<Origin>,
    /// The request asks the server to close the connection.
    pub closes: bool,
    pub read_timeout: Option<Duration>,
    pub started: Instant,
    /// Where the time went up to the head.
    pub phases: PhaseSample,
}

#[derive(Default)]
struct Reading {
    /// The piece being read, and how much of it has been.
    front: Vec<u8>,
    offset: usize,
    ends_chunk: bool,
    /// When that piece came in.
    arrived: Option<Instant>,
    finished: Option<Instant>,
    /// What there is to say once everything before it has been read; then nothing more.
    failure: Option<Failure>,
    is_over: bool,
    is_closed: bool,
}

impl Reading {
    fn rest(&self) -> &[u8] {
        &self.front[self.offset..]
    }

    fn begin(&mut self, piece: Piece) {
        self.offset = 0;
        self.ends_chunk = piece.kind == PieceKind::ChunkEnd;
        self.arrived = Some(piece.at);
        self.front = piece.bytes;
    }
}

/// See the module's text.
#[pyclass(frozen, weakref, module = "gregaria._engine")]
pub struct BodyStream {
    channel: Arc<Channel>,
    home: Home,
    route: Route,
    reading: Mutex<Reading>,
}

impl BodyStream {
    /// The stream of a response whose head has come.
    pub fn new(channel: Arc<Channel>, home: Home, route: Route) -> Self {
        BodyStream { channel, home, route, reading: Mutex::default() }
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, py: Python<'_>, connection: ConnectionId) {
        match &self.home {
            _ if self.route.closes => {
                if let Some(hub) = Hub::started(py) {
                    hub.close([connection]);
                }
            }
            Home::Session(session) => session.get().keep_idle(py, &self.route.origin, connection),
            Home::Pool(pool) => pool.get().keep_idle(&self.route.origin, connection),
        }
    }

    fn end(&self, py: Python<'_>, end: End) {
        let mut reading = self.reading();
        reading.is_over = true;
        reading.finished = Some(end.at);
        match end.outcome {
            Ok(None) => {}
            Ok(Some(connection)) => {
                drop(reading);
                self.keep(py, connection);
            }
            Err(failure) => reading.failure = Some(failure),
        }
    }

    /// Take what is there without waiting, so that the end is known as soon as it has come.
    fn look_ahead(&self, py: Python<'_>) {
        {
            let reading = self.reading();
            if reading.is_over || !reading.rest().is_empty() {
                return;
            }
        }
        match self.channel.next() {
            Next::Piece(piece) => self.reading().begin(piece),
            Next::End(end) => self.end(py, end),
            Next::Nothing => {}
        }
    }

    /// Make sure that there is something to read; false at the end.
    fn fill(&self, py: Python<'_>) -> PyResult<bool> {
        loop {
            {
                let mut reading = self.reading();
                if !reading.rest().is_empty() {
                    return Ok(true);
                }
                if let Some(failure) = reading.failure.take() {
                    drop(reading);
                    return match self.told(py, failure)? {
                        Some(error) => Err(error),
                        None => Ok(false),
                    };
                }
                if reading.is_over {
                    return Ok(false);
                }
            }
            let hub = Hub::get(py)?;
            match hub.next(py, &self.channel, self.route.read_timeout.is_some())? {
                Next::Piece(piece) => self.reading().begin(piece),
                Next::End(end) => self.end(py, end),
                Next::Nothing => {}
            }
        }
    }

    /// The exception of a failure; `None` if it is for the reader to see that something is missing.
    fn told(&self, py: Python<'_>, failure: Failure) -> PyResult<Option<PyErr>> {
        if matches!(self.home, Home::Pool(_)) {
            let is_https = self.route.origin.tls.is_some();
            return streamed_failure(py, &failure, is_https).map(Some);
        }
        if matches!(failure, Failure::IncompleteBody { in_chunk: false, .. }) {
            return Ok(None);
        }
        let (kind, details) = failure::described(py, &failure)?;
        let made = py.import("gregaria.failures")?.call_method1("streamed", (kind, details))?;
        Ok(Some(PyErr::from_value(made)))
    }

    /// At most `limit` bytes of the piece being read.
    fn some(&self, py: Python<'_>, limit: usize) -> Py<PyBytes> {
        let bytes = {
            let mut reading = self.reading();
            let length = reading.rest().len().min(limit);
            let bytes = PyBytes::new(py, &reading.rest()[..length]).unbind();
            reading.offset += length;
            bytes
        };
        self.look_ahead(py);
        bytes
    }

    /// The next piece and when it came in; `None` at the end.
    pub fn next_piece(&self, py: Python<'_>) -> PyResult<Option<(Vec<u8>, Instant)>> {
        if !self.fill(py)? {
            return Ok(None);
        }
        let mut reading = self.reading();
        let rest = reading.rest().to_vec();
        reading.offset = reading.front.len();
        let arrived = reading.arrived.unwrap_or(self.route.started);
        drop(reading);
        self.look_ahead(py);
        Ok(Some((rest, arrived)))
    }

    /// When the request was taken up.
    pub fn started(&self) -> Instant {
        self.route.started
    }

    fn let_go(&self, py: Python<'_>) {
        {
            let mut reading = self.reading();
            reading.front = Vec::new();
            reading.offset = 0;
            reading.is_closed = true;
            reading.failure = None;
            if std::mem::replace(&mut reading.is_over, true) {
                return;
            }
        }
        let Some(hub) = Hub::started(py) else { return };
        match self.channel.abandon() {
            Some(connection) => hub.close([connection]),
            None => hub.attend(&self.channel),
        }
    }
}

impl Drop for BodyStream {
    fn drop(&mut self) {
        Python::attach(|py| self.let_go(py));
    }
}

#[pymethods]
impl BodyStream {
    /// So many bytes, fewer only at the end; all that is left without a number. What has come before a failure can be
    /// read once that has been told.
    #[pyo3(signature = (n = None))]
    fn read(&self, py: Python<'_>, n: Option<isize>) -> PyResult<Py<PyBytes>> {
        let limit = n.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let mut read = Vec::new();
        while read.len() < limit {
            match self.fill(py) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let mut reading = self.reading();
                    (reading.front, reading.offset) = (read, 0);
                    return Err(error);
                }
            }
            let mut reading = self.reading();
            let length = reading.rest().len().min(limit - read.len());
            read.extend_from_slice(&reading.rest()[..length]);
            reading.offset += length;
            drop(reading);
            self.look_ahead(py);
        }
        Ok(PyBytes::new(py, &read).unbind())
    }

    /// What has come, so many bytes at most; waits for the first.
    #[pyo3(signature = (n = None))]
    fn read1(&self, py: Python<'_>, n: Option<isize>) -> PyResult<Py<PyBytes>> {
        let limit = n.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        if limit == 0 || !self.fill(py)? {
            return Ok(PyBytes::new(py, b"").unbind());
        }
        Ok(self.some(py, limit))
    }

    /// As `read1`.
    fn read_some(&self, py: Python<'_>, n: isize) -> PyResult<Py<PyBytes>> {
        self.read1(py, Some(n))
    }

    /// The rest of the chunk of the transfer coding being read, so many bytes at most. Empty at the end.
    #[pyo3(signature = (n = None))]
    fn read_chunk(&self, py: Python<'_>, n: Option<usize>) -> PyResult<Py<PyBytes>> {
        let limit = n.unwrap_or(usize::MAX);
        let mut read = Vec::new();
        while read.len() < limit && self.fill(py)? {
            let mut reading = self.reading();
            let length = reading.rest().len().min(limit - read.len());
            read.extend_from_slice(&reading.rest()[..length]);
            reading.offset += length;
            let ended = reading.ends_chunk && reading.rest().is_empty();
            drop(reading);
            self.look_ahead(py);
            if ended {
                break;
            }
        }
        Ok(PyBytes::new(py, &read).unbind())
    }

    /// A line with its end; the last may lack it.
    fn readline(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let mut line = Vec::new();
        while self.fill(py)? {
            let mut reading = self.reading();
            let end = memchr(b'\n', reading.rest());
            let length = end.map_or(reading.rest().len(), |end| end + 1);
            line.extend_from_slice(&reading.rest()[..length]);
            reading.offset += length;
            drop(reading);
            self.look_ahead(py);
            if end.is_some() {
                break;
            }
        }
        Ok(PyBytes::new(py, &line).unbind())
    }

    /// Whether there is nothing more to come.
    #[getter]
    fn closed(&self) -> bool {
        let reading = self.reading();
        reading.is_over && reading.rest().is_empty() && reading.failure.is_none()
    }

    fn isclosed(&self) -> bool {
        self.closed()
    }

    fn readable(&self) -> bool {
        true
    }

    /// Seconds from taking up the request to the last byte of the body; None while that has not come.
    #[getter]
    fn finished_after(&self) -> Option<f64> {
        let finished = self.reading().finished?;
        Some(finished.saturating_duration_since(self.route.started).as_secs_f64())
    }

    /// Where the time went so far.
    #[getter]
    fn timings(&self) -> Timings {
        let finished = self.reading().finished;
        Timings::until(self.route.phases, finished.map(|at| at.saturating_duration_since(self.route.started)))
    }

    /// Let go of the rest, and of the connection if there is a rest.
    pub fn close(&self, py: Python<'_>) {
        self.look_ahead(py);
        self.let_go(py);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.home {
            Home::Session(session) => visit.call(session),
            Home::Pool(pool) => visit.call(pool),
        }
    }
}
