//! Users that wait between tasks, and the pause of a test, which holds them.
//!
//! A user is due at a moment of the test's own clock, which stands still while the test is paused. A timer that fires too
//! early by that clock is set anew; one that fires during a pause is set when the test goes on.
//!
//! ```text
//!   wake_at ──── 2 s ────▌ pause … ▐──── 1 s ────▶ due, for a wait of three seconds
//! ```

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gregaria_http::Command;
use pyo3::prelude::*;
use slab::Slab;

use super::{Hub, State};
use crate::users::UserCore;

/// A timer that fires earlier than this before its time is set anew.
const TOO_EARLY: Duration = Duration::from_millis(1);

/// Time, without that of the pauses.
#[derive(Default)]
struct TestClock {
    stopped_at: Option<Instant>,
    lost: Duration,
}

impl TestClock {
    fn never_stopped(&self) -> bool {
        self.stopped_at.is_none() && self.lost.is_zero()
    }

    fn now(&self) -> Instant {
        let now = self.stopped_at.unwrap_or_else(Instant::now);
        now.checked_sub(self.lost).unwrap_or(now)
    }
}

/// See the module's text.
#[derive(Default)]
pub struct Sleepers {
    /// Who is to be woken, and when by the test's clock. `None` for those that were woken otherwise: the key stays taken until
    /// the timer fires.
    users: Slab<Option<(Py<UserCore>, Instant)>>,
    clock: TestClock,
    /// Keys whose timers have fired in this pause.
    held: Vec<usize>,
    /// A gevent event that is set when the test goes on, for users that keep their greenlets.
    gate: Option<Py<PyAny>>,
}

impl State {
    /// The user whose timer has fired, unless it is not its turn yet.
    pub(super) fn woken(&mut self, key: usize) -> Option<Py<UserCore>> {
        let Sleepers { users, clock, held, .. } = &mut self.sleepers;
        if let Some((_, due)) = users.get(key)?
            && !clock.never_stopped()
        {
            if clock.stopped_at.is_some() {
                held.push(key);
                return None;
            }
            let left = due.saturating_duration_since(clock.now());
            if left > TOO_EARLY {
                self.outbox.push(Command::Timer { key: key as u64, deadline: Instant::now() + left });
                return None;
            }
        }
        users.remove(key).map(|(user, _)| user)
    }
}

impl Hub {
    /// Run `user` again at `deadline`; returns the key to [`Hub::forget_sleeper`] it with.
    pub fn wake_at(&self, user: Py<UserCore>, deadline: Instant) -> usize {
        let mut state = self.state();
        let clock = &state.sleepers.clock;
        let due = if clock.never_stopped() { deadline } else { clock.now() + (deadline - Instant::now()) };
        let key = state.sleepers.users.insert(Some((user, due)));
        state.outbox.push(Command::Timer { key: key as u64, deadline });
        self.flush_unless_draining(&mut state);
        key
    }

    /// Run `user` again when the test goes on, which is paused.
    pub fn hold(&self, user: Py<UserCore>) -> usize {
        let mut state = self.state();
        let due = state.sleepers.clock.now();
        let key = state.sleepers.users.insert(Some((user, due)));
        state.sleepers.held.push(key);
        key
    }

    /// A user that will not be run when its timer fires. The key stays taken until then.
    pub fn forget_sleeper(&self, key: usize) {
        let forgotten = self.state().sleepers.users.get_mut(key).and_then(Option::take);
        drop(forgotten);
    }

    /// Whether the test is paused.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Seconds that the pauses have taken so far.
    pub fn paused_seconds(&self) -> f64 {
        let state = self.state();
        let clock = &state.sleepers.clock;
        (clock.lost + clock.stopped_at.map_or(Duration::ZERO, |at| at.elapsed())).as_secs_f64()
    }

    /// Block the calling greenlet until the test goes on.
    pub fn wait_out_pause(&self, py: Python<'_>) -> PyResult<()> {
        let gate = self.state().sleepers.gate.as_ref().map(|gate| gate.clone_ref(py));
        gate.map_or(Ok(()), |gate| gate.call_method0(py, "wait").map(drop))
    }

    fn pause(&self, gate: Py<PyAny>) {
        let mut state = self.state();
        if state.sleepers.clock.stopped_at.is_none() {
            state.sleepers.clock.stopped_at = Some(Instant::now());
        }
        let old = state.sleepers.gate.replace(gate);
        self.paused.store(true, Ordering::Relaxed);
        drop(state);
        drop(old);
    }

    fn go_on(&self) {
        let mut state = self.state();
        let State { sleepers, outbox, .. } = &mut *state;
        let Some(stopped_at) = sleepers.clock.stopped_at.take() else { return };
        self.paused.store(false, Ordering::Relaxed);
        let now = Instant::now();
        sleepers.clock.lost += now - stopped_at;
        let by_the_test = sleepers.clock.now();
        for key in sleepers.held.drain(..) {
            match sleepers.users.get(key) {
                Some(Some((_, due))) => {
                    let deadline = now + due.saturating_duration_since(by_the_test);
                    outbox.push(Command::Timer { key: key as u64, deadline });
                }
                Some(None) => drop(sleepers.users.remove(key)),
                None => {}
            }
        }
        let gate = sleepers.gate.take();
        self.flush_unless_draining(&mut state);
        drop(state);
        drop(gate);
    }
}

/// From now on users begin no task, and their waits stand still. `gate` is the gevent event that will be set at the end of it.
#[pyfunction]
pub fn pause_users(py: Python<'_>, gate: Py<PyAny>) -> PyResult<()> {
    Hub::get(py)?.pause(gate);
    Ok(())
}

/// The end of [`pause_users`].
#[pyfunction]
pub fn resume_users(py: Python<'_>) {
    if let Some(hub) = Hub::started(py) {
        hub.go_on();
    }
}
