//! All endpoints, and what every request passes before it reaches one.
//!
//! ```text
//!   base path off ─ Host and Origin ─ login ─┬─ GET of figures: from the live state, Python is not asked
//!                                            ├─ orders, the page's arguments: the hub
//!                                            └─ anything else, and all of Locust's with Flask in play: the hub
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Multipart, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::json;

use crate::app::App;
use crate::{access, details, hub, like_locust, metrics, page, reply, runs, stream};

/// The largest body of a form or of settings.
pub const BODY: usize = 1 << 20;
/// The largest body for a Flask application.
pub const FLASK_BODY: usize = 16 << 20;

/// How long the next piece of a body may take, and all of it.
const PIECE_WITHIN: Duration = Duration::from_secs(10);
const BODY_WITHIN: Duration = Duration::from_secs(60);
/// So much of a body that is refused is read, so that its sender hears about it.
const PASSED_OVER: usize = 64 << 20;
const PASSED_OVER_WITHIN: Duration = Duration::from_secs(10);

/// Path and query as the client sent them.
#[derive(Debug, Clone)]
pub struct Target(pub String);

type Shared = State<Arc<App>>;

/// The service of all connections; paths are below the base path already.
pub fn router(app: Arc<App>) -> Router {
    let figures = Router::new()
        .route("/stats/requests", get(requests))
        .route("/exceptions", get(exceptions))
        .route("/tasks", get(tasks))
        .route("/logs", get(logs))
        .route("/worker-count", get(worker_count));
    let through_hub = Router::new()
        .route("/swarm", post(order))
        .route("/stop", post(order))
        .route("/pause", post(order))
        .route("/resume", post(order))
        .route("/mark", post(order))
        .route("/stats/reset", post(order))
        .route("/user", post(order))
        .route("/stats/requests/csv", get(ask))
        .route("/stats/failures/csv", get(ask))
        .route("/stats/requests_full_history/csv", get(ask))
        .route("/stats/report", get(ask))
        .route("/stats/result", get(ask))
        .route("/exceptions/csv", get(ask));
    Router::new()
        .route("/", get(index))
        .merge(figures)
        .merge(through_hub)
        .route("/login", get(access::login_page).post(access::log_in))
        .route("/logout", any(access::log_out))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), prefer_flask))
        .route("/events", get(stream::events))
        .route("/metrics", get(metrics::metrics))
        .route("/failures/samples", get(details::samples))
        .route("/phases", get(details::phases))
        .route("/runs", get(runs::list))
        .route("/runs/compare", get(runs::compare))
        .route("/runs/{id}", get(runs::result).delete(runs::delete))
        .route("/runs/{id}/report", get(runs::report))
        .route("/assets/{*path}", get(asset))
        .route("/favicon.svg", get(asset))
        .route("/favicon.ico", get(asset))
        .route("/login.css", get(login_style))
        .fallback(unknown)
        .layer(from_fn_with_state(Arc::clone(&app), access::check))
        .with_state(app)
}

/// What is not below the base path: a Flask application's own routes, or nothing.
pub fn outside(app: &Arc<App>) -> Router {
    let check = from_fn_with_state(Arc::clone(app), access::check);
    Router::new().fallback(unknown).layer(check).with_state(Arc::clone(app))
}

/// With a Flask application everything of Locust's goes through it, so that its hooks and login see it.
async fn prefer_flask(State(app): Shared, request: Request, next: Next) -> Response {
    if app.through_flask.load(Ordering::Relaxed) { flask(&app, request).await } else { next.run(request).await }
}

async fn flask(app: &App, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match whole(body, FLASK_BODY).await {
        Ok(body) => {
            // Flask knows the base path, and wants it.
            let target =
                parts.extensions.get::<Target>().map_or_else(|| parts.uri.to_string(), |target| target.0.clone());
            let path = target.split('?').next().unwrap_or("/");
            let mut response = hub::ask(app, hub::request(&parts, &decoded(path), None, body)).await;
            response.extensions_mut().insert(reply::Foreign);
            response
        }
        Err(fault) => fault.answer(app),
    }
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    #[error("the request's body is larger than {0} KiB")]
    TooLarge(usize),
    #[error("the request's body did not arrive in time")]
    Slow,
    #[error("the request's body did not arrive whole")]
    Cut,
}

impl BodyFault {
    fn answer(self, app: &App) -> Response {
        let status = match self {
            BodyFault::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyFault::Slow => StatusCode::REQUEST_TIMEOUT,
            BodyFault::Cut => StatusCode::BAD_REQUEST,
        };
        reply::failure(status, &self.to_string(), &app.live().status.host)
    }
}

/// A whole body, of no more than so many bytes, from a client that does not dawdle.
pub async fn whole(body: Body, limit: usize) -> Result<Bytes, BodyFault> {
    let mut pieces = body.into_data_stream();
    let reading = async {
        let mut read = BytesMut::new();
        while let Some(piece) = tokio::time::timeout(PIECE_WITHIN, pieces.next()).await.map_err(|_| BodyFault::Slow)? {
            let piece = piece.map_err(|_| BodyFault::Cut)?;
            if read.len() + piece.len() > limit {
                return Err(BodyFault::TooLarge(limit >> 10));
            }
            read.extend_from_slice(&piece);
        }
        Ok(read.freeze())
    };
    let read = tokio::time::timeout(BODY_WITHIN, reading).await.unwrap_or(Err(BodyFault::Slow));
    if matches!(read, Err(BodyFault::TooLarge(_))) {
        pass_over(pieces).await;
    }
    read
}

/// Read the rest of a body that nobody wants, if it is not too long: who is still sending would see a broken connection in
/// place of the answer, or of the next one.
pub async fn pass_over(mut pieces: BodyDataStream) {
    let passing_over = async {
        let mut left = PASSED_OVER;
        while let (1.., Some(Ok(piece))) = (left, pieces.next().await) {
            left = left.saturating_sub(piece.len());
        }
    };
    // Who has not sent it by then gets the answer all the same.
    tokio::time::timeout(PASSED_OVER_WITHIN, passing_over).await.ok();
}

async fn wrong_method(method: Method, uri: axum::http::Uri) -> Response {
    let text = format!("405 Method Not Allowed: {method} does not go with {}", uri.path());
    reply::text(StatusCode::METHOD_NOT_ALLOWED, text)
}

async fn unknown(State(app): Shared, request: Request) -> Response {
    if app.through_flask.load(Ordering::Relaxed) {
        return flask(&app, request).await;
    }
    reply::text(StatusCode::NOT_FOUND, "404 Not Found: there is nothing at this address")
}

async fn requests(State(app): Shared, headers: HeaderMap) -> Response {
    app.refresh().await;
    let value = like_locust::requests(&app.live(), app.settings.has_runner);
    reply::json(StatusCode::OK, &value, &headers)
}

async fn exceptions(State(app): Shared, headers: HeaderMap) -> Response {
    app.refresh().await;
    let value = like_locust::exceptions(&app.live());
    reply::json(StatusCode::OK, &value, &headers)
}

async fn tasks(State(app): Shared, headers: HeaderMap) -> Response {
    app.refresh().await;
    let value = like_locust::tasks(&app.live());
    reply::json(StatusCode::OK, &value, &headers)
}

async fn logs(State(app): Shared, request: Request) -> Response {
    // What workers have sent is Python's.
    if app.live().status.is_distributed {
        return ask(State(app), request).await;
    }
    app.refresh().await;
    let headers = request.headers();
    let value = json!({ "master": app.live().logs, "workers": {} });
    reply::json(StatusCode::OK, &value, headers)
}

async fn worker_count(State(app): Shared, headers: HeaderMap) -> Response {
    app.refresh().await;
    let value = like_locust::worker_count(&app.live());
    reply::json(StatusCode::OK, &value, &headers)
}

async fn index(State(app): Shared, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match hub::whole(&app, hub::request(&parts, "/", None, Bytes::new())).await {
        Ok(arguments) => reply::html(page::index(&String::from_utf8_lossy(&arguments)), &parts.headers),
        Err(refusal) => refusal,
    }
}

async fn ask(State(app): Shared, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path().to_owned();
    hub::ask(&app, hub::request(&parts, &path, None, Bytes::new())).await
}

/// Something that changes the test: with a form, or with JSON as it came.
async fn order(State(app): Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = match whole(body, BODY).await {
        Ok(body) => body,
        Err(fault) => return fault.answer(&app),
    };
    let form = match form(&parts, &body).await {
        Ok(form) => form,
        Err(message) => return reply::failure(StatusCode::BAD_REQUEST, &message, &app.live().status.host),
    };
    hub::ask(&app, hub::request(&parts, &path, form, body)).await
}

/// The fields of a form, in their order; files are left out.
pub async fn form(parts: &Parts, body: &Bytes) -> Result<Option<Vec<(String, String)>>, String> {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    if kind.starts_with("application/x-www-form-urlencoded") {
        return Ok(Some(url::form_urlencoded::parse(body).into_owned().collect()));
    }
    if !kind.starts_with("multipart/form-data") {
        return Ok(None);
    }
    let whole = Request::from_parts(parts.clone(), Body::from(body.clone()));
    let broken = |error: &dyn std::fmt::Display| format!("the form is broken: {error}");
    let mut fields = Multipart::from_request(whole, &()).await.map_err(|error| broken(&error))?;
    let mut form = Vec::new();
    while let Some(field) = fields.next_field().await.map_err(|error| broken(&error))? {
        let Some(name) = field.name().map(str::to_owned) else { continue };
        if field.file_name().is_none() {
            form.push((name, field.text().await.map_err(|error| broken(&error))?));
        }
    }
    Ok(Some(form))
}

/// A file of the page, or else what a Flask application has at this address.
async fn asset(State(app): Shared, request: Request) -> Response {
    match file(request.uri().path().trim_start_matches('/'), request.headers()) {
        Some(response) => response,
        None => unknown(State(app), request).await,
    }
}

fn file(name: &str, headers: &HeaderMap) -> Option<Response> {
    let asset = gregaria_webui::asset(name)?;
    let mut response = match asset.gzip.filter(|_| reply::takes_gzip(headers)) {
        Some(packed) => ([(header::CONTENT_ENCODING, "gzip")], packed).into_response(),
        None => asset.bytes.into_response(),
    };
    let set = response.headers_mut();
    set.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    set.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let kept = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    Some(response)
}

async fn login_style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::LOGIN_STYLE).into_response()
}

/// Percent-decoded.
pub fn decoded(path: &str) -> String {
    let plus_safe = path.replace('+', "%2B");
    url::form_urlencoded::parse(plus_safe.replace('=', "%3D").replace('&', "%26").as_bytes())
        .next()
        .map_or_else(|| "/".to_owned(), |(path, _)| path.into_owned())
}

/// The query's `name`, for handlers that need no more.
pub fn parameter<'a>(query: &'a Query<Vec<(String, String)>>, name: &str) -> Option<&'a str> {
    query.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
