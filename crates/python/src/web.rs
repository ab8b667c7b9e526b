//! The web server as Python sees it: the hub hands over figures and answers what only Python can.
//!
//! Nothing here waits for the server's thread while the GIL is held.

use std::io::PipeReader;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use gregaria_sinks::{ExceptionRow, Report, csv};
use gregaria_stats::{Detail, EntryId, Snapshot};
use gregaria_web::guard::Guard;
use gregaria_web::login::Secrets;
use gregaria_web::messages::StreamSettings;
use gregaria_web::metrics::{Counted, Measured};
use gregaria_web::{App, Asks, Feed, HubRequest, Percentiles, Sent, Server, Settings, Tick, feed, page};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::runs::RunStore;
use crate::stats::{RequestStats, Shared, lock, now};
use crate::web_details::Looked;

type Tls = gregaria_web::TlsConfig;
/// A request's number and the request.
type Asked<'py> = (u64, Bound<'py, PyDict>);

/// The web server of an environment.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct WebServer {
    app: Arc<App>,
    percentiles: Percentiles,
    reader: PipeReader,
    feed: Mutex<Feed>,
    bound: Mutex<Option<(TcpListener, Option<Tls>)>>,
    server: Mutex<Option<Server>>,
}

fn setting<'py, T>(settings: &Bound<'py, PyDict>, name: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr> + Default,
{
    match settings.get_item(name)? {
        Some(value) if !value.is_none() => value.extract(),
        _ => Ok(T::default()),
    }
}

fn parsed<T: for<'de> serde::Deserialize<'de>>(json: &str, what: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| PyValueError::new_err(format!("{what}: {error}")))
}

#[pymethods]
impl WebServer {
    #[new]
    fn new(settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        let (asks, reader) = Asks::new()?;
        let secrets =
            Secrets { credentials: setting(settings, "credentials")?, view_token: setting(settings, "view_token")? };
        let stream = StreamSettings {
            version: env!("CARGO_PKG_VERSION").into(),
            locustfile: setting(settings, "locustfile")?,
            percentiles: setting(settings, "percentiles")?,
            chart_percentiles: setting(settings, "chart_percentiles")?,
            read_only: false,
        };
        let percentiles =
            Percentiles { statistics: stream.percentiles.clone(), chart: stream.chart_percentiles.clone() };
        let guard = Guard {
            loopback_only: setting(settings, "loopback_only")?,
            names: setting(settings, "names")?,
            allowed_origins: setting(settings, "allowed_origins")?,
        };
        let settings = Settings {
            base_path: setting(settings, "base_path")?,
            guard,
            secrets,
            key: setting(settings, "key")?,
            stream,
            has_runner: setting(settings, "has_runner")?,
            secure: setting(settings, "secure")?,
        };
        Ok(WebServer {
            app: Arc::new(App::new(settings, asks)),
            percentiles,
            reader,
            feed: Mutex::default(),
            bound: Mutex::default(),
            server: Mutex::default(),
        })
    }

    /// Take the port, so that nobody else can; connections wait until `start`.
    #[pyo3(signature = (host, port, tls_cert = None, tls_key = None))]
    fn bind(
        &self,
        py: Python<'_>,
        host: &str,
        port: u16,
        tls_cert: Option<PathBuf>,
        tls_key: Option<PathBuf>,
    ) -> PyResult<(String, u16)> {
        let tls = match (tls_cert, tls_key) {
            (Some(certificate), Some(key)) => Some(
                gregaria_web::tls_config(&certificate, &key).map_err(|error| PyOSError::new_err(error.to_string()))?,
            ),
            _ => None,
        };
        let listener = py.detach(|| {
            let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
            gregaria_web::bind(&addresses)
        });
        let listener = listener.map_err(|error: std::io::Error| match error.raw_os_error() {
            Some(number) => PyOSError::new_err((number, error.to_string())),
            None => PyOSError::new_err(error.to_string()),
        })?;
        let address = listener.local_addr()?;
        *lock(&self.bound) = Some((listener, tls));
        Ok((address.ip().to_string(), address.port()))
    }

    fn start(&self) -> PyResult<()> {
        let Some((listener, tls)) = lock(&self.bound).take() else {
            return Err(PyRuntimeError::new_err("bind() comes before start()"));
        };
        *lock(&self.server) = Some(Server::start(Arc::clone(&self.app), listener, tls)?);
        Ok(())
    }

    /// End all connections and the thread; a second call does nothing.
    fn stop(&self, py: Python<'_>) {
        lock(&self.bound).take();
        if let Some(mut server) = lock(&self.server).take() {
            py.detach(move || server.stop());
        }
    }

    #[getter]
    fn running(&self) -> bool {
        lock(&self.server).is_some()
    }

    /// Whether somebody looks at the event stream.
    #[getter]
    fn is_watched(&self) -> bool {
        self.app.streams.receiver_count() > 0
    }

    /// Whether the server is done with what it was told before.
    #[getter]
    fn wants_tick(&self) -> bool {
        self.app.wants_tick()
    }

    fn fileno(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&self.reader)
    }

    /// Count what `/metrics` shows from these statistics, and look up samples and phases in them.
    fn count_from(&self, stats: &Bound<'_, RequestStats>) {
        let shared = Arc::clone(stats.get().shared());
        self.app.set_details(Arc::new(Looked(Arc::clone(&shared))));
        self.app.set_metrics_source(Arc::new(move || measured(&shared)));
    }

    /// Serve these runs below `/runs`.
    fn show_runs(&self, runs: &RunStore) {
        self.app.set_runs(runs.shared());
    }

    /// What came in since the last call, and whether the figures are wanted now.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<(Vec<Asked<'py>>, bool)> {
        let (asks, refresh) = self.app.asks.take(&self.reader);
        let asks = asks.into_iter().map(|(id, request)| Ok((id, as_dict(py, request)?))).collect::<PyResult<_>>()?;
        Ok((asks, refresh))
    }

    /// Begin the answer to a request; false if nobody wants it any more.
    fn begin(&self, id: u64, status: u16, headers: Vec<(String, String)>) -> bool {
        self.app.asks.begin(id, status, headers)
    }

    /// A piece of the answer's body: true if it was taken, false if it has to be offered again, `None` if nobody wants it.
    fn chunk(&self, id: u64, chunk: &[u8]) -> Option<bool> {
        match self.app.asks.chunk(id, chunk.to_vec().into()) {
            Sent::Taken => Some(true),
            Sent::Full => Some(false),
            Sent::Gone => None,
        }
    }

    fn end(&self, id: u64) {
        self.app.asks.end(id);
    }

    #[setter]
    fn set_through_flask(&self, through: bool) {
        self.app.through_flask.store(through, Ordering::Relaxed);
    }

    #[getter]
    fn through_flask(&self) -> bool {
        self.app.through_flask.load(Ordering::Relaxed)
    }

    /// Tell the state of the run; what is `None` is as before. True if there is more than fits at once.
    #[pyo3(signature = (stats, status, everything = false, exceptions = None, ratios = None, logs = Vec::new(), marks = None))]
    #[expect(clippy::too_many_arguments, reason = "each is a part of the message")]
    fn tick(
        &self,
        stats: &Bound<'_, RequestStats>,
        status: &str,
        everything: bool,
        exceptions: Option<&str>,
        ratios: Option<&str>,
        logs: Vec<String>,
        marks: Option<&str>,
    ) -> PyResult<bool> {
        let server = lock(&self.server);
        let Some(server) = server.as_ref() else { return Ok(false) };
        if !everything && !self.app.wants_tick() {
            return Ok(true);
        }
        let rows = if everything { usize::MAX } else { feed::ROWS };
        let portion = stats.get().with(|stats| lock(&self.feed).collect(stats, now(), &self.percentiles, rows));
        let more = portion.more;
        server.tick(Tick {
            portion,
            status: parsed(status, "status")?,
            exceptions: exceptions.map(|json| parsed(json, "exceptions")).transpose()?,
            ratios: ratios.map(|json| parsed(json, "ratios")).transpose()?,
            logs,
            marks: marks.map(|json| parsed(json, "marks")).transpose()?.unwrap_or_default(),
        });
        Ok(more)
    }
}

/// The counts of every name, a few under one lock.
fn measured(shared: &Shared) -> Measured {
    let (numbers, failures) = shared.look(|stats| {
        let numbers: Vec<u32> = stats.numbered_entries().map(|(number, _)| number).collect();
        let records = stats.errors().records().iter();
        let failures =
            records.map(|it| (it.method.clone(), it.name.clone(), it.text.clone(), it.occurrences)).collect();
        (numbers, failures)
    });
    let mut entries = Vec::with_capacity(numbers.len());
    for some in numbers.chunks(32) {
        shared.look(|stats| {
            let known = some.iter().filter_map(|number| stats.get(EntryId::from_index(*number)));
            entries.extend(known.map(|entry| Counted {
                method: entry.method().clone(),
                name: entry.name().clone(),
                requests: entry.num_requests(),
                failures: entry.num_failures(),
                bytes: entry.total_content_length(),
                total_us: entry.total_response_time_us(),
                histogram: entry.histogram().clone(),
            }));
        });
    }
    Measured { entries, failures }
}

fn as_dict(py: Python<'_>, request: HubRequest) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("method", request.method)?;
    dict.set_item("path", request.path)?;
    dict.set_item("target", request.target)?;
    dict.set_item("query", request.query)?;
    dict.set_item("headers", request.headers)?;
    dict.set_item("form", request.form)?;
    dict.set_item("body", PyBytes::new(py, &request.body))?;
    dict.set_item("remote", request.remote)?;
    Ok(dict)
}

/// An HTML file of the page with a data element in it, as a template for Flask; any other file as it is; or `None`.
#[pyfunction]
#[pyo3(signature = (name, data_id = None, data = ""))]
pub fn page_file<'py>(py: Python<'py>, name: &str, data_id: Option<&str>, data: &str) -> Option<Bound<'py, PyBytes>> {
    let asset = gregaria_webui::asset(name)?;
    Some(match data_id {
        Some(id) => PyBytes::new(py, page::with_data(name, id, data).as_bytes()),
        None => PyBytes::new(py, asset.bytes),
    })
}

/// Headers of an answer of ours at this path.
#[pyfunction]
pub fn protection(path: &str) -> Vec<(&'static str, &'static str)> {
    gregaria_web::protection(gregaria_web::is_report(path)).to_vec()
}

fn snapshot(stats: &Bound<'_, RequestStats>, percentiles: Vec<f64>, errors: bool) -> Snapshot {
    let detail = Detail { percentiles, errors, ..Detail::default() };
    stats.get().shared().look_at_whole(|stats| stats.snapshot(now(), &detail))
}

/// The CSV file of requests.
#[pyfunction]
pub fn requests_csv<'py>(stats: &Bound<'py, RequestStats>, percentiles: Vec<f64>) -> Bound<'py, PyBytes> {
    let file = csv::requests_file(&snapshot(stats, percentiles.clone(), false), &percentiles);
    PyBytes::new(stats.py(), &file)
}

/// The CSV file of failures.
#[pyfunction]
pub fn failures_csv<'py>(stats: &Bound<'py, RequestStats>) -> Bound<'py, PyBytes> {
    PyBytes::new(stats.py(), &csv::failures_file(&snapshot(stats, Vec::new(), true)))
}

/// The CSV file of exceptions: (count, message, traceback, nodes).
#[pyfunction]
pub fn exceptions_csv<'py>(
    stats: &Bound<'py, RequestStats>,
    exceptions: Vec<(u64, String, String, String)>,
) -> Bound<'py, PyBytes> {
    let row = |(count, message, traceback, nodes)| ExceptionRow { count, message, traceback, nodes };
    let exceptions = exceptions.into_iter().map(row).collect();
    let report = Report { stats: snapshot(stats, Vec::new(), false).into(), user_count: 0, exceptions, whole: true };
    PyBytes::new(stats.py(), &csv::exceptions_file(&report))
}
