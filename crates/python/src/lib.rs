//! The seam between Python and Rust, and the composition root: the module `gregaria._engine`.
//!
//! `users` and `client` are what a locustfile drives, `hub` and `mailbox` what drives them, `stats`, `sinks` and
//! `runner` the pure crates as Python sees them. The module's surface is listed below and typed in `_engine.pyi`.

mod client;
mod cluster;
mod compare;
mod coroutines;
mod greenlet;
mod health;
mod hub;
mod live;
mod mailbox;
mod results;
mod runner;
mod runs;
mod scheduling;
mod sinks;
mod stats;
mod thresholds;
mod users;
mod waits;
mod web;
mod web_details;

use pyo3::prelude::*;

/// See `python/gregaria/_engine.pyi`.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use crate::client::{
        BodyStream, CaughtResponse, ClientPool, ErrorResponse, EventReader, FastHttpSession, FastResponse, HttpSession,
        PendingResponse, ProxyRoute, Response, Timings, WebSocketStream, open_websocket, resolve, set_tracer,
        tell_of_large_body, transmit, without_coding,
    };
    #[pymodule_export]
    use crate::cluster::{MasterLink, WorkerLink, ask_master};
    #[pymodule_export]
    use crate::compare::{Comparison, compare_results};
    #[pymodule_export]
    use crate::coroutines::{UserTask, complete, is_left, run_soon};
    #[pymodule_export]
    use crate::health::{engine_is_running, engine_stats};
    #[pymodule_export]
    use crate::hub::{in_flight, pause_users, resume_users};
    #[pymodule_export]
    use crate::live::LiveView;
    #[pymodule_export]
    use crate::results::{ResultWriter, report_data, report_html, write_report};
    #[pymodule_export]
    use crate::runner::{Dispatcher, Ramp, RunnerMachine, ShapeDriver};
    #[pymodule_export]
    use crate::runs::{MeasuredRun, RunStore};
    #[pymodule_export]
    use crate::sinks::{
        CsvWriter, TableBeside, format_errors, format_percentiles, format_stats, format_stats_beside, percentile_labels,
    };
    #[pymodule_export]
    use crate::stats::{
        PhaseTimes, Recorder, RequestStats, StatsEntries, StatsEntry, StatsError, StatsErrors, bucket_response_time,
    };
    #[pymodule_export]
    use crate::thresholds::ThresholdJudge;
    #[pymodule_export]
    use crate::users::{UserCore, UserGreenlet, register_classes, run_task_set};
    #[pymodule_export]
    use crate::users::{forget_tasks_begun, task_begins, tasks_begun};
    #[pymodule_export]
    use crate::waits::{Between, BoundPacing, Constant, ConstantPacing};
    #[pymodule_export]
    use crate::web::{WebServer, exceptions_csv, failures_csv, page_file, protection, requests_csv};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
