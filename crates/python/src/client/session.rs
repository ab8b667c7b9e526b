//! [`HttpSession`]: the native base of `gregaria.clients.HttpSession`, one for each user.
//!
//! Holds what a `requests.Session` holds as far as requests are made natively: base URL, headers, cookies, basic auth,
//! trust, and the connections that are kept alive. Python objects take shape only when somebody looks at them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gregaria_http::DEFAULT_BODY_LIMIT_BYTES;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::bounded;
use super::cookies::Cookies;
use super::headers::{Block, Lines};
use super::idle::Idle;
use super::method::Method;
use super::options::{self, Defaults, Options};
use super::perform;
use super::shared::{self, SharedConnections};
use super::target::Base;
use super::tls::Trust;

/// What changes in a session's life.
#[derive(Default)]
pub struct SessionState {
    base: Option<Arc<Base>>,
    pub(super) idle: Vec<Idle>,
    pub(super) shared: SharedConnections,
    /// Idle connections kept for each origin, where that is not the usual number.
    pub(super) pool_size: Option<usize>,
    /// The header object that scripts see, once one has looked.
    headers: Option<Py<PyAny>>,
    /// The lines made of `headers` when they had this version.
    block: Option<(u64, Arc<Block>)>,
    pub cookies: Cookies,
    request_event: Option<Py<PyAny>>,
    handlers: Option<Py<PyList>>,
    user: Option<Py<PyAny>>,
    request_name: Option<Py<PyAny>>,
    auth: Option<Py<PyAny>>,
    params: Option<Py<PyAny>>,
    pub(super) trust: Trust,
    verify: Option<Py<PyAny>>,
    cert: Option<Py<PyAny>>,
    body_limit: Option<u64>,
    /// The environment names the authorities.
    trusts_environment: bool,
    max_redirects: Option<u32>,
}

/// See the module's text.
#[pyclass(subclass, frozen, weakref, module = "gregaria._engine")]
pub struct HttpSession {
    state: Mutex<SessionState>,
    /// A setting that only `requests` can follow may have been made.
    touched: AtomicBool,
}

impl HttpSession {
    /// A session of which nothing is known yet.
    pub fn blank() -> Self {
        HttpSession { state: Mutex::default(), touched: AtomicBool::new(false) }
    }

    /// What the session holds. Never keep the guard across a call into Python.
    pub fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The base of relative URLs.
    pub fn base(&self) -> Arc<Base> {
        Arc::clone(self.state().base.get_or_insert_with(|| Base::of("")))
    }

    /// The headers that every request of this session has, as lines.
    pub fn block(&self, py: Python<'_>) -> PyResult<Arc<Block>> {
        let Some(headers) = self.state().headers.as_ref().map(|headers| headers.clone_ref(py)) else {
            return Block::standard(py);
        };
        // Only our own header class has a version; another mapping may have changed without a trace.
        let version: Option<u64> = match headers.bind(py).getattr_opt(pyo3::intern!(py, "version"))? {
            Some(version) => version.extract().ok(),
            None => None,
        };
        if let (Some(version), Some((known, block))) = (version, &self.state().block)
            && version == *known
        {
            return Ok(Arc::clone(block));
        }
        let mut lines = Lines::default();
        lines.merge(headers.bind(py))?;
        let block = Block::of_session(py, lines)?;
        if let Some(version) = version {
            self.state().block = Some((version, Arc::clone(&block)));
        }
        Ok(block)
    }

    /// The list of listeners of the request event.
    pub fn handlers(&self, py: Python<'_>) -> Option<Py<PyList>> {
        self.state().handlers.as_ref().map(|handlers| handlers.clone_ref(py))
    }

    /// The session's own authentication, parameters and explicit name.
    pub fn defaults(&self, py: Python<'_>) -> Defaults {
        let state = self.state();
        let clone = |object: &Option<Py<PyAny>>| object.as_ref().map(|object| object.clone_ref(py));
        Defaults {
            auth: clone(&state.auth),
            params: clone(&state.params),
            name: clone(&state.request_name),
            trust: state.trust.clone(),
            body_limit: state.body_limit.unwrap_or(DEFAULT_BODY_LIMIT_BYTES),
            max_redirects: state.max_redirects.unwrap_or(30),
        }
    }

    /// Whether a setting may have been made that only `requests` can follow.
    pub fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }
}

impl Drop for HttpSession {
    fn drop(&mut self) {
        Python::attach(|py| self.close_idle(py));
    }
}

#[pymethods]
impl HttpSession {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        HttpSession::blank()
    }

    /// Set what a session is made of; called once by `__init__`.
    fn _set_up(
        &self,
        py: Python<'_>,
        base_url: &str,
        request_event: Option<Py<PyAny>>,
        user: Option<Py<PyAny>>,
        auth: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let handlers = match &request_event {
            Some(event) => event.bind(py).getattr_opt("_handlers")?.and_then(|list| list.cast_into_exact().ok()),
            None => None,
        };
        let mut state = self.state();
        state.base = Some(Base::of(base_url));
        state.handlers = handlers.map(Bound::unbind);
        state.request_event = request_event;
        state.user = user;
        state.auth = auth;
        Ok(())
    }

    /// Set how connections are made and used; closes those that are idle.
    fn _set_network(&self, py: Python<'_>, settings: shared::Settings) -> PyResult<()> {
        let pool_size = settings.pool_size;
        let network = settings.network()?;
        let mut state = self.state();
        state.pool_size = Some(pool_size);
        state.trust = state.trust.over(network);
        drop(state);
        self.close_idle(py);
        Ok(())
    }

    /// From now on every request asks `_needs_requests()` whether it has to be made by `requests` itself.
    fn _touch(&self) {
        self.touched.store(true, Ordering::Relaxed);
    }

    #[getter]
    fn base_url(&self) -> String {
        self.base().url.clone()
    }

    #[setter]
    fn set_base_url(&self, url: &str) {
        self.state().base = Some(Base::of(url));
    }

    #[getter]
    pub fn request_event(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().request_event.as_ref().map(|event| event.clone_ref(py))
    }

    #[setter]
    fn set_request_event(&self, py: Python<'_>, event: Option<Py<PyAny>>) -> PyResult<()> {
        let handlers = match &event {
            Some(event) => {
                event.bind(py).getattr_opt("_handlers")?.and_then(|list| list.cast_into_exact::<PyList>().ok())
            }
            None => None,
        };
        let mut state = self.state();
        let old = (state.request_event.take(), state.handlers.take());
        (state.request_event, state.handlers) = (event, handlers.map(Bound::unbind));
        drop(state);
        drop(old);
        Ok(())
    }

    #[getter]
    pub fn user(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().user.as_ref().map(|user| user.clone_ref(py))
    }

    #[setter]
    fn set_user(&self, user: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.state().user, user);
        drop(old);
    }

    #[getter]
    pub fn request_name(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().request_name.as_ref().map(|name| name.clone_ref(py))
    }

    #[setter]
    fn set_request_name(&self, name: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.state().request_name, name);
        drop(old);
    }

    /// The headers of every request; made when first looked at.
    #[getter]
    fn headers(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if let Some(headers) = &self.state().headers {
            return Ok(headers.clone_ref(py));
        }
        let made = py.import("gregaria.clients")?.call_method0("session_headers")?.unbind();
        Ok(self.state().headers.get_or_insert(made).clone_ref(py))
    }

    #[setter]
    fn set_headers(&self, headers: Py<PyAny>) {
        let mut state = self.state();
        let old = (state.headers.replace(headers), state.block.take());
        drop(state);
        drop(old);
    }

    /// The cookie jar; made, from the cookies kept so far, when first looked at.
    #[getter]
    fn cookies(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Cookies::jar(slf)
    }

    #[setter]
    fn set_cookies(slf: &Bound<'_, Self>, jar: &Bound<'_, PyAny>) -> PyResult<()> {
        Cookies::replace(slf, jar)
    }

    #[getter]
    fn auth(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().auth.as_ref().map(|auth| auth.clone_ref(py))
    }

    #[setter]
    fn set_auth(&self, auth: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.state().auth, auth);
        drop(old);
    }

    #[getter]
    fn params(&self, py: Python<'_>) -> Py<PyAny> {
        let mut state = self.state();
        state.params.get_or_insert_with(|| PyDict::new(py).into_any().unbind()).clone_ref(py)
    }

    #[setter]
    fn set_params(&self, params: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.state().params, params);
        drop(old);
    }

    #[getter]
    fn verify(&self, py: Python<'_>) -> Py<PyAny> {
        match &self.state().verify {
            Some(verify) => verify.clone_ref(py),
            None => pyo3::types::PyBool::new(py, true).to_owned().into_any().unbind(),
        }
    }

    #[setter]
    fn set_verify(&self, verify: &Bound<'_, PyAny>) -> PyResult<()> {
        let trust = self.state().trust.clone();
        let trust = trust.with(Some(verify), None)?.into_owned();
        let mut state = self.state();
        // As in `requests`, the environment's authorities, if it is asked for them, go before a session's setting.
        if !state.trusts_environment {
            state.trust = trust;
        }
        let old = state.verify.replace(verify.clone().unbind());
        drop(state);
        drop(old);
        Ok(())
    }

    /// The certificate shown to servers that ask for one: a path, or a certificate's and its key's.
    #[getter]
    fn cert(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().cert.as_ref().map(|cert| cert.clone_ref(py))
    }

    #[setter]
    fn set_cert(&self, cert: &Bound<'_, PyAny>) -> PyResult<()> {
        let trust = self.state().trust.clone();
        let trust = trust.with(None, Some(cert))?.into_owned();
        let mut state = self.state();
        state.trust = trust;
        let old = std::mem::replace(&mut state.cert, Some(cert.clone().unbind()).filter(|_| !cert.is_none()));
        drop(state);
        drop(old);
        Ok(())
    }

    /// Set the authorities that the environment names, if the session trusts it.
    fn _set_environment_bundle(&self, py: Python<'_>, bundle: Option<std::path::PathBuf>) -> PyResult<()> {
        let trusts_environment = bundle.is_some();
        let mut trust = self.state().trust.in_environment(bundle);
        if !trusts_environment {
            trust = trust.with(Some(self.verify(py).bind(py)), None)?.into_owned();
        }
        let mut state = self.state();
        (state.trust, state.trusts_environment) = (trust, trusts_environment);
        Ok(())
    }

    /// How many bytes of a body are kept; larger ones are counted only.
    #[getter]
    fn max_body_bytes(&self) -> u64 {
        self.state().body_limit.unwrap_or(DEFAULT_BODY_LIMIT_BYTES)
    }

    #[setter]
    fn set_max_body_bytes(&self, limit: &Bound<'_, PyAny>) -> PyResult<()> {
        let limit = bounded::limit(limit)?;
        self.state().body_limit = Some(limit);
        Ok(())
    }

    #[getter]
    fn max_redirects(&self) -> u32 {
        self.state().max_redirects.unwrap_or(30)
    }

    #[setter]
    fn set_max_redirects(&self, limit: u32) {
        self.state().max_redirects = Some(limit);
    }

    /// Close the connections that are kept alive.
    fn close(&self, py: Python<'_>) {
        self.close_idle(py);
    }

    /// Make a request. After the URL come, by position too: name, catch_response, context.
    #[pyo3(signature = (method, url, *args, **kwargs))]
    fn request<'py>(
        slf: &Bound<'py, Self>,
        method: &Bound<'py, PyAny>,
        url: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let method = match method.cast::<PyBytes>() {
            Ok(bytes) => Method::named(&String::from_utf8_lossy(bytes.as_bytes())),
            Err(_) => Method::named(method.cast::<PyString>()?.to_str()?),
        };
        if args.is_empty() {
            return perform::perform(slf, method, url, Options::of(kwargs)?, kwargs);
        }
        let all = options::with_positional(args, kwargs)?;
        perform::perform(slf, method, url, Options::of(Some(&all))?, Some(&all))
    }

    #[pyo3(signature = (url, **kwargs))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        perform::verb(slf, Method::GET, url, kwargs)
    }

    #[pyo3(signature = (url, **kwargs))]
    fn options<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        perform::verb(slf, Method::OPTIONS, url, kwargs)
    }

    #[pyo3(signature = (url, **kwargs))]
    fn head<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        perform::verb(slf, Method::HEAD, url, kwargs)
    }

    #[pyo3(signature = (url, **kwargs))]
    fn delete<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        perform::verb(slf, Method::DELETE, url, kwargs)
    }

    #[pyo3(signature = (url, data = None, json = None, **kwargs))]
    fn post<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        json: Option<Bound<'py, PyAny>>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        perform::verb_with_body(slf, Method::POST, url, (data, json), kwargs)
    }

    #[pyo3(signature = (url, data = None, *, json = None, **kwargs))]
    fn put<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        json: Option<Bound<'py, PyAny>>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        perform::verb_with_body(slf, Method::PUT, url, (data, json), kwargs)
    }

    #[pyo3(signature = (url, data = None, *, json = None, **kwargs))]
    fn patch<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        json: Option<Bound<'py, PyAny>>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        perform::verb_with_body(slf, Method::PATCH, url, (data, json), kwargs)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        visit.call(&state.user)?;
        visit.call(&state.headers)?;
        visit.call(&state.request_event)?;
        visit.call(&state.handlers)?;
        visit.call(&state.request_name)?;
        visit.call(&state.auth)?;
        visit.call(&state.params)?;
        visit.call(&state.verify)?;
        visit.call(&state.cert)?;
        state.cookies.traverse(&visit)
    }

    fn __clear__(&self) {
        let mut state = self.state();
        let held = (state.user.take(), state.headers.take(), state.auth.take(), state.params.take());
        drop(state);
        drop(held);
    }
}
