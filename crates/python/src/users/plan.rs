//! Which hooks a class overrides: what the driver may do itself, and what it has to call.
//!
//! Decided once when a user starts and when a set is entered, against the functions that the base classes had when they
//! were defined; so a hook that a plugin replaces on the base class counts as overridden too.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::core::UserCore;
use crate::hub::Hub;

/// The base classes and their original hooks.
pub struct Bases {
    pub task_set: Py<PyType>,
    pub default_task_set: Py<PyType>,
    user_hooks: [Py<PyAny>; 3],
    set_hooks: [Py<PyAny>; SET_HOOKS.len()],
    default_hooks: [Py<PyAny>; DEFAULT_HOOKS.len()],
    pub report: Py<PyAny>,
    pub report_start: Py<PyAny>,
    pub log_stop: Py<PyAny>,
}

const USER_HOOKS: [&str; 3] = ["on_start", "on_stop", "run"];
const SET_HOOKS: [&str; 10] = [
    "on_start",
    "on_stop",
    "get_next_task",
    "wait_time",
    "run",
    "execute_task",
    "execute_next_task",
    "schedule_task",
    "wait",
    "_sleep",
];
const DEFAULT_HOOKS: [&str; 7] =
    ["get_next_task", "wait_time", "execute_task", "execute_next_task", "schedule_task", "wait", "_sleep"];

static BASES: PyOnceLock<Bases> = PyOnceLock::new();

/// Called once by `gregaria.user.users` with the classes whose hooks are the defaults.
#[pyfunction]
pub fn register_classes(
    user: &Bound<'_, PyType>,
    task_set: &Bound<'_, PyType>,
    default_task_set: &Bound<'_, PyType>,
) -> PyResult<()> {
    let py = user.py();
    Hub::belongs_here();
    let reporting = py.import("gregaria.user.task")?;
    let bases = Bases {
        task_set: task_set.clone().unbind(),
        default_task_set: default_task_set.clone().unbind(),
        user_hooks: hooks(user, USER_HOOKS)?,
        set_hooks: hooks(task_set, SET_HOOKS)?,
        default_hooks: hooks(default_task_set, DEFAULT_HOOKS)?,
        report: reporting.getattr("report_task_error")?.unbind(),
        report_start: reporting.getattr("report_start_error")?.unbind(),
        log_stop: reporting.getattr("log_stop_error")?.unbind(),
    };
    BASES
        .set(py, bases)
        .map_err(|_| pyo3::exceptions::PyRuntimeError::new_err("the base classes are registered already"))
}

/// The registered classes.
pub fn bases(py: Python<'_>) -> &'static Bases {
    BASES.get(py).expect("users exist only after gregaria.user.users has registered its classes")
}

fn hooks<const N: usize>(class: &Bound<'_, PyType>, names: [&str; N]) -> PyResult<[Py<PyAny>; N]> {
    let mut found = Vec::with_capacity(N);
    for name in names {
        found.push(class.getattr(name)?.unbind());
    }
    Ok(found.try_into().unwrap_or_else(|_| unreachable!("one hook for each name")))
}

fn overridden<const N: usize>(
    class: &Bound<'_, PyType>,
    names: [&str; N],
    originals: &[Py<PyAny>; N],
) -> PyResult<[bool; N]> {
    let mut result = [false; N];
    for (index, name) in names.into_iter().enumerate() {
        result[index] = !class.getattr(name)?.is(&originals[index]);
    }
    Ok(result)
}

/// What a user class overrides.
pub struct UserPlan {
    pub on_start: bool,
    pub on_stop: bool,
    pub run: bool,
    /// Each task is to find no connection of the one before.
    pub closes_connections: bool,
    /// How the hidden `DefaultTaskSet` behaves.
    pub default: SetPlan,
}

/// What a TaskSet class overrides.
#[derive(Clone, Copy, Default)]
pub struct SetPlan {
    pub on_start: bool,
    pub on_stop: bool,
    pub get_next_task: bool,
    pub wait_time: bool,
    pub run: bool,
    /// Picking and executing go through the set's own methods.
    pub execution: bool,
    /// Waiting goes through the set's own method, in the borrowed greenlet.
    pub wait: bool,
}

impl UserPlan {
    /// The plan of `user`'s class.
    pub fn of(user: &Bound<'_, UserCore>) -> PyResult<Self> {
        let py = user.py();
        let bases = bases(py);
        let [on_start, on_stop, run] = overridden(&user.get_type(), USER_HOOKS, &bases.user_hooks)?;
        let [get_next_task, wait_time, execute, execute_next, schedule, wait, sleep] =
            overridden(bases.default_task_set.bind(py), DEFAULT_HOOKS, &bases.default_hooks)?;
        let default = SetPlan {
            get_next_task,
            wait_time,
            execution: execute || execute_next || schedule,
            wait: wait || sleep,
            ..SetPlan::default()
        };
        let reuse = user.getattr_opt(intern!(py, "connection_reuse"))?;
        let closes_connections = reuse.is_some_and(|reuse| reuse.eq("iteration").unwrap_or(false));
        Ok(UserPlan { on_start, on_stop, run, closes_connections, default })
    }
}

impl SetPlan {
    /// The plan of the class of `set`, an instance of TaskSet.
    pub fn of(set: &Bound<'_, PyAny>) -> PyResult<Self> {
        let originals = &bases(set.py()).set_hooks;
        let [on_start, on_stop, get_next_task, wait_time, run, execute, execute_next, schedule, wait, sleep] =
            overridden(&set.get_type(), SET_HOOKS, originals)?;
        Ok(SetPlan {
            on_start,
            on_stop,
            get_next_task,
            wait_time,
            run,
            execution: execute || execute_next || schedule,
            wait: wait || sleep,
        })
    }
}
