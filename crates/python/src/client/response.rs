//! [`Response`]: what a request returns. Looks like a `requests.Response` and is one to `isinstance`; whatever is not
//! needed by most tasks takes shape only when touched, the rarest through a real `requests.Response`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gregaria_http::Response as Answer;
use pyo3::exceptions::{PyAttributeError, PyException};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDelta, PyDict, PyList, PyString};

use super::failure::Failed;
use super::prepared::Prepared;
use super::report::{self, Call, Verdict};
use super::text;

/// What came of a request.
pub enum Outcome {
    /// An answer, and the time to its head.
    Answer {
        answer: Answer,
        elapsed: Duration,
    },
    Failed(Failed),
    /// Made by `requests`.
    Delegated(Py<PyAny>),
}

/// A verdict that the task has given.
enum Manual {
    Success,
    Failure(Py<PyAny>),
}

/// What changes after the response is there: verdicts, and what was made on demand.
#[derive(Default)]
struct ResponseState {
    entered: bool,
    manual: Option<Manual>,
    meta: Option<Py<PyDict>>,
    content: Option<Py<PyAny>>,
    headers: Option<Py<PyAny>>,
    cookies: Option<Py<PyAny>>,
    request: Option<Py<PyAny>>,
    encoding: Option<Py<PyAny>>,
    url: Option<Py<PyAny>>,
    full: Option<Py<PyAny>>,
}

/// See the module's text.
#[pyclass(frozen, dict, weakref, name = "ResponseContextManager", module = "gregaria.clients")]
pub struct Response {
    pub outcome: Outcome,
    pub call: Call,
    sent: Option<Prepared>,
    history: Vec<Py<Response>>,
    state: Mutex<ResponseState>,
}

impl Response {
    /// A response with an answer.
    pub fn answered(call: Call, answer: Answer, elapsed: Duration, history: Vec<Py<Response>>, sent: Prepared) -> Self {
        Response {
            outcome: Outcome::Answer { answer, elapsed },
            call,
            sent: Some(sent),
            history,
            state: Mutex::default(),
        }
    }

    /// A response to a request that failed: its status is 0.
    pub fn failed(call: Call, failed: Failed, history: Vec<Py<Response>>, sent: Option<Prepared>) -> Self {
        Response { outcome: Outcome::Failed(failed), call, sent, history, state: Mutex::default() }
    }

    /// A response that `requests` has got.
    pub fn delegated(call: Call, response: Py<PyAny>) -> Self {
        Response {
            outcome: Outcome::Delegated(response),
            call,
            sent: None,
            history: Vec::new(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, ResponseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event's arguments, if the task has looked at them and so may have changed them.
    pub fn touched_meta(&self, py: Python<'_>) -> Option<Py<PyDict>> {
        self.state().meta.as_ref().map(|meta| meta.clone_ref(py))
    }

    fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Answer { answer, .. } => Some(answer),
            _ => None,
        }
    }

    fn status(&self, py: Python<'_>) -> PyResult<u16> {
        match &self.outcome {
            Outcome::Answer { answer, .. } => Ok(answer.status()),
            Outcome::Failed(_) => Ok(0),
            Outcome::Delegated(inner) => inner.bind(py).getattr(intern!(py, "status_code"))?.extract(),
        }
    }

    fn reason_bytes(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        match &self.outcome {
            Outcome::Answer { answer, .. } => Ok(answer.reason().to_vec()),
            Outcome::Failed(_) => Ok(Vec::new()),
            Outcome::Delegated(inner) => {
                let reason: Option<String> = inner.bind(py).getattr(intern!(py, "reason"))?.extract()?;
                Ok(reason.unwrap_or_default().into_bytes())
            }
        }
    }

    /// The statistics' text for a failure by status or by what happened on the way.
    pub fn status_text(&self, slf: &Bound<'_, Self>) -> PyResult<Arc<str>> {
        let py = slf.py();
        if let Outcome::Failed(failed) = &self.outcome {
            return failed.text(py, self.sent.as_ref());
        }
        let name = self.call.shown_name(py)?;
        let error =
            report::status_error_text(self.status(py)?, &self.reason_bytes(py)?, name.bind(py).str()?.to_str()?);
        Ok(format!("HTTPError({})", text::python_repr(&error)).into())
    }

    /// The exception for listeners, for the same cases. `meta` may hold another name.
    pub fn status_exception(&self, slf: &Bound<'_, Self>, meta: Option<&Bound<'_, PyDict>>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Outcome::Failed(failed) = &self.outcome {
            return failed.exceptions(py, self.sent.as_ref()).map(|(_, reported)| reported);
        }
        let name = match meta.map(|meta| meta.get_item("name")).transpose()?.flatten() {
            Some(name) => name.str()?.to_str()?.to_owned(),
            None => self.call.shown_name(py)?.bind(py).str()?.to_str()?.to_owned(),
        };
        self.http_error(slf, &name)
    }

    fn http_error(&self, slf: &Bound<'_, Self>, url: &str) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let text = report::status_error_text(self.status(py)?, &self.reason_bytes(py)?, url);
        let arguments = PyDict::new(py);
        arguments.set_item("response", slf)?;
        Ok(py.import("requests.exceptions")?.getattr("HTTPError")?.call((text,), Some(&arguments))?.unbind())
    }

    /// The real `requests.Response` behind this one.
    fn full(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Outcome::Delegated(inner) = &slf.get().outcome {
            return Ok(inner.clone_ref(py));
        }
        if let Some(full) = &slf.get().state().full {
            return Ok(full.clone_ref(py));
        }
        let made = py.import("gregaria.clients")?.call_method1("as_requests_response", (slf,))?.unbind();
        Ok(slf.get().state().full.get_or_insert(made).clone_ref(py))
    }

    /// An attribute made by a function of `gregaria.clients` when first asked for, and kept.
    fn made(
        slf: &Bound<'_, Self>,
        slot: impl Fn(&mut ResponseState) -> &mut Option<Py<PyAny>>,
        make: impl FnOnce() -> PyResult<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Some(known) = slot(&mut slf.get().state()) {
            return Ok(known.clone_ref(py));
        }
        let made = make()?;
        Ok(slot(&mut slf.get().state()).get_or_insert(made).clone_ref(py))
    }

    fn judge(&self, manual: Manual) -> PyResult<()> {
        let mut state = self.state();
        if !state.entered {
            drop(state);
            return Err(locust_error(
                "Tried to set status on a request that has not yet been made. Make sure you use a with-block, like this:\n\n\
                 with self.client.request(..., catch_response=True) as response:\n    response.success()",
            ));
        }
        let old = state.manual.replace(manual);
        drop(state);
        drop(old);
        Ok(())
    }
}

/// A `LocustError` with this text.
pub fn locust_error(text: &str) -> PyErr {
    Python::attach(|py| {
        let made = py.import("gregaria.exception").and_then(|module| module.getattr("LocustError")?.call1((text,)));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}

#[pymethods]
impl Response {
    #[getter(__class__)]
    fn class<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("gregaria.clients")?.getattr("ResponseContextManager")
    }

    /// The status code; 0 if there was no response.
    #[getter]
    fn status_code(&self, py: Python<'_>) -> PyResult<u16> {
        self.status(py)
    }

    #[getter]
    fn reason(slf: &Bound<'_, Self>) -> PyResult<Option<String>> {
        match &slf.get().outcome {
            Outcome::Failed(_) => Ok(None),
            _ => Ok(Some(text::latin1(&slf.get().reason_bytes(slf.py())?))),
        }
    }

    /// The body, decoded; `None` if there was no response.
    #[getter]
    fn content(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        match &slf.get().outcome {
            Outcome::Answer { answer, .. } => {
                Self::made(slf, |state| &mut state.content, || Ok(PyBytes::new(py, answer.body()).into_any().unbind()))
            }
            Outcome::Failed(_) => Ok(py.None()),
            Outcome::Delegated(inner) => inner.bind(py).getattr("content").map(Bound::unbind),
        }
    }

    /// The body as text, by the encoding that the headers name or that the text seems to have.
    #[getter]
    fn text<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Some(answer) = slf.get().answer() {
            let untouched = slf.get().state().encoding.is_none();
            // The overwhelming case; ASCII is the same text in every encoding that a server would name.
            if untouched && (answer.body().is_ascii() && !names_wide_encoding(answer) || names_utf8(answer)) {
                return Ok(PyString::new(py, &String::from_utf8_lossy(answer.body())).into_any());
            }
        } else if matches!(slf.get().outcome, Outcome::Failed(_)) {
            return Ok(PyString::new(py, "").into_any());
        }
        let full = Self::full(slf)?;
        full.bind(py).setattr("encoding", Self::encoding(slf)?)?;
        full.bind(py).getattr("text")
    }

    /// The body parsed as JSON; arguments as of `json.loads`.
    #[pyo3(signature = (**kwargs))]
    fn json<'py>(slf: &Bound<'py, Self>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let body = slf.get().answer().map(Answer::body);
        if let (Some(body), None) = (body, kwargs)
            && !body.is_empty()
            && body[0] != 0
            && !body.starts_with(b"\xef\xbb\xbf")
            && let Ok(text) = std::str::from_utf8(body)
            && let Some(parsed) = super::json::parse(py, text)?
        {
            return Ok(parsed);
        }
        Self::full(slf)?.into_bound(py).call_method("json", (), kwargs)
    }

    /// Case-insensitive; several values of one name are joined by a comma.
    #[getter]
    fn headers(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Outcome::Delegated(inner) = &slf.get().outcome {
            return inner.bind(py).getattr("headers").map(Bound::unbind);
        }
        Self::made(
            slf,
            |state| &mut state.headers,
            || {
                let pairs = slf.call_method0("_raw_headers")?;
                py.import("gregaria.clients")?.call_method1("response_headers", (pairs,)).map(Bound::unbind)
            },
        )
    }

    /// Names and values of the header lines, in order.
    fn _raw_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        if let Some(answer) = self.answer() {
            for (name, value) in answer.headers() {
                list.append((text::latin1(name), text::latin1(value)))?;
            }
        }
        Ok(list)
    }

    /// The cookies that this response sets.
    #[getter]
    fn cookies(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Outcome::Delegated(inner) = &slf.get().outcome {
            return inner.bind(py).getattr("cookies").map(Bound::unbind);
        }
        Self::made(
            slf,
            |state| &mut state.cookies,
            || py.import("gregaria.clients")?.call_method1("response_cookies", (slf,)).map(Bound::unbind),
        )
    }

    /// The URL of the last request, or `None` if that failed.
    #[getter]
    fn url(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Some(url) = &slf.get().state().url {
            return Ok(url.clone_ref(py));
        }
        match (&slf.get().outcome, &slf.get().sent) {
            (Outcome::Delegated(inner), _) => inner.bind(py).getattr("url").map(Bound::unbind),
            (Outcome::Answer { .. }, Some(sent)) => Ok(PyString::new(py, &sent.target.url()).into_any().unbind()),
            _ => Ok(py.None()),
        }
    }

    #[setter]
    fn set_url(&self, url: Py<PyAny>) {
        let old = self.state().url.replace(url);
        drop(old);
    }

    /// Time from sending to the head of the response.
    #[getter]
    fn elapsed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.outcome {
            Outcome::Answer { elapsed, .. } => {
                let micros = i32::try_from(elapsed.subsec_micros()).unwrap_or(0);
                let seconds = i32::try_from(elapsed.as_secs()).unwrap_or(i32::MAX);
                Ok(PyDelta::new(py, 0, seconds, micros, true)?.into_any())
            }
            Outcome::Failed(_) => Ok(PyDelta::new(py, 0, 0, 0, true)?.into_any()),
            Outcome::Delegated(inner) => inner.bind(py).getattr("elapsed"),
        }
    }

    /// The redirected responses on the way here, oldest first.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.outcome {
            Outcome::Delegated(inner) => inner.bind(py).getattr("history"),
            Outcome::Failed(_) => Ok(PyList::empty(py).into_any()),
            Outcome::Answer { .. } => Ok(PyList::new(py, &self.history)?.into_any()),
        }
    }

    /// The request that was sent last, as a `requests.PreparedRequest`.
    #[getter]
    fn request(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let this = slf.get();
        match (&this.outcome, &this.sent) {
            (Outcome::Delegated(inner), _) => inner.bind(py).getattr("request").map(Bound::unbind),
            (Outcome::Failed(failed), _) if !failed.has_request() => Ok(py.None()),
            (Outcome::Failed(failed), Some(sent)) => {
                let (error, _) = failed.exceptions(py, Some(sent))?;
                Ok(error.bind(py).getattr("request")?.unbind())
            }
            (_, Some(sent)) => Self::made(slf, |state| &mut state.request, || prepared_request(py, sent)),
            (Outcome::Failed(failed), None) => match failed.raised_error(py) {
                Some(error) => Ok(error.bind(py).getattr_opt("request")?.map_or_else(|| py.None(), Bound::unbind)),
                None => Ok(py.None()),
            },
            (Outcome::Answer { .. }, None) => Ok(py.None()),
        }
    }

    /// The encoding of `text`; may be set.
    #[getter]
    fn encoding(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        match &slf.get().outcome {
            Outcome::Failed(_) => Ok(py.None()),
            Outcome::Delegated(inner) => inner.bind(py).getattr("encoding").map(Bound::unbind),
            Outcome::Answer { .. } => Self::made(
                slf,
                |state| &mut state.encoding,
                || {
                    let headers = Self::headers(slf)?;
                    py.import("requests.utils")?
                        .call_method1("get_encoding_from_headers", (headers,))
                        .map(Bound::unbind)
                },
            ),
        }
    }

    #[setter]
    fn set_encoding(&self, py: Python<'_>, encoding: Py<PyAny>) -> PyResult<()> {
        if let Outcome::Delegated(inner) = &self.outcome {
            return inner.bind(py).setattr("encoding", encoding);
        }
        let old = self.state().encoding.replace(encoding);
        drop(old);
        Ok(())
    }

    /// False for 4xx and 5xx. Raises the connection's error if there was no response, as in `requests`.
    #[getter]
    fn ok(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let py = slf.py();
        match &slf.get().outcome {
            Outcome::Failed(failed) => {
                let (error, _) = failed.exceptions(py, slf.get().sent.as_ref())?;
                Err(PyErr::from_value(error.into_bound(py)))
            }
            _ => Ok(!(400..600).contains(&slf.get().status(py)?)),
        }
    }

    fn __bool__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::ok(slf)
    }

    /// The exception that the request failed with, if there was no response.
    #[getter]
    fn error(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match &self.outcome {
            Outcome::Failed(failed) => failed.exceptions(py, self.sent.as_ref()).map(|(error, _)| Some(error)),
            _ => Ok(None),
        }
    }

    /// Raise what is wrong with this response, by the task's own verdict if it has given one.
    fn raise_for_status(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        match &slf.get().state().manual {
            Some(Manual::Success) => return Ok(()),
            Some(Manual::Failure(error)) => return Err(PyErr::from_value(error.bind(py).clone())),
            None => {}
        }
        if Self::ok(slf)? {
            return Ok(());
        }
        let url = Self::url(slf)?;
        let error = slf.get().http_error(slf, url.bind(py).str()?.to_str()?)?;
        Err(PyErr::from_value(error.into_bound(py)))
    }

    /// The arguments of the request event; changes made before the report are reported.
    #[getter]
    fn request_meta(slf: &Bound<'_, Self>) -> PyResult<Py<PyDict>> {
        let py = slf.py();
        if let Some(meta) = slf.get().touched_meta(py) {
            return Ok(meta);
        }
        let made = slf.get().call.meta(slf)?.unbind();
        Ok(slf.get().state().meta.get_or_insert(made).clone_ref(py))
    }

    /// Count the request as a success, whatever its status.
    fn success(&self) -> PyResult<()> {
        self.judge(Manual::Success)
    }

    /// Count the request as a failure; anything but an exception is wrapped into `CatchResponseError`.
    fn failure(&self, py: Python<'_>, exc: &Bound<'_, PyAny>) -> PyResult<()> {
        let error = match exc.is_instance_of::<PyException>() {
            true => exc.clone(),
            false => py.import("gregaria.exception")?.getattr("CatchResponseError")?.call1((exc,))?,
        };
        self.judge(Manual::Failure(error.unbind()))
    }

    /// Whether the task has given a verdict: `None`, `True`, or the exception of a failure.
    #[getter(_manual_result)]
    fn manual_result(&self, py: Python<'_>) -> Py<PyAny> {
        match &self.state().manual {
            None => py.None(),
            Some(Manual::Success) => pyo3::types::PyBool::new(py, true).to_owned().into_any().unbind(),
            Some(Manual::Failure(error)) => error.clone_ref(py),
        }
    }

    #[getter(_entered)]
    fn entered(&self) -> bool {
        self.state().entered
    }

    fn __enter__(slf: Py<Self>) -> PyResult<Py<Self>> {
        if !slf.get().call.catch_response {
            return Err(locust_error(
                "In order to use a with-block for requests, you must also pass catch_response=True",
            ));
        }
        slf.get().state().entered = true;
        Ok(slf)
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let py = slf.py();
        let verdict = match &slf.get().state().manual {
            Some(Manual::Success) => Some(Verdict::Success),
            Some(Manual::Failure(error)) => Some(Verdict::Exception(error.clone_ref(py))),
            None => None,
        };
        if let Some(verdict) = verdict {
            report::report(slf, &verdict)?;
            return Ok(error.is_none());
        }
        if error.is_none() {
            report::evaluate(slf)?;
            return Ok(true);
        }
        let expected = py.import("gregaria.exception")?.getattr("ResponseError")?;
        if error.is_instance(&expected)? {
            report::report(slf, &Verdict::Exception(error.clone().unbind()))?;
            return Ok(true);
        }
        Ok(false)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match &self.outcome {
            Outcome::Delegated(inner) => inner.bind(py).call_method0("close").map(drop),
            _ => Ok(()),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<Response [{}]>", self.status(py)?))
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::full(slf)?.into_bound(slf.py()).call_method1("iter_content", (128,))
    }

    /// Everything else that a `requests.Response` has.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        if name.to_str()?.starts_with("__") {
            return Err(PyAttributeError::new_err(format!("'Response' object has no attribute '{name}'")));
        }
        Self::full(slf)?.into_bound(slf.py()).getattr(name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.call.context)?;
        for hop in &self.history {
            visit.call(hop)?;
        }
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        visit.call(&state.meta)?;
        visit.call(&state.full)?;
        visit.call(&state.request)?;
        if let Some(Manual::Failure(error)) = &state.manual {
            visit.call(error)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let taken = std::mem::take(&mut *self.state());
        drop(taken);
    }
}

/// A request that was sent, as a `requests.PreparedRequest`.
pub fn prepared_request(py: Python<'_>, sent: &Prepared) -> PyResult<Py<PyAny>> {
    let lines = sent.all_lines(py)?;
    let headers = PyList::empty(py);
    for (name, value) in lines.iter() {
        headers.append((text::latin1(name), text::latin1(value)))?;
    }
    let body = sent.body.shown(py, sent.is_json)?;
    let arguments = (sent.method.on_wire(), sent.target.url(), headers, body);
    py.import("gregaria.clients")?.call_method1("prepared_request", arguments).map(Bound::unbind)
}

fn content_type(answer: &Answer) -> String {
    answer.header("content-type").map(text::latin1).unwrap_or_default().to_ascii_lowercase()
}

/// Whether the headers name UTF-8, or JSON without an encoding, which is UTF-8 too.
pub fn names_utf8(answer: &Answer) -> bool {
    let content_type = content_type(answer);
    match content_type.split_once("charset=") {
        Some((_, charset)) => {
            matches!(charset.split(';').next().unwrap_or("").trim().trim_matches(['"', '\'']), "utf-8" | "utf8")
        }
        None => content_type.contains("application/json"),
    }
}

/// Whether the headers name an encoding in which ASCII bytes may be something else.
pub fn names_wide_encoding(answer: &Answer) -> bool {
    let content_type = content_type(answer);
    ["utf-16", "utf-32", "utf-7", "cp037", "cp500", "iso-2022", "hz"].iter().any(|wide| content_type.contains(wide))
}
