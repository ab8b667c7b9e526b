//! Carries out the steps of a user's machine: calls hooks and tasks, waits, reports, ends.
//!
//! A user in the hub's care is driven in a borrowed greenlet until it waits, and then holds none. The same driver runs a
//! user or a lone TaskSet in the caller's greenlet (`User.run()`, `TaskSet.run()`), where waits block that greenlet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gregaria_users::machine::{Control, End, Outcome, State, Step, UserMachine};
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::core::{Course, Level, Life, UserCore};
use super::handle::UserGreenlet;
use super::outcome::{classify, raised_for};
use super::plan::{self, SetPlan, UserPlan};
use super::tasks::{self, Called};
use crate::coroutines::{EventLoop, Stepped, UserTask, complete};
use crate::hub::{Hub, Ready};
use crate::{client, greenlet, waits};

/// What a killed user's machine is told.
const KILLED: Outcome = Outcome::Control(Control::Exit);

/// Why a drive came to an end.
enum Progress {
    /// The user waits and needs no greenlet.
    Parked,
    Over(End, Option<PyErr>),
}

/// Who is driven, and how.
struct Drive<'a, 'py> {
    user: &'a Bound<'py, UserCore>,
    plan: Arc<UserPlan>,
    course: &'a Mutex<Course>,
    hub: &'static Hub,
    /// The borrowed greenlet's number. `None` for a greenlet that is not given back: there waits block it.
    borrowed: Option<usize>,
    error: Option<PyErr>,
    /// The error has been logged where it happened.
    told: bool,
    /// Requests that the process had started when the last wait ended.
    started_before: u64,
}

/// Run `user` in the calling pooled greenlet until it waits or ends.
pub fn run_borrowed(user: &Bound<'_, UserCore>, slot: usize) {
    if let Err(error) = try_run_borrowed(user, slot) {
        finish(user, Some(error));
    }
}

fn try_run_borrowed(user: &Bound<'_, UserCore>, slot: usize) -> PyResult<()> {
    let py = user.py();
    let current = greenlet::current(py)?.unbind();
    let (plan, context, resume_with) = {
        let mut state = user.get().state();
        if matches!(state.life, Life::Ended | Life::Created) {
            return Ok(());
        }
        state.life = Life::Running(current);
        let plan = state.plan.clone().expect("a user gets its plan when it starts");
        let context = state.context.as_ref().expect("a user gets its context when it starts").clone_ref(py);
        (plan, context, state.resume_with.take())
    };
    let mut drive = Drive::new(user, plan, user.get().course(), Some(slot))?;
    let progress = context.run(py, || {
        if drive.plan.run {
            let returned = user.call_method0(intern!(py, "run"))?;
            complete(user, &returned)?;
            return Ok(Progress::Over(End::Stopped, None));
        }
        drive.run(resume_with)
    })??;
    if let Progress::Over(end, error) = progress {
        let error = error_of(py, end, error);
        end_user(user, error.as_ref().map(|error| error.clone_ref(py)));
        if let (Some(error), false) = (error, drive.told) {
            drive.hub.report_of(py, "user", error);
        }
    }
    Ok(())
}

/// Run `user` in the calling greenlet to its end.
pub fn run_in_place(user: &Bound<'_, UserCore>) -> PyResult<()> {
    let py = user.py();
    if lock(user.get().course()).machine.state().is_some() {
        return Err(PyRuntimeError::new_err("this user was run before; make a new instance"));
    }
    let plan = Arc::new(UserPlan::of(user)?);
    let progress = Drive::new(user, plan, user.get().course(), None)?.run(None)?;
    end_task(user)?;
    client::release(user);
    match progress {
        Progress::Parked => Ok(()),
        Progress::Over(end, error) => error_of(py, end, error).map_or(Ok(()), Err),
    }
}

/// `TaskSet.run()`: run `set` in the calling greenlet until something leaves it, which is then raised.
#[pyfunction]
pub fn run_task_set(set: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = set.py();
    let user = set.getattr(intern!(py, "user"))?.cast_into::<UserCore>()?;
    let mut course = Course::new(UserMachine::of_set());
    course.levels.push(Level { set: set.clone().unbind(), plan: SetPlan::of(set)?, next_task: None });
    let course = Mutex::new(course);
    let plan = Arc::new(UserPlan::of(&user)?);
    match Drive::new(&user, plan, &course, None)?.run(None)? {
        Progress::Parked => Ok(()),
        Progress::Over(end, error) => error_of(py, end, error).map_or(Ok(()), Err),
    }
}

/// The user's `DefaultTaskSet`, made now if it is not there yet.
pub fn default_set(user: &Bound<'_, UserCore>) -> PyResult<Py<PyAny>> {
    let py = user.py();
    if let Some(set) = &user.get().state().default_set {
        return Ok(set.clone_ref(py));
    }
    let made = plan::bases(py).default_task_set.bind(py).call1((user,))?.unbind();
    Ok(user.get().state().default_set.get_or_insert(made).clone_ref(py))
}

/// The user is over, by an error that nobody has been told of or without one.
pub fn finish(user: &Bound<'_, UserCore>, error: Option<PyErr>) {
    let py = user.py();
    end_user(user, error.as_ref().map(|error| error.clone_ref(py)));
    if let (Some(error), Some(hub)) = (error, Hub::started(py)) {
        hub.report_of(py, "user", error);
    }
}

/// Let go of what the user held and tell its group.
fn end_user(user: &Bound<'_, UserCore>, error: Option<PyErr>) {
    let py = user.py();
    let (handle, held) = {
        let mut state = user.get().state();
        if matches!(state.life, Life::Ended) {
            return;
        }
        let life = std::mem::replace(&mut state.life, Life::Ended);
        let handle = state.handle.as_ref().map(|handle| handle.clone_ref(py));
        (handle, (life, state.context.take(), state.default_set.take(), state.awaited.take()))
    };
    if let Err(error) = end_task(user) {
        error.print(py);
    }
    let levels = std::mem::take(&mut lock(user.get().course()).levels);
    drop((held, levels));
    client::release(user);
    if let (Some(handle), Some(hub)) = (handle, Hub::started(py))
        && let Err(error) = UserGreenlet::ended(handle.bind(py), error.as_ref())
    {
        hub.report(py, error);
    }
}

/// Cancel what the user's coroutines have left behind.
fn end_task(user: &Bound<'_, UserCore>) -> PyResult<()> {
    let task = user.get().state().task.take();
    task.map_or(Ok(()), |task| UserTask::end(task.bind(user.py())))
}

fn lock(course: &Mutex<Course>) -> MutexGuard<'_, Course> {
    course.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The exception that an end leaves behind, if it was not a regular one.
fn error_of(py: Python<'_>, end: End, error: Option<PyErr>) -> Option<PyErr> {
    match end {
        End::Stopped | End::Died(Outcome::Returned) => None,
        End::Died(Outcome::Failed) => error,
        End::Died(Outcome::Control(control)) => Some(raised_for(py, control, error)),
    }
}

impl<'a, 'py> Drive<'a, 'py> {
    fn new(
        user: &'a Bound<'py, UserCore>,
        plan: Arc<UserPlan>,
        course: &'a Mutex<Course>,
        borrowed: Option<usize>,
    ) -> PyResult<Self> {
        let hub = Hub::get(user.py())?;
        let started_before = hub.state().health.started;
        Ok(Drive { user, plan, course, hub, borrowed, error: None, told: false, started_before })
    }

    fn run(&mut self, resume_with: Option<PyErr>) -> PyResult<Progress> {
        let started = lock(self.course).machine.state().is_some();
        let held = std::mem::take(&mut self.user.get().state().held);
        let mut step = match (started, resume_with) {
            (false, None) => lock(self.course).machine.start(),
            (false, Some(_)) => Step::Done(End::Stopped),
            (true, None) if held => Step::Execute,
            (true, error) => match self.go_on_awaiting() {
                Some((step, coroutine)) => match self.drive(step, &coroutine)? {
                    Some(outcome) => self.advance(outcome),
                    None => return Ok(Progress::Parked),
                },
                None => {
                    let outcome = error.map_or(Ok(Outcome::Returned), |error| self.classified(error))?;
                    self.advance(outcome)
                }
            },
        };
        loop {
            let called = match step {
                Step::Done(end) => return Ok(Progress::Over(end, self.error.take())),
                Step::Wait => match self.wait().transpose() {
                    Some(waited) => waited,
                    None => return Ok(Progress::Parked),
                },
                Step::Execute if self.hub.is_paused() => match self.hold().transpose() {
                    Some(Ok(())) => continue,
                    Some(Err(error)) => Err(error),
                    None => return Ok(Progress::Parked),
                },
                Step::Execute => self.execute(),
                Step::Report => {
                    let outcome = self.report()?;
                    step = self.advance(outcome);
                    continue;
                }
                other => self.call(other),
            };
            let outcome = match called {
                Ok(Called::Returned) => Outcome::Returned,
                Ok(Called::Set(_)) => {
                    step = lock(self.course).machine.enter();
                    continue;
                }
                Ok(Called::Awaits(coroutine)) => match self.drive(step, &coroutine)? {
                    Some(outcome) => outcome,
                    None => return Ok(Progress::Parked),
                },
                Err(error) => self.raised_in(step, error)?,
            };
            step = self.advance(outcome);
        }
    }

    /// The coroutine that the user has waited in, and what it does for the user.
    fn go_on_awaiting(&self) -> Option<(Step, Bound<'py, PyIterator>)> {
        let (step, coroutine) = self.user.get().state().awaited.take()?;
        Some((step, coroutine.into_bound(self.user.py())))
    }

    /// Drive the coroutine that does `step`. `None` if it waits, and the greenlet is to be given back.
    fn drive(&mut self, step: Step, coroutine: &Bound<'py, PyIterator>) -> PyResult<Option<Outcome>> {
        let task = UserTask::of(self.user)?;
        let mut thrown = None;
        loop {
            match UserTask::step(&task, coroutine, thrown.take())? {
                Stepped::Finished(result) => return self.driven(step, &task, result.map(drop)).map(Some),
                Stepped::Waits if self.gives_back()? => {
                    let mut state = self.user.get().state();
                    state.awaited = Some((step, coroutine.clone().unbind()));
                    let old = std::mem::replace(&mut state.life, Life::Awaiting);
                    drop(state);
                    drop(old);
                    return Ok(None);
                }
                Stepped::Waits => thrown = UserTask::wait_in_place(&task, self.hub).err(),
            }
        }
    }

    /// What the end of the coroutine that did `step` means.
    fn driven(&mut self, step: Step, task: &Bound<'py, UserTask>, result: PyResult<()>) -> PyResult<Outcome> {
        let py = self.user.py();
        let killed = task.get().end_coroutine();
        let error = match result {
            Ok(()) => return Ok(if killed { KILLED } else { Outcome::Returned }),
            Err(error) if EventLoop::get(py)?.is_cancellation(py, &error) => {
                if killed {
                    return Ok(KILLED);
                }
                // Cancelled by the script itself: an exception of the task as any other.
                let error = PyErr::from_value(error.into_value(py).into_bound(py).into_any());
                self.error = Some(error);
                return Ok(Outcome::Failed);
            }
            Err(error) => error,
        };
        let outcome = self.raised_in(step, error)?;
        if killed && outcome == Outcome::Failed {
            self.report()?;
        }
        Ok(if killed { KILLED } else { outcome })
    }

    /// Tell the machine; let go of the sets that it has left.
    fn advance(&mut self, outcome: Outcome) -> Step {
        let lone = !std::ptr::eq(self.course, self.user.get().course());
        if lone && lock(self.user.get().course()).machine.state() == Some(State::Stopping) {
            lock(self.course).machine.request_stop();
        }
        let mut course = lock(self.course);
        let step = course.machine.advance(outcome);
        let levels = course.machine.depth().saturating_sub(usize::from(!lone));
        if course.levels.len() > levels && !matches!(step, Step::Done(_)) {
            let left = course.levels.split_off(levels);
            drop(course);
            drop(left);
        }
        step
    }

    fn classified(&mut self, error: PyErr) -> PyResult<Outcome> {
        let raised = classify(self.user.py(), error)?;
        self.error = Some(raised.error);
        Ok(raised.outcome)
    }

    /// The innermost set and its plan; `None` for the user's own tasks.
    fn innermost(&self) -> Option<(Bound<'py, PyAny>, SetPlan)> {
        let py = self.user.py();
        lock(self.course).levels.last().map(|level| (level.set.clone_ref(py).into_bound(py), level.plan))
    }

    /// Steps that are one call of a hook.
    fn call(&self, step: Step) -> PyResult<Called<'py>> {
        let py = self.user.py();
        let returned = match step {
            Step::StartUser if self.plan.on_start => self.user.call_method0(intern!(py, "on_start")),
            Step::StopUser if self.plan.on_stop => self.user.call_method0(intern!(py, "on_stop")),
            Step::StartSet | Step::StopSet => match self.innermost() {
                Some((set, plan)) if step == Step::StartSet && plan.on_start => {
                    set.call_method0(intern!(py, "on_start"))
                }
                Some((set, plan)) if step == Step::StopSet && plan.on_stop => set.call_method0(intern!(py, "on_stop")),
                _ => return Ok(Called::Returned),
            },
            Step::Pick => return self.pick().map(|()| Called::Returned),
            _ => return Ok(Called::Returned),
        };
        Called::of(&returned?)
    }

    /// An exception out of `step`: some are reported where they happen.
    fn raised_in(&mut self, step: Step, error: PyErr) -> PyResult<Outcome> {
        let py = self.user.py();
        let outcome = self.classified(error)?;
        let Some(error) = &self.error else { return Ok(outcome) };
        let bases = plan::bases(py);
        let stops = matches!(outcome, Outcome::Control(Control::StopUser | Control::StopTest | Control::Exit));
        if step == Step::StartUser && outcome != KILLED {
            bases.report_start.bind(py).call1((self.user, error.value(py), stops))?;
        } else if step == Step::StopSet && !stops {
            bases.log_stop.bind(py).call1((error.value(py),))?;
        }
        Ok(outcome)
    }

    fn pick(&self) -> PyResult<()> {
        let innermost = self.innermost();
        let task = match &innermost {
            Some((set, plan)) => tasks::pick(set, plan)?,
            None => tasks::pick_own(self.user, &self.plan.default)?,
        };
        let mut course = lock(self.course);
        let slot = match course.levels.last_mut() {
            Some(level) => &mut level.next_task,
            None => &mut course.next_task,
        };
        let old = std::mem::replace(slot, task.map(Bound::unbind));
        drop(course);
        drop(old);
        Ok(())
    }

    fn execute(&self) -> PyResult<Called<'py>> {
        let py = self.user.py();
        let task = {
            let mut course = lock(self.course);
            match course.levels.last_mut() {
                Some(level) => level.next_task.take(),
                None => course.next_task.take(),
            }
        };
        let task = task.map(|task| task.into_bound(py));
        let called = tasks::execute(self.user, self.innermost().map(|(set, _)| set), task)?;
        if let Called::Set(set) = &called {
            let plan = SetPlan::of(set)?;
            if plan.run {
                return Called::of(&set.call_method0(intern!(py, "run"))?);
            }
            lock(self.course).levels.push(Level { set: set.clone().unbind(), plan, next_task: None });
        }
        Ok(called)
    }

    /// Tell about the exception just seen. It ends here unless the environment wants exceptions to get through.
    fn report(&mut self) -> PyResult<Outcome> {
        let py = self.user.py();
        let Some(error) = self.error.take() else { return Ok(Outcome::Returned) };
        let owner = match self.innermost() {
            Some((set, _)) => set,
            None => default_set(self.user)?.into_bound(py),
        };
        let reported =
            plan::bases(py).report.bind(py).call1((owner, error.value(py))).and_then(|ends| ends.is_truthy());
        match reported {
            Ok(true) => Ok(Outcome::Returned),
            Ok(false) => {
                self.error = Some(error);
                Ok(Outcome::Failed)
            }
            Err(error) => self.classified(error),
        }
    }

    /// Wait, or arrange for it and return `None` if the greenlet is to be given back.
    fn wait(&mut self) -> PyResult<Option<Called<'py>>> {
        const WAITED: Option<Called<'_>> = Some(Called::Returned);
        let py = self.user.py();
        if self.plan.closes_connections {
            client::release(self.user);
        }
        let innermost = self.innermost();
        let plan = innermost.as_ref().map_or(self.plan.default, |(_, plan)| *plan);
        if plan.wait {
            let set = match innermost {
                Some((set, _)) => set,
                None => default_set(self.user)?.into_bound(py),
            };
            return Called::of(&set.call_method0(intern!(py, "wait"))?).map(Some);
        }
        let seconds = waits::seconds(self.user, innermost.as_ref().map(|(set, _)| set), plan.wait_time)?;
        if self.borrowed.is_some() && seconds <= 0.0 {
            // Without a wait the user goes straight on if others had their turn meanwhile, and else lets them have it.
            let started = self.hub.state().health.started;
            if started != self.started_before {
                self.started_before = started;
                return Ok(WAITED);
            }
        }
        if !self.gives_back()? {
            let pause = if seconds > 0.0 { seconds } else { 0.0 };
            return py.import("gevent")?.call_method1("sleep", (pause,)).map(|_| WAITED);
        }
        if seconds > 0.0 {
            self.park(seconds);
            return Ok(None);
        }
        self.user.get().state().life = Life::Queued;
        self.hub.enqueue(Ready::Run(self.user.clone().unbind()));
        Ok(None)
    }

    /// The test is paused: wait for its end before the next task. `None` if the greenlet is to be given back.
    fn hold(&mut self) -> PyResult<Option<()>> {
        let py = self.user.py();
        if !self.gives_back()? {
            self.user.get().state().waiting_in_task = true;
            let waited = self.hub.wait_out_pause(py);
            self.user.get().state().waiting_in_task = false;
            return waited.map(Some);
        }
        let key = self.hub.hold(self.user.clone().unbind());
        self.sleep(key, true);
        Ok(None)
    }

    /// Whether the greenlet is given back for the time of a wait. Once it holds something of the user's, it is the user's.
    fn gives_back(&mut self) -> PyResult<bool> {
        let Some(slot) = self.borrowed else { return Ok(false) };
        if self.hub.pool.holds_locals(self.user.py(), slot)? {
            self.borrowed = None;
        }
        Ok(self.borrowed.is_some())
    }

    fn park(&self, seconds: f64) {
        let pause = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let now = Instant::now();
        let deadline = now.checked_add(pause).unwrap_or(now + Duration::from_secs(u64::from(u32::MAX)));
        let key = self.hub.wake_at(self.user.clone().unbind(), deadline);
        self.sleep(key, false);
    }

    fn sleep(&self, key: usize, held: bool) {
        let mut state = self.user.get().state();
        state.held = held;
        let old = std::mem::replace(&mut state.life, Life::Sleeping(key));
        drop(state);
        drop(old);
    }
}
