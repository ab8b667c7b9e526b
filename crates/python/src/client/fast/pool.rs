//! [`ClientPool`]: the connections that a session, or all sessions given the same pool, keep alive, and how many requests
//! they may have under way at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gregaria_http::{ConnectionId, Origin, SharedConnection};
use pyo3::prelude::*;

use crate::client::shared::SharedConnections;
use crate::hub::Hub;

#[derive(Default)]
struct PoolState {
    idle: Vec<(Arc<Origin>, ConnectionId)>,
    shared: SharedConnections,
    busy: usize,
    waiting: usize,
    /// What those wait on who found all connections busy; made when that first happens.
    gate: Option<Py<PyAny>>,
}

/// See the module's text.
#[pyclass(subclass, frozen, weakref, module = "gregaria._engine")]
pub struct ClientPool {
    concurrency: usize,
    state: Mutex<PoolState>,
}

impl ClientPool {
    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begin a request; waits while there are too many.
    pub fn enter(&self, py: Python<'_>) -> PyResult<()> {
        loop {
            let gate = {
                let mut state = self.state();
                if state.busy < self.concurrency {
                    state.busy += 1;
                    return Ok(());
                }
                state.waiting += 1;
                state.gate.as_ref().map(|gate| gate.clone_ref(py))
            };
            let waited = gate.map_or_else(|| self.make_gate(py), Ok).and_then(|gate| gate.call_method0(py, "acquire"));
            self.state().waiting -= 1;
            waited?;
        }
    }

    /// Begin a request if there are not too many; false if there are.
    pub fn enter_if_free(&self) -> bool {
        let mut state = self.state();
        let free = state.busy < self.concurrency;
        state.busy += usize::from(free);
        free
    }

    fn make_gate(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let made = py.import("gevent.lock")?.getattr("Semaphore")?.call1((0,))?.unbind();
        Ok(self.state().gate.get_or_insert(made).clone_ref(py))
    }

    /// A request is over.
    pub fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let gate = {
            let mut state = self.state();
            state.busy -= 1;
            match state.waiting {
                0 => None,
                _ => state.gate.as_ref().map(|gate| gate.clone_ref(py)),
            }
        };
        match gate {
            Some(gate) => gate.call_method0(py, "release").map(drop),
            None => Ok(()),
        }
    }

    /// An idle connection to `origin`, which is then no longer idle.
    pub fn take_idle(&self, origin: &Arc<Origin>) -> Option<ConnectionId> {
        let mut state = self.state();
        let position = state.idle.iter().rposition(|(known, _)| Arc::ptr_eq(known, origin))?;
        Some(state.idle.swap_remove(position).1)
    }

    /// Where requests to `origin` meet on one connection, if they may.
    pub fn shared(&self, origin: &Arc<Origin>) -> Option<Arc<SharedConnection>> {
        if !origin.may_share() { None } else { Some(self.state().shared.to(origin)) }
    }

    /// Keep a connection for the next request.
    pub fn keep_idle(&self, origin: &Arc<Origin>, connection: ConnectionId) {
        let mut state = self.state();
        if state.idle.capacity() == 0 {
            state.idle.reserve_exact(1);
        }
        state.idle.push((Arc::clone(origin), connection));
    }

    /// Close all idle connections.
    pub fn close_idle(&self, py: Python<'_>) {
        let mut state = self.state();
        let mut idle: Vec<_> = std::mem::take(&mut state.idle).into_iter().map(|(_, connection)| connection).collect();
        idle.extend(state.shared.take());
        drop(state);
        if let Some(hub) = Hub::started(py).filter(|_| !idle.is_empty()) {
            hub.close(idle);
        }
    }
}

impl Drop for ClientPool {
    fn drop(&mut self) {
        Python::attach(|py| self.close_idle(py));
    }
}

#[pymethods]
impl ClientPool {
    #[new]
    #[pyo3(signature = (concurrency = 10, **_kwargs))]
    fn new(concurrency: usize, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        ClientPool { concurrency: concurrency.max(1), state: Mutex::default() }
    }

    /// Requests that may be under way at once.
    #[getter]
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Close the connections that are kept alive.
    fn close(&self, py: Python<'_>) {
        self.close_idle(py);
    }
}
