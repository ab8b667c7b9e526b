//! [`FastResponse`]: what a request of a fast session returns. Whatever is not needed by most tasks takes shape only when
//! touched.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gregaria_http::Response as Answer;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDelta, PyDict, PyList, PyString};

use super::failed::FastFailed;
use super::report::FastCall;
use super::request::Sent;
use crate::client::encoding::{names_utf8, names_wide_encoding};
use crate::client::response::locust_error;
use crate::client::timings::Timings;
use crate::client::{json, text};

/// What came of a request.
pub enum Outcome {
    Answer {
        answer: Answer,
        /// Time to its head.
        elapsed: Duration,
        /// The body, where it is read on demand.
        stream: Option<Py<PyAny>>,
        /// The status does not count as a success.
        is_bad: bool,
        /// The body did not come whole, or does not decode. The answer then has what came of it, still coded.
        broken: Option<Box<FastFailed>>,
    },
    Failed(FastFailed),
}

/// What was made on demand.
#[derive(Default)]
struct ResponseState {
    content: Option<Py<PyAny>>,
    headers: Option<Py<PyAny>>,
    request: Option<Py<PyAny>>,
    encoding: Option<Py<PyAny>>,
    /// `text` was asked for, which settles the encoding.
    is_read_as_text: bool,
    error: Option<Py<PyAny>>,
}

/// See the module's text.
#[pyclass(subclass, frozen, dict, weakref, module = "gregaria.contrib.fasthttp")]
pub struct FastResponse {
    pub outcome: Outcome,
    pub call: FastCall,
    sent: Sent,
    history: Vec<Py<FastResponse>>,
    state: Mutex<ResponseState>,
    /// False in the zeroed memory that the collector may see while Python makes the object's `__dict__`.
    is_made: bool,
}

type Slot = fn(&mut ResponseState) -> &mut Option<Py<PyAny>>;

impl FastResponse {
    /// A response to `sent`.
    pub fn new(outcome: Outcome, call: FastCall, sent: Sent, history: Vec<Py<FastResponse>>) -> Self {
        FastResponse { outcome, call, sent, history, state: Mutex::default(), is_made: true }
    }

    /// With the body, where that has been read from its stream.
    pub fn with_content(self, content: Option<Py<PyAny>>) -> Self {
        self.state().content = content;
        self
    }

    /// What was sent.
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    /// The body, if it was read from its stream.
    pub fn content_read(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.body_stream()?;
        self.state().content.as_ref().map(|content| content.clone_ref(py))
    }

    fn state(&self) -> MutexGuard<'_, ResponseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Answer { answer, .. } => Some(answer),
            Outcome::Failed(_) => None,
        }
    }

    fn body_stream(&self) -> Option<&Py<PyAny>> {
        match &self.outcome {
            Outcome::Answer { stream, .. } => stream.as_ref(),
            Outcome::Failed(_) => None,
        }
    }

    fn is_broken(&self) -> bool {
        matches!(&self.outcome, Outcome::Answer { broken: Some(_), .. })
    }

    /// An attribute made when first asked for, and kept.
    fn made(slf: &Bound<'_, Self>, slot: Slot, make: impl FnOnce() -> PyResult<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Some(known) = slot(&mut slf.get().state()) {
            return Ok(known.clone_ref(py));
        }
        let made = make()?;
        Ok(slot(&mut slf.get().state()).get_or_insert(made).clone_ref(py))
    }

    /// The statistics' text for a failure by status or by what happened on the way.
    pub fn failure_text(slf: &Bound<'_, Self>) -> PyResult<Arc<str>> {
        let this = slf.get();
        match &this.outcome {
            Outcome::Failed(failed) => failed.text(slf.py()),
            Outcome::Answer { answer, .. } if !this.sent.aim.url.contains(')') => {
                Ok(format!("LocustBadStatusCode(code={})", answer.status()).into())
            }
            Outcome::Answer { .. } => Ok(Self::exception(slf)?.bind(slf.py()).repr()?.to_str()?.into()),
        }
    }

    /// The exception for the same cases; None for a success.
    pub fn exception(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        match &slf.get().outcome {
            Outcome::Failed(failed) => failed.exception(py),
            Outcome::Answer { is_bad: false, .. } => Ok(py.None()),
            Outcome::Answer { answer, .. } => Self::made(
                slf,
                |state| &mut state.error,
                || {
                    let arguments = (&*slf.get().sent.aim.url, answer.status(), slf);
                    py.import("gregaria.fast.errors")?.call_method1("bad_status", arguments).map(Bound::unbind)
                },
            ),
        }
    }

    /// Raise what is wrong with this response.
    pub fn raise(slf: &Bound<'_, Self>) -> PyResult<()> {
        let error = Self::exception(slf)?;
        if error.is_none(slf.py()) { Ok(()) } else { Err(PyErr::from_value(error.into_bound(slf.py()))) }
    }

    /// The text, decoded by Python, which then knows the encoding.
    fn decoded<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let given = slf.get().state().encoding.as_ref().map(|encoding| encoding.clone_ref(py));
        let arguments = (Self::content(slf)?, Self::headers(slf)?, given);
        let decoded = py.import("gregaria.fast.request")?.call_method1("decoded", arguments)?;
        let (text, encoding): (Bound<'py, PyAny>, Py<PyAny>) = decoded.extract()?;
        slf.get().state().encoding = Some(encoding);
        Ok(text)
    }

    /// The text, where it is certain without asking Python.
    fn certain_text(&self) -> Option<&str> {
        let answer = self.answer().filter(|_| self.body_stream().is_none() && !self.is_broken())?;
        let body = answer.body();
        let certain = self.state().encoding.is_none()
            && !body.is_empty()
            && (names_utf8(answer) || body.is_ascii() && !names_wide_encoding(answer));
        certain.then(|| std::str::from_utf8(body).ok()).flatten()
    }
}

/// What came of a body that did not come whole; an error where a content coding is on it.
pub fn partial_content(py: Python<'_>, answer: &Answer) -> PyResult<Py<PyAny>> {
    let body = PyBytes::new(py, answer.body());
    let stream = py.import("io")?.getattr("BytesIO")?.call1((body,))?.unbind();
    content_of(py, &stream, answer)
}

/// All that is left of a body that is read on demand, without its content coding.
pub fn content_of(py: Python<'_>, stream: &Py<PyAny>, answer: &Answer) -> PyResult<Py<PyAny>> {
    let coding = answer.header("content-encoding").map(text::latin1).unwrap_or_default();
    py.import("gregaria.fast.second_road")?.call_method1("content", (stream, coding)).map(Bound::unbind)
}

fn not_caught() -> PyErr {
    locust_error(
        "success() and failure() are for requests made with catch_response=True, inside the with-block of the response",
    )
}

#[pymethods]
impl FastResponse {
    /// The status code; 0 if there was no response.
    #[getter]
    fn status_code(&self) -> u16 {
        self.answer().map_or(0, Answer::status)
    }

    #[getter]
    fn status(&self) -> String {
        self.status_code().to_string()
    }

    /// Whether the status is below 400; also true if there was no response.
    #[getter]
    fn ok(&self) -> bool {
        self.status_code() < 400
    }

    /// The body, decoded; None if there was no response.
    #[getter]
    fn content(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let Some(answer) = slf.get().answer() else { return Ok(py.None()) };
        Self::made(
            slf,
            |state| &mut state.content,
            || match slf.get().body_stream() {
                Some(stream) => content_of(py, stream, answer),
                None if slf.get().is_broken() => partial_content(py, answer),
                None => Ok(PyBytes::new(py, answer.body()).into_any().unbind()),
            },
        )
    }

    #[getter]
    fn data(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::content(slf)
    }

    /// The body as text; None if there is none or its encoding cannot be told.
    #[getter]
    fn text<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Some(text) = slf.get().certain_text() {
            slf.get().state().is_read_as_text = true;
            return Ok(PyString::new(py, text).into_any());
        }
        Self::decoded(slf)
    }

    /// The encoding of `text`; None until that was asked for. May be set.
    #[getter]
    fn encoding(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let known = |state: &ResponseState| state.encoding.as_ref().map(|encoding| encoding.clone_ref(py));
        let is_open = {
            let state = slf.get().state();
            state.encoding.is_none() && state.is_read_as_text
        };
        if is_open {
            Self::decoded(slf)?;
        }
        Ok(known(&slf.get().state()))
    }

    #[setter]
    fn set_encoding(&self, encoding: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.state().encoding, encoding);
        drop(old);
    }

    /// The body parsed as JSON.
    fn json<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Some(text) = slf.get().certain_text()
            && !text.starts_with('\u{feff}')
            && let Some(parsed) = json::parse(py, text)?
        {
            return Ok(parsed);
        }
        py.import("json")?.call_method1("loads", (Self::text(slf)?,))
    }

    /// The headers, whatever the case of their names; None if there was no response.
    #[getter]
    fn headers(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let Some(answer) = slf.get().answer() else { return Ok(py.None()) };
        Self::made(
            slf,
            |state| &mut state.headers,
            || {
                let pairs = PyList::empty(py);
                for (name, value) in answer.headers() {
                    pairs.append((text::latin1(name), text::latin1(value)))?;
                }
                py.import("gregaria.fast.headers")?.getattr("Headers")?.call1((pairs,)).map(Bound::unbind)
            },
        )
    }

    fn info(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::headers(slf)
    }

    /// The URL of the request: of the last one, or of the first if that failed.
    #[getter]
    fn url(&self) -> &str {
        match &self.outcome {
            Outcome::Answer { .. } => &self.sent.aim.url,
            Outcome::Failed(_) => &self.call.aim.url,
        }
    }

    /// The request that was sent last; of a failed one only what the caller asked for.
    #[getter]
    fn request(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        Self::made(
            slf,
            |state| &mut state.request,
            || {
                let shown = slf.get().sent.shown(py)?;
                shown.bind(py).setattr(intern!(py, "url"), slf.get().url())?;
                Ok(shown)
            },
        )
    }

    /// What went wrong, if anything did.
    #[getter]
    fn error(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::exception(slf)
    }

    /// Raise what went wrong, if anything did.
    fn raise_for_status(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::raise(slf)
    }

    /// Time from sending to the head of the response; None if there was none.
    #[getter]
    fn elapsed<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDelta>>> {
        let Outcome::Answer { elapsed, .. } = &self.outcome else { return Ok(None) };
        let micros = i32::try_from(elapsed.subsec_micros()).unwrap_or(0);
        let seconds = i32::try_from(elapsed.as_secs()).unwrap_or(i32::MAX);
        PyDelta::new(py, 0, seconds, micros, true).map(Some)
    }

    /// Where the time went, redirects included; None if another road than the reactor's was taken.
    #[getter]
    fn timings(&self) -> Option<Timings> {
        Timings::of(self.call.phases)
    }

    /// The redirected responses on the way here, oldest first.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, &self.history)
    }

    /// What the body is read from; empty unless it is streamed, because then it has been read. Of a body that broke off, what
    /// came of it.
    #[getter]
    fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let left = |answer: &Answer| PyBytes::new(py, answer.body());
        match self.body_stream() {
            Some(stream) => Ok(stream.bind(py).clone()),
            None => py.import("io")?.getattr("BytesIO")?.call1((self.answer().filter(|_| self.is_broken()).map(left),)),
        }
    }

    #[pyo3(signature = (n = None))]
    fn read<'py>(&self, py: Python<'py>, n: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        self.stream(py)?.call_method1("read", (n,))
    }

    fn readline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.stream(py)?.call_method0("readline")
    }

    #[pyo3(signature = (gzip = true, br = false))]
    fn unzipped<'py>(&self, py: Python<'py>, gzip: bool, br: bool) -> PyResult<Bound<'py, PyAny>> {
        let read = self.stream(py)?.call_method0("read")?;
        py.import("gregaria.fast.second_road")?.call_method1("unzipped", (read, gzip, br))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("gregaria.fast.second_road")?.call_method1("blocks", (self.stream(py)?, 4096))
    }

    /// The body in pieces, as text where a piece is UTF-8. Only of streamed responses: any other has been read.
    #[pyo3(signature = (chunk_size = 1024, decode_content = true))]
    fn iter_content<'py>(
        &self,
        py: Python<'py>,
        chunk_size: usize,
        decode_content: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.answer().is_none() {
            return Err(locust_error("there is no response to iterate over"));
        }
        let arguments = (self.stream(py)?, chunk_size, decode_content);
        py.import("gregaria.fast.second_road")?.call_method1("pieces", arguments)
    }

    /// Let go of the connection.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        match self.body_stream() {
            Some(stream) => stream.call_method0(py, "close").map(drop),
            None => Ok(()),
        }
    }

    fn isclosed(&self, py: Python<'_>) -> PyResult<bool> {
        match self.body_stream() {
            Some(stream) => stream.getattr(py, "closed")?.is_truthy(py),
            None => Ok(true),
        }
    }

    fn success(&self) -> PyResult<()> {
        Err(not_caught())
    }

    #[pyo3(signature = (*_args, **_kwargs))]
    fn failure(&self, _args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        Err(not_caught())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyAny>) -> PyResult<()> {
        self.release(py)
    }

    /// The length that the headers declare, else that of the body.
    fn __len__(&self) -> usize {
        let Some(answer) = self.answer() else { return 0 };
        let declared = answer.header("content-length").and_then(|length| std::str::from_utf8(length).ok());
        declared.and_then(|length| length.trim().parse().ok()).unwrap_or_else(|| answer.body().len())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.is_made {
            return Ok(());
        }
        self.call.traverse(&visit)?;
        match &self.outcome {
            Outcome::Answer { stream, broken, .. } => {
                visit.call(stream)?;
                broken.as_ref().map_or(Ok(()), |broken| broken.traverse(&visit))?;
            }
            Outcome::Failed(failed) => failed.traverse(&visit)?,
        }
        for hop in &self.history {
            visit.call(hop)?;
        }
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        visit.call(&state.headers)?;
        visit.call(&state.request)?;
        visit.call(&state.error)
    }

    fn __clear__(&self) {
        let taken = std::mem::take(&mut *self.state());
        drop(taken);
    }
}
