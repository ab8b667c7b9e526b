//! How a session's connections are made, as Python says it, and the connections of HTTP/2 that its requests share.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gregaria_http::{Command, ConnectionId, HttpVersion, Network, Origin, SharedConnection};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::hub::Hub;

/// One for each origin.
#[derive(Default)]
pub struct SharedConnections(Vec<(Arc<Origin>, Arc<SharedConnection>)>);

impl SharedConnections {
    /// Where requests to `origin` meet.
    pub fn to(&mut self, origin: &Arc<Origin>) -> Arc<SharedConnection> {
        if let Some((_, shared)) = self.0.iter().find(|(known, _)| Arc::ptr_eq(known, origin)) {
            return Arc::clone(shared);
        }
        let shared = Arc::<SharedConnection>::default();
        self.0.push((Arc::clone(origin), Arc::clone(&shared)));
        shared
    }

    /// All connections, to be closed: the next request makes a new one.
    pub fn take(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.0).into_iter().filter_map(|(_, shared)| shared.connection()).collect()
    }
}

/// What `gregaria.network` has read from the attributes of a user class or a session.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Settings {
    http_version: String,
    source_addresses: Vec<IpAddr>,
    /// Seconds; 0 for each connection, infinity for ever.
    dns_cache: Option<f64>,
    max_requests: Option<u32>,
    idle_timeout: Option<f64>,
    /// Idle connections kept for each origin.
    pub pool_size: usize,
}

impl Settings {
    /// As the engine takes it; `None` for the usual way.
    pub fn network(self) -> PyResult<Option<Arc<Network>>> {
        let http_version = match self.http_version.as_str() {
            "1.1" => HttpVersion::One,
            "2" => HttpVersion::Two,
            "auto" => HttpVersion::Auto,
            other => return Err(PyValueError::new_err(format!("there is no HTTP version {other:?}"))),
        };
        let lasting = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let network = Network {
            http_version,
            source_addresses: self.source_addresses,
            address_lifetime: self.dns_cache.map(lasting),
            max_requests: self.max_requests,
            idle_timeout: self.idle_timeout.map(lasting),
        };
        Ok((network != Network::default()).then(|| Arc::new(network)))
    }
}

/// What `--resolve` has said, for a reactor that is still to be started.
static GIVEN: Mutex<Vec<(String, u16, Vec<IpAddr>)>> = Mutex::new(Vec::new());

fn given() -> MutexGuard<'static, Vec<(String, u16, Vec<IpAddr>)>> {
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on connections to this host and port go to these addresses; none of them means that the system is asked again.
#[pyfunction]
pub fn resolve(py: Python<'_>, host: &str, port: u16, addresses: Vec<IpAddr>) {
    given().push((host.to_ascii_lowercase(), port, addresses));
    if let Some(hub) = Hub::started(py) {
        hub.command(resolutions());
    }
}

/// What the reactor is still to be told.
pub fn resolutions() -> Vec<Command> {
    let told = std::mem::take(&mut *given());
    told.into_iter().map(|(host, port, addresses)| Command::Resolve { host, port, addresses }).collect()
}
