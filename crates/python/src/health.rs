//! What the generator knows about itself: requests in every state, and how long answers waited for Python.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::hub::Hub;

/// A wait for Python that is long enough to blur what is measured around it.
const LATE: Duration = Duration::from_millis(50);

/// Counters of one process; `started == completed + aborted + in flight`.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Requests handed to the reactor.
    pub started: u64,
    /// Requests whose answer was never taken, because the user was stopped or timed out meanwhile.
    pub aborted: u64,
    /// Answers taken from the reactor.
    pub completed: u64,
    /// Answers that waited longer than 50 ms.
    pub late: u64,
    /// Sum of all such waits.
    pub queued_total: Duration,
    /// The longest one.
    pub queued_max: Duration,
}

impl Health {
    /// An answer waited this long between its last byte and the hub taking it.
    pub fn queued(&mut self, waited: Duration) {
        self.queued_total += waited;
        self.queued_max = self.queued_max.max(waited);
        if waited > LATE {
            self.late += 1;
        }
    }
}

/// Whether the engine's threads run in this process: they do from the first request on.
#[pyfunction]
pub fn engine_is_running(py: Python<'_>) -> bool {
    Hub::started(py).is_some()
}

/// What the engine knows of itself: requests in every state, waits for Python in seconds, greenlets in the pool.
#[pyfunction]
pub fn engine_stats(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let stats = PyDict::new(py);
    let hub = Hub::started(py);
    let health = hub.map(|hub| hub.state().health.clone()).unwrap_or_default();
    stats.set_item("started", health.started)?;
    stats.set_item("completed", health.completed)?;
    stats.set_item("aborted", health.aborted)?;
    stats.set_item("in_flight", health.started - health.completed - health.aborted)?;
    stats.set_item("late_answers", health.late)?;
    stats.set_item("queued_seconds_total", health.queued_total.as_secs_f64())?;
    stats.set_item("queued_seconds_max", health.queued_max.as_secs_f64())?;
    stats.set_item("greenlets_peak", hub.map_or(0, |hub| hub.pool.peak()))?;
    Ok(stats)
}
