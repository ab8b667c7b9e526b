//! The one interface of all outputs, and what they are told.

use std::sync::Arc;

use gregaria_stats::Snapshot;

use crate::error::Error;

/// An exception that tasks raised, as the runner counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionRow {
    pub count: u64,
    pub message: String,
    pub traceback: String,
    /// Where it was raised, joined by ", ".
    pub nodes: String,
}

/// The state of a run at one moment.
#[derive(Debug, Clone)]
pub struct Report {
    pub stats: Arc<Snapshot>,
    /// Whether names and failures are in it, and not only the total.
    pub whole: bool,
    pub user_count: u64,
    pub exceptions: Vec<ExceptionRow>,
}

/// An output. The calls come in this order: `start` once, `snapshot` any number of times, `finish` once.
pub trait Sink: Send {
    /// What this is, for messages: "the CSV files".
    fn name(&self) -> String;

    /// Open what is needed. Called where the run is set up; an error here ends it.
    fn start(&mut self) -> Result<(), Error>;

    /// Take in the state of the run. An error is told to the user, and the run goes on.
    fn snapshot(&mut self, report: &Report) -> Result<(), Error>;

    /// Take in the last state and leave everything complete.
    fn finish(&mut self, report: &Report) -> Result<(), Error>;
}
