//! How a session's connections are made, as Python says it, and the connections of HTTP/2 that its requests share.

use std::sync::Arc;

use gregaria_http::{ConnectionId, HttpVersion, Network, Origin, SharedConnection};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

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
        let network = Network { http_version };
        Ok((network != Network::default()).then(|| Arc::new(network)))
    }
}
