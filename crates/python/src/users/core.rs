//! [`UserCore`]: the Rust base class of `User`, with the user's machine and what it holds while it lives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gregaria_users::machine::{State as MachineState, Step, UserMachine};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyTuple};

use super::driver;
use super::handle::UserGreenlet;
use super::plan::UserPlan;
use crate::coroutines::UserTask;
use crate::greenlet::{self, UserContext};
use crate::hub::{Hub, Ready};

/// Where a user is in its life, as far as greenlets are concerned.
#[derive(Default)]
pub enum Life {
    #[default]
    Created,
    /// In the hub's queue, about to get a greenlet.
    Queued,
    /// Its Python code runs, or is blocked, in this greenlet.
    Running(Py<PyAny>),
    /// It waits between tasks as a timer with this key, and holds no greenlet.
    Sleeping(usize),
    /// Its coroutine waits for something, and holds no greenlet.
    Awaiting,
    Ended,
}

/// A TaskSet that the user is in.
pub struct Level {
    pub set: Py<PyAny>,
    pub plan: super::plan::SetPlan,
    pub next_task: Option<Py<PyAny>>,
}

/// A machine and the Python objects that its levels stand for.
pub struct Course {
    pub machine: UserMachine,
    pub levels: Vec<Level>,
    /// The next task of the user itself, below all levels.
    pub next_task: Option<Py<PyAny>>,
}

impl Course {
    /// The course of `machine`, before its start.
    pub fn new(machine: UserMachine) -> Self {
        Course { machine, levels: Vec::new(), next_task: None }
    }
}

/// What a user holds while it lives.
#[derive(Default)]
pub struct UserState {
    pub life: Life,
    /// What is raised in the user when it goes on.
    pub resume_with: Option<PyErr>,
    /// The `DefaultTaskSet`, if something has asked for it.
    pub default_set: Option<Py<PyAny>>,
    pub plan: Option<Arc<UserPlan>>,
    pub handle: Option<Py<UserGreenlet>>,
    pub context: Option<UserContext>,
    /// Inside an explicit call of `wait()` in a task, or held by a pause in a greenlet of its own.
    pub waiting_in_task: bool,
    /// Held by a pause before its next task, and without a greenlet.
    pub held: bool,
    /// What drives its coroutines, if it has any.
    pub task: Option<Py<UserTask>>,
    /// The coroutine that waits, and what it does for the user.
    pub awaited: Option<(Step, Py<PyIterator>)>,
}

impl UserState {
    fn waits(&self) -> bool {
        self.waiting_in_task || self.held
    }
}

/// Base class of `gregaria.User`.
#[pyclass(subclass, frozen, weakref, module = "gregaria._engine")]
pub struct UserCore {
    course: Mutex<Course>,
    state: Mutex<UserState>,
}

impl UserCore {
    /// What the user holds. Never keep the guard across a call into Python.
    pub fn state(&self) -> MutexGuard<'_, UserState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user's machine and levels, to be locked for moments only.
    pub fn course(&self) -> &Mutex<Course> {
        &self.course
    }

    fn machine_state(&self) -> Option<MachineState> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner).machine.state()
    }

    fn request_stop(&self) {
        self.course.lock().unwrap_or_else(PoisonError::into_inner).machine.request_stop();
    }

    /// The greenlet that the user's code runs in, if it does.
    pub fn running_greenlet(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match &self.state().life {
            Life::Running(greenlet) => Some(greenlet.clone_ref(py)),
            _ => None,
        }
    }

    /// Raise `error` in the user, a `GreenletExit` to end it, without waiting for what comes of it.
    pub fn kill(slf: &Bound<'_, Self>, error: PyErr) -> PyResult<()> {
        let hub = Hub::get(slf.py())?;
        let started = slf.get().machine_state().is_some();
        let mut state = slf.get().state();
        match &state.life {
            Life::Created | Life::Ended => {}
            Life::Queued if !started => {
                drop(state);
                driver::finish(slf, Some(error).filter(|error| !greenlet::is_exit(slf.py(), error)));
            }
            Life::Queued => state.resume_with = Some(error),
            Life::Running(_) => {
                drop(state);
                hub.enqueue(Ready::Throw(slf.clone().unbind(), error));
            }
            Life::Awaiting => {
                let task = state.task.as_ref().map(|task| task.clone_ref(slf.py()));
                drop(state);
                if let Some(task) = task {
                    UserTask::kill(task.bind(slf.py()))?;
                }
            }
            Life::Sleeping(key) => {
                let key = *key;
                state.resume_with = Some(error);
                state.life = Life::Queued;
                drop(state);
                hub.forget_sleeper(key);
                hub.enqueue(Ready::Run(slf.clone().unbind()));
            }
        }
        Ok(())
    }

    fn state_name(&self) -> Option<&'static str> {
        match self.machine_state() {
            None => None,
            Some(MachineState::Stopping) => Some("stopping"),
            Some(MachineState::Waiting) => Some("waiting"),
            Some(MachineState::Running) if self.state().waits() => Some("waiting"),
            Some(MachineState::Running) => Some("running"),
        }
    }
}

#[pymethods]
impl UserCore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        UserCore { course: Mutex::new(Course::new(UserMachine::new())), state: Mutex::default() }
    }

    /// `None` before the start, then "running", "waiting" or "stopping".
    #[getter(_state)]
    fn get_state(&self) -> Option<&'static str> {
        self.state_name()
    }

    #[setter(_state)]
    fn set_state(&self, name: &str) -> PyResult<()> {
        match name {
            "waiting" => self.state().waiting_in_task = true,
            "running" => self.state().waiting_in_task = false,
            "stopping" => self.request_stop(),
            other => return Err(PyValueError::new_err(format!("a user cannot be put into the state '{other}'"))),
        }
        Ok(())
    }

    /// Start the user in `group`, which gets the returned handle and is told by `discard` when the user has ended.
    fn start(slf: &Bound<'_, Self>, group: &Bound<'_, PyAny>) -> PyResult<Py<UserGreenlet>> {
        let py = slf.py();
        let hub = Hub::get(py)?;
        let plan = Arc::new(UserPlan::of(slf)?);
        let context = UserContext::copy_current(py)?;
        let handle = Py::new(py, UserGreenlet::new(slf.clone().unbind(), group.clone().unbind()))?;
        {
            let mut state = slf.get().state();
            if !matches!(state.life, Life::Created) {
                drop(state);
                return Err(PyRuntimeError::new_err("this user was started before; make a new instance"));
            }
            state.life = Life::Queued;
            state.plan = Some(plan);
            state.context = Some(context);
            state.handle = Some(handle.clone_ref(py));
        }
        group.call_method1("add", (&handle,))?;
        hub.enqueue(Ready::Run(slf.clone().unbind()));
        Ok(handle)
    }

    /// Stop the user. A waiting user, or any with `force`, is killed: returns True when it is over, or raises GreenletExit
    /// in the user's own greenlet. Otherwise it is asked to stop after its task: returns False.
    #[pyo3(signature = (force = false))]
    fn stop(slf: &Bound<'_, Self>, force: bool) -> PyResult<bool> {
        let state = slf.get().state_name();
        if force || matches!(state, None | Some("waiting")) {
            if is_own_greenlet(slf.py(), slf.get())? {
                return Err(greenlet::exit(slf.py()));
            }
            Self::kill(slf, greenlet::exit(slf.py()))?;
            let handle = slf.get().state().handle.as_ref().map(|handle| handle.clone_ref(slf.py()));
            if let Some(handle) = handle {
                handle.bind(slf.py()).get().join_unless_own(slf.py(), None)?;
            }
            return Ok(true);
        }
        slf.get().request_stop();
        Ok(false)
    }

    /// Run the user in the calling greenlet until it ends.
    fn run(slf: &Bound<'_, Self>) -> PyResult<()> {
        driver::run_in_place(slf)
    }

    /// The handle that stands for the user's greenlet, or `None` before the start.
    #[getter]
    fn greenlet(&self, py: Python<'_>) -> Option<Py<UserGreenlet>> {
        self.state().handle.as_ref().map(|handle| handle.clone_ref(py))
    }

    #[getter(_greenlet)]
    fn private_greenlet(&self, py: Python<'_>) -> Option<Py<UserGreenlet>> {
        self.greenlet(py)
    }

    /// The group the user was started in.
    #[getter]
    fn group(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let handle = self.greenlet(py)?;
        Some(handle.get().group(py))
    }

    /// The TaskSet that holds the user's own tasks; made when first asked for.
    #[getter(_taskset_instance)]
    fn taskset_instance(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        if slf.get().machine_state().is_none() {
            return Ok(None);
        }
        driver::default_set(slf).map(Some)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(course) = self.course.try_lock() {
            for level in &course.levels {
                visit.call(&level.set)?;
                visit.call(&level.next_task)?;
            }
            visit.call(&course.next_task)?;
        }
        if let Ok(state) = self.state.try_lock() {
            if let Life::Running(greenlet) = &state.life {
                visit.call(greenlet)?;
            }
            if let Some(context) = &state.context {
                visit.call(context.object())?;
            }
            visit.call(&state.default_set)?;
            visit.call(&state.task)?;
            if let Some((_, awaited)) = &state.awaited {
                visit.call(awaited)?;
            }
            visit.call(&state.handle)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let course = {
            let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut course.levels), course.next_task.take())
        };
        let held = {
            let mut state = self.state();
            (
                (state.task.take(), state.awaited.take()),
                state.default_set.take(),
                state.handle.take(),
                state.context.take(),
            )
        };
        drop((course, held));
    }
}

/// Whether the running greenlet is the one `user` runs in.
pub fn is_own_greenlet(py: Python<'_>, user: &UserCore) -> PyResult<bool> {
    let current = greenlet::current(py)?;
    Ok(matches!(&user.state().life, Life::Running(own) if own.is(&current)))
}
