//! Many processes: what master and workers say to each other, as Locust 2.47 says it, and how it gets there.
//!
//! `zmtp` and `message` are pure codecs, `report` the statistics on their way, `master` and `worker` pure state machines;
//! `transport` is the thin driver around them. Nothing here knows Python.
//!
//! ```text
//! worker: statistics -> report -> message -> zmtp -> socket -> zmtp -> message -> master -> statistics
//! ```

pub mod action;
pub mod driver;
pub mod master;
pub mod message;
pub mod nodes;
pub mod report;
pub mod transport;
pub mod worker;
pub mod zmtp;
