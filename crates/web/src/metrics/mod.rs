//! `GET /metrics` for Prometheus: what is measured so far, as counters, gauges and histograms.
//!
//! ```text
//!   Source::measure (counts and histograms of every name) ─┐
//!   Live (state, users, workers, generator)               ─┴─▶ gather: families ─▶ text (two dialects) or protobuf
//! ```
//!
//! Histograms are classic ones for those who read text, and native ones beside them in protobuf. Names are bounded, so that a
//! test that makes names up by the thousand does not fill a database.

mod accept;
mod buckets;
mod gather;
mod protobuf;
mod text;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use gregaria_stats::Histogram;

use crate::app::App;
use crate::reply;
use accept::Format;

/// The counts of one (method, name).
#[derive(Debug, Clone, Default)]
pub struct Counted {
    pub method: Arc<str>,
    pub name: Arc<str>,
    pub requests: u64,
    pub failures: u64,
    pub bytes: u64,
    pub total_us: u64,
    pub histogram: Histogram,
}

/// A kind of failure: method, name, text and how often.
pub type Failed = (Arc<str>, Arc<str>, Arc<str>, u64);

/// Everything that was counted up to now.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// In the order of first coming.
    pub entries: Vec<Counted>,
    /// In the order of first coming.
    pub failures: Vec<Failed>,
}

/// Asked on a thread that may wait for a lock; must not need Python.
pub type Source = Arc<dyn Fn() -> Measured + Send + Sync>;

/// What is known of a metric, and its samples.
#[derive(Debug, Clone, PartialEq)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its name ends in `_total`.
    Counter,
    Gauge,
    /// Of seconds.
    Histogram,
}

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Histogram(buckets::Buckets),
}

/// The handler.
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    app.refresh().await;
    let format = accept::format(&headers);
    let source = app.metrics_source();
    let shared = Arc::clone(&app);
    let written = tokio::task::spawn_blocking(move || {
        let measured = source.map(|measure| measure()).unwrap_or_default();
        let families = gather::families(&shared.live(), measured);
        match format {
            Format::Protobuf => protobuf::encode(&families),
            Format::OpenMetrics => text::open_metrics(&families).into_bytes(),
            Format::Text => text::prometheus(&families).into_bytes(),
        }
    });
    match written.await {
        Ok(body) => reply::packed(StatusCode::OK, format.media_type(), body.into(), &headers),
        Err(_) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written"),
    }
}
