//! `GET /events`: a snapshot, then an update a second, for as long as the client listens.
//!
//! A client that does not read loses updates, not the others their time: what is kept for it is bounded, and when it
//! reads again it gets a fresh snapshot.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::app::{App, STREAMS, now};
use crate::frame::{Frame, GZIP_HEADER};
use crate::login::Role;
use crate::messages::AliveMessage;
use crate::reply;

const ALIVE_EVERY: Duration = Duration::from_secs(5);

struct Listener {
    app: Arc<App>,
    updates: Receiver<Arc<Frame>>,
    packed: bool,
    read_only: bool,
    ready: VecDeque<Bytes>,
    _place: OwnedSemaphorePermit,
}

/// The handler.
pub async fn events(State(app): State<Arc<App>>, Extension(role): Extension<Role>, headers: HeaderMap) -> Response {
    let Ok(place) = Arc::clone(&app.stream_places).try_acquire_owned() else {
        let text = format!("{STREAMS} pages are open already; close some of them");
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let packed = reply::takes_gzip(&headers);
    // First the subscription, then the snapshot: an update that comes in between is sent twice rather than not at all.
    let updates = app.streams.subscribe();
    let mut listener =
        Listener { app, updates, packed, read_only: role == Role::Viewer, ready: VecDeque::new(), _place: place };
    if packed {
        listener.ready.push_back(Bytes::from_static(GZIP_HEADER));
    }
    listener.push_snapshot();
    let body = Body::from_stream(stream::unfold(listener, |mut listener| async move {
        let next = listener.next().await?;
        Some((Ok::<_, Infallible>(next), listener))
    }));
    let mut response = ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response();
    let set = response.headers_mut();
    set.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    set.insert("x-accel-buffering", header::HeaderValue::from_static("no"));
    if packed {
        set.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
    }
    response
}

impl Listener {
    fn push_snapshot(&mut self) {
        let live = self.app.live();
        let snapshot = live.snapshot(self.read_only);
        drop(live);
        self.ready.push_back(Frame::new("snapshot", Some(snapshot.sequence), &snapshot).bytes(self.packed));
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            match tokio::time::timeout(ALIVE_EVERY, self.updates.recv()).await {
                Ok(Ok(frame)) => return Some(frame.bytes(self.packed)),
                Ok(Err(RecvError::Lagged(_))) => {
                    self.updates = self.updates.resubscribe();
                    self.push_snapshot();
                }
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => {
                    let time = now();
                    let alive = AliveMessage { time, silent_seconds: (time - self.app.live().time).max(0.0) };
                    return Some(Frame::new("alive", None, &alive).bytes(self.packed));
                }
            }
        }
    }
}
