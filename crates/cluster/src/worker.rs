//! The worker's side of the protocol: registers, sends heartbeats, and says what the runner has to do.
//! Pure: messages and ticks in, actions out.
//!
//! ```text
//!            client_ready (every 5 s until) ── ack ── heartbeats (1/s) ──┐
//!   no answer after 60 tries: gave up          no answer for 60 s: lost ─┴─ rejoin: client_ready again
//! ```

use std::collections::VecDeque;

use rmpv::Value;

use crate::action::{Action, Level, Tell};
use crate::master::{ADDITIONS_VERSION, OURS, PAUSE};
use crate::message::{Message, field, map};
use crate::nodes::state;

/// Reports that are kept until a master of ours has confirmed them.
const MOST_KEPT_REPORTS: usize = 1_000;

/// What a locustfile or an option can change.
#[derive(Debug, Clone)]
pub struct Settings {
    pub id: String,
    /// The version of Locust that is spoken.
    pub version: String,
    /// host:port and path of the master, for messages.
    pub master: String,
    pub connect_timeout_s: f64,
    pub connect_retries: u64,
    pub heartbeat_interval_s: f64,
    /// Seconds without a heartbeat of the master after which it is lost.
    pub master_timeout_s: f64,
    /// A hub that has not moved for so long is hung: no heartbeats are sent for it.
    pub hung_after_s: f64,
    /// Tell of the master's heartbeats.
    pub tell_heartbeats: bool,
}

/// How this process is, for the heartbeats.
#[derive(Debug, Clone, Default)]
pub struct Health {
    pub cpu_usage: f64,
    pub memory_bytes: u64,
    pub lag_ms: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Standing {
    /// Not yet known to the master: attempts so far, and when the next is due.
    Registering {
        attempts: u64,
        next_at: f64,
    },
    Registered,
    /// The test has ended here, or is ending for a master that does not know this worker. It will be told when there may be
    /// another; until then it hears no heartbeat.
    Away,
    GivenUp,
}

/// See the module's text. Times are seconds on any clock that only goes forward.
#[derive(Debug)]
pub struct Worker {
    pub settings: Settings,
    pub health: Health,
    /// The worker's state as its heartbeats tell it.
    pub state: String,
    standing: Standing,
    next_heartbeat_at: f64,
    master_seen_at: Option<f64>,
    hub_seen_at: f64,
    last_spawn_timestamp: f64,
    /// The master understands our additions; whether it wants reports in Locust's form as well.
    ours: Option<bool>,
    report_number: u64,
    kept: VecDeque<(u64, Vec<u8>)>,
    /// Asked to register again, by a master that may be another one.
    rejoins: bool,
    /// Reports that were meant for a master that has not confirmed them and is no longer there.
    stranded: VecDeque<Vec<u8>>,
}

impl Worker {
    pub fn new(settings: Settings, now: f64) -> Self {
        Self {
            settings,
            health: Health::default(),
            state: state::READY.to_owned(),
            standing: Standing::Registering { attempts: 0, next_at: now },
            next_heartbeat_at: now,
            master_seen_at: None,
            hub_seen_at: now,
            last_spawn_timestamp: 0.0,
            ours: None,
            report_number: 0,
            kept: VecDeque::new(),
            rejoins: false,
            stranded: VecDeque::new(),
        }
    }

    fn message(&self, kind: &str, data: Value) -> Action {
        Action::Send(Message::new(kind, data, &self.settings.id))
    }

    /// Whether the master is one of ours, and if so, whether it wants reports in Locust's form as well.
    pub fn master_is_ours(&self) -> Option<bool> {
        self.ours
    }

    /// Seconds until the next tick is due.
    pub fn pause_s(&self, now: f64) -> f64 {
        let next = match self.standing {
            Standing::Registering { next_at, .. } => next_at,
            Standing::Registered => self.next_heartbeat_at,
            Standing::Away | Standing::GivenUp => now + 1.0,
        };
        (next - now).clamp(0.0, 1.0)
    }

    /// The hub is alive.
    pub fn on_hub_alive(&mut self, now: f64) {
        self.hub_seen_at = now;
    }

    /// The test has ended here: no heartbeats until [`Self::register`], since the master takes this worker off its list.
    pub fn leave(&mut self) -> Action {
        self.standing = Standing::Away;
        self.message("client_stopped", Value::Nil)
    }

    /// Begin to register, again if need be: after a stop, or with a new master.
    pub fn register(&mut self, now: f64) {
        self.standing = Standing::Registering { attempts: 0, next_at: now };
    }

    /// The connection is there (again): what it may have lost is sent anew.
    pub fn on_connected(&mut self) -> Vec<Vec<u8>> {
        self.kept.iter().map(|(_, report)| report.clone()).collect()
    }

    /// Trying on is no use.
    pub fn on_hopeless(&mut self, reason: String) -> Vec<Action> {
        match self.standing {
            Standing::Registering { .. } if self.master_seen_at.is_none() => {
                self.standing = Standing::GivenUp;
                vec![Action::Tell(Tell::GaveUp { reason: Some(reason) })]
            }
            _ => Vec::new(),
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: f64) -> Vec<Action> {
        let mut actions = Vec::new();
        match self.standing {
            Standing::Registering { attempts, next_at } if now >= next_at => {
                actions.extend(self.try_to_register(attempts, now));
            }
            Standing::Registered if now >= self.next_heartbeat_at => {
                self.next_heartbeat_at = now + self.settings.heartbeat_interval_s;
                if now - self.hub_seen_at <= self.settings.hung_after_s {
                    actions.push(self.heartbeat());
                }
            }
            _ => {}
        }
        if let Some(seen_at) = self.master_seen_at
            && now - seen_at > self.settings.master_timeout_s
        {
            self.master_seen_at = None;
            actions.push(Action::Tell(Tell::MasterLost { seconds: self.settings.master_timeout_s }));
        }
        actions
    }

    fn try_to_register(&mut self, attempts: u64, now: f64) -> Vec<Action> {
        let settings = &self.settings;
        let mut actions = Vec::new();
        if attempts > 0 {
            // The first half minute is nothing to worry about.
            let early = (attempts as f64) < 30.0 / settings.connect_timeout_s;
            let text = format!(
                "Failed to connect to master {}, retry {attempts}/{}.",
                settings.master, settings.connect_retries
            );
            actions.push(Action::Log(if early { Level::Debug } else { Level::Info }, text));
        }
        if attempts > settings.connect_retries {
            self.standing = Standing::GivenUp;
            actions.push(Action::Tell(Tell::GaveUp { reason: None }));
            return actions;
        }
        actions.push(self.message("client_ready", settings.version.as_str().into()));
        self.standing = Standing::Registering { attempts: attempts + 1, next_at: now + settings.connect_timeout_s };
        actions
    }

    fn heartbeat(&self) -> Action {
        let ours = map([("additions", ADDITIONS_VERSION.into()), ("lag_ms", self.health.lag_ms.into())]);
        let data = map([
            ("state", self.state.as_str().into()),
            ("current_cpu_usage", self.health.cpu_usage.into()),
            ("current_memory_usage", self.health.memory_bytes.into()),
            (OURS, ours),
        ]);
        self.message("heartbeat", data)
    }

    /// Take in a message of the master.
    pub fn on_message(&mut self, message: Message, now: f64) -> Vec<Action> {
        let tell = |tell| vec![Action::Tell(tell)];
        match message.kind.as_str() {
            "ack" => self.on_ack(&message, now),
            "heartbeat" => self.on_heartbeat(&message, now),
            "spawn" => self.on_spawn(message),
            "spawning_complete" => {
                let user_count = message.field("user_count").and_then(Value::as_u64).unwrap_or(0);
                tell(Tell::SpawningComplete { user_count })
            }
            "stop" => tell(Tell::Stop),
            "quit" => tell(Tell::Quit),
            "reconnect" => tell(Tell::Reconnect),
            "rejoin" => self.on_rejoin(),
            PAUSE => tell(Tell::Pause { on: message.data.as_bool().unwrap_or(false) }),
            "update_user_class" => tell(Tell::UpdateUserClass(message.data)),
            _ => tell(Tell::Custom(message)),
        }
    }

    /// Each heartbeat that a master does not know is answered so: the first one counts, and there are no more heartbeats.
    fn on_rejoin(&mut self) -> Vec<Action> {
        if self.standing != Standing::Registered {
            return Vec::new();
        }
        self.standing = Standing::Away;
        self.last_spawn_timestamp = 0.0;
        self.rejoins = true;
        vec![Action::Tell(Tell::Rejoin)]
    }

    fn on_ack(&mut self, message: &Message, now: f64) -> Vec<Action> {
        // An answer that comes late, to somebody who has left meanwhile.
        if matches!(self.standing, Standing::Away | Standing::Registering { attempts: 0, .. }) {
            return Vec::new();
        }
        let index = message.field("index").and_then(Value::as_i64);
        let ours = message
            .field(OURS)
            .filter(|ours| field(ours, "additions").and_then(Value::as_u64) == Some(ADDITIONS_VERSION));
        self.ours = ours.map(|ours| field(ours, "plain_reports").and_then(Value::as_bool).unwrap_or(true));
        if self.ours.is_none() {
            self.kept.clear();
        }
        if std::mem::take(&mut self.rejoins) {
            // What was measured for one master shall not count for another.
            self.stranded.extend(self.kept.drain(..).map(|(_, report)| report));
            self.stranded.drain(..self.stranded.len().saturating_sub(MOST_KEPT_REPORTS));
        }
        self.standing = Standing::Registered;
        self.next_heartbeat_at = now + self.settings.heartbeat_interval_s;
        vec![self.heartbeat(), Action::Tell(Tell::Acknowledged { index })]
    }

    fn on_heartbeat(&mut self, message: &Message, now: f64) -> Vec<Action> {
        self.master_seen_at = Some(now);
        if let Some(seen) = message.field("reports_seen").and_then(Value::as_u64) {
            self.kept.retain(|(number, _)| *number > seen);
        }
        if let (Some(plain), Some(_)) = (message.field("plain_reports").and_then(Value::as_bool), self.ours) {
            self.ours = Some(plain);
        }
        match self.settings.tell_heartbeats {
            true => vec![Action::Tell(Tell::HeartbeatReceived { id: message.node_id.clone() })],
            false => Vec::new(),
        }
    }

    fn on_spawn(&mut self, message: Message) -> Vec<Action> {
        let timestamp = message.field("timestamp").and_then(Value::as_f64).unwrap_or(0.0);
        if timestamp <= self.last_spawn_timestamp {
            let text = "Discard spawn message with older or equal timestamp than timestamp of previous spawn message";
            return vec![Action::Log(Level::Info, text.to_owned())];
        }
        self.last_spawn_timestamp = timestamp;
        vec![Action::Tell(Tell::Spawn(message.data))]
    }

    /// The number of the next report, counted up. Reports without a number are never kept.
    pub fn next_report_number(&mut self) -> u64 {
        self.report_number += 1;
        self.report_number
    }

    /// Keep a report, as it is sent, until a master of ours has confirmed it.
    pub fn keep_report(&mut self, number: u64, encoded: Vec<u8>) {
        if self.kept.len() == MOST_KEPT_REPORTS {
            self.kept.pop_front();
        }
        self.kept.push_back((number, encoded));
    }

    /// Reports that no master has confirmed, in their order.
    pub fn kept_reports(&self) -> impl Iterator<Item = &[u8]> {
        self.stranded.iter().chain(self.kept.iter().map(|(_, report)| report)).map(Vec::as_slice)
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
