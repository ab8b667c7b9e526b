//! What scripts see of a [`Response`]: attributes, verdicts and the `with` block.

use gregaria_http::Response as Answer;
use pyo3::exceptions::PyException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDelta, PyDict, PyList, PyString};

use super::{Manual, Outcome, Response, changed, locust_error, prepared_request};
use crate::client::encoding::{names_utf8, names_wide_encoding};
use crate::client::report::{self, Verdict};
use crate::client::timings::Timings;
use crate::client::{json, text};

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
            _ if slf.get().state().changed => Ok(Some(text::latin1(&slf.get().reason_bytes(slf.py())?))),
            Outcome::Failed(_) => Ok(None),
            _ => Ok(Some(text::latin1(&slf.get().reason_bytes(slf.py())?))),
        }
    }

    /// The body, decoded; `None` if there was no response.
    #[getter]
    fn content(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Some(answer) = slf.get().answer() {
            let made = || Ok(PyBytes::new(py, answer.body()).into_any().unbind());
            return Self::made(slf, |state| &mut state.content, made);
        }
        match slf.get().elsewhere(py) {
            Some(other) => other.getattr("content").map(Bound::unbind),
            None => Ok(py.None()),
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
        } else if slf.get().elsewhere(py).is_none() {
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
            && let Some(parsed) = json::parse(py, text)?
        {
            return Ok(parsed);
        }
        Self::full(slf)?.into_bound(py).call_method("json", (), kwargs)
    }

    /// Case-insensitive; several values of one name are joined by a comma.
    #[getter]
    fn headers(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Some(other) = slf.get().elsewhere(py) {
            return other.getattr("headers").map(Bound::unbind);
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
                list.append((text::latin1(name), text::unfolded(value)))?;
            }
        }
        Ok(list)
    }

    /// 11 for HTTP/1.1, 20 for HTTP/2; as long as there is no response, the former.
    fn _raw_version(&self) -> u8 {
        self.answer().map_or(11, |answer| answer.version())
    }

    /// The cookies that this response sets.
    #[getter]
    fn cookies(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Some(other) = slf.get().elsewhere(py) {
            return other.getattr("cookies").map(Bound::unbind);
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
    pub(super) fn set_url(&self, url: Py<PyAny>) {
        let old = self.state().url.replace(url);
        drop(old);
    }

    /// Time from sending to the head of the response.
    #[getter]
    fn elapsed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(other) = self.elsewhere(py) {
            return other.getattr("elapsed");
        }
        match &self.outcome {
            Outcome::Answer { elapsed, .. } => {
                let micros = i32::try_from(elapsed.subsec_micros()).unwrap_or(0);
                let seconds = i32::try_from(elapsed.as_secs()).unwrap_or(i32::MAX);
                Ok(PyDelta::new(py, 0, seconds, micros, true)?.into_any())
            }
            _ => Ok(PyDelta::new(py, 0, 0, 0, true)?.into_any()),
        }
    }

    /// Where the time went, redirects included; None if another road than the reactor's was taken.
    #[getter]
    fn timings(&self) -> Option<Timings> {
        Timings::of(self.call.phases)
    }

    /// The redirected responses on the way here, oldest first.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(other) = self.elsewhere(py) {
            return other.getattr("history");
        }
        match &self.outcome {
            Outcome::Failed(_) | Outcome::Delegated(_) => Ok(PyList::empty(py).into_any()),
            Outcome::Answer { .. } => Ok(PyList::new(py, &self.history)?.into_any()),
        }
    }

    /// The request that was sent last, as a `requests.PreparedRequest`.
    #[getter]
    fn request(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let this = slf.get();
        if let Some(other) = this.elsewhere(py) {
            return other.getattr("request").map(Bound::unbind);
        }
        match (&this.outcome, &this.sent) {
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
            (Outcome::Answer { .. } | Outcome::Delegated(_), None) => Ok(py.None()),
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
    pub(super) fn set_encoding(&self, py: Python<'_>, encoding: Py<PyAny>) -> PyResult<()> {
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
            return Err(locust_error("A request in a with-block needs catch_response=True"));
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
        changed::get(slf, name)
    }

    fn __setattr__(slf: &Bound<'_, Self>, name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        changed::set(slf, name, value)
    }

    fn __delattr__(slf: &Bound<'_, Self>, name: &Bound<'_, PyString>) -> PyResult<()> {
        changed::delete(slf, name)
    }

    fn __reduce_ex__<'py>(slf: &Bound<'py, Self>, protocol: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        changed::reduce(slf, protocol)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.is_made {
            return Ok(());
        }
        self.call.traverse(&visit)?;
        match &self.outcome {
            Outcome::Answer { .. } => {}
            Outcome::Failed(failed) => failed.traverse(&visit)?,
            Outcome::Delegated(inner) => visit.call(inner)?,
        }
        for hop in &self.history {
            visit.call(hop)?;
        }
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        if let Some(Manual::Failure(error)) = &state.manual {
            visit.call(error)?;
        }
        visit.call(&state.meta)?;
        for made in [&state.headers, &state.cookies, &state.request, &state.encoding, &state.url, &state.full] {
            visit.call(made)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let taken = std::mem::take(&mut *self.state());
        drop(taken);
    }
}
