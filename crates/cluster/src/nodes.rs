//! What a master knows of its workers. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

/// States that a worker can be in; a worker says its own in every heartbeat.
pub mod state {
    pub const READY: &str = "ready";
    pub const SPAWNING: &str = "spawning";
    pub const RUNNING: &str = "running";
    pub const MISSING: &str = "missing";
}

/// One worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub id: String,
    pub state: String,
    /// Counts down every second; a heartbeat sets it back.
    pub liveness: i64,
    pub cpu_usage: f64,
    pub cpu_warned: bool,
    pub memory_bytes: u64,
    /// Users by class, as last reported.
    pub users: Vec<(String, u64)>,
    /// Speaks our additions to the protocol.
    pub ours: bool,
    /// How late the worker's hub is, in milliseconds; only ours say so.
    pub lag_ms: Option<f64>,
}

impl Node {
    pub fn new(id: &str, liveness: i64) -> Self {
        Self {
            id: id.to_owned(),
            state: state::READY.to_owned(),
            liveness,
            cpu_usage: 0.0,
            cpu_warned: false,
            memory_bytes: 0,
            users: Vec::new(),
            ours: false,
            lag_ms: None,
        }
    }

    pub fn user_count(&self) -> u64 {
        self.users.iter().map(|(_, count)| count).sum()
    }

    pub fn is_missing(&self) -> bool {
        self.state == state::MISSING
    }

    /// Ready, spawning or running: it can be given users.
    pub fn is_active(&self) -> bool {
        [state::READY, state::SPAWNING, state::RUNNING].contains(&self.state.as_str())
    }
}

/// All workers, in the order in which they came.
#[derive(Debug, Default)]
pub struct Nodes {
    present: Vec<Node>,
    places: HashMap<String, usize>,
    /// Numbers that were given out once; they are never given to another worker.
    indexes: HashMap<String, u64>,
    /// Those that have stopped and not come back yet.
    away: HashSet<String>,
    /// The last report of each of our workers that was counted.
    reports_seen: HashMap<String, u64>,
    /// How the engines of our workers have been doing, also of those that have gone.
    health: HashMap<String, BTreeMap<String, f64>>,
}

impl Nodes {
    /// The number of a worker: from 0, in the order of first coming.
    pub fn index(&mut self, id: &str) -> u64 {
        let next = self.indexes.len() as u64;
        *self.indexes.entry(id.to_owned()).or_insert(next)
    }

    /// Whether this worker has ever come.
    pub fn has_come(&self, id: &str) -> bool {
        self.indexes.contains_key(id)
    }

    pub fn get(&self, id: &str) -> Option<&Node> {
        self.places.get(id).map(|place| &self.present[*place])
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Node> {
        self.places.get(id).map(|place| &mut self.present[*place])
    }

    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.present.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.present.iter_mut()
    }

    /// Put a node in, in the place of one with the same id; whether there was one.
    pub fn put(&mut self, node: Node) -> bool {
        self.away.remove(&node.id);
        match self.get_mut(&node.id) {
            Some(present) => {
                *present = node;
                true
            }
            None => {
                self.places.insert(node.id.clone(), self.present.len());
                self.present.push(node);
                false
            }
        }
    }

    pub fn remove(&mut self, id: &str) -> Option<Node> {
        let place = self.places.remove(id)?;
        let node = self.present.remove(place);
        self.places.values_mut().filter(|later| **later > place).for_each(|later| *later -= 1);
        Some(node)
    }

    /// A worker has stopped and will be back.
    pub fn note_away(&mut self, id: &str) {
        self.away.insert(id.to_owned());
    }

    pub fn is_away(&self, id: &str) -> bool {
        self.away.contains(id)
    }

    pub fn active(&self) -> usize {
        self.present.iter().filter(|node| node.is_active()).count()
    }

    pub fn in_state(&self, state: &str) -> usize {
        self.present.iter().filter(|node| node.state == state).count()
    }

    /// Whether a report of one of our workers is new; from then on it is not.
    pub fn is_new_report(&mut self, id: &str, number: u64) -> bool {
        let seen = self.reports_seen.entry(id.to_owned()).or_default();
        let new = number > *seen;
        *seen = number.max(*seen);
        new
    }

    /// Note how a worker's engine has been doing since it began.
    pub fn note_health(&mut self, id: &str, mut health: BTreeMap<String, f64>) {
        health.retain(|_, figure| figure.is_finite());
        self.health.insert(id.to_owned(), health);
    }

    /// How the engines of all workers that ever reported it have been doing.
    pub fn health(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, f64>)> {
        self.health.iter().map(|(id, health)| (id.as_str(), health))
    }

    /// The last report that was counted, 0 if none was.
    pub fn last_report(&self, id: &str) -> u64 {
        self.reports_seen.get(id).copied().unwrap_or(0)
    }
}
