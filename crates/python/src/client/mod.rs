//! The HTTP client of users: from `client.get(…)` to the reactor and back to a response and its record.
//!
//! The road: `session` → `options` → `target`, `headers`, `body` → `prepared` → `perform` (→ hub → reactor) →
//! `response` → `report`.

mod asynchronous;
mod body;
mod bounded;
mod coding;
mod cookies;
mod encoding;
mod events;
mod failure;
mod fast;
mod firing;
mod headers;
mod idle;
mod json;
mod known;
mod method;
mod options;
mod perform;
mod prepared;
mod redirect;
mod report;
mod response;
pub mod samples;
mod sending;
mod session;
mod shared;
mod stream;
mod target;
mod text;
mod timings;
mod tls;
mod tracing;
mod websocket;

use gregaria_stats::PhaseSample;
use pyo3::intern;
use pyo3::prelude::*;

pub use asynchronous::PendingResponse;
pub use bounded::tell_of_large_body;
pub use coding::without_coding;
pub use events::EventReader;
pub use fast::{CaughtResponse, ClientPool, ErrorResponse, FastHttpSession, FastResponse};
pub use response::Response;
pub use sending::{ProxyRoute, transmit};
pub use session::HttpSession;
pub use shared::{resolutions, resolve};
pub use stream::BodyStream;
pub use timings::Timings;
pub use tracing::set_tracer;
pub use websocket::{WebSocketStream, open_websocket};

use crate::users::UserCore;

/// Where the time went of the request that gave this response, if it is one of ours.
pub fn phases_of(response: &Bound<'_, PyAny>) -> Option<PhaseSample> {
    if let Ok(response) = response.cast::<Response>() {
        return response.get().call.phases;
    }
    response.cast::<FastResponse>().ok()?.get().call.phases
}

/// Close the connections of a user's client, if that is a native one: the user is over, or its class wants new ones for
/// each task.
pub fn release(user: &Bound<'_, UserCore>) {
    let py = user.py();
    let Ok(Some(client)) = user.getattr_opt(intern!(py, "client")) else { return };
    let Ok(session) = client.cast::<HttpSession>() else { return };
    session.get().close_idle(py);
    // It is an HttpSession too, with connections of another kind.
    if let Ok(session) = client.cast::<FastHttpSession>() {
        session.get().release(py);
    }
}
