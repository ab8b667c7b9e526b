//! [`FastHttpSession`]: the native base of `gregaria.contrib.fasthttp.FastHttpSession`, one for each user.
//!
//! Cookies, base URL, event and user are those of [`HttpSession`], which it extends; here is what differs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gregaria_http::{DEFAULT_BODY_LIMIT_BYTES, Origin, Proxy};
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::aim::Aims;
use super::options::Options;
use super::perform;
use super::pool::ClientPool;
use super::request;
use crate::client::bounded;
use crate::client::headers::{Block, Lines};
use crate::client::method::Method;
use crate::client::sending::ProxyRoute;
use crate::client::session::HttpSession;
use crate::client::shared;
use crate::client::target::Target;
use crate::client::tls::Trust;

/// What geventhttpclient 2.6 calls itself; servers and dashboards may look for it.
const USER_AGENT: &[u8] = b"python/gevent-http-client-2.6.1";
const ACCEPTED_ENCODINGS: &[u8] = b"gzip, deflate, br";

static SESSION_CLASS: PyOnceLock<(Py<PyType>, Py<PyAny>)> = PyOnceLock::new();

#[derive(Default)]
struct FastState {
    aims: Option<Arc<Aims>>,
    pool: Option<Py<ClientPool>>,
    /// The pool was given, so that other sessions may have it too.
    shares_pool: bool,
    concurrency: usize,
    limits: Limits,
    default_headers: Option<Py<PyAny>>,
    /// Somebody holds `default_headers` and may change them.
    headers_may_change: bool,
    auth_header: Option<Box<str>>,
    block: Option<Arc<Block>>,
}

/// What bounds one request, and how it is made.
#[derive(Clone, Default)]
pub struct Limits {
    pub connect: Option<Duration>,
    pub read: Option<Duration>,
    pub max_redirects: u32,
    pub max_retries: u32,
    /// The session's own figures, which are what texts tell.
    pub told_redirects: u32,
    pub told_retries: u32,
    valid: Option<Arc<[u16]>>,
    redirecting: Option<Arc<[u16]>>,
    refuses_redirects: bool,
    trust: Trust,
    body_limit: Option<u64>,
    /// A TLS context of the script's own has to be used.
    pub needs_second_road: bool,
    proxy: Option<Arc<Proxy>>,
}

impl Limits {
    /// How many bytes of a body are kept.
    pub fn body_limit(&self) -> u64 {
        self.body_limit.unwrap_or(DEFAULT_BODY_LIMIT_BYTES)
    }

    /// The way to a target.
    pub fn origin(&self, py: Python<'_>, target: &Target) -> PyResult<Arc<Origin>> {
        match &self.proxy {
            None => target.origin(py, &self.trust),
            Some(proxy) => target.origin_through(py, &self.trust, proxy),
        }
    }

    /// Whether `status` counts as a success.
    pub fn accepts(&self, status: u16) -> bool {
        match &self.valid {
            Some(valid) => valid.contains(&status),
            None => matches!(status, 200..=208 | 226 | 301..=304 | 307 | 308),
        }
    }

    /// Whether an answer with `status` sends the client elsewhere.
    pub fn follows(&self, status: u16) -> bool {
        match &self.redirecting {
            _ if self.refuses_redirects => false,
            Some(redirecting) => redirecting.contains(&status),
            None => matches!(status, 301..=303 | 307 | 308),
        }
    }
}

/// See the module's text.
#[pyclass(extends = HttpSession, subclass, frozen, module = "gregaria._engine")]
pub struct FastHttpSession {
    state: Mutex<FastState>,
}

impl FastHttpSession {
    fn state(&self) -> MutexGuard<'_, FastState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What URL arguments stand for in this session.
    pub fn aims(&self, slf: &Bound<'_, Self>) -> Arc<Aims> {
        let base = slf.as_super().get().base();
        let mut state = self.state();
        match &state.aims {
            Some(aims) if aims.are_under(&base) => Arc::clone(aims),
            _ => Arc::clone(state.aims.insert(Aims::under(&base))),
        }
    }

    /// What bounds a request with these options.
    pub fn limits(&self, options: &Options<'_>) -> Limits {
        let mut limits = self.state().limits.clone();
        (limits.told_redirects, limits.told_retries) = (limits.max_redirects, limits.max_retries);
        limits.max_redirects = options.max_redirects.unwrap_or(limits.max_redirects);
        limits.max_retries = options.max_retries.unwrap_or(limits.max_retries);
        limits.refuses_redirects = options.refuses_redirects;
        limits
    }

    /// The pool, made now if there is none.
    pub fn pool(&self, slf: &Bound<'_, Self>) -> PyResult<Py<ClientPool>> {
        let py = slf.py();
        let concurrency = match &*self.state() {
            FastState { pool: Some(pool), .. } => return Ok(pool.clone_ref(py)),
            state => state.concurrency,
        };
        let made = py.import("gregaria.fast.agent")?.getattr("HTTPClientPool")?.call1((concurrency,))?;
        let made = made.cast_into::<ClientPool>()?.unbind();
        Ok(self.state().pool.get_or_insert(made).clone_ref(py))
    }

    /// Close idle connections that no other session can use.
    pub fn release(&self, py: Python<'_>) {
        let own = match &*self.state() {
            FastState { pool: Some(pool), shares_pool: false, .. } => Some(pool.clone_ref(py)),
            _ => None,
        };
        if let Some(pool) = own {
            pool.get().close_idle(py);
        }
    }

    /// The headers that every request of this session has.
    pub fn block(&self, py: Python<'_>) -> PyResult<Arc<Block>> {
        static STANDARD: PyOnceLock<Arc<Block>> = PyOnceLock::new();
        let (defaults, authorization, keeps) = {
            let state = self.state();
            if let Some(block) = &state.block {
                return Ok(Arc::clone(block));
            }
            let defaults = state.default_headers.as_ref().map(|headers| headers.clone_ref(py));
            (defaults, state.auth_header.clone(), !state.headers_may_change)
        };
        if defaults.is_none() && authorization.is_none() {
            let made = || lines(py, None, None).map(Block::of);
            return STANDARD.get_or_try_init(py, made).map(Arc::clone);
        }
        let made = shared(lines(py, defaults.as_ref(), authorization.as_deref())?);
        if keeps {
            self.state().block = Some(Arc::clone(&made));
        }
        Ok(made)
    }
}

fn lines(py: Python<'_>, defaults: Option<&Py<PyAny>>, authorization: Option<&str>) -> PyResult<Lines> {
    let mut lines = Lines::default();
    lines.set(b"User-Agent", USER_AGENT);
    if let Some(defaults) = defaults {
        request::merge(&mut lines, defaults.bind(py))?;
    }
    lines.set(b"Accept-Encoding", ACCEPTED_ENCODINGS);
    if let Some(authorization) = authorization {
        lines.set(b"Authorization", authorization.as_bytes());
    }
    Ok(lines)
}

/// A block of these lines, the same for all sessions that have them, as long as there are not many.
fn shared(lines: Lines) -> Arc<Block> {
    static RECENT: Mutex<Vec<Arc<Block>>> = Mutex::new(Vec::new());
    let made = Block::of(lines);
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = recent.iter().find(|known| known.bytes == made.bytes) {
        return Arc::clone(known);
    }
    if recent.len() < 8 {
        recent.push(Arc::clone(&made));
    }
    made
}

/// `client.get(…)` and its like. A subclass that overrides `request` gets them all.
fn verb<'py>(
    slf: &Bound<'py, FastHttpSession>,
    method: Method,
    url: &Bound<'py, PyAny>,
    (data, json): (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>),
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    if slf.as_super().get().is_touched() || overrides_request(slf)? {
        let all = kwargs.map_or_else(|| Ok(PyDict::new(py)), |kwargs| kwargs.copy())?;
        for (key, value) in [("data", &data), ("json", &json)] {
            if let Some(value) = value {
                all.set_item(key, value)?;
            }
        }
        return slf.call_method(intern!(py, "request"), (method.name(), url), Some(&all)).map(Bound::unbind);
    }
    let mut options = Options::of(kwargs)?;
    options.data = data.or(options.data).filter(|data| !data.is_none());
    options.json = json.or(options.json).filter(|json| !json.is_none());
    perform::perform(slf, method, url, options)
}

/// Whether the session has a `request` of its own, which then makes all its requests.
pub fn overrides_request(slf: &Bound<'_, FastHttpSession>) -> PyResult<bool> {
    let py = slf.py();
    let (class, request) = SESSION_CLASS.get_or_try_init(py, || {
        let class = py.import("gregaria.contrib.fasthttp")?.getattr("FastHttpSession")?.cast_into::<PyType>()?;
        let request = class.getattr("request")?.unbind();
        Ok::<_, PyErr>((class.unbind(), request))
    })?;
    let actual = slf.get_type();
    Ok(!actual.is(class) && !actual.getattr(intern!(py, "request"))?.is(request))
}

fn seconds(timeout: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(timeout?).ok()
}

/// Names of the arguments of `request` that may be given by position, after method and URL.
const POSITIONAL: [&str; 9] =
    ["name", "data", "catch_response", "stream", "headers", "auth", "json", "allow_redirects", "context"];

#[pymethods]
impl FastHttpSession {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        let state = FastState { concurrency: 1, ..FastState::default() };
        PyClassInitializer::from(HttpSession::blank()).add_subclass(FastHttpSession { state: Mutex::new(state) })
    }

    /// Set timeouts in seconds and how often to follow and to try again.
    fn _set_limits(&self, connect: Option<f64>, read: Option<f64>, max_redirects: u32, max_retries: u32) {
        let mut state = self.state();
        state.limits.connect = seconds(connect);
        state.limits.read = seconds(read);
        (state.limits.max_redirects, state.limits.max_retries) = (max_redirects, max_retries);
    }

    /// Set which statuses are a success and which lead elsewhere; None for the usual ones.
    #[pyo3(signature = (valid, redirecting))]
    fn _set_codes(&self, valid: Option<Vec<u16>>, redirecting: Option<Vec<u16>>) {
        let mut state = self.state();
        state.limits.valid = valid.map(Into::into);
        state.limits.redirecting = redirecting.map(Into::into);
    }

    /// Set whether certificates are not looked at, whether the engine cannot make the connections, and the own certificate.
    #[pyo3(signature = (insecure, second_road, cert=None))]
    fn _set_trust(&self, insecure: bool, second_road: bool, cert: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let limits = &mut self.state().limits;
        let trust = Trust::fixed(!insecure, cert)?.over(limits.trust.network().cloned());
        (limits.trust, limits.needs_second_road) = (trust, second_road);
        Ok(())
    }

    /// Set how connections are made and used; closes those that are idle.
    fn _set_network(slf: &Bound<'_, Self>, settings: shared::Settings) -> PyResult<()> {
        let network = settings.network()?;
        {
            let limits = &mut slf.get().state().limits;
            limits.trust = limits.trust.over(network);
        }
        slf.get().release(slf.py());
        Ok(())
    }

    /// How many bytes of a body are kept; larger ones are counted only.
    #[getter]
    fn max_body_bytes(&self) -> u64 {
        self.state().limits.body_limit()
    }

    #[setter]
    fn set_max_body_bytes(&self, limit: &Bound<'_, PyAny>) -> PyResult<()> {
        let limit = bounded::limit(limit)?;
        self.state().limits.body_limit = Some(limit);
        Ok(())
    }

    /// Set the proxy that all requests go through.
    fn _set_proxy(&self, route: &Bound<'_, ProxyRoute>) {
        self.state().limits.proxy = Some(Arc::clone(&route.get().proxy));
    }

    /// Use a pool that others may use too, or one of its own for so many requests at once.
    #[pyo3(signature = (pool, concurrency = 10))]
    fn _set_pool(&self, pool: Option<Py<ClientPool>>, concurrency: usize) {
        let mut state = self.state();
        state.shares_pool = pool.is_some();
        state.concurrency = concurrency;
        let old = std::mem::replace(&mut state.pool, pool);
        drop(state);
        drop(old);
    }

    #[getter(_pool)]
    fn own_pool(slf: &Bound<'_, Self>) -> PyResult<Py<ClientPool>> {
        slf.get().pool(slf)
    }

    /// Set the headers of every request; `kept` if somebody may change them later.
    fn _set_default_headers(&self, headers: Option<Py<PyAny>>, kept: bool) {
        let mut state = self.state();
        state.headers_may_change = kept;
        let old = (std::mem::replace(&mut state.default_headers, headers), state.block.take());
        drop(state);
        drop(old);
    }

    #[getter(_default_headers)]
    fn default_headers(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().default_headers.as_ref().map(|headers| headers.clone_ref(py))
    }

    /// `Authorization` of every request that is not given its own `auth`.
    #[getter]
    pub fn auth_header(&self) -> Option<String> {
        self.state().auth_header.as_deref().map(str::to_owned)
    }

    #[setter]
    fn set_auth_header(&self, header: Option<String>) {
        let mut state = self.state();
        state.auth_header = header.map(Into::into);
        state.block = None;
    }

    /// Close the connections that are kept alive.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().pool(slf)?.get().close_idle(slf.py());
        Ok(())
    }

    #[pyo3(signature = (method, url, *args, **kwargs))]
    fn request<'py>(
        slf: &Bound<'py, Self>,
        method: &str,
        url: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let mut options = Options::of(kwargs)?;
        if !args.is_empty() {
            if args.len() > POSITIONAL.len() {
                return Err(PyTypeError::new_err("request() takes at most 11 positional arguments"));
            }
            let named = PyDict::new(slf.py());
            for (key, value) in POSITIONAL.iter().zip(args.iter()) {
                named.set_item(key, value)?;
            }
            options.take_all(&named)?;
        }
        perform::perform(slf, Method::named(method), url, options)
    }

    #[pyo3(signature = (url, **kwargs))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        verb(slf, Method::GET, url, (None, None), kwargs)
    }

    #[pyo3(signature = (url, **kwargs))]
    fn options<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        verb(slf, Method::OPTIONS, url, (None, None), kwargs)
    }

    #[pyo3(signature = (url, **kwargs))]
    fn head<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        verb(slf, Method::HEAD, url, (None, None), kwargs)
    }

    #[pyo3(signature = (url, **kwargs))]
    fn delete<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        verb(slf, Method::DELETE, url, (None, None), kwargs)
    }

    #[pyo3(signature = (url, data = None, json = None, **kwargs))]
    fn post<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        json: Option<Bound<'py, PyAny>>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        verb(slf, Method::POST, url, (data, json), kwargs)
    }

    #[pyo3(signature = (url, data = None, **kwargs))]
    fn put<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        verb(slf, Method::PUT, url, (data, None), kwargs)
    }

    #[pyo3(signature = (url, data = None, **kwargs))]
    fn patch<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        verb(slf, Method::PATCH, url, (data, None), kwargs)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        visit.call(&state.default_headers)
    }

    fn __clear__(&self) {
        let taken = self.state().default_headers.take();
        drop(taken);
    }
}
