//! Servers that do what no server should, of testkit: each request to them ends in its own failure (or well, where that is
//! meant well), in bounded time and memory, and nobody else notices.

mod support;

use std::time::Duration;

use gregaria_http::{Command, Failure, Phase, Request};
use support::{Client, HANG, get, origin};

/// Path, and what the failure says of itself (or nothing, where there is a response).
const CASES: &[(&str, &str)] = &[
    ("/garbage", "bad status line"),
    ("/bad-status-line", "bad status line"),
    ("/close", "without a response"),
    ("/reset", "connection broken (errno 104)"),
    ("/reset-in-body", "connection broken (errno 104)"),
    ("/close-in-head", ""),
    ("/huge-header", "header line longer than 65536 bytes"),
    ("/many-headers?count=150", "more than 100 headers"),
    ("/endless-head", "more than 100 headers"),
    ("/endless-line", "header line longer than 65536 bytes"),
    ("/endless-interim", "bad response head: more than 1000 interim answers"),
    ("/interim-flood?count=900", ""),
    ("/two-lengths", "conflicting content lengths"),
    ("/bad-length", ""),
    ("/negative-length", ""),
    ("/short", "incomplete body: 10 bytes read"),
    ("/long", ""),
    ("/garbage-after", ""),
    ("/bad-chunk", "bad chunk size"),
    ("/short-chunk", "incomplete body"),
    ("/huge-chunk", "bad chunk size"),
    ("/truncated-gzip", "cannot decode gzip"),
    ("/corrupt/gzip", "cannot decode gzip"),
    ("/corrupt/br", "cannot decode br"),
    ("/corrupt/zstd", "cannot decode zstd"),
    ("/zip-bomb?mb=2", ""),
    ("/zip-bomb?mb=2&kind=br", ""),
    ("/zip-bomb?mb=2&kind=zstd", ""),
    ("/stall-in-body?ms=5000", "reading timed out"),
    ("/slow-head?ms=5", ""),
    ("/trickle?bytes=10&ms=5", ""),
];

fn asking(path: &str, id: u64, origin: &std::sync::Arc<gregaria_http::Origin>) -> Request {
    Request {
        bytes: format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes(),
        // Only who says nothing for long is to be given up.
        read_timeout: Some(if path.starts_with("/stall") { Duration::from_millis(200) } else { HANG }),
        body_limit: 1 << 20,
        ..get(id, origin)
    }
}

#[test]
fn everybody_gets_what_they_deserve_and_nobody_else_notices() {
    let server = gregaria_testkit::Server::start().expect("a test server");
    let origin = origin("127.0.0.1", server.addr.port(), None);
    let client = Client::new();
    let mut bystander = client.send(asking("/", 1, &origin)).connection;
    for (path, told) in CASES {
        let completion = client.send(asking(path, 2, &origin));
        let text = match &completion.result {
            Ok(response) => {
                assert!(response.body().len() <= 1 << 20, "{path}");
                assert!(response.is_kept() || path.contains("bomb"), "{path}");
                String::new()
            }
            Err(failure) => failure.to_string(),
        };
        assert_eq!(text.is_empty(), told.is_empty(), "{path}: {text}");
        assert!(text.contains(told), "{path}: {text}");
        let spoiled = matches!(*path, "/long" | "/garbage-after");
        assert!(!spoiled || completion.connection.is_none(), "{path}: the connection is of no use");
        if let Some(connection) = completion.connection {
            client.submit([Command::Close(connection)]);
        }
        let other = client.send(Request { connection: bystander, ..asking("/", 3, &origin) });
        assert!(other.result.is_ok() && other.timings.reused, "{path}: somebody else's connection");
        bystander = other.connection;
    }
    // Nothing is left open but the bystander's: the server sees all others end.
    let deadline = std::time::Instant::now() + HANG;
    while server.counts()["open"].as_u64() != Some(1) {
        assert!(std::time::Instant::now() < deadline, "{}", server.counts());
        std::thread::yield_now();
    }
}

#[test]
fn a_reset_at_every_byte_position() {
    let server = gregaria_testkit::Server::start().expect("a test server");
    let client = Client::new();
    for (origin, kind) in [
        (origin("127.0.0.1", server.addr.port(), None), "length"),
        (origin("127.0.0.1", server.addr.port(), None), "chunked"),
        (origin("127.0.0.1", server.addr.port(), None), "gzip"),
    ] {
        let mut position = 0;
        loop {
            let completion = client.send(asking(&format!("/reset-at/{position}?kind={kind}"), 1, &origin));
            match completion.result {
                Ok(response) => {
                    assert_eq!(response.body(), b"hello you");
                    if completion.connection.is_some() {
                        break;
                    }
                    // All of it came, and then the reset.
                }
                Err(Failure::Io { errno, phase }) => {
                    assert_eq!(errno, libc::ECONNRESET);
                    assert!(phase != Phase::Handshake, "{kind} {position}");
                }
                Err(failure) => panic!("{kind} {position}: {failure}"),
            }
            position += 1;
            assert!(position < 1000, "it has no end");
        }
        assert!(position > 60, "{kind} {position}");
    }
    let after = client.send(asking("/", 1, &origin("127.0.0.1", server.addr.port(), None)));
    assert!(after.result.is_ok());
}

#[test]
fn what_came_before_the_failure_is_handed_out() {
    let server = gregaria_testkit::Server::start().expect("a test server");
    let origin = origin("127.0.0.1", server.addr.port(), None);
    let client = Client::new();
    // Path, bytes of the body, and whether what was wrong came with the head; `None` where there is no head.
    for (path, expected) in [
        ("/reset", None),
        ("/garbage", None),
        ("/many-headers?count=150", None),
        ("/reset-in-body", Some((50, false))),
        ("/stall-in-body?ms=5000", Some((50, false))),
        ("/short", Some((10, false))),
        ("/short-chunk", Some((14, false))),
        ("/bad-chunk", Some((5, true))),
        ("/corrupt/gzip", Some((29, false))),
    ] {
        let completion = client.send(asking(path, 1, &origin));
        assert!(completion.result.is_err(), "{path}");
        let broken = completion.broken.map(|broken| {
            assert_eq!((broken.response.status(), broken.response.reason()), (200, &b"OK"[..]), "{path}");
            (broken.response.body().len(), broken.at_once)
        });
        assert_eq!(broken, expected, "{path}");
    }
    let whole = client.send(asking("/", 1, &origin));
    assert!(whole.result.is_ok() && whole.broken.is_none());
}
