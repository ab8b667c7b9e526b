//! [`PendingResponse`]: what `client.aget(…)` and its like return, to be awaited.
//!
//! To the driver of a user's coroutine it is what the coroutine waits for, and nothing lies between it and the hub. To an
//! asyncio task, which may await it too, it is a future. It is a coroutine as well, so that it can be made a task.
//!
//! ```text
//!   Asked ── first send() ──▶ Waiting ── the hub ──▶ Arrived ── next send() ──▶ Over, or Waiting for a redirect
//!                               └── cancel(), throw(), close() ──▶ the request is given up
//! ```

mod verbs;

use std::sync::{Mutex, MutexGuard, PoisonError};

use gregaria_http::{Completion, Request};
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::fast::{self, FastHttpSession, Underway};
use super::method::Method;
use super::options::Options;
use super::perform::{self, Journey, Next};
use super::session::HttpSession;
use super::tracing;
use crate::coroutines::{EventLoop, UserTask};
use crate::hub::Hub;
use crate::users::UserCore;

/// A request on its way.
enum Under {
    Http(Box<Journey>),
    Fast(Box<Underway>),
}

/// Who waits for the answer, and for which one.
#[derive(Default)]
struct Waiting {
    slot: usize,
    serial: u32,
    task: Option<Py<UserTask>>,
    callbacks: Vec<(Py<PyAny>, Option<Py<PyAny>>)>,
    /// The loop that runs what waits, if that is one of the script's own.
    foreign: Option<Py<PyAny>>,
    /// What asyncio asks of the futures that a coroutine yields.
    is_blocking: bool,
}

enum Stage {
    Asked,
    Waiting(Under, Waiting),
    Arrived(Under, Box<Completion>),
    Cancelled(Option<Py<PyAny>>),
    Over,
}

/// See the module's text.
#[pyclass(frozen, weakref, module = "gregaria._engine")]
pub struct PendingResponse {
    session: Py<HttpSession>,
    method: Method,
    url: Py<PyAny>,
    kwargs: Option<Py<PyDict>>,
    stage: Mutex<Stage>,
    block: Mutex<Block>,
}

/// The `async with` block of a response.
#[derive(Default)]
struct Block {
    is_entered: bool,
    response: Option<Py<PyAny>>,
}

impl PendingResponse {
    fn asked(
        session: &Bound<'_, HttpSession>,
        method: Method,
        url: &Bound<'_, PyAny>,
        kwargs: Option<Bound<'_, PyDict>>,
    ) -> Self {
        PendingResponse {
            session: session.clone().unbind(),
            method,
            url: url.clone().unbind(),
            kwargs: kwargs.map(Bound::unbind),
            stage: Mutex::new(Stage::Asked),
            block: Mutex::default(),
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn block(&self) -> MutexGuard<'_, Block> {
        self.block.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A user's coroutine has yielded this: `task` is to be woken.
    pub fn set_waiter(&self, task: &Bound<'_, UserTask>) {
        if let Stage::Waiting(_, waiting) = &mut *self.stage() {
            waiting.task = Some(task.clone().unbind());
        }
    }

    /// The user whose coroutine waits for it.
    pub fn waiting_user(&self, py: Python<'_>) -> Option<Py<UserCore>> {
        match &*self.stage() {
            Stage::Waiting(_, waiting) => waiting.task.as_ref().map(|task| task.get().user(py)),
            _ => None,
        }
    }

    /// The answer is there. Called by the hub.
    pub fn arrived(slf: &Bound<'_, Self>, hub: &Hub, completion: Box<Completion>) {
        let waiting = {
            let mut stage = slf.get().stage();
            let Stage::Waiting(under, waiting) = std::mem::replace(&mut *stage, Stage::Over) else { return };
            *stage = Stage::Arrived(under, completion);
            waiting
        };
        if let Some(task) = &waiting.task {
            UserTask::wake(task.bind(slf.py()), hub);
        }
        if let Err(error) = Self::call_back(slf, waiting) {
            hub.report(slf.py(), error);
        }
    }

    fn call_back(slf: &Bound<'_, Self>, waiting: Waiting) -> PyResult<()> {
        let py = slf.py();
        for (callback, context) in waiting.callbacks {
            match &waiting.foreign {
                None => EventLoop::get(py)?.call_soon_in(callback.bind(py), slf.as_any(), context.as_ref())?,
                Some(foreign) => {
                    let kwargs = PyDict::new(py);
                    kwargs.set_item(intern!(py, "context"), context)?;
                    let method = intern!(py, "call_soon_threadsafe");
                    foreign.bind(py).call_method(method, (callback, slf), Some(&kwargs))?;
                }
            }
        }
        Ok(())
    }

    /// One step: the response, or `None` while there is something to wait for.
    fn go_on(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let this = slf.get();
        let stage = {
            let mut stage = this.stage();
            if let Stage::Waiting(..) = &*stage {
                return Err(PyRuntimeError::new_err("this response is awaited already"));
            }
            std::mem::replace(&mut *stage, Stage::Over)
        };
        let session = this.session.bind(py);
        let kwargs = this.kwargs.as_ref().map(|kwargs| kwargs.bind(py));
        match stage {
            Stage::Asked => Self::begin(slf, session, kwargs),
            Stage::Arrived(Under::Http(journey), completion) => {
                Hub::get(py)?.state().health.completed += 1;
                let options = Options::of(kwargs)?;
                let next = journey.arrived(session, this.url.bind(py), &options, completion)?;
                Self::proceed(slf, next)
            }
            Stage::Arrived(Under::Fast(underway), completion) => {
                Hub::get(py)?.state().health.completed += 1;
                underway.finish(py, *completion).map(Some)
            }
            Stage::Cancelled(message) => Err(EventLoop::get(py)?.cancellation(py, message.as_ref())),
            Stage::Over | Stage::Waiting(..) => {
                Err(PyRuntimeError::new_err("a response can be awaited once; keep what the first await gave"))
            }
        }
    }

    fn begin(
        slf: &Bound<'_, Self>,
        session: &Bound<'_, HttpSession>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let (method, url) = (&slf.get().method, slf.get().url.bind(py));
        // What is made in Python is made in the greenlet of whoever awaits it.
        let fast = session.cast::<FastHttpSession>().ok();
        let overrides = match fast {
            Some(fast) => fast::overrides_request(fast)?,
            None => perform::overrides_request(session)?,
        };
        if session.get().is_touched() || overrides || !Hub::get(py)?.is_home() {
            return session
                .call_method(intern!(py, "request"), (method.name(), url), kwargs)
                .map(Bound::unbind)
                .map(Some);
        }
        let Some(fast) = fast else {
            let mut options = Options::of(kwargs)?;
            options.trace = tracing::begin(py, &mut options.headers)?;
            let next = perform::begin(session, method.clone(), url, &options, kwargs)?;
            return Self::proceed(slf, next);
        };
        match Underway::begin(fast, method, url, fast::Options::of(kwargs)?)? {
            Some((underway, request)) => Self::submit(slf, Under::Fast(Box::new(underway)), request).map(|()| None),
            None => fast::perform(fast, method.clone(), url, fast::Options::of(kwargs)?).map(Some),
        }
    }

    fn proceed(slf: &Bound<'_, Self>, next: Next) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        match next {
            Next::Done(response) => perform::told(py, response).map(Some),
            Next::Send(journey) => {
                let request = journey.request(slf.get().session.bind(py))?;
                Self::submit(slf, Under::Http(journey), request).map(|()| None)
            }
        }
    }

    fn submit(slf: &Bound<'_, Self>, under: Under, request: Box<Request>) -> PyResult<()> {
        let (slot, serial) = Hub::get(slf.py())?.submit_awaited(slf, request);
        let waiting = Waiting { slot, serial, is_blocking: true, ..Waiting::default() };
        *slf.get().stage() = Stage::Waiting(under, waiting);
        Ok(())
    }

    /// One step as an iterator does it.
    fn advance(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let Some(mut response) = Self::go_on(slf)? else { return Ok(slf.clone().into_any().unbind()) };
        if slf.get().block().is_entered {
            response = response.call_method0(py, intern!(py, "__enter__"))?;
            slf.get().block().response = Some(response.clone_ref(py));
        }
        Err(PyStopIteration::new_err((response,)))
    }

    /// Nobody will take the answer. What was waited for, if it was.
    fn give_up(slf: &Bound<'_, Self>, then: Stage) -> PyResult<Option<Waiting>> {
        let py = slf.py();
        let stage = std::mem::replace(&mut *slf.get().stage(), then);
        let (under, waiting) = match stage {
            Stage::Waiting(under, waiting) => {
                Hub::get(py)?.abandon_awaited(waiting.slot, waiting.serial);
                (under, Some(waiting))
            }
            Stage::Arrived(under, completion) => {
                let hub = Hub::get(py)?;
                hub.state().health.aborted += 1;
                hub.close(completion.connection);
                (under, None)
            }
            _ => return Ok(None),
        };
        if let Under::Fast(underway) = under {
            underway.abandon(py)?;
        }
        Ok(waiting)
    }
}

#[pymethods]
impl PendingResponse {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::advance(slf)
    }

    fn send(slf: &Bound<'_, Self>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Self::advance(slf)
    }

    /// Give the request up and raise.
    #[pyo3(signature = (kind, value = None, traceback = None))]
    fn throw(
        slf: &Bound<'_, Self>,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = traceback;
        Self::give_up(slf, Stage::Over)?;
        Err(match value {
            Some(value) if !value.is_none() => PyErr::from_value(value.clone()),
            _ => PyErr::from_value(kind.clone()),
        })
    }

    /// Give the request up.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::give_up(slf, Stage::Over).map(drop)
    }

    fn __aenter__(slf: Py<Self>) -> Py<Self> {
        slf.get().block().is_entered = true;
        slf
    }

    #[pyo3(signature = (*error))]
    fn __aexit__(&self, py: Python<'_>, error: &Bound<'_, PyTuple>) -> PyResult<Settled> {
        let response = self.block().response.take();
        let result = match response {
            Some(response) => response.bind(py).call_method1(intern!(py, "__exit__"), error.clone())?.unbind(),
            None => py.None(),
        };
        Ok(Settled { value: Mutex::new(Some(result)) })
    }

    /// Give the request up; who waits gets `CancelledError`. False if there is nothing to give up.
    #[pyo3(signature = (msg = None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        if !matches!(&*slf.get().stage(), Stage::Waiting(..)) {
            return Ok(false);
        }
        let Some(waiting) = Self::give_up(slf, Stage::Cancelled(msg))? else { return Ok(false) };
        if let Some(task) = &waiting.task {
            UserTask::wake_later(task.bind(slf.py()))?;
        }
        Self::call_back(slf, waiting)?;
        Ok(true)
    }

    #[getter]
    fn _asyncio_future_blocking(&self) -> Option<bool> {
        match &*self.stage() {
            Stage::Waiting(_, waiting) => Some(waiting.is_blocking),
            _ => None,
        }
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        if let Stage::Waiting(_, waiting) = &mut *self.stage() {
            waiting.is_blocking = blocking;
        }
    }

    fn get_loop(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let event_loop = EventLoop::get(py)?;
        let running = event_loop.running(py)?;
        if running.is_none() || running.is(&event_loop.object) {
            return Ok(event_loop.object.clone_ref(py));
        }
        if let Stage::Waiting(_, waiting) = &mut *self.stage() {
            waiting.foreign = Some(running.clone().unbind());
        }
        Ok(running.unbind())
    }

    #[pyo3(signature = (callback, *, context = None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        if let Stage::Waiting(_, waiting) = &mut *slf.get().stage() {
            waiting.callbacks.push((callback.clone().unbind(), context));
            return Ok(());
        }
        Self::call_back(slf, Waiting { callbacks: vec![(callback.clone().unbind(), context)], ..Waiting::default() })
    }

    fn done(&self) -> bool {
        !matches!(&*self.stage(), Stage::Asked | Stage::Waiting(..))
    }

    fn cancelled(&self) -> bool {
        matches!(&*self.stage(), Stage::Cancelled(_))
    }

    /// Nothing, as soon as there is something to go on with: the response is what the await gives.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match &*self.stage() {
            Stage::Cancelled(message) => Err(EventLoop::get(py)?.cancellation(py, message.as_ref())),
            Stage::Asked | Stage::Waiting(..) => Err(PyRuntimeError::new_err("this response is not there yet")),
            _ => Ok(()),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.session)?;
        visit.call(&self.url)?;
        visit.call(&self.kwargs)?;
        if let Ok(block) = self.block.try_lock() {
            visit.call(&block.response)?;
        }
        let Ok(stage) = self.stage.try_lock() else { return Ok(()) };
        if let Stage::Waiting(_, waiting) = &*stage {
            visit.call(&waiting.task)?;
            visit.call(&waiting.foreign)?;
            for (callback, context) in &waiting.callbacks {
                visit.call(callback)?;
                visit.call(context)?;
            }
        }
        Ok(())
    }
}

/// An awaitable that is there already.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct Settled {
    value: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl Settled {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self) -> PyResult<Py<PyAny>> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(PyStopIteration::new_err((value,)))
    }
}
