//! Exchanges that end with a response: reuse of connections, framing over a real socket, large bodies, many at once.

mod support;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gregaria_http::{Command, Event, Request, Settings};
use support::{Client, HANG, Server, get, ok, origin, post, read_head, read_request};

#[test]
fn a_connection_is_kept_and_used_again() {
    let (server, client) = (Server::answering(ok("hello")), Client::new());
    let first = client.get(&server.origin(), None);
    let timings = first.timings;
    assert!(!timings.reused);
    assert!(timings.started <= timings.connected().unwrap());
    assert!(timings.connected().unwrap() <= timings.first_byte.unwrap());
    assert!(timings.first_byte.unwrap() <= timings.finished);
    assert_eq!(first.result.unwrap().body(), b"hello");
    let second = client.get(&server.origin(), first.connection);
    assert!(second.timings.reused && second.timings.connected().is_none());
    assert_eq!(second.connection, first.connection);
    assert_eq!(server.accepted(), 1);
}

#[test]
fn without_an_idle_connection_a_new_one_is_opened() {
    let (server, client) = (Server::answering(ok("hello")), Client::new());
    let first = client.get(&server.origin(), None).connection;
    let other = client.get(&server.origin(), None).connection;
    assert_ne!(first, other);
    let elsewhere = Server::answering(ok("elsewhere"));
    let third = client.get(&elsewhere.origin(), first);
    assert!(!third.timings.reused, "a connection to another origin is not used");
    assert_eq!(third.result.unwrap().body(), b"elsewhere");
    assert_eq!(server.accepted(), 2);
}

#[test]
fn connections_that_end_with_their_response_are_not_offered_again() {
    let client = Client::new();
    let answers: [&[u8]; 5] = [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi, and bytes too many",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ];
    for answer in answers {
        let server = Server::answering_once(answer);
        let completion = client.get(&server.origin(), None);
        assert_eq!(completion.result.unwrap().body(), b"hi");
        assert_eq!(completion.connection, None, "{}", String::from_utf8_lossy(answer));
    }
    let kept = Server::answering("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi");
    assert!(client.get(&kept.origin(), None).connection.is_some());
}

#[test]
fn an_idle_connection_closed_by_the_server_is_replaced_silently() {
    let (closed_sender, closed) = mpsc::channel();
    let server = Server::new(move |mut stream, _| {
        read_request(&mut stream);
        stream.write_all(&ok("once")).unwrap();
        drop(stream);
        closed_sender.send(()).unwrap();
    });
    let client = Client::new();
    let first = client.get(&server.origin(), None);
    closed.recv_timeout(HANG).unwrap();
    let second = client.get(&server.origin(), first.connection);
    assert_eq!(second.result.unwrap().body(), b"once");
    assert!(!second.timings.reused);
    assert_eq!(server.accepted(), 2);
}

#[test]
fn an_idle_connection_that_says_something_unasked_is_given_up() {
    let (sent_sender, sent) = mpsc::channel();
    let server = Server::new(move |mut stream, number| {
        read_request(&mut stream);
        stream.write_all(&ok(&number.to_string())).unwrap();
        if number == 0 {
            // Not before the client has the response: what comes with it is another case.
            sent_sender.send(stream).unwrap();
        }
    });
    let client = Client::new();
    let first = client.get(&server.origin(), None);
    let mut stream = sent.recv_timeout(HANG).unwrap();
    stream.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").unwrap();
    let second = client.get(&server.origin(), first.connection);
    assert_eq!(second.result.unwrap().body(), b"1");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the client has closed");
}

#[test]
fn bodies_in_every_framing_arrive_whole() {
    let client = Client::new();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nT: t\r\n\r\n";
    let server = Server::new(move |mut stream, _| {
        read_request(&mut stream);
        stream.set_nodelay(true).unwrap();
        for piece in chunked.as_bytes().chunks(3) {
            stream.write_all(piece).unwrap();
        }
        // Kept open: the client must know the end by itself.
        let _ = stream.read(&mut [0]);
    });
    let completion = client.get(&server.origin(), None);
    assert_eq!(completion.result.unwrap().body(), b"abcdefg");
    assert!(completion.connection.is_some());

    let interim = [&b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"[..], &ok("final")].concat();
    assert_eq!(client.response(&Server::answering(interim).origin()).body(), b"final");

    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    let completion = client.send(Request { is_head: true, ..get(5, &server.origin()) });
    assert_eq!(completion.result.unwrap().body(), b"");
    assert!(completion.connection.is_some());
}

#[test]
fn compressed_bodies_are_decoded_and_the_connection_kept() {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(b"hello hello hello hello").unwrap();
    let body = writer.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    let server = Server::answering([head.as_bytes(), &body].concat());
    let client = Client::new();
    let completion = client.get(&server.origin(), None);
    let response = completion.result.unwrap();
    assert_eq!(String::from_utf8_lossy(response.body()), "hello hello hello hello");
    assert_eq!(response.wire_body_bytes(), body.len() as u64);
    assert_eq!(response.header("content-encoding"), Some(&b"gzip"[..]));
    assert!(completion.connection.is_some());
}

#[test]
fn large_bodies_go_both_ways() {
    let server = Server::new(|mut stream, _| {
        while let Some(request) = read_request(&mut stream) {
            let body = &request[request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4..];
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body).unwrap();
        }
    });
    let client = Client::new();
    let body: Vec<u8> = (0..24u32 << 20).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let first = client.send(post(1, &server.origin(), &body));
    assert!(first.result.unwrap().body() == body, "24 MiB come back as they went");
    let second = client.send(Request { connection: first.connection, ..post(2, &server.origin(), &body[..1000]) });
    assert!(second.timings.reused);
    assert_eq!(second.result.unwrap().body(), &body[..1000]);
}

#[test]
fn an_answer_before_the_body_is_sent_is_still_an_answer() {
    let server = Server::new(|mut stream, _| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!").unwrap();
        // Dropped with most of the request unread: the client's system is sent a reset.
    });
    let client = Client::new();
    let completion = client.send(post(1, &server.origin(), &vec![b'x'; 32 << 20]));
    let response = completion.result.unwrap();
    assert_eq!((response.status(), response.body()), (413, &b"no!"[..]));
    assert_eq!(completion.connection, None);
}

#[test]
fn names_are_resolved_and_every_address_tried() {
    // localhost may be ::1 first; the server listens on 127.0.0.1 only.
    let (server, client) = (Server::answering(ok("named")), Client::new());
    let origin = origin("localhost", server.address.port(), None);
    client.submit((0..20).map(|id| Command::Send(Box::new(get(id, &origin)))));
    for _ in 0..20 {
        assert_eq!(client.completion().result.unwrap().body(), b"named");
    }
}

#[test]
fn a_thousand_connections_at_once() {
    let server = Server::answering(ok("hello"));
    let (client, origin) = (Client::new(), server.origin());
    let mut connections = vec![None; 1000];
    for round in 0..3 {
        let requests = connections.iter().enumerate().map(|(index, connection)| Request {
            connection: *connection,
            read_timeout: Some(HANG),
            ..get(index as u64, &origin)
        });
        client.submit(requests.map(|request| Command::Send(Box::new(request))).collect::<Vec<_>>());
        for _ in 0..1000 {
            let completion = client.completion();
            assert_eq!(completion.timings.reused, round > 0);
            assert_eq!(completion.result.unwrap().body(), b"hello");
            connections[completion.id as usize] = completion.connection;
        }
    }
    assert_eq!(server.accepted(), 1000);
    let distinct: HashSet<_> = connections.iter().flatten().collect();
    assert_eq!(distinct.len(), 1000);
}

#[test]
fn a_cancelled_request_leaves_no_event_and_no_connection() {
    let (seen_sender, seen) = mpsc::channel();
    let server = Server::new(move |mut stream, number| {
        read_request(&mut stream);
        if number == 0 {
            seen_sender.send("request").unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
            seen_sender.send("closed").unwrap();
        }
        let _ = stream.write_all(&ok("second"));
    });
    let (client, origin) = (Client::new(), server.origin());
    client.submit([Command::Send(Box::new(get(7, &origin)))]);
    assert_eq!(seen.recv_timeout(HANG).unwrap(), "request");
    client.submit([Command::Cancel(7), Command::Cancel(99)]);
    assert_eq!(seen.recv_timeout(HANG).unwrap(), "closed");
    assert_eq!(client.send(get(8, &origin)).result.unwrap().body(), b"second");
}

#[test]
fn closing_ends_idle_connections_at_once_and_busy_ones_after_their_response() {
    let (gone_sender, gone) = mpsc::channel();
    let (go_sender, go) = mpsc::channel::<()>();
    let go = std::sync::Mutex::new(go);
    let server = Server::new(move |mut stream, _| {
        while let Some(request) = read_request(&mut stream) {
            if request.starts_with(b"POST") {
                gone_sender.send("asked").unwrap();
                go.lock().unwrap().recv().unwrap();
            }
            stream.write_all(&ok("x")).unwrap();
        }
        gone_sender.send("gone").unwrap();
    });
    let (client, origin) = (Client::new(), server.origin());
    let connection = client.get(&origin, None).connection.unwrap();
    client.submit([Command::Close(connection)]);
    assert_eq!(gone.recv_timeout(HANG).unwrap(), "gone");
    assert!(!client.get(&origin, Some(connection)).timings.reused, "the id is stale");

    let connection = client.get(&origin, None).connection;
    client.submit([Command::Send(Box::new(Request { connection, ..post(3, &origin, b"wait") }))]);
    assert_eq!(gone.recv_timeout(HANG).unwrap(), "asked");
    let close = Command::Close(connection.unwrap());
    client.submit([close, Command::Timer { key: 1, deadline: Instant::now() }]);
    assert!(matches!(client.event(), Event::Timer(1)), "the command has been taken in");
    go_sender.send(()).unwrap();
    let completion = client.completion();
    assert!(completion.result.is_ok() && completion.timings.reused);
    assert_eq!(completion.connection, None);
}

#[test]
fn timers_come_in_order_and_never_early() {
    let client = Client::new();
    let start = Instant::now();
    let deadlines = [30, 10, 20, 0].map(|milliseconds| start + Duration::from_millis(milliseconds));
    client.submit((0..4).map(|key| Command::Timer { key, deadline: deadlines[key as usize] }));
    for expected in [3, 1, 2, 0] {
        let Event::Timer(key) = client.event() else { panic!("no timer") };
        assert_eq!(key, expected);
        assert!(Instant::now() >= deadlines[key as usize]);
    }
}

#[test]
fn dropping_the_reactor_ends_its_connections() {
    let (seen_sender, seen) = mpsc::channel();
    let server = Server::new(move |mut stream, _| {
        read_request(&mut stream);
        seen_sender.send(()).unwrap();
        let _ = stream.read(&mut [0]);
        seen_sender.send(()).unwrap();
    });
    let client = Client::new();
    client.submit([Command::Send(Box::new(get(1, &server.origin())))]);
    seen.recv_timeout(HANG).unwrap();
    drop(client);
    seen.recv_timeout(HANG).unwrap();
}

/// Sixteen reads are one turn: the connection is good although the last of them was full.
#[test]
fn a_body_that_ends_with_the_last_read_of_a_turn_keeps_its_connection() {
    const WHOLE: usize = 16 * 4096;
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let body = WHOLE - head(65_000).len();
    let server = Server::answering([head(body).into_bytes(), vec![b'x'; body]].concat());
    let client = Client::with(Settings { read_buffer_bytes: 4096, ..Settings::default() });
    let mut connection = None;
    for _ in 0..30 {
        let completion = client.get(&server.origin(), connection);
        assert_eq!(completion.result.unwrap().body().len(), body);
        connection = completion.connection;
        assert!(connection.is_some());
    }
    assert_eq!(server.accepted(), 1);
}
