//! HTTP/2 over real sockets: one connection for many requests, agreed on or known before, and servers that break off or break
//! the rules.

mod support;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use gregaria_http::{
    Channel, Command, Completion, Event, Failure, HttpVersion, Network, Next, Origin, Request, SharedConnection,
    TlsSettings, Verify,
};
use support::{Client, HANG, Server, given_time};

fn over(version: HttpVersion, port: u16, tls: bool) -> Arc<Origin> {
    let settings = tls.then(|| Arc::new(TlsSettings::new(&Verify::Off, None).expect("good settings")));
    let network = Some(Arc::new(Network { http_version: version, ..Network::default() }));
    Arc::new(Origin { network, ..(*support::origin("127.0.0.1", port, settings)).clone() })
}

struct Session {
    client: Client,
    origin: Arc<Origin>,
    shared: Arc<SharedConnection>,
}

impl Session {
    fn new(origin: Arc<Origin>) -> Self {
        Self { client: Client::new(), origin, shared: Arc::default() }
    }

    fn request(&self, id: u64, head: &str, body: &[u8]) -> Request {
        let head = format!("{head} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
        Request {
            bytes: [head.as_bytes(), body].concat(),
            shared: Some(Arc::clone(&self.shared)),
            read_timeout: Some(HANG),
            ..support::get(id, &self.origin)
        }
    }

    fn send(&self, head: &str, body: &[u8]) -> Completion {
        self.client.send(self.request(7, head, body))
    }

    fn failure(&self, head: &str) -> Failure {
        self.send(head, b"").result.expect_err("a failure")
    }
}

fn testkit() -> gregaria_testkit::Server {
    gregaria_testkit::Server::start().expect("a test server")
}

fn json(completion: Completion) -> String {
    String::from_utf8(completion.result.expect("a response").into_body()).expect("text")
}

#[test]
fn requests_share_one_connection_and_wait_for_their_turn() {
    let server = testkit();
    let session = Session::new(over(HttpVersion::Two, server.two_addr.port(), false));
    // More than the server takes at a time, begun before there is a connection.
    let requests = (0..50).map(|id| Command::Send(Box::new(session.request(id, "GET /delay/5", b""))));
    session.client.submit(requests);
    let mut ids = Vec::new();
    for _ in 0..50 {
        let completion = session.client.completion();
        ids.push(completion.id);
        assert_eq!(completion.connection, None);
        assert_eq!(completion.timings.reused, completion.id != 0);
        let response = completion.result.expect("a response");
        assert_eq!((response.status(), response.version(), response.body()), (200, 20, &b"late\n"[..]));
        assert_eq!(response.header("Content-Type"), Some(&b"text/plain; charset=utf-8"[..]));
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..50).collect::<Vec<_>>());
    let after = session.send("GET /", b"");
    assert!(after.timings.reused && after.timings.opening.is_none());
    let counts = server.counts();
    assert_eq!((counts["requests"].as_u64(), counts["connections"].as_u64()), (Some(51), Some(1)), "{counts}");
}

#[test]
fn a_request_is_what_it_is_over_http_1() {
    let server = testkit();
    let session = Session::new(over(HttpVersion::Two, server.two_tls_addr.port(), true));
    let body = vec![b'x'; 3 << 20];
    let echoed = json(session.send("POST /echo/a?b=c", &body));
    assert!(echoed.contains("\"method\":\"POST\"") && echoed.contains("\"target\":\"/echo/a?b=c\""), "{:.300}", echoed);
    assert!(echoed.len() > 3 << 20, "the body went through");
    let large = session.send("GET /bytes/5000000", b"").result.unwrap();
    assert_eq!(large.body().len(), 5_000_000);
    let packed = session.send("GET /gzip/100000", b"").result.unwrap();
    assert_eq!(packed.body().len(), 100_000);
    let missing = session.send("GET /status/404", b"").result.unwrap();
    assert_eq!((missing.status(), missing.reason()), (404, &b"Not Found"[..]));
    let head = session.send("HEAD /bytes/100", b"").result.unwrap();
    assert_eq!((head.status(), head.body().len()), (200, 0));
    let limited = Request { body_limit: 1000, ..session.request(7, "GET /bytes/2000", b"") };
    let limited = session.client.send(limited).result.unwrap();
    assert_eq!((limited.is_kept(), limited.body_bytes()), (false, 2000));
    assert_eq!(server.counts()["connections"].as_u64(), Some(1));
}

#[test]
fn the_server_decides_where_either_version_will_do() {
    let server = testkit();
    let agreed = Session::new(over(HttpVersion::Auto, server.two_tls_addr.port(), true));
    assert_eq!(agreed.send("GET /", b"").result.unwrap().version(), 20);
    let session = Session::new(over(HttpVersion::Auto, server.tls_addr.port(), true));
    session.client.submit((0..3).map(|id| Command::Send(Box::new(session.request(id, "GET /", b"")))));
    let mut idle = None;
    for _ in 0..3 {
        let completion = session.client.completion();
        assert_eq!(completion.result.unwrap().version(), 11);
        idle = completion.connection;
        assert!(idle.is_some());
    }
    let again = session.client.send(Request { connection: idle, ..session.request(9, "GET /", b"") });
    assert!(again.timings.reused);
    let plain = over(HttpVersion::Auto, server.addr.port(), false);
    assert!(!plain.may_share());
    let insisting = Session::new(over(HttpVersion::Two, server.tls_addr.port(), true));
    assert_eq!(insisting.failure("GET /").to_string(), "HTTP/2: the server does not agree to it (ALPN)");
}

#[test]
fn bodies_come_and_go_piece_by_piece() {
    let server = testkit();
    let session = Session::new(over(HttpVersion::Two, server.two_addr.port(), false));
    let channel = Channel::new(true);
    let head = "POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let request =
        Request { bytes: head.into(), channel: Some(Arc::clone(&channel)), ..session.request(3, "POST /echo", b"") };
    session.client.submit([Command::Send(Box::new(request))]);
    for part in ["5\r\nhello\r\n", "6\r\n world\r\n", "0\r\n\r\n"] {
        channel.write(part.as_bytes(), part.starts_with('0'));
        session.client.submit([Command::Attend(Arc::clone(&channel))]);
    }
    let answer = read(&session.client, &channel);
    assert!(answer.contains("\"body\":\"hello world\""), "{answer}");

    let channel = Channel::new(false);
    let request = Request { channel: Some(Arc::clone(&channel)), ..session.request(4, "GET /bytes/3000000", b"") };
    session.client.submit([Command::Send(Box::new(request))]);
    assert_eq!(read(&session.client, &channel).len(), 3_000_000);
    assert_eq!(server.counts()["connections"].as_u64(), Some(1));
}

/// The whole body; the completion is expected before its end.
fn read(client: &Client, channel: &Arc<Channel>) -> String {
    let (mut body, mut completed) = (Vec::new(), false);
    loop {
        match channel.next() {
            Next::Piece(piece) => body.extend(piece.bytes),
            Next::End(end) => {
                end.outcome.expect("it ends well");
                while !completed {
                    completed = matches!(client.event(), Event::Completed(_));
                }
                return String::from_utf8(body).expect("text");
            }
            Next::Nothing => {
                if channel.wait_as(1, false) != gregaria_http::Wait::Needless {
                    client.submit([Command::Attend(Arc::clone(channel))]);
                    if let Event::Completed(completion) = client.event() {
                        completion.result.expect("a response");
                        completed = true;
                    }
                }
            }
        }
    }
}

#[test]
fn a_stream_that_is_given_up_takes_nobody_with_it() {
    given_time(|scale| {
        let server = testkit();
        let session = Session::new(over(HttpVersion::Two, server.two_addr.port(), false));
        session.send("GET /", b"");
        let slow = |id| Command::Send(Box::new(session.request(id, &format!("GET /delay/{}", 200 * scale), b"")));
        session.client.submit([slow(1), slow(2)]);
        assert!(server.wait_for_requests(3, HANG));
        session.client.submit([Command::Cancel(1)]);
        let later = format!("GET /delay/{}", 500 * scale);
        let read_timeout = Some(Duration::from_millis(30));
        let hasty = Request { read_timeout, ..session.request(3, &later, b"") };
        session.client.submit([Command::Send(Box::new(hasty))]);
        let late = session.client.completion();
        if late.id != 3 {
            // What was given up, or not to be hasty, had its answer already.
            return false;
        }
        assert_eq!(late.result.unwrap_err(), Failure::ReadTimeout { in_body: false });
        let other = session.client.completion();
        assert_eq!((other.id, other.result.unwrap().status()), (2, 200));
        assert!(session.send("GET /", b"").timings.reused);
        assert_eq!(server.counts()["connections"].as_u64(), Some(1));
        true
    });
}

#[test]
fn a_server_that_ends_a_request_or_the_connection_says_why() {
    let server = testkit();
    let session = Session::new(over(HttpVersion::Two, server.two_addr.port(), false));
    for (code, text) in [
        (7, "HTTP/2: the server refused the request (REFUSED_STREAM)"),
        (2, "HTTP/2: the server reset the request (INTERNAL_ERROR)"),
        (13, "HTTP/2: the server reset the request (HTTP_1_1_REQUIRED)"),
        (99, "HTTP/2: the server reset the request (error code 99)"),
    ] {
        assert_eq!(session.failure(&format!("GET /reset-stream/{code}")).to_string(), text);
    }
    assert_eq!(server.counts()["connections"].as_u64(), Some(1), "only streams were reset");
    let ended = session.failure("GET /abrupt-goaway").to_string();
    assert_eq!(ended, "HTTP/2: the server ended the connection (ENHANCE_YOUR_CALM)");
    assert_eq!(session.send("GET /goaway", b"").result.unwrap().status(), 200);
    let next = session.send("GET /", b"");
    assert!(next.result.is_ok() && !next.timings.reused, "after a polite goodbye there is a new connection");
}

const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A server that answers the preface with its settings and then sends this, whatever it is asked.
fn sending(frames: Vec<u8>) -> Server {
    Server::new(move |mut stream, _| {
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer);
        let _ = stream.write_all(&[SETTINGS, &frames].concat());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        while matches!(stream.read(&mut buffer), Ok(1..)) {}
    })
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `:status: 200`, from the static table.
const OK: &[u8] = &[0x88];

#[test]
fn a_server_that_breaks_the_rules_fails_its_requests_only() {
    let huge = [&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1][..], &[0; 100]].concat();
    let flood: Vec<u8> = (0..20_000).flat_map(|_| frame(4, 0, 0, &[])).collect();
    let pings: Vec<u8> = (0..20_000).flat_map(|_| frame(6, 0, 0, &[0; 8])).collect();
    let interim: Vec<u8> = (0..20_000).flat_map(|_| frame(1, 4, 1, &[0x08, 3, b'1', b'0', b'3'])).collect();
    let endless: Vec<u8> =
        [frame(1, 0, 1, OK), (0..5000).flat_map(|_| frame(9, 0, 1, &[0x88; 200])).collect()].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("HTTP/1.1", b"".to_vec(), "closed the connection"),
        ("a frame beyond the limit", huge, "FRAME_SIZE_ERROR"),
        ("data for nobody", frame(0, 0, 0, b"x"), "PROTOCOL_ERROR"),
        ("data before the head", frame(0, 0, 1, b"x"), "PROTOCOL_ERROR"),
        ("headers on no stream", frame(1, 4, 0, OK), "PROTOCOL_ERROR"),
        (
            "headers that do not decode",
            frame(1, 4, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            "the server broke the protocol",
        ),
        ("a head without a status", frame(1, 5, 1, &[]), "PROTOCOL_ERROR"),
        ("a push that was forbidden", frame(5, 4, 1, &[0, 0, 0, 2, 0x82]), "PROTOCOL_ERROR"),
        ("settings of an odd size", frame(4, 0, 0, &[1, 2, 3]), "the server broke the protocol"),
        ("a window that overflows", frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), "FLOW_CONTROL_ERROR"),
        ("a window update of nothing", frame(8, 0, 1, &[0; 4]), "PROTOCOL_ERROR"),
        ("more data than was allowed", [frame(1, 4, 1, OK), over_window()].concat(), "FLOW_CONTROL_ERROR"),
        ("a head that never ends", endless, "HTTP/2: "),
        ("settings without end", flood, ""),
        ("pings without end", pings, ""),
        ("interim answers without end", interim, ""),
        ("the end after the head", frame(1, 4, 1, OK), "incomplete body: 0 bytes read"),
        (
            "the end within the body",
            [frame(1, 4, 1, OK), frame(0, 0, 1, b"abc")].concat(),
            "incomplete body: 3 bytes read",
        ),
        ("a goodbye for a reason", frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11]), "ENHANCE_YOUR_CALM"),
        ("no HTTP at all", b"SSH-2.0-OpenSSH_9.2\r\n".repeat(10), "HTTP/2: "),
    ];
    let bystander = testkit();
    let fine = over(HttpVersion::Two, bystander.two_addr.port(), false);
    let client = Client::new();
    let shared = Arc::<SharedConnection>::default();
    for (what, frames, text) in cases {
        let server = sending(frames);
        let session = Session::new(over(HttpVersion::Two, server.address.port(), false));
        let failure = session.failure("GET /").to_string();
        assert!(failure.contains(text), "{what}: {failure}");
        let request = Request { shared: Some(Arc::clone(&shared)), ..support::get(1, &fine) };
        assert_eq!(client.send(request).result.expect("the others go on").status(), 200, "{what}");
    }
    assert_eq!(bystander.counts()["connections"].as_u64(), Some(1));
    let server = Server::answering("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let session = Session::new(over(HttpVersion::Two, server.address.port(), false));
    assert_eq!(session.failure("GET /").to_string(), "HTTP/2: the server answers in HTTP/1.1");
}

fn over_window() -> Vec<u8> {
    (0..70).flat_map(|_| frame(0, 0, 1, &[0; 16_384])).collect()
}

#[test]
fn a_request_that_nobody_looked_at_is_taken_elsewhere_but_not_for_ever() {
    let goodbye = frame(7, 0, 0, &[0; 8]);
    let server = sending(goodbye);
    let session = Session::new(over(HttpVersion::Two, server.address.port(), false));
    let hasty = Request { read_timeout: Some(HANG), ..session.request(3, "GET /", b"") };
    let failure = session.client.send(hasty).result.unwrap_err().to_string();
    assert_eq!((failure.as_str(), server.accepted()), ("HTTP/2: the server ended the connection (NO_ERROR)", 4));
}

#[test]
fn a_connection_that_does_not_come_about_fails_all_who_wait() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let session = Session::new(over(HttpVersion::Two, port, false));
    session.client.submit((0..3).map(|id| Command::Send(Box::new(session.request(id, "GET /", b"")))));
    for _ in 0..3 {
        assert!(matches!(session.client.completion().result, Err(Failure::Connect { .. })));
    }
}

#[test]
fn reset_at_every_byte_position() {
    let body = [frame(1, 4, 1, &[0x88, 0x0f, 0x0d, 1, b'5']), frame(0, 1, 1, b"hello")].concat();
    let whole = [SETTINGS, &body].concat();
    let answer = whole.clone();
    let server = Server::new(move |mut stream, number| {
        // Unread bytes make the system reset the connection.
        let unread = if number < answer.len() { 1 } else { 4096 };
        let _ = stream.read(&mut vec![0; unread]);
        let _ = stream.write_all(&answer[..number.min(answer.len())]);
    });
    for position in 0..=whole.len() {
        let session = Session::new(over(HttpVersion::Two, server.address.port(), false));
        let result = session.send("GET /", b"").result;
        match result {
            Ok(response) => assert_eq!((position, response.body()), (whole.len(), &b"hello"[..])),
            Err(failure) => assert!(position < whole.len(), "{position}: {failure}"),
        }
    }
}
