//! The same routes over HTTP/2, by the `h2` library on a runtime of its own: with prior knowledge, and over TLS by ALPN. What a
//! route writes for HTTP/1.1 is taken apart again and sent as a stream; besides, streams and connections can end badly here.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::Response;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::Error;
use crate::request::Request;
use crate::server::Shared;
use crate::wire::{After, Wire};

/// More requests at a time than this have to wait.
const MAX_STREAMS: u32 = 16;

/// The listeners; dropping it ends them and their connections.
#[derive(Debug)]
pub(crate) struct Listeners {
    runtime: Option<Runtime>,
    pub plain: SocketAddr,
    pub tls: SocketAddr,
}

impl Listeners {
    pub fn start(shared: &Arc<Shared>, config: &ServerConfig) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::Listen)?;
        let mut config = config.clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let bound = || runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).map_err(Error::Listen);
        let (plain, tls) = (bound()?, bound()?);
        let address = |listener: &TcpListener| listener.local_addr().map_err(Error::Listen);
        let addresses = (address(&plain)?, address(&tls)?);
        runtime.spawn(accept(plain, None, Arc::clone(shared)));
        runtime.spawn(accept(tls, Some(TlsAcceptor::from(Arc::new(config))), Arc::clone(shared)));
        Ok(Self { runtime: Some(runtime), plain: addresses.0, tls: addresses.1 })
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(socket, &shared).await,
                Some(tls) => match tls.accept(socket).await {
                    Ok(stream) => serve(stream, &shared).await,
                    Err(_) => shared.counts.handshake_failed(),
                },
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Arc<Shared>) {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(MAX_STREAMS);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let number = shared.next_connection.fetch_add(1, Ordering::Relaxed) + 1;
    let (mut requests, mut counted) = (0, false);
    while let Some(Ok((request, respond))) = connection.accept().await {
        requests += 1;
        if !counted && !request.uri().path().starts_with("/__") {
            counted = true;
            shared.counts.opened();
        }
        match request.uri().path() {
            "/goaway" => connection.graceful_shutdown(),
            "/abrupt-goaway" => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
            _ => {}
        }
        tokio::spawn(answer(request, respond, Arc::clone(shared), (number, requests)));
    }
    if counted {
        shared.counts.closed();
    }
}

async fn answer(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
    (connection, nth_here): (u64, u64),
) {
    let path = request.uri().path().to_owned();
    let reset = path.strip_prefix("/reset-stream/").and_then(|code| code.parse::<u32>().ok());
    if let Some(code) = reset {
        shared.counts.request(&path);
        return respond.send_reset(Reason::from(code));
    }
    let Ok(request) = received(request).await else { return };
    let head_only = request.method == "HEAD";
    let written = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        let nth = if path.starts_with("/__") { 0 } else { shared.counts.request(&path) };
        let mut wire = Wire { stream: &mut bytes, connection, request: nth_here, nth, head_only };
        let after = match path.as_str() {
            "/goaway" => wire.send(crate::wire::Reply::text("the last one here\n")),
            _ => shared.site.answer(&request, &mut wire),
        };
        after.map(|after| (after, bytes))
    });
    if let Ok(Ok((after, bytes))) = written.await {
        let _ = send(&bytes, after, head_only, respond).await;
    }
}

async fn received(request: http::Request<RecvStream>) -> Result<Request, h2::Error> {
    let received = Instant::now();
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(part) = stream.data().await {
        let part = part?;
        stream.flow_control().release_capacity(part.len())?;
        body.extend_from_slice(&part);
    }
    let text = |value: &http::HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let host = head.uri.authority().map(|authority| ("host".to_owned(), authority.to_string()));
    let fields = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    Ok(Request {
        method: head.method.to_string(),
        target: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        http10: false,
        headers: host.into_iter().chain(fields).collect(),
        body,
        received,
    })
}

/// Sends what a route has written. A route that breaks off resets its stream.
async fn send(
    bytes: &[u8],
    after: After,
    head_only: bool,
    mut respond: SendResponse<Bytes>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut rest = bytes;
    let (response, body) = loop {
        let mut fields = [httparse::EMPTY_HEADER; 256];
        let mut parsed = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = parsed.parse(rest)? else {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return Ok(());
        };
        rest = &rest[length..];
        let status = parsed.code.unwrap_or(500);
        if status < 200 {
            continue;
        }
        let is_chunked = parsed.headers.iter().any(|field| field.name.eq_ignore_ascii_case("transfer-encoding"));
        let mut response = Response::builder().status(status);
        for field in parsed.headers.iter().filter(|field| !of_connection(field.name)) {
            response = response.header(field.name, field.value);
        }
        break (response.body(())?, if is_chunked { unchunked(rest)? } else { rest.to_vec() });
    };
    let is_empty = body.is_empty() || head_only;
    let mut stream = respond.send_response(response, is_empty && after != After::Reset)?;
    if is_empty {
        return Ok(());
    }
    let mut left = Bytes::from(body);
    while !left.is_empty() {
        stream.reserve_capacity(left.len());
        let Some(granted) = poll_fn(|context| stream.poll_capacity(context)).await else { return Ok(()) };
        let part = left.split_to(granted?.min(left.len()));
        let is_last = left.is_empty() && after != After::Reset;
        stream.send_data(part, is_last)?;
    }
    if after == After::Reset {
        // What was sent before has to get out first.
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.send_reset(Reason::INTERNAL_ERROR);
    }
    Ok(())
}

fn of_connection(name: &str) -> bool {
    ["connection", "transfer-encoding", "keep-alive", "upgrade"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

fn unchunked(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(rest).map_err(|_| io::ErrorKind::InvalidData)? {
            httparse::Status::Complete((_, 0)) => return Ok(body),
            httparse::Status::Complete((start, length)) => {
                let end = start + usize::try_from(length).map_err(io::Error::other)?;
                body.extend_from_slice(rest.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
                rest = rest.get(end + 2..).ok_or(io::ErrorKind::UnexpectedEof)?;
            }
            httparse::Status::Partial => return Ok(body),
        }
    }
}
