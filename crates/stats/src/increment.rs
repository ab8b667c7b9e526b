//! What was counted elsewhere of one name, or of all of them, in the form in which it is added: nothing is built of it
//! first, so that a master can take in thousands of them a second. Its parts are read where they lie.

use crate::phases::{Phase, VERSIONS};

/// Counts of requests and the rest that is one number each.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    pub num_requests: u64,
    pub num_none_requests: u64,
    pub num_failures: u64,
    pub total_response_time_us: u64,
    pub min_response_time_us: Option<u64>,
    pub max_response_time_us: u64,
    pub total_content_length: u64,
    pub start_time: f64,
    pub last_request_timestamp: Option<f64>,
}

/// See the module's text. `S` tells (second, requests, failures), ascending; `T` buckets and how many samples fell in.
#[derive(Debug, Clone)]
pub struct Increment<S, T> {
    pub figures: Figures,
    pub per_second: S,
    pub times: T,
    pub phases: Option<PhaseIncrement<T>>,
}

/// What was counted of phases.
#[derive(Debug, Clone)]
pub struct PhaseIncrement<T> {
    /// Samples, and their exact total in microseconds.
    pub times: [(T, u64); Phase::ALL.len()],
    pub reused: u64,
    pub opened: u64,
    pub versions: [u64; VERSIONS.len()],
}
