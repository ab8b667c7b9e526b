//! The pool of greenlets that users borrow while their Python code runs.
//!
//! It grows to the number of users that are inside a task at the same moment, shrinks again after a burst, and is used
//! last-in, first-out, so that few stacks stay warm.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use slab::Slab;

use super::core::UserCore;
use super::{driver, locals};
use crate::coroutines::EventLoop;
use crate::greenlet;
use crate::hub::Hub;

/// Idle greenlets kept for the next users; a suspended one costs some 20 KB.
const KEPT_IDLE: usize = 128;

/// What a greenlet is borrowed for.
pub enum Job {
    /// A user that goes on.
    User(Py<UserCore>),
    /// A step of the event loop.
    Step(Py<PyAny>),
}

#[derive(Default)]
struct Workers {
    greenlets: Slab<Worker>,
    idle: Vec<usize>,
    peak: usize,
}

struct Worker {
    greenlet: Py<PyAny>,
    job: Option<Job>,
    /// Weak references to the greenlet that have been looked at.
    seen_references: usize,
}

/// See the module's text.
#[derive(Default)]
pub struct Pool {
    workers: Mutex<Workers>,
}

impl Pool {
    fn workers(&self) -> MutexGuard<'_, Workers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The most greenlets that were in existence at the same moment.
    pub fn peak(&self) -> usize {
        self.workers().peak
    }

    /// Choose a greenlet for `job`; the caller switches to it.
    pub fn assign(&self, py: Python<'_>, hub: &Hub, job: Job) -> PyResult<Py<PyAny>> {
        let mut workers = self.workers();
        if let Some(slot) = workers.idle.pop() {
            let worker = &mut workers.greenlets[slot];
            worker.job = Some(job);
            return Ok(worker.greenlet.clone_ref(py));
        }
        let slot = workers.greenlets.vacant_key();
        drop(workers);
        let run = Py::new(py, WorkerMain { slot })?;
        let greenlet = greenlet::new(run.bind(py).as_any(), hub.greenlet(py))?.unbind();
        let mut workers = self.workers();
        workers.greenlets.insert(Worker { greenlet: greenlet.clone_ref(py), job: Some(job), seen_references: 0 });
        workers.peak = workers.peak.max(workers.greenlets.len());
        Ok(greenlet)
    }

    fn take(&self, slot: usize) -> Option<Job> {
        self.workers().greenlets[slot].job.take()
    }

    /// Whether something is kept for the greenlet of `slot`, so that no other user may have it.
    pub fn holds_locals(&self, py: Python<'_>, slot: usize) -> PyResult<bool> {
        let (greenlet, seen) = {
            let worker = &self.workers().greenlets[slot];
            (worker.greenlet.clone_ref(py), worker.seen_references)
        };
        let references = locals::references(greenlet.bind(py))?;
        if references == seen {
            return Ok(false);
        }
        if locals::are_there(greenlet.bind(py))? {
            return Ok(true);
        }
        self.workers().greenlets[slot].seen_references = references;
        Ok(false)
    }

    /// Keep the greenlet for the next user. False if it should end: there are enough, or it is no longer as new.
    fn give_back(&self, py: Python<'_>, slot: usize) -> bool {
        let spoilt = self.holds_locals(py, slot).unwrap_or(true);
        let mut workers = self.workers();
        if !spoilt && workers.idle.len() < KEPT_IDLE {
            workers.idle.push(slot);
            return true;
        }
        drop(workers);
        self.forget(slot);
        false
    }

    fn forget(&self, slot: usize) {
        let mut workers = self.workers();
        workers.idle.retain(|idle| *idle != slot);
        let retired = workers.greenlets.try_remove(slot);
        drop(workers);
        drop(retired);
    }
}

fn run_step(hub: &Hub, callback: &Bound<'_, PyAny>) {
    let py = callback.py();
    let stepped = EventLoop::get(py).and_then(|event_loop| event_loop.step(py.None().bind(py), || callback.call0()));
    if let Err(error) = stepped.and_then(|result| result) {
        hub.report_of(py, "event loop", error);
    }
}

/// What a pooled greenlet runs: one user after the other.
#[pyclass(frozen)]
struct WorkerMain {
    slot: usize,
}

#[pymethods]
impl WorkerMain {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let hub = Hub::get(py)?;
        loop {
            if let Some(job) = hub.pool.take(self.slot) {
                match job {
                    Job::User(user) => driver::run_borrowed(user.bind(py), self.slot),
                    Job::Step(callback) => run_step(hub, callback.bind(py)),
                }
                if !hub.pool.give_back(py, self.slot) {
                    return Ok(());
                }
            }
            // A stray switch or throw into an idle greenlet finds no user and changes nothing. GreenletExit ends it: the
            // interpreter's end throws one, or a kill that comes too late for the user it was meant for.
            if let Err(error) = greenlet::switch(hub.greenlet(py))
                && greenlet::is_exit(py, &error)
            {
                hub.pool.forget(self.slot);
                return Ok(());
            }
        }
    }
}
