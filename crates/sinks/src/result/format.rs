//! The shape of the result file. Times are seconds since the epoch, response times whole microseconds, sizes bytes;
//! a field's name ends in its unit. What may be added later is optional or has a default, so that old files stay readable.

use std::collections::BTreeMap;

use gregaria_stats::Histogram;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What `format` says.
pub const FORMAT: &str = "gregaria-result";
/// The version that is written, and the newest that can be read.
pub const VERSION: u32 = 1;

macro_rules! shape {
    ($($(#[$about:meta])* pub struct $name:ident { $($(#[$field_about:meta])* pub $field:ident : $kind:ty,)* })*) => {
        $(
            $(#[$about])*
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
            pub struct $name { $($(#[$field_about])* pub $field: $kind,)* }
        )*
    };
}

shape! {
    /// The result of one run of Gregaria.
    pub struct ResultFile {
        /// Always "gregaria-result".
        pub format: String,
        /// The version of this format.
        pub version: u32,
        /// What was run, when, and how it ended.
        pub run: Run,
        /// Where it ran and with what.
        pub environment: Machine,
        /// The options of the run by name, secrets left out.
        pub settings: BTreeMap<String, Value>,
        /// All requests together; its method is empty and its name "Aggregated".
        pub total: Entry,
        /// Each (method, name), by name and then method.
        pub entries: Vec<Entry>,
        /// How the run went, as finely as it is known.
        pub history: History,
        /// The same in some hundred windows at most, for charts.
        #[serde(default)]
        pub overview: Option<History>,
        /// The failures, in the order in which they were first seen.
        pub failures: Vec<Failure>,
        /// Exceptions that tasks raised.
        pub exceptions: Vec<TaskException>,
        /// Some of the failed and of the slowest requests with their answers.
        #[serde(default)]
        pub samples: Vec<Exchange>,
        /// Shares of user classes and tasks, as `--show-task-ratio-json` prints them.
        #[serde(default)]
        pub ratios: Option<Ratios>,
        /// What happened meanwhile that bears on the figures: workers that were lost and came back.
        #[serde(default)]
        pub marks: Vec<Mark>,
        /// The thresholds that were asked for, and what became of them.
        #[serde(default)]
        pub thresholds: Vec<Threshold>,
        /// Whether the generator kept up.
        pub generator: Generator,
    }

    /// What was run.
    pub struct Run {
        /// When the test started (or its statistics were reset).
        pub started_at: f64,
        /// When the last figures were taken.
        pub ended_at: f64,
        /// "running" (the file was left behind by a run that was killed), "finished" or "interrupted".
        pub state: RunState,
        /// The exit code, once it is known.
        #[serde(default)]
        pub exit_code: Option<i32>,
        /// The locustfiles.
        pub locustfiles: Vec<String>,
        /// The user classes that ran.
        pub user_classes: Vec<String>,
        /// The load shape's class, if there was one.
        #[serde(default)]
        pub shape_class: Option<String>,
        /// The base URL, if there is one for all.
        #[serde(default)]
        pub host: Option<String>,
        /// What `--profile` said.
        #[serde(default)]
        pub profile: Option<String>,
        /// The most users there were.
        pub users_peak: u64,
    }

    /// Something that happened during the run.
    pub struct Mark {
        /// When, in seconds since the epoch.
        pub at: f64,
        /// What, for people.
        pub text: String,
    }

    /// Where it ran.
    pub struct Machine {
        /// The version of Gregaria.
        pub gregaria: String,
        pub python: String,
        /// Operating system, its version and the processor's kind.
        pub platform: String,
        pub hostname: String,
        /// Processors that the process may use.
        pub cpus: u64,
    }

    /// The figures of one (method, name).
    pub struct Entry {
        pub method: String,
        pub name: String,
        /// All requests, also failed ones.
        pub requests: u64,
        pub failures: u64,
        /// Requests that have no response time.
        pub without_time: u64,
        /// The sum of all response times.
        pub total_us: u64,
        /// Exact; absent without response times.
        pub min_us: Option<u64>,
        /// Exact; absent without response times.
        pub max_us: Option<u64>,
        /// Bytes of all responses.
        pub bytes: u64,
        /// Over the whole run.
        pub requests_per_second: f64,
        /// Over the whole run.
        pub failures_per_second: f64,
        /// Response times at percentiles, which are written as in "99.9"; absent without response times.
        #[serde(default)]
        pub percentiles_us: BTreeMap<String, u64>,
        /// Pairs of numbers: how far the bucket is from the one before, and how many samples are in it.
        /// docs/results.md says which response times a bucket holds.
        #[cfg_attr(any(test, feature = "schema"), schemars(with = "Vec<u64>"))]
        pub histogram: Histogram,
        /// What response times are made of, where it was measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phases: Option<Phases>,
    }

    /// The parts of response times.
    pub struct Phases {
        /// Requests that went over a connection used before.
        pub reused_connections: u64,
        /// Responses by the version of HTTP that they came over: "1.1", "2.0".
        #[serde(default)]
        pub http_versions: BTreeMap<String, u64>,
        /// Histograms by phase: "blocked", "dns", "connect", "tls", "send", "wait", "receive".
        #[cfg_attr(any(test, feature = "schema"), schemars(with = "BTreeMap<String, Vec<u64>>"))]
        pub histograms: BTreeMap<String, Histogram>,
    }

    /// Series over time.
    pub struct History {
        /// All requests together, the oldest segment first.
        pub total: Vec<TotalSegment>,
        /// Of entries, by their place in `entries`. With very many names only those with the most requests.
        pub entries: Vec<EntryHistory>,
    }

    /// The series of one entry.
    pub struct EntryHistory {
        /// Place in `entries`.
        pub entry: usize,
        pub segments: Vec<Segment>,
    }

    /// Adjacent windows of one width; all lists have the same length. Old parts of a long run have wider windows.
    pub struct Segment {
        /// Width of the windows in seconds.
        pub step_s: u32,
        /// When each window starts; entries have none where nothing happened.
        pub start: Vec<u32>,
        pub requests: Vec<u32>,
        pub failures: Vec<u32>,
        pub bytes: Vec<u64>,
        /// Mean response time, 0 where there is none.
        pub mean_us: Vec<u32>,
        pub p50_us: Vec<u32>,
        pub p95_us: Vec<u32>,
        pub p99_us: Vec<u32>,
        pub max_us: Vec<u32>,
    }

    /// A segment of the series of all requests.
    pub struct TotalSegment {
        #[serde(flatten)]
        pub windows: Segment,
        /// Users at the end of each window.
        pub users: Vec<u32>,
        /// Requests by class of response time in each window: pairs of class and count. A class c from 8 on holds the times
        /// from (8 + c % 8) << (c / 8 + 3) microseconds; smaller ones are 16 microseconds wide.
        pub heat: Vec<Vec<u32>>,
    }

    /// A kind of failure.
    pub struct Failure {
        pub method: String,
        pub name: String,
        pub error: String,
        pub occurrences: u64,
        pub first_seen: Option<f64>,
        pub last_seen: Option<f64>,
    }

    /// An exception that tasks raised.
    pub struct TaskException {
        pub count: u64,
        pub message: String,
        pub traceback: String,
        /// Where it was raised, joined by ", ".
        pub nodes: String,
    }

    /// One request with its answer.
    pub struct Exchange {
        /// Why it was kept: "first", "last" (of a failure) or "slowest" (of a name).
        pub kept: Kept,
        pub method: String,
        pub name: String,
        /// The failure's text; absent if it was none.
        #[serde(default)]
        pub error: Option<String>,
        /// When it was told.
        pub at: f64,
        pub response_time_us: u64,
        /// The class of the user that made it, where that is known.
        #[serde(default)]
        pub user_class: Option<String>,
        /// Id of the worker that it was made on; absent if it was the process itself.
        #[serde(default)]
        pub worker: Option<String>,
        #[serde(default)]
        pub url: Option<String>,
        /// Request line and headers, secrets replaced.
        #[serde(default)]
        pub request_head: Option<String>,
        /// The beginning of the body.
        #[serde(default)]
        pub request_body: Option<Body>,
        /// Status line and headers, secrets replaced.
        #[serde(default)]
        pub response_head: Option<String>,
        #[serde(default)]
        pub response_body: Option<Body>,
        /// Microseconds by phase: "blocked", "dns", "connect", "tls", "send", "wait", "receive"; those that took place, where
        /// it was measured. Redirects add up.
        #[serde(default)]
        pub phases_us: BTreeMap<String, u64>,
        /// Whether all of it went over connections used before; absent where that is unknown.
        #[serde(default)]
        pub reused_connection: Option<bool>,
    }

    /// The beginning of a body, secrets replaced.
    pub struct Body {
        pub text: String,
        /// The whole body's length.
        pub bytes: u64,
        /// Whether `text` is all of it.
        pub complete: bool,
        /// Whether `text` is bytes in hex, because they are no text.
        #[serde(default)]
        pub is_hex: bool,
    }

    /// Shares of user classes and tasks.
    pub struct Ratios {
        pub per_class: Value,
        pub total: Value,
    }

    /// A threshold and what became of it.
    pub struct Threshold {
        /// As it was written: "p95 > 400ms".
        pub condition: String,
        /// Whether the run failed by it.
        pub failed: bool,
        /// What was measured, in words; absent if nothing was.
        #[serde(default)]
        pub measured: Option<String>,
    }

    /// What the generator knows of itself.
    pub struct Generator {
        /// Whether it was the limit of what was measured; absent if it made no requests of its own.
        pub was_the_limit: Option<bool>,
        /// The verdict as the console shows it.
        pub verdict: String,
        /// Requests handed to the network.
        pub started: u64,
        pub completed: u64,
        /// Requests that were cut off as their user was stopped.
        pub aborted: u64,
        /// Answers that waited longer than 50 ms for Python.
        pub late_answers: u64,
        /// Sum of all waits of answers for Python.
        pub queued_total_s: f64,
        /// The longest one.
        pub queued_max_s: f64,
        /// Requests under "(other names)", because there were too many different names.
        #[serde(default)]
        pub other_names: u64,
        /// Samples that are missing in the history, because it could not keep up.
        #[serde(default)]
        pub history_lost: u64,
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Running,
    Finished,
    Interrupted,
}

/// Why an exchange was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    First,
    Last,
    Slowest,
}
