//! Requests that coroutines wait for: they are told of the answer, and no greenlet is switched to.

use gregaria_http::{Command, Request};
use pyo3::prelude::*;

use super::{Hub, Waiter, request_id};
use crate::client::PendingResponse;

impl Hub {
    /// Send `request`; `awaited` is told when it has ended. Returns the slot and the serial number to give it up with.
    pub fn submit_awaited(&self, awaited: &Bound<'_, PendingResponse>, request: Box<Request>) -> (usize, u32) {
        self.submit_for(Waiter::Coroutine(awaited.clone().unbind()), request, true)
    }

    /// Nobody will take the answer to an awaited request.
    pub fn abandon_awaited(&self, slot: usize, serial: u32) {
        let mut state = self.state();
        let abandoned = match state.pending.get(slot) {
            Some(pending) if pending.serial == serial => state.pending.remove(slot),
            _ => return,
        };
        state.outbox.push(Command::Cancel(request_id(slot, serial)));
        state.health.aborted += 1;
        self.flush_unless_draining(&mut state);
        drop(state);
        drop(abandoned);
    }
}
