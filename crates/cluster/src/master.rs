//! The master's side of the protocol: keeps the list of workers, answers them, and says what the runner has to know.
//! Pure: messages and ticks in, actions out. Who gets how many users is the dispatcher's business.
//!
//! ```text
//! worker:  client_ready ─┐      ┌─ heartbeat (1/s) ─┐          ┌─ stats (1/3 s)
//! master:                └ ack ─┘                   └ heartbeat └ merged
//! ```

use rmpv::Value;

use crate::action::{Action, Gone, Level, Tell};
use crate::message::{Message, counts, map};
use crate::nodes::{Node, Nodes, state};
use crate::report::Report;

/// Where the additions of our own nodes stand in a message's data.
pub const OURS: &str = "gregaria";
/// The version of these additions; nodes of different versions speak as with Locust's.
pub const ADDITIONS_VERSION: u64 = 2;
/// A message of ours to our own workers: `true` holds their users, `false` lets them go on.
pub const PAUSE: &str = "gregaria_pause";
/// Above this a worker's CPU usage, in percent, is worth a warning.
const BUSY_PERCENT: f64 = 90.0;

/// What a locustfile or an option can change.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The version of Locust that is spoken.
    pub version: String,
    /// Seconds without a heartbeat after which a worker is missing.
    pub liveness: i64,
    /// The liveness, below zero, at which a missing worker is forgotten.
    pub dead_at: i64,
    /// Tell of answered heartbeats.
    pub tell_heartbeats: bool,
    /// Tell of reports, and have our own workers send them in Locust's form too.
    pub tell_reports: bool,
}

/// See the module's text.
#[derive(Debug)]
pub struct Master {
    pub settings: Settings,
    pub nodes: Nodes,
    /// The run that is measured at present. What one of ours says of another one does not count.
    pub run: Option<u64>,
}

/// A number that can be shown and reckoned with; some that a peer may send cannot.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

impl Master {
    pub fn new(settings: Settings) -> Self {
        Self { settings, nodes: Nodes::default(), run: None }
    }

    /// Take in a message of the peer with this identity; not `stats`, which [`Master::on_report`] takes.
    pub fn on_message(&mut self, id: &str, message: Message) -> Vec<Action> {
        match message.kind.as_str() {
            "client_ready" => self.on_ready(id, &message),
            "heartbeat" => self.on_heartbeat(id, &message),
            "spawning" => self.on_state(id, &message, state::SPAWNING),
            "spawning_complete" => self.on_state(id, &message, state::RUNNING),
            "client_stopped" => self.on_left(id, Gone::Stopped),
            "quit" => self.on_left(id, Gone::Quit),
            "logs" => vec![Action::Tell(Tell::Logs(message.data))],
            "exception" => on_exception(id, &message),
            "locustfile" => vec![Action::Tell(Tell::LocustfileWanted { id: id.to_owned(), data: message.data })],
            _ => vec![Action::Tell(Tell::Custom(Message { node_id: id.to_owned(), ..message }))],
        }
    }

    fn on_ready(&mut self, id: &str, message: &Message) -> Vec<Action> {
        let mut actions = Vec::new();
        match (message.data.as_str(), message.data.as_i64()) {
            (Some(version), _) if !version.is_empty() => actions.extend(self.compare_versions(id, version)),
            (_, Some(-1)) => {}
            _ => {
                let text = format!("An old (pre 2.0) worker tried to connect ({id}). That's not going to work.");
                return vec![Action::Log(Level::Error, text)];
            }
        }
        let index = self.nodes.index(id);
        let additions =
            map([("additions", ADDITIONS_VERSION.into()), ("plain_reports", self.settings.tell_reports.into())]);
        actions.push(Action::Send(Message::new("ack", map([("index", index.into()), (OURS, additions)]), id)));
        actions.push(Action::Tell(Tell::Connected { id: id.to_owned() }));
        let known = self.nodes.put(Node::new(id, self.settings.liveness));
        actions.push(Action::Tell(Tell::Joined { id: id.to_owned(), known }));
        let connected = self.nodes.active();
        let (level, how) = if known { (Level::Debug, " (duplicate message)") } else { (Level::Info, "") };
        let text = format!("{id} (index {index}) reported as ready{how}. {connected} workers connected.");
        actions.push(Action::Log(level, text));
        actions
    }

    fn compare_versions(&self, id: &str, version: &str) -> Option<Action> {
        let ours = &self.settings.version;
        if version == ours {
            return None;
        }
        let (level, kind) = match version.get(..4) == ours.get(..4) {
            true => (Level::Debug, "patch version"),
            false => (Level::Warning, "version"),
        };
        let text =
            format!("A worker ({id}) running a different {kind} ({version}) connected, this master speaks {ours}");
        Some(Action::Log(level, text))
    }

    fn on_heartbeat(&mut self, id: &str, message: &Message) -> Vec<Action> {
        let ours = message.field(OURS).and_then(|ours| crate::message::field(ours, "additions"));
        let ours = ours.and_then(Value::as_u64) == Some(ADDITIONS_VERSION);
        let liveness = self.settings.liveness;
        if self.nodes.get(id).is_none() {
            let text = format!("Got heartbeat message from unknown worker {id}");
            let mut actions = vec![Action::Log(Level::Debug, text)];
            if ours {
                actions.push(Action::Send(Message::new("rejoin", Value::Nil, id)));
            }
            return actions;
        }
        let index = self.nodes.index(id);
        let Some(node) = self.nodes.get_mut(id) else { return Vec::new() };
        let mut actions = Vec::new();
        node.liveness = liveness;
        node.ours = ours;
        let told = message.field("state").and_then(Value::as_str).unwrap_or(state::READY);
        let healed = node.is_missing() && told != state::MISSING;
        if healed {
            let text = format!("Worker {id} self-healed with heartbeat, setting state to {told}.");
            actions.push(Action::Log(Level::Info, text));
        }
        let changed = node.state != told;
        told.clone_into(&mut node.state);
        if healed {
            actions.push(Action::Tell(Tell::Joined { id: id.to_owned(), known: true }));
        }
        node.cpu_usage = message.field("current_cpu_usage").and_then(number).unwrap_or(0.0);
        if let Some(bytes) = message.field("current_memory_usage").and_then(Value::as_u64) {
            node.memory_bytes = bytes;
        }
        node.lag_ms = message.field(OURS).and_then(|ours| crate::message::field(ours, "lag_ms")).and_then(number);
        if node.cpu_usage > BUSY_PERCENT && !node.cpu_warned {
            node.cpu_warned = true;
            let text =
                format!("Worker {id} (index {index}) exceeded cpu threshold (will only log this once per worker)");
            actions.push(Action::Log(Level::Warning, text));
        }
        actions.push(match ours {
            true => self.confirmation(id),
            false => Action::Send(Message::new("heartbeat", Value::Nil, id)),
        });
        if self.settings.tell_heartbeats {
            actions.push(Action::Tell(Tell::HeartbeatSent { id: id.to_owned() }));
        }
        if changed {
            actions.push(Action::Tell(Tell::StatesChanged));
        }
        actions
    }

    fn on_state(&mut self, id: &str, message: &Message, state: &str) -> Vec<Action> {
        if self.nodes.is_away(id) {
            // It crossed a stop: Locust's workers say so after they have said that they have stopped.
            let text = format!("Ignored the {} message of worker {id}, which has stopped since", message.kind);
            return vec![Action::Log(Level::Debug, text)];
        }
        let Some(node) = self.nodes.get_mut(id) else {
            let text = format!("Got {} message from unknown worker {id}. Asking worker to quit.", message.kind);
            return vec![Action::Log(Level::Warning, text), Action::Send(Message::new("quit", Value::Nil, id))];
        };
        state.clone_into(&mut node.state);
        if let Some(users) = message.field("user_classes_count") {
            node.users = counts(Some(users));
        }
        vec![Action::Tell(Tell::StatesChanged)]
    }

    fn on_left(&mut self, id: &str, how: Gone) -> Vec<Action> {
        let known = self.nodes.remove(id).is_some();
        if known && how == Gone::Stopped {
            self.nodes.note_away(id);
        }
        let index = if known { self.nodes.index(id) } else { 0 };
        let text = match (known, how) {
            (false, Gone::Stopped) => {
                let text = format!("Received client_stopped message from an unknown worker: {id}.");
                return vec![Action::Log(Level::Warning, text)];
            }
            (false, _) => return Vec::new(),
            (true, Gone::Stopped) => format!("{id} (index {index}) reported that it has stopped"),
            (true, _) => {
                let ready = self.nodes.in_state(state::READY);
                format!("Worker '{id}' (index {index}) quit. {ready} workers ready.")
            }
        };
        let mut actions = vec![Action::Tell(Tell::Left { id: id.to_owned(), how }), Action::Log(Level::Info, text)];
        if how == Gone::Quit && self.nodes.active() == 0 {
            actions.push(Action::Tell(Tell::LastLeft { how }));
        }
        actions.push(Action::Tell(Tell::StatesChanged));
        actions
    }

    /// Take in what a report says about users. Whether its statistics are to be counted, and what else to do. One of ours
    /// that has never come here reports what it measured for another master; one that was cut off, for an earlier run.
    pub fn on_report(&mut self, id: &str, report: &Report<'_>) -> (bool, Vec<Action>) {
        let number = report.number;
        let astray = number.is_some() && !self.nodes.has_come(id);
        let new = !astray && number.is_none_or(|number| self.nodes.is_new_report(id, number));
        let late = self.run.zip(report.run).is_some_and(|(mine, its)| mine != its);
        let mut actions = Vec::new();
        if number.is_some() && !astray {
            actions.push(self.confirmation(id));
        }
        if new && late && !report.counted.is_empty() {
            let text = format!("Worker {id} reported what it had measured in an earlier test: it does not count");
            actions.push(Action::Log(Level::Warning, text));
        }
        match self.nodes.get_mut(id) {
            Some(node) => node.users.clone_from(&report.users),
            None => {
                let text = format!("Discarded report from unrecognized worker {id}");
                actions.push(Action::Log(Level::Info, text));
            }
        }
        (new && !late, actions)
    }

    /// A heartbeat for one of ours: says which reports have been counted, and in which form they are wanted.
    fn confirmation(&self, id: &str) -> Action {
        let answer = map([
            ("reports_seen", self.nodes.last_report(id).into()),
            ("plain_reports", self.settings.tell_reports.into()),
        ]);
        Action::Send(Message::new("heartbeat", answer, id))
    }

    /// A message that could not be read.
    pub fn on_garbage(&mut self, id: &str, error: &str) -> Vec<Action> {
        if self.nodes.get(id).is_none() {
            return vec![Action::Log(Level::Error, format!("Unrecognized message detected: {error} from {id}"))];
        }
        let text = format!("RPCError when receiving from client: {error}. Will reset client {id}.");
        vec![Action::Log(Level::Error, text), Action::Send(Message::new("reconnect", Value::Nil, id))]
    }

    /// A second has passed.
    pub fn tick(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut missing = Vec::new();
        let mut forgotten = Vec::new();
        for node in self.nodes.iter_mut() {
            if node.is_missing() && node.liveness <= self.settings.dead_at {
                forgotten.push(node.id.clone());
            } else if node.liveness < 0 && !node.is_missing() {
                state::MISSING.clone_into(&mut node.state);
                node.users.clear();
                missing.push(node.id.clone());
            } else {
                node.liveness -= 1;
            }
        }
        for id in missing {
            let text = format!("Worker {id} failed to send heartbeat, setting state to missing.");
            actions.push(Action::Log(Level::Info, text));
            actions.push(Action::Tell(Tell::Left { id, how: Gone::Missing }));
            if self.nodes.active() == 0 {
                actions.push(Action::Tell(Tell::LastLeft { how: Gone::Missing }));
            }
            actions.push(Action::Tell(Tell::StatesChanged));
        }
        for id in forgotten {
            self.nodes.remove(&id);
            actions.push(Action::Tell(Tell::Left { id, how: Gone::Forgotten }));
            actions.push(Action::Tell(Tell::StatesChanged));
        }
        actions
    }
}

fn on_exception(id: &str, message: &Message) -> Vec<Action> {
    let text = |name| message.field(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ours = message.field(OURS).and_then(|ours| crate::message::field(ours, "count"));
    vec![Action::Tell(Tell::Exception {
        id: id.to_owned(),
        message: text("msg"),
        traceback: text("traceback"),
        count: ours.and_then(Value::as_u64).unwrap_or(1),
    })]
}

#[cfg(test)]
#[path = "master_tests.rs"]
mod tests;
