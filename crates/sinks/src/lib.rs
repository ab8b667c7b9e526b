//! Who is told: console tables, CSV files and the result file, from snapshots only.
//!
//! Every output implements [`Sink`] and runs on a thread of its own ([`Service`]), so that a slow disk never holds up
//! the test. Nothing here touches live statistics, takes a clock or knows Python.

pub mod cells;
pub mod compare;
pub mod console;
pub mod csv;
mod error;
mod files;
pub mod live;
pub mod report;
pub mod result;
pub mod runs;
mod service;
mod sink;

pub use crate::csv::{CsvSettings, CsvSink, Pace};
pub use console::Layout;
pub use error::Error;
pub use service::{MakeReport, Service};
pub use sink::{ExceptionRow, Report, Sink};
