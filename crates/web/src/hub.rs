//! Asking the hub over HTTP's shoulder: a request becomes an ask, its answer a response.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::io::AsyncReadExt;

use crate::app::App;
use crate::asks::{Begun, HubRequest, Refused};
use crate::reply;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Remote(pub SocketAddr);

/// How long a reader waits for a hub that is busy. Orders wait as long as they take.
const READER_WAITS: Duration = Duration::from_secs(30);
/// The hub names a file with this header, and the server sends it.
const SEND_FILE: &str = "x-gregaria-file";
const FILE_CHUNK: usize = 64 << 10;

/// The request for the hub. `form` holds the fields if the body was a form.
pub fn request(parts: &Parts, path: &str, form: Option<Vec<(String, String)>>, body: Bytes) -> HubRequest {
    let remote = parts.extensions.get::<Remote>().map(|remote| remote.0);
    let text = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>();
    let target = parts.extensions.get::<crate::routes::Target>().map_or_else(|| parts.uri.to_string(), |t| t.0.clone());
    HubRequest {
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        target,
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        form,
        body,
        remote: remote.map_or_else(|| (String::new(), 0), |remote| (remote.ip().to_string(), remote.port())),
    }
}

/// The hub's own words, or why there are none.
pub async fn begun(app: &App, request: HubRequest) -> Result<Begun, Response> {
    let reads = matches!(request.method.as_str(), "GET" | "HEAD");
    let refuse = |status, message: &str| Err(reply::failure(status, message, &app.live().status.host));
    let answer = match app.asks.ask(request) {
        Ok(answer) => answer,
        Err(error @ (Refused::Busy | Refused::Closed)) => {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
        }
    };
    let told = if reads {
        match tokio::time::timeout(READER_WAITS, answer).await {
            Ok(told) => told,
            Err(_) => return refuse(StatusCode::SERVICE_UNAVAILABLE, "the generator is too busy to answer; try again"),
        }
    } else {
        answer.await
    };
    match told {
        Ok(begun) => Ok(begun),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the generator gave no answer; its log says why"),
    }
}

/// Ask and pass the answer on.
pub async fn ask(app: &App, request: HubRequest) -> Response {
    let head = request.method == Method::HEAD.as_str();
    match begun(app, request).await {
        Ok(begun) => response(begun, head).await,
        Err(refusal) => refusal,
    }
}

/// The whole body of an answer, if it is a good one.
pub async fn whole(app: &App, request: HubRequest) -> Result<Bytes, Response> {
    let mut begun = begun(app, request).await?;
    if begun.status != 200 {
        return Err(response(begun, false).await);
    }
    let mut body = Vec::new();
    while let Some(chunk) = begun.body.recv().await {
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

async fn response(begun: Begun, head: bool) -> Response {
    let status = StatusCode::from_u16(begun.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let file =
        begun.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(SEND_FILE)).map(|(_, path)| path.clone());
    let body = match file {
        Some(path) => match file_body(path.into()).await {
            Ok(body) => body,
            Err(error) => return reply::text(StatusCode::NOT_FOUND, format!("the file cannot be read: {error}")),
        },
        None if head => Body::empty(),
        None => {
            let chunks = stream::unfold(begun.body, |mut body| async move {
                body.recv().await.map(|chunk| (Ok::<_, std::convert::Infallible>(chunk), body))
            });
            Body::from_stream(chunks)
        }
    };
    let mut response = (status, body).into_response();
    for (name, value) in begun.headers {
        if name.eq_ignore_ascii_case(SEND_FILE) || is_hop_by_hop(&name) {
            continue;
        }
        let latin: Vec<u8> =
            value.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&latin)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn is_hop_by_hop(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == header::TRANSFER_ENCODING.as_str() || name == header::CONNECTION.as_str() || name == "keep-alive"
}

async fn file_body(path: PathBuf) -> std::io::Result<Body> {
    let file = tokio::fs::File::open(path).await?;
    let chunks = stream::unfold(file, |mut file| async move {
        let mut chunk = vec![0; FILE_CHUNK];
        match file.read(&mut chunk).await {
            Ok(0) => None,
            Ok(length) => {
                chunk.truncate(length);
                Some((Ok(Bytes::from(chunk)), file))
            }
            Err(error) => Some((Err(error), file)),
        }
    });
    Ok(Body::from_stream(chunks))
}

/// Ask whether a request may have what the server would give it itself: with Flask's login only Flask knows.
pub async fn lets_in(app: &Arc<App>, parts: &Parts) -> Result<(), Response> {
    let begun = begun(app, request(parts, parts.uri.path(), None, Bytes::new())).await?;
    if begun.status == 204 { Ok(()) } else { Err(response(begun, false).await) }
}
