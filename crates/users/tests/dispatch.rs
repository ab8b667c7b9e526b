//! The dispatcher against what Locust's own gives (`tests/golden/make_dispatch.py`), and its laws.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use gregaria_users::dispatch::{Advance, Dispatcher, Error, UserClass};
use proptest::prelude::*;
use serde::Deserialize;

type Rows = BTreeMap<String, Vec<u64>>;

#[derive(Deserialize)]
struct Scenario {
    classes: BTreeMap<String, (f64, i64)>,
    workers: Vec<String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    New { new: (i64, f64, Option<Vec<String>>) },
    Take { take: Option<usize>, seen: Vec<(f64, Rows)>, ended: bool, busy: bool },
    Add { add: String },
    Remove { remove: String },
}

/// Runs a dispatcher on virtual time.
struct Consumer {
    dispatcher: Dispatcher,
    now: f64,
}

impl Consumer {
    fn next(&mut self) -> Option<Rows> {
        loop {
            match self.dispatcher.advance(self.now) {
                Advance::Yield => {
                    let rows = self.dispatcher.counts().iter().cloned();
                    return Some(self.dispatcher.placed_workers().iter().cloned().zip(rows).collect());
                }
                Advance::Sleep(seconds) => self.now += seconds,
                Advance::Done => return None,
            }
        }
    }

    fn take(&mut self, limit: Option<usize>) -> (Vec<(f64, Rows)>, bool) {
        self.now = 0.0;
        let mut seen = Vec::new();
        while limit.is_none_or(|limit| seen.len() < limit) {
            match self.next() {
                Some(rows) => seen.push((self.now, rows)),
                None => return (seen, true),
            }
        }
        (seen, false)
    }
}

fn consumer(classes: Vec<UserClass>, workers: &[&str]) -> Consumer {
    let workers = workers.iter().map(|&worker| worker.to_owned()).collect();
    Consumer { dispatcher: Dispatcher::new(workers, classes).unwrap(), now: 0.0 }
}

fn class(name: &str, weight: f64, fixed_count: i64) -> UserClass {
    UserClass { name: name.to_owned(), weight, fixed_count }
}

fn check(file: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/dispatch").join(file);
    let scenarios: Vec<Scenario> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(!scenarios.is_empty());
    for (number, scenario) in scenarios.into_iter().enumerate() {
        let classes = scenario.classes.iter().map(|(name, &(weight, fixed))| class(name, weight, fixed)).collect();
        let mut consumer = Consumer { dispatcher: Dispatcher::new(scenario.workers, classes).unwrap(), now: 0.0 };
        for (at, step) in scenario.steps.into_iter().enumerate() {
            let place = format!("{file}, scenario {number}, step {at}");
            match step {
                Step::New { new: (target, rate, chosen) } => {
                    consumer.dispatcher.new_dispatch(target, rate, chosen.as_deref()).unwrap();
                }
                Step::Add { add } => consumer.dispatcher.add_worker(add),
                Step::Remove { remove } => consumer.dispatcher.remove_worker(&remove),
                Step::Take { take, seen, ended, busy } => {
                    let (ours, over) = consumer.take(take);
                    let times = |rows: &[(f64, Rows)]| rows.iter().map(|row| (row.0 * 1e6).round()).collect::<Vec<_>>();
                    let users = |rows: &[(f64, Rows)]| rows.iter().map(|row| row.1.clone()).collect::<Vec<_>>();
                    assert_eq!(users(&ours), users(&seen), "{place}");
                    assert_eq!(times(&ours), times(&seen), "{place}");
                    assert_eq!((over, consumer.dispatcher.in_progress()), (ended, busy), "{place}");
                }
            }
        }
    }
}

#[test]
fn weights_as_locust() {
    check("weights.json");
}

#[test]
fn fixed_counts_as_locust() {
    check("fixed.json");
}

#[test]
fn edits_as_locust() {
    check("edits.json");
}

#[test]
fn chosen_classes_as_locust() {
    check("subsets.json");
}

#[test]
fn workers_coming_and_going_as_locust() {
    check("churn.json");
}

#[test]
fn drawn_scenarios_as_locust() {
    check("drawn.json");
}

#[test]
fn consumer_time_is_taken_off_the_pause() {
    let mut dispatcher = consumer(vec![class("A", 1.0, 0)], &["local"]).dispatcher;
    dispatcher.new_dispatch(4, 2.0, None).unwrap();
    assert_eq!(dispatcher.advance(100.0), Advance::Yield);
    assert_eq!(dispatcher.advance(100.25), Advance::Sleep(0.75));
    assert_eq!(dispatcher.advance(101.0), Advance::Yield);
    assert_eq!(dispatcher.advance(109.0), Advance::Done);
    assert_eq!(dispatcher.iteration_durations(), [0.25, 8.0]);
    dispatcher.new_dispatch(0, 2.0, None).unwrap();
    assert_eq!(dispatcher.advance(200.0), Advance::Yield);
    assert_eq!(dispatcher.advance(205.0), Advance::Sleep(0.0));
}

#[test]
fn impossible_orders_are_refused() {
    let mut dispatcher = consumer(vec![class("A", 1.0, 0)], &["local"]).dispatcher;
    assert_eq!(dispatcher.new_dispatch(-1, 1.0, None), Err(Error::NegativeTarget(-1)));
    assert_eq!(dispatcher.new_dispatch(1, 0.0, None), Err(Error::RateNotPositive(0.0)));
    assert_eq!(dispatcher.new_dispatch(1, f64::INFINITY, None), Err(Error::RateNotFinite(f64::INFINITY)));
    assert!(matches!(dispatcher.new_dispatch(1, f64::NAN, None), Err(Error::RateNotFinite(_))));
    let unknown = dispatcher.new_dispatch(1, 1.0, Some(&["B".to_owned()]));
    assert_eq!(unknown, Err(Error::UnknownClass("B".to_owned())));
    assert_eq!(Dispatcher::new(vec![], vec![]).unwrap_err(), Error::NoClasses);
    let twice = vec![class("A", 1.0, 0), class("A", 2.0, 0)];
    assert_eq!(Dispatcher::new(vec![], twice).unwrap_err(), Error::SameName("A".to_owned()));
}

#[test]
fn changed_fixed_counts_are_seen_at_the_next_refill() {
    let mut consumer = consumer(vec![class("A", 1.0, 0), class("F", 1.0, 1)], &["local"]);
    consumer.dispatcher.new_dispatch(4, 10.0, None).unwrap();
    assert_eq!(consumer.take(None).0.pop().unwrap().1["local"], [3, 1]);
    consumer.dispatcher.refresh(&[class("F", 1.0, 3)]);
    consumer.dispatcher.new_dispatch(3, 10.0, None).unwrap();
    consumer.take(None);
    consumer.dispatcher.new_dispatch(6, 10.0, None).unwrap();
    assert_eq!(consumer.take(None).0.pop().unwrap().1["local"], [3, 3]);
}

proptest! {
    /// Every batch adds up, moves towards the target by no more than the batch size, and the last one is the target.
    #[test]
    fn dispatch_conserves_users(
        weights in prop::collection::vec(0.1_f64..20.0, 1..6),
        workers in 1_usize..7,
        targets in prop::collection::vec((0_i64..300, 0.2_f64..150.0), 1..6),
    ) {
        let classes = weights.iter().enumerate().map(|(i, &weight)| class(&format!("C{i}"), weight, 0)).collect();
        let ids: Vec<String> = (0..workers).map(|worker| format!("h{}_{worker}", worker % 3)).collect();
        let mut consumer = Consumer { dispatcher: Dispatcher::new(ids, classes).unwrap(), now: 0.0 };
        let mut before = 0_u64;
        for (target, rate) in targets {
            consumer.dispatcher.new_dispatch(target, rate, None).unwrap();
            let batch = (rate.floor() as u64).max(1);
            let (seen, ended) = consumer.take(None);
            prop_assert!(ended && !consumer.dispatcher.in_progress());
            for (_, rows) in &seen {
                let now: u64 = rows.values().flatten().sum();
                prop_assert!(now.abs_diff(before) <= batch);
                before = now;
            }
            prop_assert_eq!(before, target as u64);
            prop_assert_eq!(consumer.dispatcher.user_count(), target as u64);
        }
    }

    /// A worker that comes or goes changes where users are, never how many.
    #[test]
    fn rebalancing_conserves_users(target in 1_i64..400, before in 1_usize..6, after in 1_usize..6) {
        let ids: Vec<String> = (0..before).map(|worker| format!("w{worker}")).collect();
        let classes = vec![class("A", 2.0, 0), class("B", 1.0, 0), class("F", 1.0, 3)];
        let mut consumer = Consumer { dispatcher: Dispatcher::new(ids, classes).unwrap(), now: 0.0 };
        consumer.dispatcher.new_dispatch(target, 50.0, None).unwrap();
        consumer.take(None);
        let total = |consumer: &Consumer| {
            let mut classes = [0; 3];
            for row in consumer.dispatcher.counts() {
                classes.iter_mut().zip(row).for_each(|(sum, users)| *sum += users);
            }
            classes
        };
        let users = total(&consumer);
        for worker in before..before + after {
            consumer.dispatcher.add_worker(format!("w{worker}"));
            prop_assert_eq!(total(&consumer), users);
        }
        for worker in 0..before {
            consumer.dispatcher.remove_worker(&format!("w{worker}"));
            prop_assert_eq!(total(&consumer), users);
        }
    }
}
