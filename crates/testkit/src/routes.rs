//! The well-behaved routes, one row each in `ROUTES`; the badly behaved ones are in `misbehave`. A route writes its answer
//! and says what becomes of the connection; it never reads from it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::data;
use crate::encode;
use crate::misbehave;
use crate::request::Request;
use crate::wire::{After, Reply, Wire};

pub(crate) type Route = fn(&Request, &mut Wire) -> io::Result<After>;

/// First path segment, what the route does, what it takes.
const ROUTES: &[(&str, Route)] = &[
    ("", home),           // 200 and a short text
    ("status", status),   // /status/N?reason=TEXT
    ("delay", delay),     // /delay/MS (fractions allowed), answered exactly then
    ("bytes", bytes),     // /bytes/N
    ("chunked", chunked), // /chunked/N: N bytes in chunks, with a trailer
    ("stream", stream),   // /stream/N: N lines of JSON, chunked, flushed one by one
    ("gzip", compressed), // also deflate, raw-deflate, br, zstd: /gzip/N, N bytes before compression
    ("deflate", compressed),
    ("raw-deflate", compressed),
    ("br", compressed),
    ("zstd", compressed),
    ("redirect", redirect),       // /redirect/N: N hops, then 200
    ("redirect-to", redirect_to), // ?url=U&code=302
    ("cookies", cookies),         // echo as JSON; /cookies/set?k=v sets and redirects to /cookies
    ("set-cookie", set_cookie),   // ?set=RAW&set=RAW...: raw Set-Cookie values, 200
    ("basic-auth", basic_auth),   // /basic-auth/USER/PASSWORD
    ("echo", echo),               // JSON of the request; anything may follow in the path
    ("headers", headers),         // ?Name=value...: these response headers, in order
    ("content", content),         // ?type=T&body=B&hex=H: body of that content type (hex wins)
    ("fail-every", fail_every),   // /fail-every/N: 503 every Nth time, else 200
    ("close-after", close_after), // answers, then closes without having said so
    ("connection-close", connection_close),
    ("http10", http10),
    ("no-length", no_length),       // body ends with the connection
    ("100-continue", continued),    // 100 before the answer
    ("early-hints", early_hints),   // 103 before the answer
    ("many-headers", many_headers), // ?count=N, 150 by default
];

pub(crate) fn find(path: &str) -> Option<Route> {
    let first = path.split('/').nth(1).unwrap_or("");
    let rows = ROUTES.iter().chain(misbehave::ROUTES);
    rows.into_iter().find(|(name, _)| *name == first).map(|(_, route)| *route)
}

pub(crate) fn not_found(request: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.send(Reply::text(format!("nothing at {}\n", request.path())).status(404))
}

fn home(request: &Request, wire: &mut Wire) -> io::Result<After> {
    match request.path() {
        "/" => wire.send(Reply::text("hello from the test server\n")),
        _ => not_found(request, wire),
    }
}

fn status(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let status = request.argument(0, 200);
    let reply = Reply::text(format!("status {status}\n")).status(status);
    match request.option("reason") {
        Some(reason) => wire.send(reply.reason(reason)),
        None => wire.send(reply),
    }
}

/// Waking a sleeping core takes a tenth of a millisecond or two, so the last bit of a wait is spent awake.
const AWAKE: Duration = Duration::from_micros(250);

/// Waits until `deadline` to within some microseconds. One thread at a time stays awake for it: where many wait, the cores
/// are awake anyway, and spinning would take them from the others.
pub(crate) fn sleep_until(deadline: Instant) {
    static SPINNING: AtomicBool = AtomicBool::new(false);
    let left = || deadline.saturating_duration_since(Instant::now());
    thread::sleep(left().saturating_sub(AWAKE));
    if SPINNING.swap(true, Ordering::Relaxed) {
        thread::sleep(left());
        return;
    }
    while !left().is_zero() {
        thread::yield_now();
    }
    SPINNING.store(false, Ordering::Relaxed);
}

fn delay(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let delay_ms: f64 = request.argument(0, 0.0);
    sleep_until(request.received + Duration::from_secs_f64(delay_ms.clamp(0.0, 3_600_000.0) / 1000.0));
    wire.send(Reply::text("late\n"))
}

fn bytes(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let body = data::filler(request.argument(0, 100));
    wire.send(Reply::new(200, "application/octet-stream", body))
}

const CHUNKED_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";

pub(crate) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn chunked(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let mut answer = CHUNKED_HEAD.to_vec();
    let body = data::filler(request.argument(0, 100));
    if !wire.head_only {
        body.chunks(1000).for_each(|part| answer.extend(chunk(part)));
        answer.extend_from_slice(b"0\r\nX-Trailer: end\r\n\r\n");
    }
    wire.raw(&answer)?;
    Ok(After::Continue)
}

fn stream(request: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(CHUNKED_HEAD)?;
    if wire.head_only {
        return Ok(After::Continue);
    }
    for line in 0..request.argument(0, 10) {
        wire.raw(&chunk(format!("{}\n", json!({ "line": line })).as_bytes()))?;
    }
    wire.raw(b"0\r\n\r\n")?;
    Ok(After::Continue)
}

fn compressed(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let kind = request.path().split('/').nth(1).unwrap_or("");
    let body = data::filler(request.argument(0, 1000));
    match encode::encode(kind, &body) {
        Some((name, body)) => wire.send(Reply::new(200, "text/plain", body).header("Content-Encoding", name)),
        None => not_found(request, wire),
    }
}

fn redirect(request: &Request, wire: &mut Wire) -> io::Result<After> {
    match request.argument(0, 1u32) {
        0 => wire.send(Reply::text("arrived\n")),
        hops => wire.send(Reply::text("").status(302).header("Location", format!("/redirect/{}", hops - 1))),
    }
}

fn redirect_to(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let reply = Reply::text("").status(request.number("code", 302));
    match request.option("url") {
        Some(url) => wire.send(reply.header("Location", url)),
        None => wire.send(reply),
    }
}

fn cookies(request: &Request, wire: &mut Wire) -> io::Result<After> {
    if request.path() == "/cookies/set" {
        let reply = Reply::text("").status(302).header("Location", "/cookies");
        let set = |reply: Reply, (name, value): (String, String)| {
            reply.header("Set-Cookie", format!("{name}={value}; Path=/"))
        };
        return wire.send(request.query().into_iter().fold(reply, set));
    }
    let sent = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let pairs = sent.flat_map(|(_, value)| value.split("; ")).filter_map(|pair| pair.split_once('='));
    let cookies: serde_json::Map<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
    wire.send(Reply::json(&json!({ "cookies": cookies })))
}

fn set_cookie(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let set = |reply: Reply, (_, value): (String, String)| reply.header("Set-Cookie", value);
    wire.send(request.query().into_iter().fold(Reply::text("set\n"), set))
}

fn basic_auth(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let expected = format!("Basic {}", data::base64(request.arguments().join(":").as_bytes()));
    match request.header("authorization") == Some(&expected) {
        true => wire.send(Reply::json(&json!({ "authenticated": true }))),
        false => wire.send(Reply::text("").status(401).header("WWW-Authenticate", "Basic realm=\"testkit\"")),
    }
}

fn echo(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let answer = json!({
        "method": request.method,
        "target": request.target,
        "version": if request.http10 { "HTTP/1.0" } else { "HTTP/1.1" },
        "headers": request.headers,
        "body": String::from_utf8_lossy(&request.body),
        "connection": wire.connection,
        "request": wire.request,
    });
    wire.send(Reply::json(&answer))
}

fn headers(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let set = |reply: Reply, (name, value): (String, String)| reply.header(name, value);
    wire.send(request.query().into_iter().fold(Reply::text("headers\n"), set))
}

fn content(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let content_type = request.option("type").unwrap_or_else(|| "text/plain".into());
    let hex = request.option("hex").unwrap_or_default();
    let pairs = (0..hex.len() / 2).filter_map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok());
    let body = match hex.is_empty() {
        true => request.option("body").unwrap_or_default().into_bytes(),
        false => pairs.collect(),
    };
    wire.send(Reply::new(200, &content_type, body))
}

fn fail_every(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let failing = wire.nth.is_multiple_of(request.argument(0, 2u64).max(1));
    wire.send(Reply::text("now and then\n").status(if failing { 503 } else { 200 }))
}

fn close_after(_: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.send(Reply::text("last one here\n"))?;
    Ok(After::Close)
}

fn connection_close(_: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.send(Reply::text("closing\n").header("Connection", "close"))?;
    Ok(After::Close)
}

fn http10(_: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nold\n")?;
    Ok(After::Close)
}

fn no_length(_: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end\n")?;
    Ok(After::Close)
}

fn continued(_: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    wire.send(Reply::text("at last\n"))
}

fn early_hints(_: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")?;
    wire.send(Reply::text("at last\n"))
}

fn many_headers(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let set = |reply: Reply, index: u32| reply.header(format!("X-Header-{index}"), index.to_string());
    wire.send((0..request.number("count", 150)).fold(Reply::text("many\n"), set))
}
