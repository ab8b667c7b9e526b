//! Everything the server says in JSON of its own: the messages of the event stream `GET /events` and the bodies of the
//! endpoints that Locust does not have. The page's TypeScript types are made from these structs (`docs/stream.schema.json`).
//!
//! ```text
//!   event: snapshot   everything there is; the first message, and again for a client that fell behind
//!   event: update     once a second: what changed since the message before
//!   event: alive      nothing new for a while; says how long the generator has been silent
//! ```
//!
//! Times are seconds since the epoch, response times milliseconds, sizes bytes.

use serde::{Deserialize, Serialize};

/// Raised when a field changes its meaning or goes.
pub const STREAM_VERSION: u32 = 1;

/// `event: snapshot`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SnapshotMessage {
    /// [`STREAM_VERSION`].
    pub version: u32,
    /// Number of the last update that is included.
    pub sequence: u64,
    pub settings: StreamSettings,
    pub time: f64,
    pub status: Status,
    pub total: Figures,
    /// Percentiles of the last ten seconds, in the order of `settings.chart_percentiles`; null where unknown.
    pub current_percentiles: Vec<Option<f64>>,
    pub names: Vec<Name>,
    pub rows: Vec<Figures>,
    pub failures: Vec<Failure>,
    pub exceptions: Vec<ExceptionRow>,
    pub ratios: Ratios,
    pub logs: Vec<String>,
    /// The series of the charts so far, oldest first.
    pub points: Vec<Point>,
    pub marks: Vec<Mark>,
}

/// `event: update`. Lists hold only what is new or changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UpdateMessage {
    pub sequence: u64,
    pub time: f64,
    pub status: Status,
    pub total: Figures,
    pub current_percentiles: Vec<Option<f64>>,
    /// Forget all names, rows and failures before this message: a new test has begun, or the statistics were cleared.
    pub reset: bool,
    pub names: Vec<Name>,
    pub rows: Vec<Figures>,
    pub failures: Vec<Failure>,
    /// All of them, if anything changed among them.
    pub exceptions: Option<Vec<ExceptionRow>>,
    pub ratios: Option<Ratios>,
    /// Lines that came after those already sent.
    pub logs: Vec<String>,
    /// The newest point of the charts, if a test runs.
    pub point: Option<Point>,
    /// Marks that are new.
    pub marks: Vec<Mark>,
}

/// `event: alive`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AliveMessage {
    pub time: f64,
    /// How long the generator has said nothing; it is busy or stuck.
    pub silent_seconds: f64,
}

/// What does not change while the process lives.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamSettings {
    /// Of Gregaria.
    pub version: String,
    pub locustfile: String,
    /// Percentiles (0 to 1) in [`Figures`].
    pub percentiles: Vec<f64>,
    /// Percentiles (0 to 1) in [`Point`].
    pub chart_percentiles: Vec<f64>,
    /// Whether this client may only look.
    pub read_only: bool,
}

/// What the header shows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Status {
    /// `ready`, `spawning`, `running`, `cleanup`, `stopping`, `stopped` or `missing`.
    pub state: String,
    /// The load is paused: users stay, and begin no further task.
    pub paused: bool,
    pub user_count: u64,
    pub target_user_count: u64,
    pub users_by_class: Vec<(String, u64)>,
    pub host: String,
    /// The shape that leads the test, if one does.
    pub shape: Option<String>,
    pub profile: Option<String>,
    /// Which test of this process this is, from 1; 0 before the first.
    pub run: u32,
    /// When this test began, or the statistics were cleared last.
    pub started: Option<f64>,
    /// When this test will be stopped.
    pub ends: Option<f64>,
    pub is_distributed: bool,
    pub workers: Vec<Worker>,
    pub generator: Generator,
    pub thresholds: Vec<Threshold>,
    /// Runs of this process that are in the history: `/runs` has a new one when this has grown.
    pub kept_runs: u64,
    /// The oldest of the requests that have no answer yet; `generator.in_flight` says how many there are.
    pub in_flight: Vec<InFlight>,
}

/// A worker as the master sees it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Worker {
    pub id: String,
    pub state: String,
    pub user_count: u64,
    /// Percent of one core.
    pub cpu_usage: f64,
    pub memory_usage: u64,
    /// How late the worker's own loop is; null of workers that do not say so, Locust's among them.
    pub lag_ms: Option<f64>,
}

/// How the generator itself is doing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Generator {
    /// `ok`, `warning` or `limit`: whether it holds the test back at the moment.
    pub level: String,
    /// The same in words, with the figures.
    pub verdict: String,
    /// The verdict on the whole process so far.
    pub overall: String,
    /// Whether it was the limit over the whole process so far.
    pub overall_limit: bool,
    /// Percent of one core.
    pub cpu_percent: f64,
    pub memory_bytes: u64,
    pub in_flight: u64,
    pub started: u64,
    pub completed: u64,
    pub aborted: u64,
    /// How long answers of the last seconds waited for Python, on average.
    pub wait_ms: f64,
    /// The longest wait of the whole process.
    pub wait_max_ms: f64,
    /// Share of the last seconds' answers that waited longer than 50 ms.
    pub late_share: f64,
}

/// A threshold and how it stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Threshold {
    pub text: String,
    /// `pass`, `fail` or `unknown`.
    pub state: String,
    /// The measured value in words.
    pub value: String,
}

/// A request that has no answer yet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct InFlight {
    /// The worker that makes it; empty if this process does.
    pub node: String,
    pub method: String,
    /// Path and query as on the wire, without secrets; the whole URL if it does not go to the test's host.
    pub name: String,
    /// The class of the user that waits for it; empty if no user does.
    pub user_class: String,
    /// What it waits for: `blocked`, `dns`, `connect`, `tls`, `send`, `wait` or `receive`.
    pub phase: String,
    pub age_seconds: f64,
}

/// A row's number, by which [`Figures`] refer to it, with its method and name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Name(pub u32, pub String, pub String);

/// The figures of one name, or of all together. Short, because there may be ten thousand of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Figures {
    /// The row's number; 0 and without meaning in the total.
    #[serde(rename = "i")]
    pub id: u32,
    #[serde(rename = "n")]
    pub requests: u64,
    #[serde(rename = "f", skip_serializing_if = "is_zero")]
    pub failures: u64,
    /// Requests per second at the moment.
    #[serde(rename = "r")]
    pub rps: f64,
    #[serde(rename = "e", skip_serializing_if = "is_zero_f64")]
    pub failures_per_second: f64,
    #[serde(rename = "m")]
    pub median: f64,
    #[serde(rename = "a")]
    pub average: f64,
    #[serde(rename = "l")]
    pub min: f64,
    #[serde(rename = "h")]
    pub max: f64,
    /// Average size of a body in bytes.
    #[serde(rename = "s")]
    pub size: f64,
    /// In the order of `settings.percentiles`.
    #[serde(rename = "p")]
    pub percentiles: Vec<f64>,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_zero_f64(value: &f64) -> bool {
    *value == 0.0
}

/// A kind of failure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    pub id: u32,
    pub method: String,
    pub name: String,
    pub error: String,
    pub occurrences: u64,
    pub first_seen: Option<f64>,
    pub last_seen: Option<f64>,
}

/// An exception that tasks have raised.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExceptionRow {
    pub count: u64,
    pub msg: String,
    /// The names of the nodes, joined by ", ".
    pub nodes: String,
    pub traceback: String,
}

/// Shares of user classes and tasks, each table as `/tasks` gives them: class or task name to `{ratio, tasks}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Ratios {
    /// As `/tasks` says: of the users that run, and by the weights of the tasks of each class.
    pub per_class: serde_json::Value,
    /// The same as shares of everything.
    pub total: serde_json::Value,
    /// Shares of everything by weights alone, as if no user had been started yet.
    pub planned: serde_json::Value,
    /// Shares of everything as they came about, `{ratio, count, tasks}`: of the users that run, and of the tasks that were
    /// begun. `ratio` is null where nothing was; workers of Locust say nothing of tasks.
    pub actual: serde_json::Value,
}

/// One second of the charts.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Point {
    pub time: f64,
    /// Which test it belongs to.
    pub run: u32,
    pub users: u64,
    pub rps: f64,
    pub failures_per_second: f64,
    /// In the order of `settings.chart_percentiles`; null where unknown.
    pub percentiles: Vec<Option<f64>>,
}

/// Something that happened in a run, for the charts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Mark {
    pub time: f64,
    /// `start`, `stop`, `edit`, `reset`, `pause`, `resume` or `note`.
    pub kind: String,
    pub text: String,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gregaria_sinks::runs::StoredRun;
    use schemars::generate::SchemaSettings;

    use super::*;
    use crate::details::{PhasesMessage, SamplesMessage};

    #[test]
    fn the_schema_in_docs_is_that_of_the_types() {
        let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let messages = [
            generator.subschema_for::<SnapshotMessage>(),
            generator.subschema_for::<UpdateMessage>(),
            generator.subschema_for::<AliveMessage>(),
            generator.subschema_for::<SamplesMessage>(),
            generator.subschema_for::<PhasesMessage>(),
            generator.subschema_for::<StoredRun>(),
        ];
        let schema = serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Message",
            "description": "What the server says in JSON of its own.",
            "anyOf": messages,
            "$defs": generator.take_definitions(true),
        });
        let schema = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/stream.schema.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &schema).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == schema, "docs/stream.schema.json is old: UPDATE=1 cargo nextest run -p gregaria-web schema");
    }
}
