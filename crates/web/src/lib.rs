//! Live: Locust's endpoints, an event stream, the page, and their protection, on a thread of their own.
//!
//! Figures come as portions of statistics that the hub hands over ([`Feed`], [`Tick`]); what only Python can answer is
//! asked for through a bounded queue ([`Asks`]). Nothing here knows Python, and nothing waits for it without end.

#![expect(clippy::result_large_err, reason = "a refusal is a whole response, as axum has it")]

mod access;
mod app;
mod asks;
mod cross_origin;
pub mod details;
mod error;
pub mod feed;
mod frame;
pub mod guard;
mod hub;
mod like_locust;
mod live;
pub mod login;
pub mod messages;
pub mod metrics;
pub mod page;
mod reply;
mod routes;
mod runs;
mod server;
mod stream;

pub use app::{App, Settings};
pub use asks::{Asks, HubRequest, Sent};
pub use error::Error;
pub use feed::{Feed, Percentiles, Portion};
pub use live::{Live, Tick};
pub use reply::{is_report, protection};
pub use server::{Server, TlsConfig, bind, tls_config};
