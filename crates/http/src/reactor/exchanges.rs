//! Requests on connections: taking up, sending, reading, and how each of them ends.

use std::time::Instant;

use super::connection::{Progress, Stage};
use super::driver::Driver;
use crate::exchange::{Broken, Completion, ConnectionId, Event, Request};
use crate::failure::{Failure, Phase};
use crate::multiplex::Waiting;

impl Driver {
    /// Response time starts here.
    pub(super) fn take_up(&mut self, request: Box<Request>) {
        let started = Instant::now();
        if let Some(id) = request.connection
            && let Some(connection) = self.lookup(id)
            && connection.stage == Stage::Idle
            && connection.origin.same_as(&request.origin)
        {
            connection.take_up(request, started);
            self.send(id, started);
        } else if request.shared.is_some() {
            self.share(Waiting { request, started, opening: None, is_first: true, moves: 0 });
        } else {
            self.open(request, started);
        }
    }

    pub(super) fn send(&mut self, id: ConnectionId, now: Instant) {
        let Some(connection) = self.connections.get_mut(id.slot()) else {
            return;
        };
        if connection.has_channel() {
            return self.send_streamed(id);
        }
        let mut progress = connection.send();
        if matches!(progress, Progress::PeerGone) {
            progress = connection.receive(&mut self.buffers, true);
        }
        match connection.request.as_deref().and_then(|request| request.read_timeout) {
            Some(timeout) => self.deadlines.set(&mut connection.deadline, id, now, timeout),
            None => connection.deadline.clear(),
        }
        self.settle(id, progress);
    }

    pub(super) fn receive(&mut self, id: ConnectionId, closing: bool) {
        let Some(connection) = self.connections.get_mut(id.slot()) else {
            return;
        };
        if connection.has_channel() {
            return self.receive_streamed(id, closing);
        }
        let progress = connection.receive(&mut self.buffers, closing);
        self.settle(id, progress);
    }

    pub(super) fn settle(&mut self, id: ConnectionId, progress: Progress) {
        match progress {
            Progress::Pending { heard: false } | Progress::PeerGone => {}
            Progress::Pending { heard: true } => self.set_deadline(id, |request| request.read_timeout),
            Progress::Unfinished => {
                self.set_deadline(id, |request| request.read_timeout);
                self.unfinished.push(id);
            }
            Progress::Complete => self.complete(id),
            Progress::Failed(failure) => self.fail(id, failure),
            Progress::Closed => self.close(id),
        }
    }

    fn complete(&mut self, id: ConnectionId) {
        let finished = Instant::now();
        let connection = &mut self.connections[id.slot()];
        if connection.has_channel() {
            return self.complete_streamed(id);
        }
        let reusable = connection.is_reusable();
        let decoder = &mut connection.intake.decoder;
        let (result, broken, reusable) = match decoder.take() {
            Ok((response, keep_alive)) => (Ok(response), None, reusable && keep_alive),
            Err(failure) => {
                let broken = Broken { response: decoder.take_broken(), at_once: false };
                (Err(failure), Some(Box::new(broken)), reusable && decoder.keep_alive())
            }
        };
        let mut timings = connection.timings(finished);
        timings.first_byte.get_or_insert(finished);
        let request = connection.end();
        match reusable {
            true => self.rest(id, finished),
            false => self.close(id),
        }
        if let Some(request) = request {
            let connection = reusable.then_some(id);
            let completion = Completion { id: request.id, result, broken, connection, timings };
            self.events.push(Event::Completed(Box::new(completion)));
        }
    }

    /// The connection is idle; perhaps not for ever.
    pub(super) fn rest(&mut self, id: ConnectionId, now: Instant) {
        let connection = &mut self.connections[id.slot()];
        if let Some(timeout) = connection.origin.idle_timeout() {
            self.deadlines.set(&mut connection.deadline, id, now, timeout);
        }
    }

    /// Ends the exchange, and the connection with it.
    pub(super) fn fail(&mut self, id: ConnectionId, failure: Failure) {
        let Some(connection) = self.lookup(id) else {
            return;
        };
        if connection.multiplex.is_some() {
            self.fail_shared(id, &failure);
        }
        let Some(connection) = self.lookup(id) else {
            return;
        };
        if connection.has_channel() {
            return self.fail_streamed(id, failure);
        }
        let timings = connection.timings(Instant::now());
        let intake = &mut connection.intake;
        let has_head = intake.expecting && intake.decoder.phase() == Phase::Body;
        let broken =
            has_head.then(|| Box::new(Broken { response: intake.decoder.take_broken(), at_once: !intake.in_body }));
        if let Some(request) = connection.end() {
            let completion = Completion { id: request.id, result: Err(failure), broken, connection: None, timings };
            self.events.push(Event::Completed(Box::new(completion)));
        }
        self.close(id);
    }

    pub(super) fn close(&mut self, id: ConnectionId) {
        if self.lookup(id).is_some() {
            self.connections.remove(id.slot());
        }
    }

    pub(super) fn close_when_done(&mut self, id: ConnectionId) {
        match self.lookup(id) {
            Some(connection) if connection.stage == Stage::Idle || connection.is_unused() => self.close(id),
            Some(connection) => connection.close_when_done = true,
            None => {}
        }
    }

    /// One pass over all connections for all requests cancelled in this turn.
    pub(super) fn cancel(&mut self) {
        if self.cancelled.is_empty() {
            return;
        }
        let cancelled = std::mem::take(&mut self.cancelled);
        let mut shared = Vec::new();
        self.connections.retain(|_, connection| {
            if connection.cancel_shared(&cancelled) {
                shared.push(connection.id);
            }
            !connection.request.as_ref().is_some_and(|request| cancelled.contains(&request.id))
        });
        shared.into_iter().for_each(|id| self.drive(id));
    }

    pub(super) fn on_deadline(&mut self, id: ConnectionId) {
        let Some(connection) = self.lookup(id) else {
            return;
        };
        match connection.stage {
            Stage::Connecting => self.on_connect_timeout(id),
            Stage::Idle => self.close(id),
            Stage::Multiplexed => self.expire(id),
            _ => {
                let failure = connection.timed_out();
                self.fail(id, failure);
            }
        }
    }
}
