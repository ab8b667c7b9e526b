//! Waiting on channels: for the next piece of a body, for room to write one, and for the response to a request whose body
//! is written piece by piece. The greenlet waits, or the OS thread.

use std::sync::Arc;

use gregaria_http::{Channel, Command, Completion, Next, Request, Wait};
use pyo3::prelude::*;

use super::{Hub, Pending, Waiter, request_id};
use crate::coroutines::block;

/// A request under way whose caller has something else to do.
pub enum Begun {
    /// The number of its slot.
    Pending(usize),
    /// Made by an OS thread: not sent before its body is complete.
    Kept(Box<Request>),
}

impl Hub {
    /// The calling thread is the one whose gevent hub runs the users.
    pub fn is_home(&self) -> bool {
        std::thread::current().id() == self.thread
    }

    /// Have the reactor look at a channel.
    pub fn attend(&self, channel: &Arc<Channel>) {
        let mut state = self.state();
        state.outbox.push(Command::Attend(Arc::clone(channel)));
        self.flush_unless_draining(&mut state);
    }

    /// What comes next on a channel; waits for it. With `timed`, no longer than the request's read timeout.
    pub fn next(&self, py: Python<'_>, channel: &Arc<Channel>, timed: bool) -> PyResult<Next> {
        if !self.is_home() {
            return Ok(py.detach(|| channel.next_blocking(|| self.attend(channel))));
        }
        loop {
            match channel.next() {
                Next::Nothing => self.wait_on(py, channel, |id| channel.wait_as(id, timed))?,
                found => {
                    if channel.may_resume() {
                        self.attend(channel);
                    }
                    return Ok(found);
                }
            }
        }
    }

    /// Wait until more may be written to a channel.
    pub fn wait_for_room(&self, py: Python<'_>, channel: &Arc<Channel>) -> PyResult<()> {
        self.wait_on(py, channel, |id| channel.wait_for_room_as(id))
    }

    fn wait_on(&self, py: Python<'_>, channel: &Arc<Channel>, ask: impl FnOnce(u64) -> Wait) -> PyResult<()> {
        let greenlet = self.waiting_greenlet(py)?;
        let mut state = self.state();
        let serial = state.next_serial();
        let id = state.pending.insert(Pending::new(serial, Waiter::Greenlet(greenlet)));
        match ask(request_id(id, serial)) {
            Wait::Needless => {
                let unused = state.pending.remove(id);
                drop(state);
                drop(unused);
                return Ok(());
            }
            Wait::Waiting { attend: true } => state.outbox.push(Command::Attend(Arc::clone(channel))),
            Wait::Waiting { attend: false } => {}
        }
        self.flush_unless_draining(&mut state);
        drop(state);
        loop {
            let switched = block(self.greenlet(py));
            let mut state = self.state();
            if switched.is_err() || state.pending[id].woken {
                let done = state.pending.remove(id);
                drop(state);
                drop(done);
                if switched.is_err() {
                    channel.stop_waiting();
                }
                return switched;
            }
        }
    }

    /// Send a request and go on; [`Hub::conclude`] or [`Hub::abort`] must follow.
    pub fn begin(&self, py: Python<'_>, request: Box<Request>) -> PyResult<Begun> {
        if !self.is_home() {
            return Ok(Begun::Kept(request));
        }
        self.submit(py, request, false).map(Begun::Pending)
    }

    /// Whether more of the body is wanted.
    pub fn wants_more(&self, py: Python<'_>, begun: &Begun, channel: &Arc<Channel>) -> PyResult<bool> {
        let Begun::Pending(id) = begun else { return Ok(true) };
        self.attend(channel);
        self.wait_for_room(py, channel)?;
        Ok(self.state().pending[*id].completion.is_none())
    }

    /// Wait until the request has been answered.
    pub fn conclude(&self, py: Python<'_>, begun: Begun) -> PyResult<Box<Completion>> {
        match begun {
            Begun::Kept(request) => Ok(self.exchange_from_thread(py, request)),
            Begun::Pending(id) => {
                if let Some(completion) = self.taken_completion(id) {
                    return Ok(completion);
                }
                self.state().pending[id].parked = true;
                self.await_completion(py, id)
            }
        }
    }

    /// Give a request up.
    pub fn abort(&self, begun: Begun) {
        if let Begun::Pending(id) = begun {
            self.give_up(id);
        }
    }
}
