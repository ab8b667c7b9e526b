//! The engine's side of gevent's hub: takes what the reactor reports and switches into the greenlets that wait for it.
//!
//! One gevent watcher wakes [`Hub::drain`] on a pipe; a drain is bounded so that gevent's own events are never starved.
//! Must not: wait for anything, or hold [`State`]'s lock while Python runs.
//!
//! ```text
//!   reactor: …─deliver(batch)──┐ (one byte in the pipe, only if the hub sleeps)
//!   hub:                       └▶ drain ─ switch ▶ greenlet ─ submit ─ switch back ─ … ─ flush ▶ reactor
//! ```

mod awaited;
mod channels;
mod sleepers;
mod waiting;

pub use channels::Begun;
pub use sleepers::{pause_users, resume_users};
pub use waiting::in_flight;

use std::collections::VecDeque;
use std::io::{PipeReader, Read};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use gregaria_http::{Command, Completion, ConnectionId, Event, Reactor, Request, Settings, UnderWay};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use slab::Slab;

use crate::client::{PendingResponse, resolutions};
use crate::coroutines::{UserTask, block};
use crate::greenlet;
use crate::health::Health;
use crate::mailbox::{Delivery, Mailbox, THREAD_BIT};
use crate::scheduling::prefer_promptness;
use crate::users::UserCore;
use crate::users::pool::{Job, Pool};
use sleepers::Sleepers;

/// Commands kept back within a drain before they are handed to the reactor.
const FLUSH_AT: usize = 32;
/// The longest that a command is kept back while tasks take their time.
const FLUSH_AFTER: Duration = Duration::from_micros(200);
/// Commands waiting in the reactor at which no more users are started: they would only hold greenlets.
const BACKLOG_LIMIT: usize = 64;
/// How long the hub steps aside for a reactor that cannot keep up with the users that start.
const STEP_ASIDE: Duration = Duration::from_micros(50);
/// Events handled in one drain before gevent gets its turn.
const DRAIN_LIMIT: usize = 512;
/// Users started or killed before events get their turn again: what they wait for may have come in meanwhile.
const READY_AT_ONCE: usize = 32;
/// Longest drain.
const DRAIN_TIME: Duration = Duration::from_millis(10);

static HUB: PyOnceLock<Hub> = PyOnceLock::new();
static HOME: OnceLock<ThreadId> = OnceLock::new();

/// Something that the hub has to do for a user as soon as it can.
pub enum Ready {
    /// Give the user a greenlet and go on with it.
    Run(Py<UserCore>),
    /// Throw this into the greenlet that the user runs in.
    Throw(Py<UserCore>, PyErr),
    /// Go on with a user's coroutine, if it still is in the turn of this number.
    Wake(Py<UserTask>, u32),
    /// Call this as a step of the event loop, in a pooled greenlet.
    Step(Py<PyAny>),
}

/// Who waits for a response. The serial number tells it from earlier holders of the same slot.
struct Pending {
    serial: u32,
    waiter: Waiter,
    completion: Option<Box<Completion>>,
    /// There is something on the channel that it waits on.
    woken: bool,
    /// It waits in the engine and may be switched to.
    parked: bool,
}

impl Pending {
    fn new(serial: u32, waiter: Waiter) -> Self {
        Pending { serial, waiter, completion: None, woken: false, parked: true }
    }
}

enum Waiter {
    Greenlet(Py<PyAny>),
    /// A coroutine, through what it awaits.
    Coroutine(Py<PendingResponse>),
}

/// A request's id: its slot and, above, its serial number (31 bits: the highest marks threads).
fn request_id(slot: usize, serial: u32) -> u64 {
    slot as u64 | u64::from(serial) << 32
}

/// What the hub owns; locked for moments only, always by the thread that holds the GIL.
#[derive(Default)]
pub struct State {
    pending: Slab<Pending>,
    serial: u32,
    outbox: Vec<Command>,
    /// When the oldest command came into the outbox.
    oldest: Option<Instant>,
    backlog: VecDeque<Event>,
    ready: VecDeque<Ready>,
    sleepers: Sleepers,
    /// What the reactor said when it was asked last.
    under_way: Vec<UnderWay>,
    draining: bool,
    pub health: Health,
}

impl State {
    fn next_serial(&mut self) -> u32 {
        self.serial = (self.serial + 1) & (u32::MAX >> 1);
        self.serial
    }
}

/// The process's only hub.
pub struct Hub {
    reactor: Reactor,
    mailbox: Arc<Mailbox>,
    wake_up: PipeReader,
    gevent: Py<PyAny>,
    /// Kept so that it stays started.
    _watcher: Py<PyAny>,
    thread: ThreadId,
    state: Mutex<State>,
    /// Users begin no task.
    paused: AtomicBool,
    pub pool: Pool,
}

impl Hub {
    /// The hub, started at the first call, which must come from the thread whose gevent hub runs the users.
    pub fn get(py: Python<'_>) -> PyResult<&'static Hub> {
        if let Some(hub) = HUB.get(py) {
            return Ok(hub);
        }
        HUB.get_or_try_init(py, || Hub::start(py))
    }

    /// The hub, if it was ever started.
    pub fn started(py: Python<'_>) -> Option<&'static Hub> {
        HUB.get(py)
    }

    /// The calling thread is the one whose gevent hub runs the users.
    pub fn belongs_here() {
        // Only the first import says so.
        let _ = HOME.set(std::thread::current().id());
    }

    fn start(py: Python<'_>) -> PyResult<Hub> {
        if HOME.get().is_some_and(|home| *home != std::thread::current().id()) {
            return Err(PyRuntimeError::new_err(
                "the first request of a process must be made in its main thread, whose event loop runs the users",
            ));
        }
        let (mailbox, wake_up) = Mailbox::new()?;
        let mailbox = Arc::new(mailbox);
        let settings = Settings { on_thread_start: prefer_promptness, ..Settings::default() };
        let reactor = Reactor::spawn(settings, Box::new(Delivery(Arc::clone(&mailbox))))
            .map_err(|error| PyRuntimeError::new_err(format!("the reactor did not start: {error}")))?;
        reactor.submit(&mut resolutions());
        let gevent = py.import("gevent")?.call_method0("get_hub")?;
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&wake_up);
        let watcher = gevent.getattr("loop")?.call_method1("io", (descriptor, 1))?;
        watcher.call_method1("start", (pyo3::wrap_pyfunction!(drain, py)?,))?;
        Ok(Hub {
            reactor,
            mailbox,
            wake_up,
            gevent: gevent.unbind(),
            _watcher: watcher.unbind(),
            thread: std::thread::current().id(),
            state: Mutex::default(),
            paused: AtomicBool::new(false),
            pool: Pool::default(),
        })
    }

    /// Tell the reactor at once.
    pub fn command(&self, mut commands: Vec<Command>) {
        self.reactor.submit(&mut commands);
    }

    /// The shared state. Never keep the guard across a call into Python.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// gevent's hub greenlet.
    pub fn greenlet<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.gevent.bind(py)
    }

    /// Send `request` and wait, in this greenlet or thread only, until it has ended.
    pub fn exchange(&self, py: Python<'_>, request: Box<Request>) -> PyResult<Box<Completion>> {
        if std::thread::current().id() != self.thread {
            return Ok(self.exchange_from_thread(py, request));
        }
        let id = self.submit(py, request, true)?;
        self.await_completion(py, id)
    }

    fn await_completion(&self, py: Python<'_>, id: usize) -> PyResult<Box<Completion>> {
        loop {
            if let Err(error) = block(self.gevent.bind(py)) {
                self.give_up(id);
                return Err(error);
            }
            if let Some(completion) = self.taken_completion(id) {
                return Ok(completion);
            }
        }
    }

    fn taken_completion(&self, id: usize) -> Option<Box<Completion>> {
        let mut state = self.state();
        let completion = state.pending[id].completion.take()?;
        let pending = state.pending.remove(id);
        state.health.completed += 1;
        drop(state);
        drop(pending);
        Some(completion)
    }

    /// Nobody waits for this request any more.
    fn give_up(&self, id: usize) {
        let mut state = self.state();
        let abandoned = state.pending.remove(id);
        match &abandoned.completion {
            None => state.outbox.push(Command::Cancel(request_id(id, abandoned.serial))),
            Some(completion) => state.outbox.extend(completion.connection.map(Command::Close)),
        }
        state.health.aborted += 1;
        self.flush_unless_draining(&mut state);
        drop(state);
        drop(abandoned);
    }

    /// The greenlet that is about to wait.
    fn waiting_greenlet(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let current = greenlet::current(py)?;
        if current.is(self.gevent.bind(py)) {
            return Err(PyRuntimeError::new_err(
                "a request cannot be made from a callback of gevent's loop, because it would have to wait; use gevent.spawn",
            ));
        }
        Ok(current.unbind())
    }

    fn submit(&self, py: Python<'_>, request: Box<Request>, parked: bool) -> PyResult<usize> {
        let waiter = Waiter::Greenlet(self.waiting_greenlet(py)?);
        Ok(self.submit_for(waiter, request, parked).0)
    }

    fn submit_for(&self, waiter: Waiter, mut request: Box<Request>, parked: bool) -> (usize, u32) {
        let mut state = self.state();
        let serial = state.next_serial();
        let id = state.pending.insert(Pending { parked, ..Pending::new(serial, waiter) });
        request.id = request_id(id, serial);
        state.health.started += 1;
        let now = Instant::now();
        request.queued = Some(now);
        if state.outbox.is_empty() {
            state.oldest = Some(now);
        }
        state.outbox.push(Command::Send(request));
        if state.outbox.len() >= FLUSH_AT {
            self.reactor.submit(&mut state.outbox);
        }
        self.flush_unless_draining(&mut state);
        (id, serial)
    }

    fn exchange_from_thread(&self, py: Python<'_>, mut request: Box<Request>) -> Box<Completion> {
        self.state().health.started += 1;
        let (id, ticket) = self.mailbox.expect_in_thread();
        request.id = id | THREAD_BIT;
        request.queued = Some(Instant::now());
        self.reactor.submit(&mut vec![Command::Send(request)]);
        let completion = py.detach(|| ticket.wait());
        self.state().health.completed += 1;
        completion
    }

    fn flush_unless_draining(&self, state: &mut State) {
        if !state.draining && !state.outbox.is_empty() {
            self.reactor.submit(&mut state.outbox);
        }
    }

    /// Close connections that nobody will use again.
    pub fn close(&self, connections: impl IntoIterator<Item = ConnectionId>) {
        let mut state = self.state();
        state.outbox.extend(connections.into_iter().map(Command::Close));
        self.flush_unless_draining(&mut state);
    }

    /// Have something done at the next drain.
    pub fn enqueue(&self, ready: Ready) {
        let mut state = self.state();
        state.ready.push_back(ready);
        if !state.draining {
            drop(state);
            self.mailbox.wake();
        }
    }

    /// Handle what has come in, within bounds. Runs in gevent's hub.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let mut byte = [0_u8; 1];
        (&self.wake_up).read_exact(&mut byte)?;
        // A user that is ready again at once (its wait is zero) has its next turn after gevent's other greenlets.
        let mut turns = {
            let mut state = self.state();
            state.draining = true;
            state.ready.len()
        };
        let begun = Instant::now();
        let mut handled = 0;
        while handled < DRAIN_LIMIT && (handled == 0 || begun.elapsed() < DRAIN_TIME) {
            let behind = turns > 0 && self.reactor.backlog() >= BACKLOG_LIMIT;
            let ready = if behind { 0 } else { self.drain_ready(py, turns.min(READY_AT_ONCE))? };
            turns -= ready;
            let done = ready + self.drain_events(py, DRAIN_LIMIT - handled)?;
            self.flush();
            if done == 0 {
                if behind {
                    py.detach(|| std::thread::sleep(STEP_ASIDE));
                }
                break;
            }
            handled += done;
        }
        let mut state = self.state();
        state.draining = false;
        let more = !state.backlog.is_empty() || !state.ready.is_empty();
        drop(state);
        self.flush();
        self.mailbox.sleep(more);
        Ok(())
    }

    /// A task may take its time: what others have asked for does not wait for it.
    fn flush_if_kept_back(&self) {
        let mut state = self.state();
        if !state.outbox.is_empty() && state.oldest.is_some_and(|oldest| oldest.elapsed() > FLUSH_AFTER) {
            self.reactor.submit(&mut state.outbox);
        }
    }

    fn flush(&self) {
        let mut state = self.state();
        if !state.outbox.is_empty() {
            self.reactor.submit(&mut state.outbox);
        }
    }

    fn drain_events(&self, py: Python<'_>, limit: usize) -> PyResult<usize> {
        let now = Instant::now();
        let mut state = self.state();
        if state.backlog.is_empty() {
            self.mailbox.take(&mut state.backlog);
        }
        let mut handled = 0;
        while handled < limit {
            let Some(event) = state.backlog.pop_front() else { break };
            handled += 1;
            match event {
                Event::Completed(completion) => {
                    state.health.queued(now.saturating_duration_since(completion.timings.finished));
                    let (slot, serial) = (completion.id as u32 as usize, (completion.id >> 32) as u32);
                    let Some(pending) = state.pending.get_mut(slot).filter(|it| it.serial == serial) else { continue };
                    if !pending.parked {
                        pending.completion = Some(completion);
                        continue;
                    }
                    if let Waiter::Greenlet(waiting) = &pending.waiter {
                        pending.completion = Some(completion);
                        let waiting = waiting.clone_ref(py);
                        drop(state);
                        self.resume(py, waiting.bind(py));
                    } else {
                        let pending = state.pending.remove(slot);
                        drop(state);
                        if let Waiter::Coroutine(awaited) = pending.waiter {
                            PendingResponse::arrived(awaited.bind(py), self, completion);
                        }
                    }
                    state = self.state();
                }
                Event::Stirred(id) => {
                    let (slot, serial) = (id as u32 as usize, (id >> 32) as u32);
                    let Some(pending) = state.pending.get_mut(slot).filter(|it| it.serial == serial) else { continue };
                    let Waiter::Greenlet(waiting) = &pending.waiter else { continue };
                    pending.woken = true;
                    let waiting = waiting.clone_ref(py);
                    drop(state);
                    self.resume(py, waiting.bind(py));
                    state = self.state();
                }
                Event::Surveyed(under_way) => state.under_way = under_way,
                Event::Timer(key) => {
                    let Some(user) = state.woken(key as usize) else { continue };
                    drop(state);
                    self.run(py, user);
                    state = self.state();
                }
            }
        }
        Ok(handled)
    }

    /// Run or kill `count` users that have asked for it.
    fn drain_ready(&self, py: Python<'_>, count: usize) -> PyResult<usize> {
        for _ in 0..count {
            let next = self.state().ready.pop_front();
            match next {
                Some(Ready::Run(user)) => self.run(py, user),
                Some(Ready::Throw(user, error)) => self.throw(py, user.bind(py), error)?,
                Some(Ready::Wake(task, turn)) => UserTask::wake_of(task.bind(py), self, turn),
                Some(Ready::Step(callback)) => self.borrow(py, Job::Step(callback)),
                None => break,
            }
        }
        Ok(count)
    }

    /// Go on with `user` in a borrowed greenlet.
    pub fn run(&self, py: Python<'_>, user: Py<UserCore>) {
        self.borrow(py, Job::User(user));
    }

    fn borrow(&self, py: Python<'_>, job: Job) {
        match self.pool.assign(py, self, job) {
            Ok(worker) => self.resume(py, worker.bind(py)),
            Err(error) => self.report(py, error),
        }
    }

    fn throw(&self, py: Python<'_>, user: &Bound<'_, UserCore>, error: PyErr) -> PyResult<()> {
        // It may have left its greenlet since it was to be killed.
        let Some(target) = user.get().running_greenlet(py) else { return UserCore::kill(user, error) };
        if let Err(error) = greenlet::throw(target.bind(py), error) {
            self.report(py, error);
        }
        Ok(())
    }

    /// Switch to `target`, from the hub.
    pub fn resume(&self, py: Python<'_>, target: &Bound<'_, PyAny>) {
        self.flush_if_kept_back();
        if let Err(error) = greenlet::switch(target) {
            self.report(py, error);
        }
    }

    /// Hand an error that nobody is there to catch to gevent, which prints it, or ends the process if it is an exit.
    pub fn report(&self, py: Python<'_>, error: PyErr) {
        self.report_of(py, "engine", error);
    }

    /// As [`Hub::report`], with a word on where the error comes from.
    pub fn report_of(&self, py: Python<'_>, origin: &str, error: PyErr) {
        let arguments = (origin, error.get_type(py), error.value(py), error.traceback(py));
        if let Err(second) = self.gevent.bind(py).call_method1("handle_error", arguments) {
            second.print(py);
        }
    }
}

/// The watcher's callback.
#[pyfunction]
fn drain(py: Python<'_>) -> PyResult<()> {
    match Hub::started(py) {
        Some(hub) => hub.drain(py),
        None => Ok(()),
    }
}
