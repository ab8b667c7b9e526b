//! [`RunnerMachine`] and [`Ramp`]: what a runner does, in which order, without doing any of it.
//!
//! The driver asks for the next [`Action`], carries it out (which may run user code, block, or be cut short by a kill) and
//! asks again with what is true by then. One ramp is one order to start; a new order abandons it. Distributions come from
//! a dispatcher, so that a cluster of one and one of many differ in who carries out `Spawn` and `Stop` only.
//!
//! ```text
//! ready ──start: test_start──> spawning ──spawning_complete──> running ──start──> spawning ...
//!   any ──stop: test_stopping──> cleanup ──all users ended──> stopped: test_stop
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

/// Class name → users.
pub type Counts = BTreeMap<String, u64>;

/// Above this many users a second, a warning is due.
const HIGH_SPAWN_RATE: f64 = 100.0;

/// The states of a runner (or of a worker, as its master sees it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No test was started yet.
    Ready,
    /// A ramp is under way.
    Spawning,
    /// The ramp is complete.
    Running,
    /// Users are being stopped.
    Cleanup,
    /// A master waits for its workers to stop.
    Stopping,
    /// The test is over.
    Stopped,
    /// A worker has not been heard of.
    Missing,
}

impl State {
    /// All states.
    pub const ALL: [State; 7] = [
        State::Ready,
        State::Spawning,
        State::Running,
        State::Cleanup,
        State::Stopping,
        State::Stopped,
        State::Missing,
    ];

    /// The name that users of the API see.
    pub fn name(self) -> &'static str {
        match self {
            State::Ready => "ready",
            State::Spawning => "spawning",
            State::Running => "running",
            State::Cleanup => "cleanup",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
            State::Missing => "missing",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }

    fn in_test(self) -> bool {
        matches!(self, State::Running | State::Spawning)
    }

    fn between_tests(self) -> bool {
        matches!(self, State::Ready | State::Stopped)
    }
}

/// An event for the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    TestStart,
    /// With the number of users.
    SpawningComplete(u64),
    TestStopping,
    TestStop,
}

/// Of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warning,
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Log(Level, String),
    Fire(Event),
    SetState(State),
    /// Publish the number of users that the test is heading for.
    SetTarget(i64),
    /// A new test begins: statistics, exceptions and CPU warnings start from nothing.
    ResetRun,
    ResetStats,
    FilterTags,
    /// Put the environment's host, if there is one, into all user classes.
    ApplyHost,
    /// The order cannot be carried out, for this reason; the ramp is over.
    Reject(String),
    /// Make a dispatcher if there is none and hand it the order.
    NewDispatch,
    /// Ask the dispatcher, let it sleep, and answer with [`Ramp::dispatched`].
    Dispatch,
    /// Start so many users more.
    Spawn(Counts),
    /// Stop so many users.
    Stop(Counts),
    /// Publish what the dispatcher wanted.
    Place(Counts),
    /// Publish the users that the ramp ended with.
    Settle(Counts),
    /// End the ramp that is under way, if one is, and wait until it has ended.
    AbandonRamp,
    /// Begin to drive a new [`Ramp`].
    BeginRamp,
    /// Remember the users that were there when the test was stopped.
    KeepFinalCounts,
    AbandonShape,
    StopAllUsers,
    ForgetDispatcher,
    /// Say that the CPU was too busy, if it was.
    ReportCpu,
    /// Nothing left to do.
    Over,
}

/// An order to run this many users.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    pub users: i64,
    /// Users per second.
    pub rate: f64,
    /// Block until all users have ended.
    pub wait: bool,
}

/// The state of a runner, and the order of what happens at its edges.
#[derive(Debug)]
pub struct RunnerMachine {
    state: State,
}

impl Default for RunnerMachine {
    fn default() -> Self {
        Self::new()
    }
}

impl RunnerMachine {
    /// A runner that has not run anything.
    pub fn new() -> Self {
        RunnerMachine { state: State::Ready }
    }

    /// Where the runner is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Carry out [`Action::SetState`].
    pub fn set_state(&mut self, state: State) {
        self.state = state;
    }

    /// Somebody wants users: before the [`Ramp`].
    pub fn start(&self, order: Order) -> Vec<Action> {
        let mut actions = vec![Action::AbandonRamp, Action::BeginRamp];
        if order.rate > HIGH_SPAWN_RATE {
            let text = "Your selected spawn rate is very high (>100): starting users that fast can overload this machine \
                        and distort what is measured. A slower ramp may do.";
            actions.insert(0, Action::Log(Level::Warning, text.to_owned()));
        }
        actions
    }

    /// Users are about to be spawned: whatever asked for them, a test is on from now.
    pub fn spawn_begins(&mut self) {
        if self.state.between_tests() {
            self.state = State::Spawning;
        }
    }

    /// The listener of `spawning_complete`.
    pub fn spawning_complete(&self, reset_stats: bool) -> Vec<Action> {
        let mut actions = vec![Action::SetState(State::Running)];
        if reset_stats {
            actions.extend([Action::Log(Level::Info, "Resetting stats\n".to_owned()), Action::ResetStats]);
        }
        actions
    }

    /// End the test. If it has ended, a ramp that has not got as far as a test yet must not begin one.
    pub fn stop(&self) -> Vec<Action> {
        if self.state == State::Stopped {
            return vec![Action::AbandonRamp];
        }
        vec![
            Action::Fire(Event::TestStopping),
            Action::KeepFinalCounts,
            Action::SetState(State::Cleanup),
            Action::AbandonRamp,
            Action::AbandonShape,
            Action::StopAllUsers,
            Action::ForgetDispatcher,
            Action::SetState(State::Stopped),
            Action::ReportCpu,
            Action::Fire(Event::TestStop),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Begin,
    Fresh,
    Prepare,
    Announce,
    Dispatching,
    Complete,
    Over,
}

/// One order on its way from the present users to the wanted ones.
#[derive(Debug)]
pub struct Ramp {
    order: Order,
    stage: Stage,
    next: VecDeque<Action>,
}

impl Ramp {
    /// A ramp that has done nothing yet.
    pub fn new(order: Order) -> Self {
        Ramp { order, stage: Stage::Begin, next: VecDeque::new() }
    }

    /// What to do next, given the state and the live users (every class, also those with none) of this moment.
    pub fn next(&mut self, state: State, live: &Counts) -> Action {
        loop {
            if let Some(action) = self.next.pop_front() {
                return action;
            }
            match self.stage {
                Stage::Begin => {
                    self.stage = Stage::Fresh;
                    return Action::SetTarget(self.order.users);
                }
                Stage::Fresh => {
                    self.stage = Stage::Prepare;
                    if !state.in_test() {
                        self.next.extend([Action::ResetRun, Action::FilterTags, Action::Fire(Event::TestStart)]);
                    }
                }
                Stage::Prepare => self.prepare(live),
                Stage::Announce => self.announce(state),
                Stage::Dispatching => return Action::Dispatch,
                Stage::Complete => self.complete(live),
                Stage::Over => return Action::Over,
            }
        }
    }

    fn prepare(&mut self, live: &Counts) {
        let more = self.order.users - i64::try_from(total(live)).unwrap_or(i64::MAX);
        if self.order.wait && more as f64 > self.order.rate {
            let text = "with wait=True no more users can be added at once than the spawn rate allows in one second";
            self.stage = Stage::Over;
            self.next.push_back(Action::Reject(text.to_owned()));
            return;
        }
        self.stage = Stage::Announce;
        self.next.push_back(Action::ApplyHost);
    }

    fn announce(&mut self, state: State) {
        self.stage = Stage::Dispatching;
        if !state.between_tests() {
            self.next.push_back(Action::SetState(State::Spawning));
        }
        let Order { users, rate, .. } = self.order;
        let text = format!("Ramping to {users} users at a rate of {rate:.2} per second");
        self.next.extend([Action::Log(Level::Info, text), Action::NewDispatch]);
    }

    /// The answer to [`Action::Dispatch`]: absolute numbers by class, or `None` when the dispatch is over.
    pub fn dispatched(&mut self, wanted: Option<Counts>, live: &Counts) {
        let Some(wanted) = wanted else {
            self.stage = Stage::Complete;
            return;
        };
        let (spawn, stop) = difference(live, &wanted);
        self.next.push_back(Action::Log(Level::Debug, format!("Ramping to {}", summary(&wanted))));
        let stop = (!stop.is_empty()).then_some(Action::Stop(stop));
        if self.order.wait {
            // Spawning blocks until all users have ended, so it comes last.
            self.next.extend(stop);
            self.next.push_back(Action::Spawn(spawn));
        } else {
            // Stopping may block for the stop timeout, so it comes last.
            self.next.push_back(Action::Spawn(spawn));
            self.next.extend(stop);
        }
        self.next.push_back(Action::Place(wanted));
    }

    fn complete(&mut self, live: &Counts) {
        self.stage = Stage::Over;
        self.next.extend([
            Action::Log(Level::Info, format!("All users spawned: {}", summary(live))),
            Action::Settle(live.clone()),
            Action::Fire(Event::SpawningComplete(total(live))),
        ]);
    }
}

/// Who is missing and who is too many.
pub fn difference(live: &Counts, wanted: &Counts) -> (Counts, Counts) {
    let (mut spawn, mut stop) = (Counts::new(), Counts::new());
    for (class, &users) in wanted {
        let present = live.get(class).copied().unwrap_or(0);
        if present < users {
            spawn.insert(class.clone(), users - present);
        } else if present > users {
            stop.insert(class.clone(), present - users);
        }
    }
    (spawn, stop)
}

fn total(counts: &Counts) -> u64 {
    counts.values().sum()
}

/// As log lines give it: `{"Buyer": 1, "Visitor": 2} (3 total users)`.
pub fn summary(counts: &Counts) -> String {
    let classes: Vec<String> = counts.iter().map(|(class, users)| format!("{}: {users}", json_string(class))).collect();
    format!("{{{}}} ({} total users)", classes.join(", "), total(counts))
}

fn json_string(text: &str) -> String {
    let mut json = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit).map(char::from) {
            Ok(quoted @ ('"' | '\\')) => json.extend(['\\', quoted]),
            Ok(plain @ ' '..='~') => json.push(plain),
            _ => write!(json, "\\u{unit:04x}").expect("writing to a string does not fail"),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
