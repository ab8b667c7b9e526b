//! The connections of a session that no request is on, and those that its requests share.

use std::sync::Arc;

use gregaria_http::{ConnectionId, Network, Origin, SharedConnection};
use pyo3::prelude::*;

use super::session::HttpSession;
use crate::hub::Hub;

/// Idle connections kept for each origin, as in `requests`.
const POOL_SIZE: usize = 10;

/// An idle connection and where it leads.
pub struct Idle {
    origin: Arc<Origin>,
    connection: ConnectionId,
}

impl HttpSession {
    /// An idle connection to `origin`, which is then no longer idle.
    pub fn take_idle(&self, origin: &Arc<Origin>) -> Option<ConnectionId> {
        let mut state = self.state();
        let position = state.idle.iter().rposition(|idle| Arc::ptr_eq(&idle.origin, origin))?;
        Some(state.idle.swap_remove(position).connection)
    }

    /// Where requests to `origin` meet on one connection, if they may.
    pub fn shared(&self, origin: &Arc<Origin>) -> Option<Arc<SharedConnection>> {
        if !origin.may_share() { None } else { Some(self.state().shared.to(origin)) }
    }

    /// How its connections are made.
    pub fn network(&self) -> Option<Arc<Network>> {
        self.state().trust.network().cloned()
    }

    /// Keep a connection for the next request. As in `requests`, ten for each origin unless it is told otherwise.
    pub fn keep_idle(&self, py: Python<'_>, origin: &Arc<Origin>, connection: ConnectionId) {
        let mut state = self.state();
        let most = state.pool_size.unwrap_or(POOL_SIZE);
        if state.idle.iter().filter(|idle| Arc::ptr_eq(&idle.origin, origin)).count() < most {
            if state.idle.capacity() == 0 {
                state.idle.reserve_exact(1);
            }
            state.idle.push(Idle { origin: Arc::clone(origin), connection });
            return;
        }
        drop(state);
        if let Some(hub) = Hub::started(py) {
            hub.close([connection]);
        }
    }

    /// Close all idle connections.
    pub fn close_idle(&self, py: Python<'_>) {
        let mut state = self.state();
        let mut idle: Vec<_> = std::mem::take(&mut state.idle).into_iter().map(|idle| idle.connection).collect();
        idle.extend(state.shared.take());
        drop(state);
        if let Some(hub) = Hub::started(py).filter(|_| !idle.is_empty()) {
            hub.close(idle);
        }
    }
}
