//! The seam with asyncio: the one loop of the process, and which loop and task asyncio believes to be running.
//!
//! The loop itself is `gregaria.event_loop.HubLoop`; gevent's hub drives it. A step of a coroutine may block, as when it
//! calls `time.sleep()`. Then other greenlets go on meanwhile, which must not find that step's loop and task:
//!
//! ```text
//!   greenlet A: enter ─ step ─ blocks ┐ left            ┌ back ─ step goes on ─ leave
//!   hub:                              └─▶ greenlet B ───┘
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::greenlet;
use crate::hub::{Hub, Ready};

static LOOP: PyOnceLock<EventLoop> = PyOnceLock::new();
/// A coroutine's step is on, and the running greenlet is the one it runs in.
static IN_STEP: AtomicBool = AtomicBool::new(false);

/// See the module's text.
pub struct EventLoop {
    /// The `HubLoop`.
    pub object: Py<PyAny>,
    /// A context for callbacks that need none of their own.
    pub context: Py<PyAny>,
    cancelled: Py<PyAny>,
    get_running: Py<PyAny>,
    set_running: Py<PyAny>,
    current: CurrentTask,
    switch_out: Py<PyAny>,
    state: Mutex<Steps>,
}

/// How asyncio is told which task runs.
enum CurrentTask {
    /// By a function, as of CPython 3.12.
    Swap(Py<PyAny>),
    /// By loop, in a dict.
    Dict(Py<PyDict>),
}

#[derive(Default)]
struct Steps {
    /// The greenlet of the step that is on.
    stepping: Option<Py<PyAny>>,
    /// Greenlets that were left in the middle of a step, and the task of each.
    left: Vec<Left>,
    /// The function that traced switches before ours, while ours does.
    traced_before: Option<Py<PyAny>>,
}

/// A step that is not on because its greenlet was left in the middle of it.
pub struct Left {
    greenlet: Py<PyAny>,
    task: Py<PyAny>,
}

impl EventLoop {
    /// The loop, made when first needed.
    pub fn get(py: Python<'_>) -> PyResult<&'static EventLoop> {
        match LOOP.get(py) {
            Some(known) => Ok(known),
            None => LOOP.get_or_try_init(py, || Self::make(py)),
        }
    }

    fn make(py: Python<'_>) -> PyResult<EventLoop> {
        let events = py.import("asyncio.events")?;
        let tasks = py.import("asyncio.tasks")?;
        let current = match tasks.getattr_opt("_swap_current_task")? {
            Some(swap) => CurrentTask::Swap(swap.unbind()),
            None => CurrentTask::Dict(tasks.getattr("_current_tasks")?.cast_into()?.unbind()),
        };
        Ok(EventLoop {
            object: py.import("gregaria.event_loop")?.call_method0("make")?.unbind(),
            context: py.import("contextvars")?.call_method0("Context")?.unbind(),
            cancelled: py.import("asyncio")?.getattr("CancelledError")?.unbind(),
            get_running: events.getattr("_get_running_loop")?.unbind(),
            set_running: events.getattr("_set_running_loop")?.unbind(),
            current,
            switch_out: pyo3::wrap_pyfunction!(switched_out, py)?.into_any().unbind(),
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, Steps> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new `CancelledError`.
    pub fn cancellation(&self, py: Python<'_>, message: Option<&Py<PyAny>>) -> PyErr {
        let made = match message {
            Some(message) => self.cancelled.bind(py).call1((message,)),
            None => self.cancelled.bind(py).call0(),
        };
        made.map_or_else(|error| error, PyErr::from_value)
    }

    /// Whether `error` is a `CancelledError`.
    pub fn is_cancellation(&self, py: Python<'_>, error: &PyErr) -> bool {
        error.matches(py, &self.cancelled).unwrap_or(false)
    }

    /// Have `callback(argument)` called by the loop, soon.
    pub fn call_soon(&self, callback: &Bound<'_, PyAny>, argument: &Bound<'_, PyAny>) -> PyResult<()> {
        self.call_soon_in(callback, argument, None)
    }

    /// As [`EventLoop::call_soon`], in a context of its own.
    pub fn call_soon_in(
        &self,
        callback: &Bound<'_, PyAny>,
        argument: &Bound<'_, PyAny>,
        context: Option<&Py<PyAny>>,
    ) -> PyResult<()> {
        let py = callback.py();
        let kwargs = PyDict::new(py);
        kwargs.set_item(intern!(py, "context"), context.unwrap_or(&self.context))?;
        self.object.bind(py).call_method(intern!(py, "call_soon"), (callback, argument), Some(&kwargs)).map(drop)
    }

    /// The loop that runs, or `None`.
    pub fn running<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get_running.bind(py).call0()
    }

    fn swap_task<'py>(&self, task: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = task.py();
        match &self.current {
            CurrentTask::Swap(swap) => match swap.bind(py).call1((&self.object, task)) {
                // CPython 3.12 means by it that there was none, and that there is none now.
                Err(error) if task.is_none() && error.is_instance_of::<PyKeyError>(py) => Ok(py.None().into_bound(py)),
                swapped => swapped,
            },
            CurrentTask::Dict(tasks) => {
                let tasks = tasks.bind(py);
                let before = tasks.get_item(&self.object)?.unwrap_or_else(|| py.None().into_bound(py));
                match task.is_none() {
                    false => tasks.set_item(&self.object, task)?,
                    true if before.is_none() => {}
                    true => tasks.del_item(&self.object)?,
                }
                Ok(before)
            }
        }
    }

    /// Run `body` as a step: asyncio finds this loop running, and `task` (or `None`) in it.
    pub fn step<R>(&self, task: &Bound<'_, PyAny>, body: impl FnOnce() -> R) -> PyResult<R> {
        let py = task.py();
        let current = greenlet::current(py)?;
        // Have gevent tell when it switches from here to the hub.
        current.setattr(intern!(py, "switch_out"), &self.switch_out)?;
        // Something else may be running: an `asyncio.run()` of the script's own, or a step that this one is part of.
        let outer_loop = self.running(py)?;
        let nested = outer_loop.is(&self.object);
        if !nested {
            self.set_running.bind(py).call1((&self.object,))?;
        }
        let outer_task = self.swap_task(task)?;
        let outer_step = self.state().stepping.replace(current.unbind());
        let was_in_step = IN_STEP.swap(true, Ordering::Relaxed);
        let result = body();
        IN_STEP.store(was_in_step, Ordering::Relaxed);
        let ended = std::mem::replace(&mut self.state().stepping, outer_step);
        drop(ended);
        self.swap_task(&outer_task)?;
        if !nested {
            self.set_running.bind(py).call1((&outer_loop,))?;
        }
        Ok(result)
    }

    /// The running greenlet is about to be left in the middle of a step.
    fn leave(&self, py: Python<'_>) -> PyResult<Option<Left>> {
        let current = greenlet::current(py)?;
        let stepping = {
            let mut state = self.state();
            match &state.stepping {
                Some(greenlet) if greenlet.is(&current) => state.stepping.take(),
                _ => None,
            }
        };
        let Some(greenlet) = stepping else { return Ok(None) };
        IN_STEP.store(false, Ordering::Relaxed);
        let task = self.swap_task(py.None().bind(py))?.unbind();
        self.set_running.bind(py).call1((py.None(),))?;
        self.object.bind(py).call_method0(intern!(py, "_left"))?;
        Ok(Some(Left { greenlet, task }))
    }

    /// The greenlet goes on with the step in the middle of which it was left.
    fn come_back(&self, py: Python<'_>, left: Left) -> PyResult<()> {
        self.set_running.bind(py).call1((&self.object,))?;
        self.swap_task(left.task.bind(py))?;
        self.state().stepping = Some(left.greenlet);
        IN_STEP.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Switch from the running greenlet to `target`, which may be in the middle of a step.
pub fn block(target: &Bound<'_, PyAny>) -> PyResult<()> {
    if !IN_STEP.load(Ordering::Relaxed) {
        return greenlet::switch(target);
    }
    let py = target.py();
    let event_loop = EventLoop::get(py)?;
    let left = event_loop.leave(py)?;
    let switched = greenlet::switch(target);
    if let Some(left) = left {
        event_loop.come_back(py, left)?;
    }
    switched
}

/// Whether greenlets were left in the middle of a step, for tests.
#[pyfunction]
pub fn is_left(py: Python<'_>) -> bool {
    LOOP.get(py).is_some_and(|event_loop| !event_loop.state().left.is_empty())
}

/// gevent switches from a greenlet that steps coroutines to the hub: something in a step blocks.
#[pyfunction]
pub fn switched_out(py: Python<'_>) -> PyResult<()> {
    if !IN_STEP.load(Ordering::Relaxed) {
        return Ok(());
    }
    let event_loop = EventLoop::get(py)?;
    let Some(left) = event_loop.leave(py)? else { return Ok(()) };
    let first = {
        let mut state = event_loop.state();
        state.left.push(left);
        state.traced_before.is_none()
    };
    if first {
        // From now on until it is back every switch is looked at.
        let tracer = pyo3::wrap_pyfunction!(traced, py)?;
        let before = py.import("greenlet")?.call_method1("settrace", (tracer,))?;
        event_loop.state().traced_before = Some(before.unbind());
    }
    Ok(())
}

/// greenlet's trace function while a step is left: the step goes on when its greenlet does.
#[pyfunction]
fn traced(py: Python<'_>, event: &Bound<'_, PyAny>, switch: &Bound<'_, PyTuple>) -> PyResult<()> {
    let event_loop = EventLoop::get(py)?;
    let target = switch.get_item(1)?;
    let (back, before) = {
        let mut state = event_loop.state();
        let position = state.left.iter().position(|left| left.greenlet.is(&target));
        let back = position.map(|position| state.left.swap_remove(position));
        (back, state.traced_before.as_ref().map(|before| before.clone_ref(py)))
    };
    if let Some(left) = back {
        event_loop.come_back(py, left)?;
    }
    let last = event_loop.state().left.is_empty();
    let Some(before) = before else { return Ok(()) };
    if last {
        event_loop.state().traced_before = None;
        py.import("greenlet")?.call_method1("settrace", (&before,))?;
    }
    match before.is_none(py) {
        true => Ok(()),
        false => before.bind(py).call1((event, switch)).map(drop),
    }
}

/// Have `callback()` called as a step, soon, in a greenlet of the pool.
#[pyfunction]
pub fn run_soon(callback: &Bound<'_, PyAny>) -> PyResult<()> {
    Hub::get(callback.py())?.enqueue(Ready::Step(callback.clone().unbind()));
    Ok(())
}
