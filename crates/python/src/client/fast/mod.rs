//! The client of `FastHttpUser`, on the same engine as `HttpUser`'s: what differs is what it means, not how it is done.
//!
//! The road: `session` → `options` → `aim`, `request` → `perform` (→ `pool` → hub → reactor) → `response`, `caught` →
//! `report`. Nothing here is used by the other client.

mod aim;
mod caught;
mod failed;
mod options;
mod perform;
mod pool;
mod report;
mod request;
mod response;
mod session;

pub use caught::{CaughtResponse, ErrorResponse};
pub use failed::streamed_failure;
pub use options::Options;
pub use perform::{Underway, perform};
pub use pool::ClientPool;
pub use response::{FastResponse, Outcome as FastOutcome};
pub use session::{FastHttpSession, overrides_request};
