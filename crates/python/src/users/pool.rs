//! The pool of greenlets that users borrow while their Python code runs.
//!
//! It grows to the number of users that are inside a task at the same moment, shrinks again after a burst, and is used
//! last-in, first-out, so that few stacks stay warm.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use slab::Slab;

use super::core::UserCore;
use super::driver;
use crate::greenlet;
use crate::hub::Hub;

/// Idle greenlets kept for the next users; a suspended one costs some 20 KB.
const KEPT_IDLE: usize = 128;

#[derive(Default)]
struct Workers {
    greenlets: Slab<Worker>,
    idle: Vec<usize>,
    peak: usize,
}

struct Worker {
    greenlet: Py<PyAny>,
    user: Option<Py<UserCore>>,
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

    /// Choose a greenlet for `user`; the caller switches to it.
    pub fn assign(&self, py: Python<'_>, hub: &Hub, user: Py<UserCore>) -> PyResult<Py<PyAny>> {
        let mut workers = self.workers();
        if let Some(slot) = workers.idle.pop() {
            let worker = &mut workers.greenlets[slot];
            worker.user = Some(user);
            return Ok(worker.greenlet.clone_ref(py));
        }
        let slot = workers.greenlets.vacant_key();
        drop(workers);
        let run = Py::new(py, WorkerMain { slot })?;
        let greenlet = greenlet::new(run.bind(py).as_any(), hub.greenlet(py))?.unbind();
        let mut workers = self.workers();
        workers.greenlets.insert(Worker { greenlet: greenlet.clone_ref(py), user: Some(user) });
        workers.peak = workers.peak.max(workers.greenlets.len());
        Ok(greenlet)
    }

    fn take(&self, slot: usize) -> Option<Py<UserCore>> {
        self.workers().greenlets[slot].user.take()
    }

    /// Keep the greenlet for the next user. False if there are enough: it should end.
    fn give_back(&self, slot: usize) -> bool {
        let mut workers = self.workers();
        if workers.idle.len() < KEPT_IDLE {
            workers.idle.push(slot);
            return true;
        }
        let retired = workers.greenlets.remove(slot);
        drop(workers);
        drop(retired);
        false
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
            if let Some(user) = hub.pool.take(self.slot) {
                driver::run_borrowed(user.bind(py));
                if !hub.pool.give_back(self.slot) {
                    return Ok(());
                }
            }
            // A stray switch or throw into an idle greenlet finds no user and changes nothing; the end of the
            // interpreter throws GreenletExit.
            if let Err(error) = greenlet::switch(hub.greenlet(py))
                && greenlet::is_exit(py, &error)
            {
                return Ok(());
            }
        }
    }
}
