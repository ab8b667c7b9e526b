//! The road of a request: prepare it, hand it to the reactor, follow redirects, report it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gregaria_http::{Completion, Request, Response as Answer};
use gregaria_stats::PhaseSample;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::body;
use super::bounded;
use super::coding;
use super::cookies::Cookies;
use super::failure::{self, Failed};
use super::headers::Lines;
use super::method::Method;
use super::options::{self, Defaults, Options, Timeouts};
use super::prepared::{Headers, Prepared};
use super::redirect;
use super::report::{self, Call, Subject};
use super::response::{self, Response};
use super::session::HttpSession;
use super::target::{self, Target};
use super::timings;
use super::tracing;
use crate::hub::Hub;

static NATIVE_REQUEST: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// `client.get(…)` and its like. A subclass that overrides `request` gets them all, as in `requests`.
pub fn verb<'py>(
    session: &Bound<'py, HttpSession>,
    method: Method,
    url: &Bound<'py, PyAny>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyAny>> {
    verb_with_body(session, method, url, (None, None), kwargs)
}

/// As [`verb`], with a body given by position.
pub fn verb_with_body<'py>(
    session: &Bound<'py, HttpSession>,
    method: Method,
    url: &Bound<'py, PyAny>,
    (data, json): (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>),
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let py = session.py();
    if session.get().is_touched() || overrides_request(session)? {
        let all = match kwargs {
            Some(kwargs) => kwargs.copy()?,
            None => PyDict::new(py),
        };
        for (key, value) in [("data", &data), ("json", &json)] {
            if let Some(value) = value {
                all.set_item(key, value)?;
            }
        }
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(&method) && !all.contains("allow_redirects")? {
            all.set_item("allow_redirects", !method.is_head())?;
        }
        return session.call_method(intern!(py, "request"), (method.name(), url), Some(&all)).map(Bound::unbind);
    }
    let mut options = Options::of(kwargs)?;
    options.data = data.or(options.data).filter(|data| !data.is_none());
    options.json = json.or(options.json).filter(|json| !json.is_none());
    if method.is_head() {
        options.allow_redirects.get_or_insert(false);
    }
    perform(session, method, url, options, kwargs)
}

/// Whether the session has a `request` of its own, which then makes all its requests.
pub fn overrides_request(session: &Bound<'_, HttpSession>) -> PyResult<bool> {
    let py = session.py();
    let name = intern!(py, "request");
    // Asked of the native base, because a plugin may have replaced the method of `gregaria.clients.HttpSession` itself.
    let own = NATIVE_REQUEST.get_or_try_init(py, || py.get_type::<HttpSession>().getattr(name).map(Bound::unbind))?;
    Ok(!session.get_type().getattr(name)?.is(own))
}

/// Make a request and report it, or leave the report to the `with` block of the response.
pub fn perform<'py>(
    session: &Bound<'py, HttpSession>,
    method: Method,
    url: &Bound<'py, PyAny>,
    mut options: Options<'py>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let py = session.py();
    options.trace = tracing::begin(py, &mut options.headers)?;
    let mut next = begin(session, method, url, &options, kwargs)?;
    loop {
        match next {
            Next::Done(response) => return told(py, response),
            Next::Send(journey) => {
                let completion = Hub::get(py)?.exchange(py, journey.request(session)?)?;
                next = journey.arrived(session, url, &options, completion)?;
            }
        }
    }
}

/// What a request comes to after each of its steps.
pub enum Next {
    /// Something has to be sent.
    Send(Box<Journey>),
    /// There is a response, which nobody has been told of yet.
    Done(Box<Response>),
}

/// Hand the response over, reported unless it is caught.
pub fn told(py: Python<'_>, response: Box<Response>) -> PyResult<Py<PyAny>> {
    let response = Bound::new(py, *response)?;
    if !response.get().call.catch_response {
        report::evaluate(&response)?;
    }
    Ok(response.into_any().unbind())
}

/// Prepare a request. What only `requests` can do is done here and now.
pub fn begin<'py>(
    session: &Bound<'py, HttpSession>,
    method: Method,
    url: &Bound<'py, PyAny>,
    options: &Options<'py>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Next> {
    let py = session.py();
    if !url.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(format!("a URL must be a str, not {}", url.get_type().name()?)));
    }
    let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let defaults = session.get().defaults(py);
    let call = Call {
        session: session.clone().unbind(),
        method,
        name: options.name.as_ref().map(|name| name.clone().unbind()).or_else(|| clone(py, defaults.name.as_ref())),
        subject: Subject::Unknown,
        context: options.context.as_ref().map(|context| context.clone().unbind()),
        started_at,
        duration_us: 0,
        phases: None,
        length: 0,
        catch_response: options.catch_response,
        trace: clone(py, options.trace.as_ref()),
    };
    let touched = session.get().is_touched() && session.call_method0(intern!(py, "_needs_requests"))?.is_truthy()?;
    let prepared =
        if options.beyond || touched { Ok(None) } else { prepare(session, &call.method, url, options, &defaults) };
    let response = match prepared {
        Ok(Some((prepared, timeouts))) => {
            let subject = Subject::Target(Arc::clone(&prepared.target));
            let call = Call { subject, ..call };
            let (history, total) = (Vec::new(), Duration::ZERO);
            return Ok(Next::Send(Box::new(Journey { prepared, defaults, timeouts, history, call, total })));
        }
        Ok(None) => through_requests(session, url, complete(py, kwargs, options)?, call)?,
        Err(error) if failure::is_reportable(py, &error) => {
            let subject = as_passed(session, url);
            let call = Call { subject, ..call };
            Response::failed(call, Failed::raised(py, error), Vec::new(), None)
        }
        Err(error) => return Err(error),
    };
    Ok(Next::Done(Box::new(response)))
}

fn clone(py: Python<'_>, object: Option<&Py<PyAny>>) -> Option<Py<PyAny>> {
    object.map(|object| object.clone_ref(py))
}

/// What a request is named after that no prepared request is known of any more.
fn as_passed(session: &Bound<'_, HttpSession>, url: &Bound<'_, PyAny>) -> Subject {
    let name = url.str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let url = joined(session, &name);
    Subject::Parts { name, url: Some(url) }
}

/// Everything that a request needs before it can be sent; `None` if it needs `requests` itself.
fn prepare<'py>(
    session: &Bound<'py, HttpSession>,
    method: &Method,
    url: &Bound<'py, PyAny>,
    options: &Options<'py>,
    defaults: &Defaults,
) -> PyResult<Option<(Prepared, Timeouts)>> {
    let py = session.py();
    let Ok(path) = url.cast::<PyString>() else { return Ok(None) };
    if method.index().is_none() {
        py.import("gregaria.clients")?.call_method1("check_method", (&*method.on_wire(),))?;
    }
    let Some(timeouts) = options::timeouts(options.timeout.as_ref())? else { return Ok(None) };
    let Some(encoded) = body::encode(options.data.as_ref(), options.json.as_ref())? else { return Ok(None) };
    let mut authorization = match options.auth.as_ref().or(defaults.auth.as_ref().map(|auth| auth.bind(py))) {
        Some(auth) if auth.is_truthy()? => match basic(auth)? {
            Some(authorization) => Some(authorization),
            None => return Ok(None),
        },
        _ => None,
    };
    let Some(target) = aim(session, path.to_str()?, options, defaults)? else { return Ok(None) };
    if authorization.is_none() && target.endpoint.prefix.contains('@') {
        authorization = of_url(py, &target.url())?;
    }
    let trust = defaults.trust.with(options.verify.as_ref(), options.cert.as_ref())?;
    let block = session.get().block(py)?;
    let headers = match &options.headers {
        Some(headers) => {
            let mut lines: Lines = block.lines.clone();
            lines.merge(headers)?;
            Headers::Own(lines)
        }
        None => Headers::Session(block),
    };
    let Some(cookie) = cookie(session, method, &target, options)? else { return Ok(None) };
    let origin = target.origin(py, &trust)?;
    let is_json = encoded.content_type == Some("application/json");
    let prepared = Prepared {
        method: method.clone(),
        origin,
        target,
        headers,
        content_type: encoded.content_type,
        authorization,
        cookie,
        body: encoded.body,
        is_json,
        body_dropped: false,
    };
    Ok(Some((prepared, timeouts)))
}

/// `Authorization` for basic authentication given as a pair or as `HTTPBasicAuth`; `None` for any other kind.
fn basic(auth: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let helper = auth.py().import("gregaria.clients")?.getattr("basic_authorization")?;
    helper.call1((auth,))?.extract()
}

/// `Authorization` for a user and a password in the URL.
fn of_url(py: Python<'_>, url: &str) -> PyResult<Option<String>> {
    py.import("gregaria.clients")?.call_method1("authorization_of_url", (url,))?.extract()
}

/// The target with the parameters in its query.
fn aim(
    session: &Bound<'_, HttpSession>,
    path: &str,
    options: &Options<'_>,
    defaults: &Defaults,
) -> PyResult<Option<Arc<Target>>> {
    let py = session.py();
    let own = defaults.params.as_ref().map(|params| params.bind(py));
    let own = match own {
        Some(params) if params.is_truthy()? => Some(params),
        _ => None,
    };
    let params = match (&options.params, own) {
        (None, None) => return session.get().base().resolve(py, path).map(Some),
        (Some(_), Some(_)) => return Ok(None),
        (Some(params), None) => params,
        (None, Some(own)) => own,
    };
    if params.is_exact_instance_of::<PyDict>() || params.is_exact_instance_of::<pyo3::types::PyList>() {
        let target = session.get().base().resolve(py, path)?;
        return match body::form_encoded(params)? {
            Some(encoded) if encoded.is_empty() => Ok(Some(target)),
            Some(encoded) => Ok(Some(Arc::new(target.with_query(&encoded)))),
            None => target::asked_of_requests(py, &joined(session, path), Some(params)).map(|it| Some(Arc::new(it))),
        };
    }
    target::asked_of_requests(py, &joined(session, path), Some(params)).map(|target| Some(Arc::new(target)))
}

fn joined(session: &Bound<'_, HttpSession>, path: &str) -> String {
    if target::is_absolute(path) { path.to_owned() } else { session.get().base().url.clone() + path }
}

/// The `Cookie` header's value; `None` if the request's own cookies are more than a dict of strings.
fn cookie(
    session: &Bound<'_, HttpSession>,
    method: &Method,
    target: &Target,
    options: &Options<'_>,
) -> PyResult<Option<String>> {
    let Some(cookies) = &options.cookies else { return Cookies::header(session, method.name(), target).map(Some) };
    let Ok(cookies) = cookies.cast_exact::<PyDict>() else { return Ok(None) };
    if !Cookies::are_native(session) {
        return Ok(None);
    }
    let mut header = Cookies::header(session, method.name(), target)?;
    for (name, value) in cookies.iter() {
        let (Ok(name), Ok(value)) = (name.cast_into_exact::<PyString>(), value.cast_into_exact::<PyString>()) else {
            return Ok(None);
        };
        let (name, value) = (name.to_str()?, value.to_str()?);
        if value.contains(['"', ';', ',', ' ']) {
            return Ok(None);
        }
        if !header.is_empty() {
            header.push_str("; ");
        }
        header.push_str(name);
        header.push('=');
        header.push_str(value);
    }
    Ok(Some(header))
}

/// A request on its way, over redirects, to its response.
pub struct Journey {
    prepared: Prepared,
    defaults: Defaults,
    timeouts: Timeouts,
    history: Vec<Py<Response>>,
    call: Call,
    /// The time that all its requests have taken.
    total: Duration,
}

impl Journey {
    /// What to send next.
    pub fn request(&self, session: &Bound<'_, HttpSession>) -> PyResult<Box<Request>> {
        Ok(Box::new(Request {
            connection: session.get().take_idle(&self.prepared.origin),
            shared: session.get().shared(&self.prepared.origin),
            is_head: self.prepared.method.is_head(),
            connect_timeout: self.timeouts.connect,
            read_timeout: self.timeouts.read,
            body_limit: self.defaults.body_limit,
            ..Request::new(Arc::clone(&self.prepared.origin), self.prepared.wire(session.py())?)
        }))
    }

    /// Take in what came of it.
    pub fn arrived(
        mut self: Box<Self>,
        session: &Bound<'_, HttpSession>,
        url: &Bound<'_, PyAny>,
        options: &Options<'_>,
        mut completion: Box<Completion>,
    ) -> PyResult<Next> {
        let py = session.py();
        self.keep_connection(session, &completion)?;
        let taken = completion.timings;
        self.total += taken.finished.saturating_duration_since(taken.started);
        self.call.duration_us = u64::try_from(self.total.as_micros()).unwrap_or(u64::MAX);
        let phases = timings::add(&mut self.call.phases, &completion);
        let elapsed = taken.first_byte.unwrap_or(taken.finished).saturating_duration_since(taken.started);
        let prepared = &self.prepared;
        let follow = options.allow_redirects.unwrap_or(true);
        coding::put_words(py, &mut completion, "gregaria.failures");
        let answer = match (completion.result, completion.broken) {
            (Ok(answer), _) => answer,
            // Nobody reads the body of a redirect.
            (Err(cause), Some(broken))
                if follow && redirect::is_redirect(&broken.response) && failure::is_passed_over(&cause) =>
            {
                broken.response.into_head()
            }
            (Err(cause), _) => {
                self.call.subject = match failure::struck_in_body(&cause) {
                    true => as_passed(session, url),
                    false => Subject::Target(Arc::clone(&prepared.target)),
                };
                let timeout = options.timeout.as_ref().map(|timeout| timeout.clone().unbind());
                let failed = Failed::native(cause, timeout);
                return Ok(Next::Done(Box::new(Response::failed(
                    self.call,
                    failed,
                    self.history,
                    Some(self.prepared),
                ))));
            }
        };
        if answer.has_set_cookie() {
            let set =
                answer.headers().filter(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie")).map(|(_, value)| value);
            Cookies::keep(session, &prepared.target, set)?;
        }
        if !follow || !redirect::is_redirect(&answer) {
            self.call.length = bounded::length(py, &answer, self.defaults.body_limit);
            let response = Response::answered(self.call, answer, elapsed, self.history, self.prepared);
            return Ok(Next::Done(Box::new(response)));
        }
        if self.history.len() as u32 >= self.defaults.max_redirects {
            return self.redirected_too_often(py, answer, (elapsed, phases));
        }
        let trust = self.defaults.trust.with(options.verify.as_ref(), options.cert.as_ref())?;
        let mut next = redirect::next(py, prepared, &answer, &trust)
            .or_else(|error| failure::with_request(py, error, prepared))?;
        next.cookie = match cookie(session, &next.method, &next.target, options)? {
            Some(cookie) => cookie,
            None => Cookies::header(session, next.method.name(), &next.target)?,
        };
        let before = self.history.iter().map(|hop| hop.clone_ref(py)).collect();
        let sent = std::mem::replace(&mut self.prepared, next);
        let hop = Response::answered(self.call.of_hop(py, &sent, phases), answer, elapsed, before, sent);
        self.history.push(Py::new(py, hop)?);
        Ok(Next::Send(self))
    }

    fn redirected_too_often(
        mut self: Box<Self>,
        py: Python<'_>,
        answer: Answer,
        (elapsed, phases): (Duration, PhaseSample),
    ) -> PyResult<Next> {
        self.call.subject = Subject::Target(Arc::clone(&self.prepared.target));
        let request = response::prepared_request(py, &self.prepared)?;
        let call = self.call.of_hop(py, &self.prepared, phases);
        let hop = Response::answered(call, answer, elapsed, Vec::new(), self.prepared);
        let error = failure::too_many_redirects(py, self.defaults.max_redirects, &request, &Py::new(py, hop)?)?;
        Ok(Next::Done(Box::new(Response::failed(self.call, Failed::raised(py, error), self.history, None))))
    }

    fn keep_connection(&self, session: &Bound<'_, HttpSession>, completion: &Completion) -> PyResult<()> {
        match completion.connection {
            Some(connection) if self.prepared.asks_to_close() => Hub::get(session.py())?.close([connection]),
            Some(connection) => session.get().keep_idle(session.py(), &self.prepared.origin, connection),
            None => {}
        }
        Ok(())
    }
}

/// The keyword arguments of a call with what `options` has besides: a body given by position, a verb's default.
fn complete<'py>(
    py: Python<'py>,
    kwargs: Option<&Bound<'py, PyDict>>,
    options: &Options<'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let all = match kwargs {
        Some(kwargs) => kwargs.copy()?,
        None => PyDict::new(py),
    };
    for (key, value) in [("data", &options.data), ("json", &options.json)] {
        if let Some(value) = value {
            all.set_item(key, value)?;
        }
    }
    if options.trace.is_some() {
        all.set_item("headers", &options.headers)?;
    }
    if let Some(follows) = options.allow_redirects {
        all.set_item("allow_redirects", follows)?;
    }
    Ok(all)
}

/// The second road: `requests` itself makes the request over gevent's sockets.
fn through_requests<'py>(
    session: &Bound<'py, HttpSession>,
    url: &Bound<'py, PyAny>,
    kwargs: Bound<'py, PyDict>,
    mut call: Call,
) -> PyResult<Response> {
    let py = session.py();
    let helper = py.import("gregaria.clients")?.getattr("send_with_requests")?;
    let result = helper.call1((session, call.method.name(), url, kwargs))?;
    let result = result.cast::<PyTuple>()?;
    let (response, error) = (result.get_item(0)?, result.get_item(1)?);
    call.duration_us = result.get_item(2)?.extract()?;
    call.length = result.get_item(3)?.extract()?;
    call.subject = Subject::Parts { name: result.get_item(4)?.extract()?, url: result.get_item(5)?.extract()? };
    let parts: Vec<Py<timings::Timings>> = result.get_item(6)?.extract()?;
    call.phases = timings::Timings::sum(parts.iter().map(Py::get));
    if error.is_none() {
        return Ok(Response::delegated(call, response.unbind()));
    }
    Ok(Response::failed(call, Failed::raised(py, PyErr::from_value(error)), Vec::new(), None))
}
