//! The pool of greenlets that users borrow while their Python code runs.
//!
//! It grows to the number of users that are inside a task at the same moment and is used last-in, first-out, so that
//! few stacks stay warm.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use super::core::UserCore;
use super::driver;
use crate::greenlet;
use crate::hub::Hub;

#[derive(Default)]
struct Workers {
    greenlets: Vec<Worker>,
    idle: Vec<usize>,
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

    /// Greenlets in existence.
    pub fn len(&self) -> usize {
        self.workers().greenlets.len()
    }

    /// Choose a greenlet for `user`; the caller switches to it.
    pub fn assign(&self, py: Python<'_>, hub: &Hub, user: Py<UserCore>) -> PyResult<Py<PyAny>> {
        let mut workers = self.workers();
        if let Some(slot) = workers.idle.pop() {
            let worker = &mut workers.greenlets[slot];
            worker.user = Some(user);
            return Ok(worker.greenlet.clone_ref(py));
        }
        let slot = workers.greenlets.len();
        drop(workers);
        let run = Py::new(py, WorkerMain { slot })?;
        let greenlet = greenlet::new(run.bind(py).as_any(), hub.greenlet(py))?.unbind();
        self.workers().greenlets.push(Worker { greenlet: greenlet.clone_ref(py), user: Some(user) });
        Ok(greenlet)
    }

    fn take(&self, slot: usize) -> Option<Py<UserCore>> {
        self.workers().greenlets[slot].user.take()
    }

    fn give_back(&self, slot: usize) {
        self.workers().idle.push(slot);
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
                hub.pool.give_back(self.slot);
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
