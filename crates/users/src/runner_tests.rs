//! Whole runs on virtual time: the machine, a ramp and a dispatcher, with users that are only counted.

use super::*;
use crate::dispatch::{Advance, Dispatcher, UserClass};

/// Carries out actions and writes down what a person or a listener would see, each with its second.
struct World {
    machine: RunnerMachine,
    dispatcher: Dispatcher,
    live: Counts,
    now: f64,
    seen: Vec<String>,
}

impl World {
    fn new(classes: &[(&str, f64)]) -> Self {
        let known = classes.iter().map(|&(name, weight)| UserClass { name: name.to_owned(), weight, fixed_count: 0 });
        World {
            machine: RunnerMachine::new(),
            dispatcher: Dispatcher::new(vec!["local".to_owned()], known.collect()).unwrap(),
            live: classes.iter().map(|&(name, _)| (name.to_owned(), 0)).collect(),
            now: 0.0,
            seen: Vec::new(),
        }
    }

    fn note(&mut self, what: impl std::fmt::Display) {
        self.seen.push(format!("{:.1} {what}", self.now));
    }

    fn start(&mut self, users: i64, rate: f64) -> Ramp {
        let order = Order { users, rate, wait: false };
        for action in self.machine.start(order) {
            self.carry_out(action);
        }
        Ramp::new(order)
    }

    fn stop(&mut self) {
        for action in self.machine.stop() {
            self.carry_out(action);
        }
    }

    fn run(&mut self, mut ramp: Ramp) {
        while self.step(&mut ramp) {}
    }

    fn step(&mut self, ramp: &mut Ramp) -> bool {
        match ramp.next(self.machine.state(), &self.live) {
            Action::Over => return false,
            Action::NewDispatch => self.dispatcher.new_dispatch(ramp.order.users, ramp.order.rate, None).unwrap(),
            Action::Dispatch => {
                let wanted = self.dispatch();
                ramp.dispatched(wanted, &self.live);
            }
            action => self.carry_out(action),
        }
        true
    }

    fn dispatch(&mut self) -> Option<Counts> {
        loop {
            match self.dispatcher.advance(self.now) {
                Advance::Yield => return self.dispatcher.distribution().remove("local"),
                Advance::Sleep(seconds) => self.now += seconds,
                Advance::Done => return None,
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Log(Level::Debug, _) | Action::Place(_) => {}
            Action::Log(level, text) => self.note(format!("{level:?}: {text}")),
            Action::SetState(state) => {
                self.machine.set_state(state);
                self.note(state.name());
            }
            Action::Spawn(counts) => {
                self.machine.spawn_begins();
                for (class, users) in counts {
                    *self.live.get_mut(&class).unwrap() += users;
                    self.note(format!("+{users} {class}"));
                }
            }
            Action::Stop(counts) => {
                for (class, users) in counts {
                    *self.live.get_mut(&class).unwrap() -= users;
                    self.note(format!("-{users} {class}"));
                }
            }
            Action::StopAllUsers => {
                self.live.values_mut().for_each(|users| *users = 0);
                self.note("all stopped");
            }
            Action::Fire(event) => {
                self.note(format!("{event:?}"));
                if let Event::SpawningComplete(_) = event {
                    for action in self.machine.spawning_complete(false) {
                        self.carry_out(action);
                    }
                }
            }
            Action::Settle(counts) => self.note(format!("settled on {}", total(&counts))),
            other => self.note(format!("{other:?}")),
        }
    }

    fn take_seen(&mut self) -> Vec<String> {
        std::mem::take(&mut self.seen)
    }
}

#[test]
fn a_fresh_run_from_start_to_stop() {
    let mut world = World::new(&[("A", 1.0), ("B", 1.0)]);
    let ramp = world.start(3, 2.0);
    world.run(ramp);
    assert_eq!(
        world.take_seen(),
        [
            "0.0 AbandonRamp",
            "0.0 BeginRamp",
            "0.0 SetTarget(3)",
            "0.0 ResetRun",
            "0.0 FilterTags",
            "0.0 TestStart",
            "0.0 ApplyHost",
            "0.0 Info: Ramping to 3 users at a rate of 2.00 per second",
            "0.0 +1 A",
            "0.0 +1 B",
            "1.0 +1 A",
            "1.0 Info: All users spawned: {\"A\": 2, \"B\": 1} (3 total users)",
            "1.0 settled on 3",
            "1.0 SpawningComplete(3)",
            "1.0 running",
        ]
    );
    world.stop();
    assert_eq!(
        world.take_seen(),
        [
            "1.0 TestStopping",
            "1.0 KeepFinalCounts",
            "1.0 cleanup",
            "1.0 AbandonRamp",
            "1.0 AbandonShape",
            "1.0 all stopped",
            "1.0 ForgetDispatcher",
            "1.0 stopped",
            "1.0 ReportCpu",
            "1.0 TestStop",
        ]
    );
    world.stop();
    assert_eq!(world.take_seen(), ["1.0 AbandonRamp"], "one that waits for a listener of test_start begins no test");
}

#[test]
fn an_edit_is_no_new_test() {
    let mut world = World::new(&[("A", 1.0)]);
    let ramp = world.start(4, 4.0);
    world.run(ramp);
    world.take_seen();
    let ramp = world.start(1, 2.0);
    world.run(ramp);
    assert_eq!(
        world.take_seen(),
        [
            "0.0 AbandonRamp",
            "0.0 BeginRamp",
            "0.0 SetTarget(1)",
            "0.0 ApplyHost",
            "0.0 spawning",
            "0.0 Info: Ramping to 1 users at a rate of 2.00 per second",
            "0.0 -2 A",
            "1.0 -1 A",
            "1.0 Info: All users spawned: {\"A\": 1} (1 total users)",
            "1.0 settled on 1",
            "1.0 SpawningComplete(1)",
            "1.0 running",
        ]
    );
}

#[test]
fn users_that_ended_are_replaced_by_the_next_order_only() {
    let mut world = World::new(&[("A", 1.0)]);
    let ramp = world.start(4, 4.0);
    world.run(ramp);
    world.live.insert("A".to_owned(), 1);
    world.take_seen();
    let ramp = world.start(4, 1.0);
    world.run(ramp);
    assert!(world.take_seen().contains(&"0.0 +3 A".to_owned()));
}

#[test]
fn a_test_after_a_stop_is_fresh_and_starts_while_stopped() {
    let mut world = World::new(&[("A", 1.0)]);
    let ramp = world.start(1, 1.0);
    world.run(ramp);
    world.stop();
    world.take_seen();
    let mut ramp = world.start(1, 1.0);
    while !world.seen.iter().any(|line| line.ends_with("TestStart")) {
        world.step(&mut ramp);
    }
    assert_eq!(world.machine.state(), State::Stopped);
    world.run(ramp);
    assert_eq!(world.machine.state(), State::Running);
}

#[test]
fn no_users_at_all_still_completes() {
    let mut world = World::new(&[("A", 1.0)]);
    let ramp = world.start(0, 1.0);
    world.run(ramp);
    let seen = world.take_seen();
    assert!(seen.contains(&"0.0 Info: All users spawned: {\"A\": 0} (0 total users)".to_owned()));
    assert_eq!(world.machine.state(), State::Running);
}

#[test]
fn a_listener_that_stops_the_test_is_noticed() {
    let mut ramp = Ramp::new(Order { users: 1, rate: 1.0, wait: false });
    let live = Counts::new();
    let mut actions = Vec::new();
    let mut state = State::Ready;
    while actions.last() != Some(&Action::NewDispatch) {
        actions.push(ramp.next(state, &live));
        if actions.last() == Some(&Action::Fire(Event::TestStart)) {
            state = State::Cleanup;
        }
    }
    assert!(actions.contains(&Action::SetState(State::Spawning)));
}

#[test]
fn waiting_for_more_users_than_come_in_a_second_is_refused() {
    let live = Counts::from([("A".to_owned(), 1)]);
    let mut ramp = Ramp::new(Order { users: 4, rate: 2.0, wait: true });
    let actions: Vec<Action> = std::iter::repeat_with(|| ramp.next(State::Running, &live)).take(3).collect();
    assert!(matches!(actions[..], [Action::SetTarget(4), Action::Reject(_), Action::Over]));
    let mut ramp = Ramp::new(Order { users: 3, rate: 2.0, wait: true });
    ramp.next(State::Running, &live);
    assert_eq!(ramp.next(State::Running, &live), Action::ApplyHost);
}

#[test]
fn stopping_comes_before_a_spawn_that_blocks_and_after_one_that_does_not() {
    let live = Counts::from([("A".to_owned(), 2), ("B".to_owned(), 0)]);
    let wanted = Counts::from([("A".to_owned(), 1), ("B".to_owned(), 1)]);
    let order = |wait| {
        let mut ramp = Ramp::new(Order { users: 2, rate: 1.0, wait });
        ramp.dispatched(Some(wanted.clone()), &live);
        let actions: Vec<Action> = std::iter::repeat_with(|| ramp.next(State::Running, &live)).take(4).collect();
        (matches!(actions[1], Action::Spawn(_)), matches!(actions[2], Action::Spawn(_)))
    };
    assert_eq!((order(false), order(true)), ((true, false), (false, true)));
}

#[test]
fn a_fast_ramp_is_warned_of() {
    let machine = RunnerMachine::new();
    let warned = |rate| machine.start(Order { users: 1, rate, wait: false }).len() == 3;
    assert!(warned(100.1) && !warned(100.0));
}

#[test]
fn reset_stats_follows_the_ramp() {
    let actions = RunnerMachine::new().spawning_complete(true);
    let line = Action::Log(Level::Info, "Resetting stats\n".to_owned());
    assert_eq!(actions, [Action::SetState(State::Running), line, Action::ResetStats]);
}

#[test]
fn names_in_log_lines_are_json() {
    let counts = Counts::from([("Zoë".to_owned(), 1), ("😀\"".to_owned(), 2)]);
    assert_eq!(summary(&counts), r#"{"Zo\u00eb": 1, "\ud83d\ude00\"": 2} (3 total users)"#);
}

#[test]
fn states_have_names() {
    for state in State::ALL {
        assert_eq!(State::from_name(state.name()), Some(state));
    }
    assert_eq!(State::from_name("idle"), None);
}
