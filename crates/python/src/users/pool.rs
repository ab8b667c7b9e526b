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
    /// Serial number of the next worker.
    next: u64,
}

struct Worker {
    /// Tells it from later workers in the same slot.
    serial: u64,
    greenlet: Py<PyAny>,
    job: Option<Job>,
}

/// What there is to do for a greenlet that was switched to.
enum Call {
    Do(Job),
    Nothing,
    /// It is not one of the pool any more.
    Leave,
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
        while let Some(slot) = workers.idle.pop() {
            let worker = &mut workers.greenlets[slot];
            if greenlet::references(&worker.greenlet, py) > 1 {
                // Somebody still has it: a timeout that was not cancelled, say, which would hit the next user.
                let retired = workers.greenlets.remove(slot);
                drop(workers);
                drop(retired);
                workers = self.workers();
                continue;
            }
            worker.job = Some(job);
            return Ok(worker.greenlet.clone_ref(py));
        }
        let (slot, serial) = (workers.greenlets.vacant_key(), workers.next);
        workers.next += 1;
        drop(workers);
        let run = Py::new(py, WorkerMain { slot, serial })?;
        let greenlet = greenlet::new(run.bind(py).as_any(), hub.greenlet(py))?.unbind();
        let mut workers = self.workers();
        let worker = Worker { serial, greenlet: greenlet.clone_ref(py), job: Some(job) };
        workers.greenlets.insert(worker);
        workers.peak = workers.peak.max(workers.greenlets.len());
        Ok(greenlet)
    }

    fn called(&self, slot: usize, serial: u64) -> Call {
        match self.workers().greenlets.get_mut(slot) {
            Some(worker) if worker.serial == serial => worker.job.take().map_or(Call::Nothing, Call::Do),
            _ => Call::Leave,
        }
    }

    /// Whether something is kept for the greenlet of `slot`, so that no other user may have it.
    pub fn holds_locals(&self, py: Python<'_>, slot: usize) -> PyResult<bool> {
        let greenlet = self.workers().greenlets[slot].greenlet.clone_ref(py);
        let greenlet = greenlet.bind(py);
        // That there are as many as before says nothing: one may have gone while another came.
        Ok(locals::references(greenlet)? > 0 && locals::are_there(greenlet)?)
    }

    /// Keep the greenlet for the next user. False if it should end: there are enough, or it is no longer as new.
    fn give_back(&self, py: Python<'_>, slot: usize) -> bool {
        let spoilt = self.holds_locals(py, slot).unwrap_or(true);
        let mut workers = self.workers();
        if !spoilt && workers.idle.len() < KEPT_IDLE {
            workers.idle.push(slot);
            return true;
        }
        let serial = workers.greenlets[slot].serial;
        drop(workers);
        self.forget(slot, serial);
        false
    }

    fn forget(&self, slot: usize, serial: u64) {
        let mut workers = self.workers();
        if workers.greenlets.get(slot).is_none_or(|worker| worker.serial != serial) {
            return;
        }
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
    serial: u64,
}

#[pymethods]
impl WorkerMain {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let hub = Hub::get(py)?;
        loop {
            match hub.pool.called(self.slot, self.serial) {
                Call::Do(job) => {
                    match job {
                        Job::User(user) => driver::run_borrowed(user.bind(py), self.slot),
                        Job::Step(callback) => run_step(hub, callback.bind(py)),
                    }
                    if !hub.pool.give_back(py, self.slot) {
                        return Ok(());
                    }
                }
                Call::Nothing => {}
                Call::Leave => return Ok(()),
            }
            // A stray switch or throw into an idle greenlet finds no user and changes nothing. GreenletExit ends it: the
            // interpreter's end throws one, or a kill that comes too late for the user it was meant for.
            if let Err(error) = greenlet::switch(hub.greenlet(py))
                && greenlet::is_exit(py, &error)
            {
                hub.pool.forget(self.slot, self.serial);
                return Ok(());
            }
        }
    }
}
