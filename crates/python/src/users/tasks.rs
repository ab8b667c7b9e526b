//! Choosing the next task of a set and running it, with Locust's rules for what a task may be.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyIterator, PyList, PyType};

use super::begun;
use super::core::UserCore;
use super::driver;
use super::plan::{self, SetPlan};
use crate::coroutines::iterator_of;
use crate::waits;

/// What a call of user code came to.
pub enum Called<'py> {
    Returned,
    /// The task is a TaskSet: this one.
    Set(Bound<'py, PyAny>),
    /// It is a coroutine, which is to be driven.
    Awaits(Bound<'py, PyIterator>),
}

impl<'py> Called<'py> {
    /// Of what was returned.
    pub fn of(returned: &Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(iterator_of(returned)?.map_or(Called::Returned, Called::Awaits))
    }
}

/// The next task of `set`, or `None` if its own methods keep it.
pub fn pick<'py>(set: &Bound<'py, PyAny>, plan: &SetPlan) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = set.py();
    let queue = set.getattr(intern!(py, "_task_queue"))?;
    if plan.execution {
        if queue.len()? == 0 {
            let next = set.call_method0(intern!(py, "get_next_task"))?;
            set.call_method1(intern!(py, "schedule_task"), (next,))?;
        }
        return Ok(None);
    }
    if queue.len()? > 0 {
        return queue.call_method0(intern!(py, "popleft")).map(Some);
    }
    if !plan.get_next_task
        && let Some(task) = choose(&set.getattr(intern!(py, "tasks"))?)?
    {
        return Ok(Some(task));
    }
    set.call_method0(intern!(py, "get_next_task")).map(Some)
}

/// The next of the user's own tasks, or `None` if the methods of its `DefaultTaskSet` keep it.
pub fn pick_own<'py>(user: &Bound<'py, UserCore>, plan: &SetPlan) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = user.py();
    if !plan.execution
        && !plan.get_next_task
        && user.get().state().default_set.is_none()
        && let Some(task) = choose(&user.getattr(intern!(py, "tasks"))?)?
    {
        return Ok(Some(task));
    }
    let set = driver::default_set(user)?.into_bound(py);
    if set.getattr(intern!(py, "_task_queue"))?.len()? == 0
        && !plan.execution
        && !plan.get_next_task
        && let Some(task) = choose(&user.getattr(intern!(py, "tasks"))?)?
    {
        return Ok(Some(task));
    }
    pick(&set, &SetPlan { get_next_task: true, ..*plan })
}

/// `random.choice(tasks)`, drawing from Python's generator exactly as that does. `None` for what is not a filled list.
fn choose<'py>(tasks: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Ok(tasks) = tasks.cast_exact::<PyList>() else { return Ok(None) };
    let count = tasks.len();
    if count == 0 {
        return Ok(None);
    }
    let bits = usize::BITS - count.leading_zeros();
    let generator = waits::random(tasks.py())?;
    loop {
        let drawn: usize = generator.bits.bind(tasks.py()).call1((bits,))?.extract()?;
        if drawn < count {
            return tasks.get_item(drawn).map(Some);
        }
    }
}

/// Run `task` for `user` in `set`, or as one of its own.
pub fn execute<'py>(
    user: &Bound<'py, UserCore>,
    set: Option<Bound<'py, PyAny>>,
    task: Option<Bound<'py, PyAny>>,
) -> PyResult<Called<'py>> {
    if let Some(task) = &task {
        begun::count(user, set.as_ref(), task);
    }
    match set {
        Some(set) => execute_in(&set, task),
        None => execute_own(user, task),
    }
}

/// Run `task` for `set`, or let the set's own methods run theirs.
fn execute_in<'py>(set: &Bound<'py, PyAny>, task: Option<Bound<'py, PyAny>>) -> PyResult<Called<'py>> {
    let py = set.py();
    let Some(task) = task else { return Called::of(&set.call_method0(intern!(py, "execute_next_task"))?) };
    if task.is_exact_instance_of::<PyFunction>() {
        return Called::of(&task.call1((set,))?);
    }
    if task.getattr_opt(intern!(py, "__self__"))?.is_some_and(|owner| owner.is(set)) {
        return Called::of(&task.call0()?);
    }
    if is_task_set(&task)? {
        return task.call1((set,)).map(Called::Set);
    }
    Called::of(&task.call1((set,))?)
}

/// As [`execute_in`] for the user's own tasks, which get the user.
fn execute_own<'py>(user: &Bound<'py, UserCore>, task: Option<Bound<'py, PyAny>>) -> PyResult<Called<'py>> {
    let py = user.py();
    let Some(task) = task else {
        let set = driver::default_set(user)?.into_bound(py);
        return Called::of(&set.call_method0(intern!(py, "execute_next_task"))?);
    };
    let entering = !task.is_exact_instance_of::<PyFunction>() && is_task_set(&task)?;
    let result = task.call1((user,))?;
    if entering { Ok(Called::Set(result)) } else { Called::of(&result) }
}

fn is_task_set(task: &Bound<'_, PyAny>) -> PyResult<bool> {
    match task.cast::<PyType>() {
        Ok(class) => class.is_subclass(plan::bases(task.py()).task_set.bind(task.py())),
        Err(_) => Ok(false),
    }
}
