//! The master's end of a cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gregaria_cluster::driver::MasterDriver;
use gregaria_cluster::master::Settings;
use gregaria_cluster::message::Message;
use gregaria_cluster::nodes::Node;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::inbox::{Act, Inbox};
use super::value::to_value;
use super::{links, to_exception};
use crate::stats::{RequestStats, lock};

/// (id, state, users by class, CPU in percent, memory in bytes, liveness, lag in ms)
type NodeTuple = (String, String, Vec<(String, u64)>, f64, u64, i64, Option<f64>);

/// Listens for workers, keeps their list and adds up their statistics. See `_engine.pyi`.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct MasterLink {
    inbox: Arc<Inbox>,
    driver: Mutex<Option<MasterDriver>>,
    port: u16,
}

fn tuple(node: &Node) -> NodeTuple {
    let users = node.users.clone();
    (node.id.clone(), node.state.clone(), users, node.cpu_usage, node.memory_bytes, node.liveness, node.lag_ms)
}

impl MasterLink {
    /// `None` once the link is closed.
    fn with<R>(&self, action: impl FnOnce(&MasterDriver) -> R) -> Option<R> {
        lock(&self.driver).as_ref().map(action)
    }
}

#[pymethods]
impl MasterLink {
    #[new]
    #[pyo3(signature = (stats, host, port, *, version, secret = None, tell_reports = false))]
    #[expect(clippy::too_many_arguments, reason = "they are named in Python")]
    fn new(
        py: Python<'_>,
        stats: Py<RequestStats>,
        host: &str,
        port: u16,
        version: String,
        secret: Option<&str>,
        tell_reports: bool,
    ) -> PyResult<Self> {
        let links = links(secret)?;
        let inbox = Arc::new(Inbox::new(stats)?);
        let settings = Settings { version, liveness: 3, dead_at: -60, tell_heartbeats: false, tell_reports };
        let hub = Arc::<Inbox>::clone(&inbox);
        let driver = py
            .detach(|| MasterDriver::start((host, port), links, settings, hub))
            .map_err(|error| to_exception(&error))?;
        let port = driver.port();
        Ok(Self { inbox, driver: Mutex::new(Some(driver)), port })
    }

    #[getter]
    fn port(&self) -> u16 {
        self.port
    }

    fn fileno(&self) -> i32 {
        self.inbox.descriptor()
    }

    fn take(&self, py: Python<'_>) -> PyResult<Vec<Act>> {
        self.inbox.take(py)
    }

    /// A heartbeat's interval has passed. Settings are given each time, since locustfiles may change them.
    fn tick(&self, liveness: i64, dead_at: i64, tell_heartbeats: bool, tell_reports: bool) {
        self.with(|driver| {
            driver.with(|master| {
                let settings = &mut master.settings;
                (settings.liveness, settings.dead_at) = (liveness, dead_at);
                (settings.tell_heartbeats, settings.tell_reports) = (tell_heartbeats, tell_reports);
            });
            driver.tick();
        });
    }

    fn send(&self, kind: &str, data: &Bound<'_, PyAny>, node_id: &str) -> PyResult<bool> {
        let message = Message::new(kind, to_value(data)?, node_id);
        Ok(self.with(|driver| driver.send(&message)).unwrap_or(false))
    }

    fn nodes(&self) -> Vec<NodeTuple> {
        self.with(|driver| driver.with(|master| master.nodes.iter().map(tuple).collect())).unwrap_or_default()
    }

    fn node(&self, id: &str) -> Option<NodeTuple> {
        self.with(|driver| driver.with(|master| master.nodes.get(id).map(tuple))).flatten()
    }

    fn count_active(&self) -> usize {
        self.with(|driver| driver.with(|master| master.nodes.active())).unwrap_or(0)
    }

    /// Whether all that are not missing are in this state.
    fn all_in_state(&self, state: &str) -> bool {
        let all = |driver: &MasterDriver| {
            driver.with(|master| master.nodes.iter().all(|node| node.is_missing() || node.state == state))
        };
        self.with(all).unwrap_or(true)
    }

    /// Another run begins; what workers report of an earlier one does not count from now.
    fn begin_run(&self, py: Python<'_>, run: u64) {
        py.detach(|| self.with(|driver| driver.begin_run(run)));
    }

    /// How the engines of all workers have been doing, by figure; also of those that have gone.
    fn health(&self) -> Vec<(String, BTreeMap<String, f64>)> {
        let all = |driver: &MasterDriver| {
            driver.with(|master| master.nodes.health().map(|(id, health)| (id.to_owned(), health.clone())).collect())
        };
        self.with(all).unwrap_or_default()
    }

    fn forget(&self, id: &str) -> bool {
        self.with(|driver| driver.with(|master| master.nodes.remove(id).is_some())).unwrap_or(false)
    }

    fn index(&self, id: &str) -> PyResult<u64> {
        self.with(|driver| driver.with(|master| master.nodes.index(id)))
            .ok_or_else(|| PyRuntimeError::new_err("the master is closed"))
    }

    fn close(&self, py: Python<'_>) {
        let driver = lock(&self.driver).take();
        py.detach(|| drop(driver));
    }
}
