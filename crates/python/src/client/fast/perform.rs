//! The road of a fast session's request: prepare it, hand it to the reactor, reconnect, retry, follow redirects, report.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gregaria_http::codec::{Decoder, Fed};
use gregaria_http::{Channel, Completion, DEFAULT_BODY_LIMIT_BYTES, Failure, Request, Response as Answer};
use gregaria_stats::PhaseSample;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::caught::{self, ErrorResponse};
use super::failed::{self, FastFailed, Remedy};
use super::options::Options;
use super::pool::ClientPool;
use super::report::{self, FastCall};
use super::request::{self, Sent};
use super::response::{self, FastResponse, Outcome};
use super::session::{FastHttpSession, Limits};
use crate::client::bounded;
use crate::client::coding;
use crate::client::cookies::Cookies;
use crate::client::method::Method;
use crate::client::stream::{BodyStream, Home, Route};
use crate::client::timings;
use crate::client::tracing;
use crate::hub::Hub;

/// Make a request and report it, or leave the report to the `with` block of the response.
pub fn perform<'py>(
    session: &Bound<'py, FastHttpSession>,
    method: Method,
    url: &Bound<'py, PyAny>,
    mut options: Options<'py>,
) -> PyResult<Py<PyAny>> {
    let catch_response = options.catch_response;
    let (journey, sent) = begin(session, method, url, &mut options)?;
    told(session.py(), journey.go(sent, None)?, catch_response)
}

/// Prepare a request.
pub fn begin<'a, 'py>(
    session: &'a Bound<'py, FastHttpSession>,
    method: Method,
    url: &Bound<'py, PyAny>,
    options: &mut Options<'py>,
) -> PyResult<(Journey<'a, 'py>, Sent)> {
    let py = session.py();
    let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    options.place_unknown(method.name())?;
    options.trace = tracing::begin(py, &mut options.headers)?;
    let url = url.cast::<PyString>()?;
    let this = session.get();
    let aim = this.aims(session).resolve(py, url.to_str()?)?;
    let limits = this.limits(options);
    let sent = Sent::prepare(session, &method, &aim, options, &limits)?;
    let name = match &options.name {
        Some(name) => Some(name.clone().unbind()),
        None => session.as_super().get().request_name(py),
    };
    let call = FastCall {
        session: session.clone().unbind(),
        method,
        name,
        aim,
        context: options.context.as_ref().map(|context| context.clone().unbind()),
        started_at,
        duration_us: 0,
        phases: None,
        length: 0,
        trace: options.trace.take(),
    };
    let journey = Journey { session, stream: options.stream, limits, call, history: Vec::new(), total: Duration::ZERO };
    Ok((journey, sent))
}

/// Hand the response over, reported unless it is caught.
pub fn told(py: Python<'_>, response: FastResponse, catch_response: bool) -> PyResult<Py<PyAny>> {
    if catch_response {
        return caught::wrapped(py, response);
    }
    let response = match &response.outcome {
        Outcome::Failed(_) => Bound::new(py, ErrorResponse::over(response))?.into_super(),
        Outcome::Answer { .. } => Bound::new(py, response)?,
    };
    report::evaluate(&response, None)?;
    Ok(response.into_any().unbind())
}

/// A request on its way, over redirects, to its response.
pub struct Journey<'a, 'py> {
    session: &'a Bound<'py, FastHttpSession>,
    stream: bool,
    limits: Limits,
    call: FastCall,
    history: Vec<Py<FastResponse>>,
    total: Duration,
}

/// A request under way whose caller holds no greenlet. Redirects, retries and new connections are the caller's greenlet's.
pub struct Underway {
    session: Py<FastHttpSession>,
    sent: Sent,
    limits: Limits,
    call: FastCall,
    pool: Py<ClientPool>,
    catch_response: bool,
}

impl Underway {
    /// Prepare a request and what is to be sent; `None` if it cannot be made without a greenlet.
    pub fn begin<'py>(
        session: &Bound<'py, FastHttpSession>,
        method: &Method,
        url: &Bound<'py, PyAny>,
        mut options: Options<'py>,
    ) -> PyResult<Option<(Self, Box<Request>)>> {
        let py = session.py();
        let pool = session.get().pool(session)?;
        if options.stream || session.get().limits(&options).needs_second_road || !pool.get().enter_if_free() {
            return Ok(None);
        }
        let begun = begin(session, method.clone(), url, &mut options);
        let (journey, mut sent) = match begun {
            Ok((journey, sent)) if !sent.target.endpoint.host.is_empty() => (journey, sent),
            other => {
                pool.get().leave(py)?;
                return other.map(|_| None);
            }
        };
        let request = journey.add_cookies(&mut sent).and_then(|()| journey.request(&sent, pool.get()));
        let Journey { limits, call, .. } = journey;
        match request {
            Ok(request) => {
                let (session, catch_response) = (session.clone().unbind(), options.catch_response);
                Ok(Some((Underway { session, sent, limits, call, pool, catch_response }, request)))
            }
            Err(error) => {
                pool.get().leave(py)?;
                Err(error)
            }
        }
    }

    /// The request was given up.
    pub fn abandon(self, py: Python<'_>) -> PyResult<()> {
        self.pool.get().leave(py)
    }

    /// Go on with what has come of it, and report it.
    pub fn finish(self, py: Python<'_>, completion: Completion) -> PyResult<Py<PyAny>> {
        let session = self.session.bind(py);
        let (limits, call, total) = (self.limits, self.call, Duration::ZERO);
        let mut journey = Journey { session, stream: false, limits, call, history: Vec::new(), total };
        let arrived = journey.received(&self.sent, self.pool.get(), completion);
        self.pool.get().leave(py)?;
        told(py, journey.go(self.sent, Some(arrived))?, self.catch_response)
    }
}

/// An answer, the time to its head, what broke its body, and the body that is still to be read, if it is streamed.
struct Arrived {
    answer: Answer,
    elapsed: Duration,
    broken: Option<FastFailed>,
    stream: Option<Py<PyAny>>,
    phases: Option<PhaseSample>,
}

impl Journey<'_, '_> {
    /// To the response; `first` is what has come of the first request, if it was made already.
    fn go(mut self, mut sent: Sent, mut first: Option<Result<Arrived, FastFailed>>) -> PyResult<FastResponse> {
        let py = self.session.py();
        let endpoint = Arc::clone(&self.call.aim.target.endpoint);
        let (mut retries, mut redirects) = (0, 0);
        loop {
            let arrived = match self.arrive(&mut sent, first.take())? {
                Ok(arrived) => arrived,
                Err(failed) => {
                    if failed.remedy(py)? != Remedy::Retry {
                        return Ok(self.failed(failed, sent));
                    }
                    if retries < self.limits.max_retries && request::is_idempotent(&sent.method) {
                        (retries, redirects) = (retries + 1, 0);
                        continue;
                    }
                    let failed = failed.exceeded(py, &self.call.aim.url, self.limits.told_retries)?;
                    return Ok(self.failed(failed, sent));
                }
            };
            let status = arrived.answer.status();
            let is_bad = !self.limits.accepts(status);
            let location = match !is_bad && self.limits.max_redirects > 0 && self.limits.follows(status) {
                true => request::location(&arrived.answer),
                false => None,
            };
            let Some(location) = location else { return self.answered(arrived, is_bad, sent) };
            let next = match sent.redirected(py, &arrived.answer, &location, &endpoint, &self.limits) {
                Ok(next) => next,
                Err(error) => return self.refused(error, sent),
            };
            self.keep_hop(arrived, std::mem::replace(&mut sent, next))?;
            redirects += 1;
            if redirects > self.limits.max_redirects {
                let errors = py.import("gregaria.fast.errors")?;
                let error =
                    errors.call_method1("too_many_redirects", (&*self.call.aim.url, self.limits.told_redirects))?;
                return Ok(self.failed(FastFailed::raised(py, PyErr::from_value(error)), sent));
            }
        }
    }

    /// Send, over another connection if the one that was idle turns out to be closed.
    fn arrive(
        &mut self,
        sent: &mut Sent,
        first: Option<Result<Arrived, FastFailed>>,
    ) -> PyResult<Result<Arrived, FastFailed>> {
        let py = self.session.py();
        if first.is_none() {
            self.add_cookies(sent)?;
        }
        if sent.target.endpoint.host.is_empty() {
            let failure = Failure::Resolve { code: -2, text: "Name or service not known".to_owned() };
            return Ok(Err(FastFailed::native(failure, sent, false)));
        }
        let pool = self.session.get().pool(self.session)?;
        let mut attempts = match request::is_idempotent(&sent.method) {
            true => pool.get().concurrency() + 1,
            false => 0,
        };
        let arrived = match first {
            Some(Err(failed)) if attempts > 0 && failed.remedy(py)? == Remedy::Reconnect => {
                attempts -= 1;
                self.arrive_within(sent, &pool, attempts)?
            }
            Some(first) => first,
            None => self.arrive_within(sent, &pool, attempts)?,
        };
        if let Ok(arrived) = &arrived
            && arrived.answer.has_set_cookie()
        {
            let headers = arrived.answer.headers().filter(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie"));
            Cookies::keep(self.session.as_super(), &sent.target, headers.map(|(_, value)| value))?;
        }
        Ok(arrived)
    }

    fn arrive_within(
        &mut self,
        sent: &Sent,
        home: &Py<ClientPool>,
        mut attempts: usize,
    ) -> PyResult<Result<Arrived, FastFailed>> {
        let (py, pool) = (self.session.py(), home.get());
        pool.enter(py)?;
        let arrived = loop {
            let arrived = match self.limits.needs_second_road {
                true => self.exchange_by_python(sent),
                false if self.stream => self.exchange_streamed(sent, home),
                false => self.exchange(sent, pool),
            };
            match &arrived {
                Ok(Err(failed)) if attempts > 0 && failed.remedy(py)? == Remedy::Reconnect => attempts -= 1,
                _ => break arrived,
            }
        };
        pool.leave(py)?;
        arrived
    }

    fn add_cookies(&self, sent: &mut Sent) -> PyResult<()> {
        if !sent.has_cookie() {
            sent.cookie = Cookies::header(self.session.as_super(), sent.method.name(), &sent.target)?;
        }
        Ok(())
    }

    fn request(&self, sent: &Sent, pool: &ClientPool) -> PyResult<Box<Request>> {
        Ok(Box::new(Request {
            connection: pool.take_idle(&sent.origin),
            shared: pool.shared(&sent.origin),
            is_head: sent.method.is_head(),
            connect_timeout: self.limits.connect,
            read_timeout: self.limits.read,
            body_limit: self.limits.body_limit(),
            ..Request::new(Arc::clone(&sent.origin), sent.wire(self.session.py())?)
        }))
    }

    fn exchange(&mut self, sent: &Sent, pool: &ClientPool) -> PyResult<Result<Arrived, FastFailed>> {
        let py = self.session.py();
        let completion = Hub::get(py)?.exchange(py, self.request(sent, pool)?)?;
        Ok(self.received(sent, pool, *completion))
    }

    fn received(&mut self, sent: &Sent, pool: &ClientPool, mut completion: Completion) -> Result<Arrived, FastFailed> {
        if let Some(connection) = completion.connection {
            pool.keep_idle(&sent.origin, connection);
        }
        let taken = completion.timings;
        self.total += taken.finished.saturating_duration_since(taken.started);
        let phases = Some(timings::add(&mut self.call.phases, &completion));
        let elapsed = taken.first_byte.unwrap_or(taken.finished).saturating_duration_since(taken.started);
        coding::put_words(self.session.py(), &mut completion, "gregaria.fast.errors");
        if let Some(defect) = completion.result.as_ref().ok().and_then(Answer::defect) {
            return Err(FastFailed::refused(defect, sent));
        }
        match (completion.result, completion.broken) {
            (Ok(answer), _) => Ok(Arrived { answer, elapsed, broken: None, stream: None, phases }),
            (Err(failure), Some(broken)) if !broken.at_once => {
                // A decoder that fails has eaten the body.
                let decoding = matches!(failure, Failure::Decode { .. });
                let answer = if decoding { broken.response.into_head() } else { broken.response };
                let broken = Some(FastFailed::native(failure, sent, true));
                Ok(Arrived { answer, elapsed, broken, stream: None, phases })
            }
            (Err(failure), _) => Err(FastFailed::native(failure, sent, taken.first_byte.is_some())),
        }
    }

    /// As [`Journey::exchange`], with a body that is read while it comes in.
    fn exchange_streamed(&mut self, sent: &Sent, home: &Py<ClientPool>) -> PyResult<Result<Arrived, FastFailed>> {
        let py = self.session.py();
        let mut request = self.request(sent, home.get())?;
        let channel = Channel::new(false);
        request.channel = Some(Arc::clone(&channel));
        request.body_limit = u64::MAX;
        let completion = Hub::get(py)?.exchange(py, request)?;
        let (started, phases) = (completion.timings.started, timings::sample(&completion));
        let has_head = completion.result.is_ok();
        let mut received = self.received(sent, home.get(), *completion);
        if has_head {
            let (origin, read_timeout) = (Arc::clone(&sent.origin), self.limits.read);
            let route = Route { origin, closes: false, read_timeout, started, phases };
            // One that is let go closes its connection.
            let stream = BodyStream::new(channel, Home::Pool(home.clone_ref(py)), route);
            if let Ok(arrived) = &mut received {
                arrived.stream = Some(Bound::new(py, stream)?.into_any().unbind());
            }
        }
        Ok(received)
    }

    /// TLS contexts of the script's own: over a socket of gevent.
    fn exchange_by_python(&mut self, sent: &Sent) -> PyResult<Result<Arrived, FastFailed>> {
        let py = self.session.py();
        let endpoint = &sent.target.endpoint;
        let site = (sent.origin.tls.is_some(), endpoint.host.as_str(), endpoint.port);
        let wire = PyBytes::new(py, &sent.wire(py)?);
        let seconds = |timeout: Option<Duration>| timeout.map(|timeout| timeout.as_secs_f64());
        let timeouts = (seconds(self.limits.connect), seconds(self.limits.read));
        let arguments = (self.session, site, &*sent.method.on_wire(), wire, timeouts, self.stream);
        let begun = Instant::now();
        let result = py.import("gregaria.fast.second_road")?.call_method1("send", arguments);
        let elapsed = begun.elapsed();
        self.total += elapsed;
        let (head, stream): (Vec<u8>, Py<PyAny>) = match result {
            Ok(result) => result.extract()?,
            Err(error) => {
                return if failed::is_failure(py, &error)? {
                    Ok(Err(FastFailed::raised(py, error)))
                } else {
                    Err(error)
                };
            }
        };
        let mut decoder = Decoder::default();
        decoder.start(true, DEFAULT_BODY_LIMIT_BYTES);
        match decoder.feed(&head) {
            Ok(Fed::Done(_)) => {}
            Ok(Fed::More) => return Err(PyRuntimeError::new_err("the head of a streamed response is not complete")),
            Err(failure) => return Ok(Err(FastFailed::native(failure, sent, false))),
        }
        Ok(match decoder.take() {
            Ok((answer, _)) => Ok(Arrived { answer, elapsed, broken: None, stream: Some(stream), phases: None }),
            Err(failure) => Err(FastFailed::native(failure, sent, false)),
        })
    }

    fn keep_hop(&mut self, arrived: Arrived, sent: Sent) -> PyResult<()> {
        let py = self.session.py();
        let call = FastCall {
            session: self.call.session.clone_ref(py),
            method: sent.method.clone(),
            name: None,
            aim: Arc::clone(&sent.aim),
            context: None,
            started_at: self.call.started_at,
            duration_us: 0,
            phases: arrived.phases,
            length: 0,
            trace: None,
        };
        let Arrived { answer, elapsed, stream, .. } = arrived;
        let outcome = Outcome::Answer { answer, elapsed, stream, is_bad: false, broken: None };
        self.history.push(Py::new(py, FastResponse::new(outcome, call, sent, Vec::new()))?);
        Ok(())
    }

    fn answered(mut self, arrived: Arrived, is_bad: bool, sent: Sent) -> PyResult<FastResponse> {
        let Arrived { answer, elapsed, mut broken, stream, .. } = arrived;
        let py = self.session.py();
        let declared = || {
            let length = answer.header("content-length").unwrap_or_default();
            std::str::from_utf8(length).ok().and_then(|length| length.trim().parse().ok()).unwrap_or(0)
        };
        let mut read = None;
        match &stream {
            _ if broken.is_some() => {}
            None => self.call.length = bounded::length(py, &answer, self.limits.body_limit()),
            Some(_) if self.stream => self.call.length = declared(),
            Some(body) => {
                let begun = Instant::now();
                let content = response::content_of(py, body, &answer);
                self.total += begun.elapsed();
                match content {
                    Ok(content) => {
                        self.call.length = content.bind(py).len()? as u64;
                        read = Some(content);
                    }
                    Err(error) if failed::is_failure(py, &error)? => {
                        broken = Some(FastFailed::raised(py, error));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        if self.stream && stream.is_none() {
            self.call.length = declared();
        }
        let broken = match broken {
            // Of a status that counts as a failure nothing is told without its body.
            Some(failed) if is_bad => return Ok(self.failed(failed, sent)),
            broken => broken.map(Box::new),
        };
        self.call.duration_us = u64::try_from(self.total.as_micros()).unwrap_or(u64::MAX);
        let history = if is_bad { Vec::new() } else { self.history };
        let stream = if broken.is_some() { None } else { stream };
        let outcome = Outcome::Answer { answer, elapsed, stream, is_bad, broken };
        Ok(FastResponse::new(outcome, self.call, sent, history).with_content(read))
    }

    fn failed(mut self, failed: FastFailed, sent: Sent) -> FastResponse {
        self.call.duration_us = u64::try_from(self.total.as_micros()).unwrap_or(u64::MAX);
        FastResponse::new(Outcome::Failed(failed), self.call, sent, Vec::new())
    }

    /// An exception of Python code on the way: a failed request, or the task's affair.
    fn refused(self, error: PyErr, sent: Sent) -> PyResult<FastResponse> {
        let py = self.session.py();
        if failed::is_failure(py, &error)? { Ok(self.failed(FastFailed::raised(py, error), sent)) } else { Err(error) }
    }
}
