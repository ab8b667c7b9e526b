//! The worker's end of a cluster.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gregaria_cluster::driver::{Reporting, WorkerDriver};
use gregaria_cluster::message::Message;
use gregaria_cluster::report::{plain_fields, user_fields};
use gregaria_cluster::worker::{Health, Settings, Worker};
use gregaria_stats::{Stats, Taken};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rmpv::Value;

use super::inbox::{Act, Inbox};
use super::value::{to_python, to_value};
use super::{links, to_exception};
use crate::stats::{RequestStats, error_key, lock, now};

const POLL: Duration = Duration::from_millis(5);

/// Registers with a master, sends heartbeats and reports. See `_engine.pyi`.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct WorkerLink {
    id: String,
    inbox: Arc<Inbox>,
    driver: Mutex<Option<WorkerDriver>>,
    /// What `take_report` has taken and `send_report` has not sent yet.
    pending: Mutex<Taken>,
    /// The next report is a run's last one.
    is_last: AtomicBool,
    /// What the master calls the run that is measured.
    run: Mutex<Option<u64>>,
}

impl WorkerLink {
    fn with<R>(&self, action: impl FnOnce(&WorkerDriver) -> R) -> PyResult<R> {
        let driver = lock(&self.driver);
        driver.as_ref().map(action).ok_or_else(|| PyRuntimeError::new_err("the worker's connection is closed"))
    }

    fn take_statistics(&self, py: Python<'_>) -> PyResult<(Taken, Vec<String>)> {
        let is_last = self.is_last.swap(false, Ordering::Relaxed);
        let take = |stats: &mut Stats| if is_last { stats.take_last(now()) } else { stats.take(now()) };
        let taken = self.inbox.stats().get().with(take);
        let keys = taken.errors.iter().map(|record| error_key(py, record)).collect::<PyResult<_>>()?;
        Ok((taken, keys))
    }
}

#[pymethods]
impl WorkerLink {
    #[new]
    #[pyo3(signature = (stats, host, port, id, *, version, master, secret = None))]
    #[expect(clippy::too_many_arguments, reason = "they are named in Python")]
    fn new(
        py: Python<'_>,
        stats: Py<RequestStats>,
        host: String,
        port: u16,
        id: String,
        version: String,
        master: String,
        secret: Option<&str>,
    ) -> PyResult<Self> {
        let links = links(secret)?;
        let inbox = Arc::new(Inbox::new(stats)?);
        let settings = Settings {
            id: id.clone(),
            version,
            master,
            connect_timeout_s: 5.0,
            connect_retries: 60,
            heartbeat_interval_s: 1.0,
            master_timeout_s: 60.0,
            hung_after_s: 10.0,
            tell_heartbeats: false,
        };
        let hub = Arc::<Inbox>::clone(&inbox);
        let driver = py
            .detach(|| WorkerDriver::start((host, port), links, settings, hub))
            .map_err(|error| to_exception(&error))?;
        Ok(Self {
            id,
            inbox,
            driver: Mutex::new(Some(driver)),
            pending: Mutex::default(),
            is_last: AtomicBool::default(),
            run: Mutex::default(),
        })
    }

    fn fileno(&self) -> i32 {
        self.inbox.descriptor()
    }

    fn take(&self, py: Python<'_>) -> PyResult<Vec<Act>> {
        self.inbox.take(py)
    }

    /// The constants of `gregaria.runners`, which locustfiles may change.
    fn configure(
        &self,
        heartbeat_interval_s: f64,
        master_timeout_s: f64,
        connect_timeout_s: f64,
        connect_retries: u64,
        tell_heartbeats: bool,
    ) -> PyResult<()> {
        self.with(|driver| {
            driver.with(|worker, _| {
                let settings = &mut worker.settings;
                settings.heartbeat_interval_s = heartbeat_interval_s;
                settings.master_timeout_s = master_timeout_s;
                settings.connect_timeout_s = connect_timeout_s;
                settings.connect_retries = connect_retries;
                settings.tell_heartbeats = tell_heartbeats;
            });
        })
    }

    /// The hub is alive, and this is how the process is.
    fn alive(&self, state: &str, cpu_usage: f64, memory_bytes: u64, lag_ms: f64) -> PyResult<()> {
        self.with(|driver| {
            driver.with(|worker, now| {
                state.clone_into(&mut worker.state);
                worker.health = Health { cpu_usage, memory_bytes, lag_ms };
                worker.on_hub_alive(now);
            });
        })
    }

    fn set_state(&self, state: &str) -> PyResult<()> {
        self.with(|driver| driver.with(|worker, _| state.clone_into(&mut worker.state)))
    }

    /// Tell the master that the test is over here, in the order of what is sent; no heartbeats until `register`.
    fn leave(&self) -> PyResult<()> {
        self.with(WorkerDriver::leave)
    }

    /// Register with the master, again if need be, in the order of what is sent.
    fn register(&self) -> PyResult<()> {
        self.with(WorkerDriver::register)
    }

    /// What is counted from now on belongs to this run, if the master gives its runs numbers.
    fn begin_run(&self, run: Option<u64>) {
        *lock(&self.run) = run;
    }

    fn reconnect(&self) -> PyResult<()> {
        self.with(WorkerDriver::reconnect)
    }

    /// Send in the order of the calls.
    fn send(&self, kind: &str, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let message = Message::new(kind, to_value(data)?, &self.id);
        self.with(|driver| driver.send(message))
    }

    /// The next report tells of all samples that wait: it is a run's last one.
    fn last_report_follows(&self) {
        self.is_last.store(true, Ordering::Relaxed);
    }

    /// Send what was counted since the last report; written on another thread.
    fn report(&self, py: Python<'_>, users: Vec<(String, u64)>, health: HashMap<String, f64>) -> PyResult<()> {
        let (taken, error_keys) = self.take_statistics(py)?;
        let health = health.into_iter().collect();
        let run = *lock(&self.run);
        self.with(|driver| {
            driver.report(Reporting { taken, users, health, error_keys, run, written: None, now: now() })
        })
    }

    /// What was counted since the last report, in Locust's form, for listeners to change; `send_report` sends it.
    fn take_report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (taken, keys) = self.take_statistics(py)?;
        let fields = plain_fields(&taken, &keys, now());
        *lock(&self.pending) = taken;
        Ok(to_python(py, &Value::Map(fields))?.cast_into()?)
    }

    fn send_report(&self, data: &Bound<'_, PyDict>, health: HashMap<String, f64>) -> PyResult<()> {
        let Value::Map(mut fields) = to_value(data.as_any())? else { unreachable!("a dict makes a map") };
        if !data.contains("user_classes_count")? {
            fields.extend(user_fields(&[]));
        }
        let taken = std::mem::take(&mut *lock(&self.pending));
        let reporting = Reporting {
            taken,
            users: Vec::new(),
            health: health.into_iter().collect(),
            error_keys: Vec::new(),
            run: *lock(&self.run),
            written: Some(fields),
            now: now(),
        };
        self.with(|driver| driver.report(reporting))
    }

    /// Whether the master is one of ours.
    #[getter]
    fn master_is_ours(&self) -> PyResult<bool> {
        self.with(|driver| driver.with(|worker, _| worker.master_is_ours().is_some()))
    }

    /// Reports, as sent, that the master has not confirmed after so many seconds.
    fn unconfirmed<'py>(&self, py: Python<'py>, wait_s: f64) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let deadline = Instant::now() + Duration::from_secs_f64(wait_s.clamp(0.0, 60.0));
        loop {
            let kept = |worker: &mut Worker, _| worker.kept_reports().map(<[u8]>::to_vec).collect::<Vec<_>>();
            let reports = self.with(|driver| (!driver.has_jobs()).then(|| driver.with(kept)))?;
            let late = Instant::now() >= deadline;
            match reports {
                Some(reports) if reports.is_empty() || late => {
                    return Ok(reports.iter().map(|report| PyBytes::new(py, report)).collect());
                }
                _ => py.detach(|| std::thread::sleep(POLL)),
            }
        }
    }

    /// Send what is left and close the connection.
    fn close(&self, py: Python<'_>) {
        let driver = lock(&self.driver).take();
        py.detach(|| drop(driver));
    }
}
