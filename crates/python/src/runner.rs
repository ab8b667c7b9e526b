//! The pure runner, ramp, shape and dispatcher as Python classes.
//!
//! Translates values and nothing else: an action becomes a pair of its verb and what it is about. No lock is held while
//! Python code runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gregaria_users::dispatch::{self, Advance, UserClass};
use gregaria_users::runner::{self, Action, Counts, Event, Level, Order, State};
use gregaria_users::shape::{self, Choice, ShapeAction, Tick};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A verb and what it is about.
type Act = (&'static str, Py<PyAny>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn dispatch_error(error: &dispatch::Error) -> PyErr {
    match error {
        dispatch::Error::UnknownClass(name) => PyKeyError::new_err(name.clone()),
        error => PyValueError::new_err(error.to_string()),
    }
}

fn user_classes(classes: Vec<(String, f64, i64)>) -> Vec<UserClass> {
    let class = |(name, weight, fixed_count)| UserClass { name, weight, fixed_count };
    classes.into_iter().map(class).collect()
}

/// Distributes users over workers, batch by batch, in Locust's order.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct Dispatcher {
    inner: Mutex<dispatch::Dispatcher>,
}

#[pymethods]
impl Dispatcher {
    #[new]
    fn new(workers: Vec<String>, classes: Vec<(String, f64, i64)>) -> PyResult<Self> {
        let inner =
            dispatch::Dispatcher::new(workers, user_classes(classes)).map_err(|error| dispatch_error(&error))?;
        Ok(Dispatcher { inner: Mutex::new(inner) })
    }

    /// Take over changed weights and fixed counts.
    fn refresh(&self, classes: Vec<(String, f64, i64)>) {
        lock(&self.inner).refresh(&user_classes(classes));
    }

    /// Begin a dispatch from the present distribution.
    #[pyo3(signature = (target, rate, chosen = None))]
    fn new_dispatch(&self, target: i64, rate: f64, chosen: Option<Vec<String>>) -> PyResult<()> {
        lock(&self.inner).new_dispatch(target, rate, chosen.as_deref()).map_err(|error| dispatch_error(&error))
    }

    /// The next distribution as a dict of dicts, or the seconds to sleep before asking again, or `None` at the end.
    fn advance(&self, py: Python<'_>, now: f64) -> PyResult<Py<PyAny>> {
        let mut inner = lock(&self.inner);
        match inner.advance(now) {
            Advance::Done => Ok(py.None()),
            Advance::Sleep(seconds) => seconds.into_py_any(py),
            Advance::Yield => {
                let workers = PyDict::new(py);
                for (worker, row) in inner.placed_workers().iter().zip(inner.counts()) {
                    let users = PyDict::new(py);
                    for (class, count) in inner.class_names().zip(row) {
                        users.set_item(class, count)?;
                    }
                    workers.set_item(worker, users)?;
                }
                workers.into_py_any(py)
            }
        }
    }

    fn add_worker(&self, id: String) {
        lock(&self.inner).add_worker(id);
    }

    fn remove_worker(&self, id: &str) {
        lock(&self.inner).remove_worker(id);
    }

    #[getter]
    fn user_count(&self) -> u64 {
        lock(&self.inner).user_count()
    }

    #[getter]
    fn in_progress(&self) -> bool {
        lock(&self.inner).in_progress()
    }

    #[getter]
    fn iteration_durations(&self) -> Vec<f64> {
        lock(&self.inner).iteration_durations().to_vec()
    }
}

fn parse_state(name: &str) -> PyResult<State> {
    State::from_name(name).ok_or_else(|| PyValueError::new_err(format!("a runner has no state '{name}'")))
}

/// The state of a runner and the order of what happens at its edges.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct RunnerMachine {
    inner: Mutex<runner::RunnerMachine>,
}

#[pymethods]
impl RunnerMachine {
    #[new]
    fn new() -> Self {
        RunnerMachine { inner: Mutex::new(runner::RunnerMachine::new()) }
    }

    #[getter]
    fn state(&self) -> &'static str {
        lock(&self.inner).state().name()
    }

    fn set_state(&self, name: &str) -> PyResult<()> {
        lock(&self.inner).set_state(parse_state(name)?);
        Ok(())
    }

    fn start(&self, py: Python<'_>, users: i64, rate: f64, wait: bool) -> PyResult<Vec<Act>> {
        acts(py, lock(&self.inner).start(Order { users, rate, wait }))
    }

    fn stop(&self, py: Python<'_>) -> PyResult<Vec<Act>> {
        acts(py, lock(&self.inner).stop())
    }

    fn spawn_begins(&self) {
        lock(&self.inner).spawn_begins();
    }

    fn spawning_complete(&self, py: Python<'_>, reset_stats: bool) -> PyResult<Vec<Act>> {
        acts(py, lock(&self.inner).spawning_complete(reset_stats))
    }
}

/// One order on its way from the present users to the wanted ones.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct Ramp {
    inner: Mutex<runner::Ramp>,
}

#[pymethods]
impl Ramp {
    #[new]
    fn new(users: i64, rate: f64, wait: bool) -> Self {
        Ramp { inner: Mutex::new(runner::Ramp::new(Order { users, rate, wait })) }
    }

    /// What to do next, given the runner's state and the live users of this moment.
    fn next(&self, py: Python<'_>, state: &str, live: Counts) -> PyResult<Act> {
        act(py, lock(&self.inner).next(parse_state(state)?, &live))
    }

    /// The answer to "dispatch".
    #[pyo3(signature = (wanted, live))]
    fn dispatched(&self, wanted: Option<Counts>, live: Counts) {
        lock(&self.inner).dispatched(wanted, &live);
    }
}

/// Follows one load shape through a test.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct ShapeDriver {
    inner: Mutex<shape::ShapeDriver>,
}

#[pymethods]
impl ShapeDriver {
    #[new]
    fn new() -> Self {
        ShapeDriver { inner: Mutex::new(shape::ShapeDriver::new()) }
    }

    /// Whether the shape is asked (again) in this state.
    #[staticmethod]
    fn goes_on(state: &str) -> PyResult<bool> {
        parse_state(state).map(shape::ShapeDriver::goes_on)
    }

    /// What a tick means: "end", "keep", or "start" with the line to log.
    #[pyo3(signature = (tick))]
    fn tick(&self, py: Python<'_>, tick: Option<Bound<'_, PyAny>>) -> PyResult<Act> {
        let tick = tick.map(|tick| parse_tick(&tick)).transpose()?;
        match lock(&self.inner).tick(tick) {
            ShapeAction::End => Ok(("end", py.None())),
            ShapeAction::Keep => Ok(("keep", py.None())),
            ShapeAction::Start(line) => Ok(("start", line.into_py_any(py)?)),
        }
    }

    fn forget(&self) {
        lock(&self.inner).forget();
    }

    /// Seconds to the next tick when this one took so long.
    #[staticmethod]
    fn pause(taken: f64) -> f64 {
        shape::ShapeDriver::pause(taken)
    }
}

fn parse_tick(tick: &Bound<'_, PyAny>) -> PyResult<Tick> {
    let classes = match tick.len()? {
        2 => Choice::Unsaid,
        3 => {
            let chosen = tick.get_item(2)?;
            if chosen.is_none() {
                Choice::Unchanged
            } else {
                let name = |class: PyResult<Bound<'_, PyAny>>| class?.getattr("__name__")?.extract();
                Choice::Only(chosen.try_iter()?.map(name).collect::<PyResult<_>>()?)
            }
        }
        length => {
            let text = format!("tick() gives (users, rate) or (users, rate, classes), not {length} values");
            return Err(PyValueError::new_err(text));
        }
    };
    Ok(Tick { users: tick.get_item(0)?.extract()?, rate: tick.get_item(1)?.extract()?, classes })
}

fn acts(py: Python<'_>, actions: Vec<Action>) -> PyResult<Vec<Act>> {
    actions.into_iter().map(|action| act(py, action)).collect()
}

fn act(py: Python<'_>, action: Action) -> PyResult<Act> {
    let nothing = py.None();
    Ok(match action {
        Action::Log(level, text) => ("log", (level_number(level), text).into_py_any(py)?),
        Action::Fire(Event::SpawningComplete(users)) => ("fire_spawning_complete", users.into_py_any(py)?),
        Action::Fire(event) => ("fire", event_name(event).into_py_any(py)?),
        Action::SetState(state) => ("set_state", state.name().into_py_any(py)?),
        Action::SetTarget(users) => ("set_target", users.into_py_any(py)?),
        Action::Reject(text) => ("reject", text.into_py_any(py)?),
        Action::Spawn(counts) => ("spawn", counts.into_py_any(py)?),
        Action::Stop(counts) => ("stop", counts.into_py_any(py)?),
        Action::Place(counts) => ("place", counts.into_py_any(py)?),
        Action::Settle(counts) => ("settle", counts.into_py_any(py)?),
        Action::ResetRun => ("reset_run", nothing),
        Action::ResetStats => ("reset_stats", nothing),
        Action::FilterTags => ("filter_tags", nothing),
        Action::ApplyHost => ("apply_host", nothing),
        Action::NewDispatch => ("new_dispatch", nothing),
        Action::Dispatch => ("dispatch", nothing),
        Action::AbandonRamp => ("abandon_ramp", nothing),
        Action::BeginRamp => ("begin_ramp", nothing),
        Action::KeepFinalCounts => ("keep_final_counts", nothing),
        Action::AbandonShape => ("abandon_shape", nothing),
        Action::StopAllUsers => ("stop_all_users", nothing),
        Action::ForgetDispatcher => ("forget_dispatcher", nothing),
        Action::ReportCpu => ("report_cpu", nothing),
        Action::Over => ("over", nothing),
    })
}

fn level_number(level: Level) -> u8 {
    match level {
        Level::Debug => 10,
        Level::Info => 20,
        Level::Warning => 30,
    }
}

fn event_name(event: Event) -> &'static str {
    match event {
        Event::TestStart => "test_start",
        Event::SpawningComplete(_) => "spawning_complete",
        Event::TestStopping => "test_stopping",
        Event::TestStop => "test_stop",
    }
}
