//! Some of the requests themselves, with what came back: of each failure the first, the last and the slowest ones, of each
//! name the slowest ones that went well. Bounded in number for each, and in bytes altogether.
//!
//! [`redact`] takes secrets out of what is kept, [`text`] cuts it. Nothing here decides what a request looked like: it is
//! told an [`Exchange`].

mod kept;
mod of_stats;
pub mod redact;
pub mod text;

use serde::{Deserialize, Serialize};

use crate::phases::PhaseSample;

pub use kept::{FAILURE_BYTES, Kept, NEVER_US, SLOW_BYTES, Sample, Samples};
pub use of_stats::Wanted;
pub use redact::Redaction;
pub use text::Body;

/// One request and what came back, secrets replaced and long parts cut.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    pub method: String,
    pub name: String,
    /// The failure's text as in the table of failures.
    pub error: Option<String>,
    /// When it was told, in seconds since the epoch.
    pub at: f64,
    pub response_time_us: Option<u64>,
    /// The class of the user that made it, where that is known.
    pub user_class: Option<String>,
    pub url: Option<String>,
    /// Request line and headers.
    pub request_head: Option<String>,
    pub request_body: Option<Body>,
    /// Status line and headers.
    pub response_head: Option<String>,
    pub response_body: Option<Body>,
    pub phases: Option<PhaseSample>,
    /// The worker that told it, if it was one; whoever takes it in knows that.
    #[serde(skip)]
    pub worker: Option<String>,
}

impl Exchange {
    /// Memory that it takes, roughly.
    pub fn size_bytes(&self) -> usize {
        let texts = [&self.error, &self.user_class, &self.url, &self.request_head, &self.response_head, &self.worker];
        let bodies = [&self.request_body, &self.response_body];
        size_of::<Self>()
            + self.method.len()
            + self.name.len()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + bodies.into_iter().flatten().map(|body| body.text.len()).sum::<usize>()
    }
}
