//! The runs that are kept: `/runs`, `/runs/ID`, `/runs/ID/report`, `/runs/compare`. Read and deleted on threads that may wait for a disk.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gregaria_sinks::compare::{self, Colour, Comparison, Run};
use gregaria_sinks::runs::{RunStore, StoreError, unpacked};
use gregaria_stats::compare::parse_conditions;
use serde_json::json;

use crate::app::App;
use crate::reply;
use crate::routes::parameter;

type Shared = State<Arc<App>>;
type Parameters = Query<Vec<(String, String)>>;

/// Of the intervals in a comparison.
const LEVEL: f64 = 0.95;

/// What the store says, or the answer that says why it does not.
async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    question: impl FnOnce(&RunStore) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Response> {
    let Some(store) = app.runs() else {
        let text = "no runs are kept here; the log says why, if --run-store is not off";
        return Err(refusal(app, StatusCode::NOT_FOUND, text));
    };
    match tokio::task::spawn_blocking(move || question(&store)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(refusal(app, StatusCode::INTERNAL_SERVER_ERROR, &error.sentence())),
        Err(_) => Err(refusal(app, StatusCode::INTERNAL_SERVER_ERROR, "the store of runs gave no answer")),
    }
}

fn refusal(app: &App, status: StatusCode, message: &str) -> Response {
    reply::failure(status, message, &app.live().status.host)
}

fn unknown(app: &App, id: &str) -> Response {
    let shown: String = id.chars().filter(|character| !character.is_control()).take(40).collect();
    refusal(app, StatusCode::NOT_FOUND, &format!("there is no run '{shown}' of this project"))
}

fn number(app: &App, id: &str) -> Result<i64, Response> {
    id.parse().map_err(|_| unknown(app, id))
}

/// `GET /runs`: the newest first.
pub async fn list(State(app): Shared, headers: HeaderMap) -> Response {
    match ask(&app, RunStore::list).await {
        Ok(runs) => reply::json(StatusCode::OK, &json!({ "runs": runs }), &headers),
        Err(refusal) => refusal,
    }
}

/// `GET /runs/ID`: its result file; `download` makes a file of it.
pub async fn result(State(app): Shared, Path(id): Path<String>, query: Parameters, headers: HeaderMap) -> Response {
    respond(async {
        let number = number(&app, &id)?;
        let packed = ask(&app, move |store| store.packed(number)).await?.ok_or_else(|| unknown(&app, &id))?;
        let mut response = if reply::takes_gzip(&headers) {
            ([(header::CONTENT_ENCODING, "gzip"), (header::VARY, "accept-encoding")], packed).into_response()
        } else {
            ask(&app, move |_| unpacked(&packed).map_err(StoreError::Unpack)).await?.into_response()
        };
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if parameter(&query, "download").is_some_and(|value| !value.is_empty()) {
            attach(&mut response, &format!("run_{number}.json"));
        }
        Ok(response)
    })
    .await
}

/// `GET /runs/ID/report`: its report as a page; `theme` is light or dark, `download` makes a file of it.
pub async fn report(State(app): Shared, Path(id): Path<String>, query: Parameters, headers: HeaderMap) -> Response {
    respond(async {
        let number = number(&app, &id)?;
        let theme = parameter(&query, "theme").unwrap_or_default().to_owned();
        let page = ask(&app, move |store| {
            let result = store.result(number)?;
            Ok(result.map(|result| gregaria_sinks::report::themed(&result, &theme)))
        });
        let page = page.await?.ok_or_else(|| unknown(&app, &id))?;
        let mut response = reply::html(page.into(), &headers);
        if parameter(&query, "download").is_some_and(|value| !value.is_empty()) {
            attach(&mut response, &format!("run_{number}.html"));
        }
        Ok(response)
    })
    .await
}

/// `GET /runs/compare?a=ID&b=ID`: what has changed from the one to the other, in JSON, or as `format` says: html, text or
/// markdown. Each `fail_if` is a condition on the difference, as of `gregaria compare`.
pub async fn compare(State(app): Shared, query: Parameters, headers: HeaderMap) -> Response {
    respond(async {
        let bad = |message: &str| refusal(&app, StatusCode::BAD_REQUEST, message);
        let mut ids = Vec::new();
        for name in ["a", "b"] {
            let id = parameter(&query, name).ok_or_else(|| bad("two runs are compared: /runs/compare?a=1&b=2"))?;
            ids.push((number(&app, id)?, id.to_owned()));
        }
        let mut conditions = Vec::new();
        for (_, text) in query.iter().filter(|(key, _)| key == "fail_if") {
            conditions.extend(parse_conditions(text).map_err(|error| bad(&format!("fail_if: {error}")))?);
        }
        let format = parameter(&query, "format").unwrap_or("json").to_owned();
        if !["json", "html", "text", "markdown"].contains(&format.as_str()) {
            return Err(bad("format is json, html, text or markdown"));
        }
        let found = ask(&app, move |store| {
            let mut runs = Vec::new();
            for (number, id) in ids {
                let Some(result) = store.result(number)? else { return Ok(Err(id)) };
                runs.push([Run { label: format!("run {number}"), result }]);
            }
            Ok(Ok(told(&compare::compare(&runs[0], &runs[1], &conditions, LEVEL), &format)))
        });
        let (media_type, body) = found.await?.map_err(|id| unknown(&app, &id))?;
        Ok(reply::packed(StatusCode::OK, media_type, body.into(), &headers))
    })
    .await
}

fn told(comparison: &Comparison, format: &str) -> (&'static str, Vec<u8>) {
    match format {
        "html" => ("text/html; charset=utf-8", compare::html(comparison).into_bytes()),
        "text" => ("text/plain; charset=utf-8", compare::text(comparison, Colour::Plain).into_bytes()),
        "markdown" => ("text/markdown; charset=utf-8", compare::markdown(comparison).into_bytes()),
        _ => ("application/json", serde_json::to_vec(comparison).expect("its keys are text, and memory takes all")),
    }
}

/// `DELETE /runs/ID`
pub async fn delete(State(app): Shared, Path(id): Path<String>) -> Response {
    respond(async {
        let number = number(&app, &id)?;
        if !ask(&app, move |store| store.delete(number)).await? {
            return Err(unknown(&app, &id));
        }
        Ok(reply::json(StatusCode::OK, &json!({ "success": true, "message": "Run deleted" }), &HeaderMap::new()))
    })
    .await
}

async fn respond(answer: impl Future<Output = Result<Response, Response>>) -> Response {
    answer.await.unwrap_or_else(|refusal| refusal)
}

fn attach(response: &mut Response, name: &str) {
    let value = HeaderValue::from_str(&format!("attachment; filename={name}"));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, value.expect("digits and letters"));
}
