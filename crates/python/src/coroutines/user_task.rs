//! [`UserTask`]: drives the coroutines of one user, one after the other, and is what asyncio takes for the current task in
//! them. It has the interface of an `asyncio.Task`, so that timeouts, task groups and libraries work, but no future.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::iterator::PySendResult;
use pyo3::types::{PyDict, PyIterator, PyList, PySet};

use super::event_loop::{EventLoop, block};
use crate::client::PendingResponse;
use crate::greenlet;
use crate::hub::{Hub, Ready};
use crate::users::UserCore;

/// Child tasks at which finished ones are let go of.
const PRUNE_AT: usize = 32;

#[derive(Default)]
struct TaskState {
    /// What runs: the iterator of a coroutine.
    running: Option<Py<PyAny>>,
    /// What it waits for; `None` also while it only gives others a turn.
    waits_for: Option<Py<PyAny>>,
    /// The greenlet that waits for it, if it is driven in place.
    blocked: Option<Py<PyAny>>,
    /// Counts steps, so that what wakes it too late is told apart.
    turn: u32,
    /// It may go on.
    is_woken: bool,
    must_cancel: bool,
    message: Option<Py<PyAny>>,
    cancels: usize,
    is_killed: bool,
    is_done: bool,
    callbacks: Vec<Py<PyAny>>,
    /// Tasks that were made in this one, and not awaited maybe.
    children: Option<Py<PySet>>,
    prune_at: usize,
    name: Option<Py<PyAny>>,
}

/// See the module's text.
#[pyclass(frozen, weakref, module = "gregaria._engine")]
pub struct UserTask {
    user: Py<UserCore>,
    state: Mutex<TaskState>,
}

/// What a step came to.
pub enum Stepped {
    Finished(PyResult<Py<PyAny>>),
    Waits,
}

impl UserTask {
    /// The task of `user`, made now if there is none.
    pub fn of<'py>(user: &Bound<'py, UserCore>) -> PyResult<Bound<'py, UserTask>> {
        let py = user.py();
        if let Some(task) = &user.get().state().task {
            return Ok(task.bind(py).clone());
        }
        let task = Bound::new(py, UserTask { user: user.clone().unbind(), state: Mutex::default() })?;
        py.import("gregaria.event_loop")?.call_method1("own_context", (&task,))?;
        user.get().state().task = Some(task.clone().unbind());
        Ok(task)
    }

    fn state(&self) -> MutexGuard<'_, TaskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Run `coroutine` until it waits for something or ends; `thrown` is raised where it waits now.
    pub fn step(
        slf: &Bound<'_, Self>,
        coroutine: &Bound<'_, PyIterator>,
        mut thrown: Option<PyErr>,
    ) -> PyResult<Stepped> {
        let py = slf.py();
        let event_loop = EventLoop::get(py)?;
        loop {
            let (waited, message) = {
                let mut state = slf.get().state();
                state.running = Some(coroutine.clone().into_any().unbind());
                state.is_woken = false;
                state.turn = state.turn.wrapping_add(1);
                let message = std::mem::take(&mut state.must_cancel).then(|| state.message.take());
                (state.waits_for.take(), message)
            };
            drop(waited);
            if let Some(message) = message {
                thrown = Some(event_loop.cancellation(py, message.as_ref()));
            }
            let sent = event_loop.step(slf.as_any(), || match thrown.take() {
                Some(error) => throw(coroutine, error),
                None => coroutine.send(py.None().bind(py)),
            })?;
            match sent {
                Ok(PySendResult::Return(value)) => return Ok(Stepped::Finished(Ok(value.unbind()))),
                Err(error) => return Ok(Stepped::Finished(Err(error))),
                Ok(PySendResult::Next(awaited)) => match slf.get().wait_for(slf, event_loop, awaited) {
                    Ok(()) => return Ok(Stepped::Waits),
                    Err(error) => thrown = Some(error),
                },
            }
        }
    }

    /// Take in what the coroutine has yielded.
    fn wait_for(&self, slf: &Bound<'_, Self>, event_loop: &EventLoop, awaited: Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        if let Ok(pending) = awaited.cast_exact::<PendingResponse>() {
            self.state().waits_for = Some(awaited.clone().unbind());
            pending.get().set_waiter(slf);
        } else if awaited.is_none() {
            return Self::wake_later(slf);
        } else {
            self.wait_for_future(slf, event_loop, &awaited)?;
        }
        let must_cancel = self.state().must_cancel;
        if must_cancel && awaited.call_method0(intern!(py, "cancel")).and_then(|done| done.is_truthy())? {
            self.state().must_cancel = false;
        }
        Ok(())
    }

    fn wait_for_future(
        &self,
        slf: &Bound<'_, Self>,
        event_loop: &EventLoop,
        future: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let blocking = future.getattr_opt(intern!(py, "_asyncio_future_blocking"))?;
        if !matches!(blocking, Some(blocking) if blocking.is_truthy()?) {
            return Err(PyRuntimeError::new_err(format!(
                "a user can await what the client's a-methods return and what asyncio can await, not {}",
                future.repr()?
            )));
        }
        if !future.call_method0(intern!(py, "get_loop"))?.is(&event_loop.object) {
            return Err(PyRuntimeError::new_err(format!(
                "{} belongs to another event loop: make it inside a coroutine of the user",
                future.repr()?
            )));
        }
        future.setattr(intern!(py, "_asyncio_future_blocking"), false)?;
        self.state().waits_for = Some(future.clone().unbind());
        let context = PyDict::new(py);
        context.set_item(intern!(py, "context"), &event_loop.context)?;
        future.call_method(intern!(py, "add_done_callback"), (slf,), Some(&context)).map(drop)
    }

    /// What the coroutine waits for has come. Called by the hub, which goes on with it at once.
    pub fn wake(slf: &Bound<'_, Self>, hub: &Hub) {
        let py = slf.py();
        let blocked = {
            let mut state = slf.get().state();
            state.is_woken = true;
            state.blocked.as_ref().map(|greenlet| greenlet.clone_ref(py))
        };
        match blocked {
            Some(greenlet) => hub.resume(py, greenlet.bind(py)),
            None => hub.run(py, slf.get().user.clone_ref(py)),
        }
    }

    /// As [`UserTask::wake`] from anywhere: the hub goes on with it at its next drain.
    pub fn wake_later(slf: &Bound<'_, Self>) -> PyResult<()> {
        let turn = slf.get().state().turn;
        Hub::get(slf.py())?.enqueue(Ready::Wake(slf.clone().unbind(), turn));
        Ok(())
    }

    /// As [`UserTask::wake`], unless it has gone on since `turn`.
    pub fn wake_of(slf: &Bound<'_, Self>, hub: &Hub, turn: u32) {
        if slf.get().state().turn == turn {
            Self::wake(slf, hub);
        }
    }

    /// The coroutine waits, and so does the running greenlet with it. An error is what the coroutine gets instead.
    pub fn wait_in_place(slf: &Bound<'_, Self>, hub: &Hub) -> PyResult<()> {
        let py = slf.py();
        slf.get().state().blocked = Some(greenlet::current(py)?.unbind());
        let mut result = Ok(());
        while result.is_ok() && !slf.get().state().is_woken {
            result = block(hub.greenlet(py));
        }
        let blocked = slf.get().state().blocked.take();
        drop(blocked);
        match result {
            Err(error) if greenlet::is_exit(py, &error) => {
                slf.get().state().is_killed = true;
                Err(EventLoop::get(py)?.cancellation(py, None))
            }
            other => other,
        }
    }

    /// Cancel what runs, for good: whatever it makes of that, the user ends after it.
    pub fn kill(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().state().is_killed = true;
        Self::cancel(slf, None).map(drop)
    }

    /// A coroutine has ended. True if it was killed.
    pub fn end_coroutine(&self) -> bool {
        let mut state = self.state();
        let held = (state.running.take(), state.waits_for.take(), state.message.take());
        (state.must_cancel, state.cancels) = (false, 0);
        let killed = std::mem::take(&mut state.is_killed);
        drop(state);
        drop(held);
        killed
    }

    /// The user is over: cancel what it has left behind, and tell who waits.
    pub fn end(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let (callbacks, children) = {
            let mut state = slf.get().state();
            state.is_done = true;
            (std::mem::take(&mut state.callbacks), state.children.take())
        };
        if let Some(children) = children {
            for child in children.bind(py).call_method0("copy")?.try_iter()? {
                child?.call_method0(intern!(py, "cancel"))?;
            }
        }
        for callback in callbacks {
            EventLoop::get(py)?.call_soon(callback.bind(py), slf.as_any())?;
        }
        Ok(())
    }
}

/// `coroutine.throw(error)`, answered like `send`.
fn throw<'py>(coroutine: &Bound<'py, PyIterator>, error: PyErr) -> PyResult<PySendResult<'py>> {
    let py = coroutine.py();
    match coroutine.call_method1(intern!(py, "throw"), (error.into_value(py),)) {
        Ok(yielded) => Ok(PySendResult::Next(yielded)),
        Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
            Ok(PySendResult::Return(error.value(py).getattr(intern!(py, "value"))?))
        }
        Err(error) => Err(error),
    }
}

/// If `awaitable` can be awaited, do so in the running greenlet, as a part of what `user` does, and return the result.
#[pyfunction]
pub fn complete(user: &Bound<'_, UserCore>, awaitable: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = user.py();
    let Some(coroutine) = iterator_of(awaitable)? else { return Ok(awaitable.clone().unbind()) };
    let hub = Hub::get(py)?;
    let task = UserTask::of(user)?;
    let outer = {
        let mut state = task.get().state();
        (state.running.take(), state.waits_for.take())
    };
    let mut thrown = None;
    let result = loop {
        match UserTask::step(&task, &coroutine, thrown.take())? {
            Stepped::Finished(result) => break result,
            Stepped::Waits => thrown = UserTask::wait_in_place(&task, hub).err(),
        }
    };
    let killed = task.get().end_coroutine();
    {
        let mut state = task.get().state();
        (state.running, state.waits_for) = outer;
    }
    if killed { Err(greenlet::exit(py)) } else { result }
}

/// What to drive if a call has returned something that can be awaited.
pub fn iterator_of<'py>(returned: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyIterator>>> {
    if returned.is_none() {
        return Ok(None);
    }
    let py = returned.py();
    let Some(method) = returned.get_type().getattr_opt(intern!(py, "__await__"))? else { return Ok(None) };
    Ok(Some(method.call1((returned,))?.cast_into::<PyIterator>()?))
}

#[pymethods]
impl UserTask {
    /// A future that the coroutine waits for is done.
    fn __call__(slf: &Bound<'_, Self>, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let awaited = slf.get().state().waits_for.as_ref().is_some_and(|awaited| awaited.is(future));
        if awaited { Self::wake_later(slf) } else { Ok(()) }
    }

    /// Have `CancelledError` raised where the user waits. False if the user is over.
    #[pyo3(signature = (msg = None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let py = slf.py();
        let awaited = {
            let mut state = slf.get().state();
            if state.is_done {
                return Ok(false);
            }
            state.cancels += 1;
            state.waits_for.as_ref().map(|awaited| awaited.clone_ref(py))
        };
        let arguments = PyDict::new(py);
        if let Some(message) = &msg {
            arguments.set_item(intern!(py, "msg"), message)?;
        }
        if let Some(awaited) = awaited
            && awaited.bind(py).call_method(intern!(py, "cancel"), (), Some(&arguments))?.is_truthy()?
        {
            return Ok(true);
        }
        let mut state = slf.get().state();
        state.must_cancel = true;
        let old = std::mem::replace(&mut state.message, msg);
        drop(state);
        drop(old);
        Ok(true)
    }

    /// How often what runs has been asked to cancel.
    fn cancelling(&self) -> usize {
        self.state().cancels
    }

    /// Take one `cancel()` back; returns how many are left.
    fn uncancel(&self) -> usize {
        let mut state = self.state();
        state.cancels = state.cancels.saturating_sub(1);
        if state.cancels == 0 {
            state.must_cancel = false;
        }
        state.cancels
    }

    /// Remember a task that was made in this one: it is cancelled when the user ends.
    fn _adopt(slf: &Bound<'_, Self>, child: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let (known, prune_at, is_done) = {
            let state = slf.get().state();
            (state.children.as_ref().map(|children| children.clone_ref(py)), state.prune_at, state.is_done)
        };
        if is_done {
            return child.call_method0(intern!(py, "cancel")).map(drop);
        }
        let children = match known {
            Some(children) => children.into_bound(py),
            None => PySet::empty(py)?,
        };
        if children.len() >= prune_at.max(PRUNE_AT) {
            for each in children.call_method0("copy")?.try_iter()? {
                let each = each?;
                if each.call_method0(intern!(py, "done"))?.is_truthy()? {
                    children.discard(&each)?;
                }
            }
            slf.get().state().prune_at = children.len() * 2;
        }
        children.add(child)?;
        slf.get().state().children = Some(children.unbind());
        Ok(())
    }

    fn done(&self) -> bool {
        self.state().is_done
    }

    fn cancelled(&self) -> bool {
        false
    }

    fn get_coro(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().running.as_ref().map(|running| running.clone_ref(py))
    }

    fn get_loop(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(EventLoop::get(py)?.object.clone_ref(py))
    }

    fn get_name(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match &self.state().name {
            Some(name) => Ok(name.clone_ref(py)),
            None => Ok(self.user.bind(py).get_type().name()?.into_any().unbind()),
        }
    }

    fn set_name(&self, name: Py<PyAny>) {
        let old = self.state().name.replace(name);
        drop(old);
    }

    #[pyo3(signature = (*, limit = None))]
    fn get_stack<'py>(&self, py: Python<'py>, limit: Option<usize>) -> Bound<'py, PyList> {
        let _ = limit;
        PyList::empty(py)
    }

    /// The user whose coroutines these are.
    #[getter]
    pub fn user(&self, py: Python<'_>) -> Py<UserCore> {
        self.user.clone_ref(py)
    }

    #[getter]
    fn _fut_waiter(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().waits_for.as_ref().map(|awaited| awaited.clone_ref(py))
    }

    #[getter]
    fn _must_cancel(&self) -> bool {
        self.state().must_cancel
    }

    /// Have `callback(task)` called at the user's end.
    #[pyo3(signature = (callback, *, context = None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        context: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = context;
        {
            let mut state = slf.get().state();
            if !state.is_done {
                state.callbacks.push(callback.clone().unbind());
                return Ok(());
            }
        }
        EventLoop::get(slf.py())?.call_soon(callback, slf.as_any())
    }

    fn remove_done_callback(&self, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let callbacks = std::mem::take(&mut self.state().callbacks);
        let before = callbacks.len();
        let mut kept = Vec::new();
        for each in callbacks {
            if !each.bind(callback.py()).eq(callback)? {
                kept.push(each);
            }
        }
        let removed = before - kept.len();
        self.state().callbacks.append(&mut kept);
        Ok(removed)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.user)?;
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        visit.call(&state.running)?;
        visit.call(&state.waits_for)?;
        visit.call(&state.blocked)?;
        visit.call(&state.message)?;
        visit.call(&state.children)?;
        visit.call(&state.name)?;
        for callback in &state.callbacks {
            visit.call(callback)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let held = {
            let mut state = self.state();
            let held = (state.running.take(), state.waits_for.take(), state.blocked.take(), state.children.take());
            (held, std::mem::take(&mut state.callbacks))
        };
        drop(held);
    }
}
