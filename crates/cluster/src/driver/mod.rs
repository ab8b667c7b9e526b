//! The machines on their transport: messages in, answers out at once, and what the runner has to know into its hub.
//! So heartbeats and reports are dealt with while Python is busy.

mod master;
mod worker;

pub use master::MasterDriver;
pub use worker::{Reporting, WorkerDriver};

use crate::action::{Level, Tell};
use crate::report::Counted;

/// What the runner hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Log(Level, String),
    Tell(Tell),
}

/// Where a driver leaves what it does not do itself. Called from threads of the driver: must be quick.
pub trait Hub: Send + Sync + 'static {
    fn hear(&self, heard: Heard);

    /// Called first on the thread that writes a worker's reports, which has time.
    fn begin_writing(&self) {}

    /// Add the statistics of a worker to those of the run. `written_at`: its clock when it wrote them, if known.
    fn merge(&self, counted: Counted<'_>, written_at: Option<f64>);
}
