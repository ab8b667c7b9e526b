//! What a page asks for when somebody looks at it, and no update carries: samples of requests, and where the time of each
//! name goes. Python is not asked.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use gregaria_sinks::result::Exchange;
use serde::Serialize;

use crate::app::App;
use crate::reply;
use crate::routes::parameter;

/// So many samples or names are in an answer that names no number.
const USUAL: usize = 100;
/// So many at the most.
const MOST: usize = 1_000;

/// Which samples, or whose phases: what is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Of {
    pub method: Option<String>,
    pub name: Option<String>,
    /// The failure's text; empty for requests that went well.
    pub error: Option<String>,
    pub limit: usize,
}

impl Of {
    /// Whether this is asked for.
    pub fn is(&self, method: &str, name: &str) -> bool {
        self.method.as_deref().is_none_or(|asked| asked == method)
            && self.name.as_deref().is_none_or(|asked| asked == name)
    }

    /// Whether this failure, or none, is asked for.
    pub fn is_error(&self, error: Option<&str>) -> bool {
        self.error.as_deref().is_none_or(|asked| asked == error.unwrap_or_default())
    }
}

/// `GET /failures/samples`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SamplesMessage {
    /// As in the result file.
    pub samples: Vec<Exchange>,
    /// How many there are more of what was asked for.
    pub more: usize,
    /// So many are kept of each kind; 0 if none are.
    pub kept_of_each: usize,
}

/// One phase of many requests, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PhaseSummary {
    /// "blocked", "dns", "connect", "tls", "send", "wait" or "receive".
    pub phase: &'static str,
    /// Requests in which it took place.
    pub count: u64,
    pub total_ms: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// Where the time of one name goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PhasesOf {
    pub method: String,
    pub name: String,
    pub requests: u64,
    /// Exchanges over connections that were there already, and over new ones.
    pub reused_connections: u64,
    pub new_connections: u64,
    /// In the order of time; phases that never took place are left out.
    pub phases: Vec<PhaseSummary>,
}

/// `GET /phases`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PhasesMessage {
    /// Of all requests together; null if nothing is known.
    pub total: Option<PhasesOf>,
    /// Those with the most requests first.
    pub entries: Vec<PhasesOf>,
    /// How many there are more of what was asked for.
    pub more: usize,
}

/// Asked on a thread that may wait for a lock; must not need Python.
pub trait Details: Send + Sync {
    fn samples(&self, of: &Of) -> SamplesMessage;
    fn phases(&self, of: &Of) -> PhasesMessage;
}

type Parameters = Query<Vec<(String, String)>>;

/// `GET /failures/samples?method=&name=&error=&limit=`.
pub async fn samples(State(app): State<Arc<App>>, query: Parameters, headers: HeaderMap) -> Response {
    answer(&app, &query, &headers, |details, of| details.samples(of)).await
}

/// `GET /phases?method=&name=&limit=`.
pub async fn phases(State(app): State<Arc<App>>, query: Parameters, headers: HeaderMap) -> Response {
    answer(&app, &query, &headers, |details, of| details.phases(of)).await
}

async fn answer<T: Serialize + Default + Send + 'static>(
    app: &App,
    query: &Parameters,
    headers: &HeaderMap,
    ask: fn(&dyn Details, &Of) -> T,
) -> Response {
    let of = match asked(query) {
        Ok(of) => of,
        Err(message) => return reply::failure(StatusCode::BAD_REQUEST, &message, &app.live().status.host),
    };
    let Some(details) = app.details() else { return written(&T::default(), headers) };
    match tokio::task::spawn_blocking(move || ask(&*details, &of)).await {
        Ok(told) => written(&told, headers),
        Err(_) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, "500: the figures could not be looked up"),
    }
}

fn written<T: Serialize>(told: &T, headers: &HeaderMap) -> Response {
    match serde_json::to_vec(told) {
        Ok(body) => reply::packed(StatusCode::OK, "application/json", body.into(), headers),
        Err(error) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn asked(query: &Parameters) -> Result<Of, String> {
    let text = |name| parameter(query, name).map(str::to_owned);
    let limit = match parameter(query, "limit") {
        None => USUAL,
        Some(given) => match given.parse() {
            Ok(limit @ 1..=MOST) => limit,
            _ => return Err(format!("limit must be a whole number from 1 to {MOST}")),
        },
    };
    Ok(Of { method: text("method"), name: text("name"), error: text("error"), limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &[(&str, &str)]) -> Result<Of, String> {
        asked(&Query(query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()))
    }

    #[test]
    fn what_is_not_said_is_not_asked_for() {
        let all = of(&[]).unwrap();
        assert!(all.is("GET", "/a") && all.is_error(None) && all.is_error(Some("E()")));
        let one = of(&[("method", "GET"), ("name", "/a"), ("error", ""), ("limit", "7")]).unwrap();
        assert!(one.is("GET", "/a") && !one.is("POST", "/a") && !one.is("GET", "/b"));
        assert!(one.is_error(None) && !one.is_error(Some("E()")));
        assert_eq!((all.limit, one.limit), (100, 7));
    }

    #[test]
    fn a_limit_is_a_number_that_makes_sense() {
        for bad in ["", "0", "-1", "1001", "x", "1e2", "99999999999999999999"] {
            assert_eq!(of(&[("limit", bad)]).unwrap_err(), "limit must be a whole number from 1 to 1000", "{bad}");
        }
    }
}
