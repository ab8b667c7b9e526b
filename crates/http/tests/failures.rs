//! Exchanges that fail, each in its own way.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command as Process;
use std::sync::mpsc;
use std::time::Duration;

use gregaria_http::{Command, Event, Failure, Phase, Request};
use support::{Client, Server, get, given_time, ok, origin, read_request};

const SHORT: Duration = Duration::from_millis(30);

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let client = Client::new();
    let refused = Failure::Connect { errno: libc::ECONNREFUSED };
    for host in ["127.0.0.1", "localhost"] {
        assert_eq!(client.failure(&origin(host, port, None)), refused);
    }
}

#[test]
fn the_host_does_not_resolve() {
    let failure = Client::new().failure(&origin("no-such-host.invalid", 80, None));
    let Failure::Resolve { code, text } = failure else { panic!("{failure:?}") };
    assert!(code < 0 && !text.is_empty(), "{code} {text}");
}

#[test]
fn the_server_closes_without_a_word() {
    let client = Client::new();
    assert_eq!(client.failure(&Server::answering_once("").origin()), Failure::ClosedWithoutResponse);
    let server = Server::new(|mut stream, _| {
        for answer in [ok("first"), Vec::new()] {
            read_request(&mut stream);
            let _ = stream.write_all(&answer);
        }
    });
    let first = client.get(&server.origin(), None);
    let second = client.get(&server.origin(), first.connection);
    assert!(second.timings.reused);
    assert_eq!(second.result.unwrap_err(), Failure::ClosedWithoutResponse);
}

/// Dropping a socket with unread bytes in it makes the system send a reset.
#[test]
fn the_server_resets() {
    let client = Client::new();
    for (answer, phase) in [("", Phase::Head), ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Phase::Body)] {
        let server = Server::new(move |mut stream, _| {
            stream.peek(&mut [0]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        assert_eq!(client.failure(&server.origin()), Failure::Io { errno: libc::ECONNRESET, phase });
    }
}

#[test]
fn the_server_speaks_no_http() {
    let failure = |answer: &str| Client::new().failure(&Server::answering_once(answer).origin());
    let bad = |line: &str| Failure::BadStatusLine { line: line.into() };
    assert_eq!(failure("SSH-2.0-OpenSSH_9.2\r\n"), bad("SSH-2.0-OpenSSH_9.2\r\n"));
    assert_eq!(failure("no line end"), bad("no line end"));
    assert_eq!(failure("HTTP/2.0 200 OK\r\n\r\n"), Failure::UnknownProtocol { version: "HTTP/2.0".into() });
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(200));
    assert_eq!(failure(&many), Failure::TooManyHeaders { limit: 100 });
}

#[test]
fn garbage_is_noticed_while_the_connection_is_open() {
    let server = Server::new(|mut stream, _| {
        read_request(&mut stream);
        stream.write_all(b"garbage\r\n").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let failure = Client::new().failure(&server.origin());
    assert_eq!(failure, Failure::BadStatusLine { line: "garbage\r\n".into() });
}

#[test]
fn the_body_is_not_what_the_head_says() {
    let failure = |answer: &str| Client::new().failure(&Server::answering_once(answer).origin());
    let incomplete =
        |received, missing, in_chunk| Failure::IncompleteBody { received, expected: Some(missing), in_chunk };
    assert_eq!(failure("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), incomplete(3, 7, false));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(failure(&format!("{chunked}a\r\nabc")), incomplete(3, 7, true));
    assert_eq!(failure(&format!("{chunked}3\r\nabc\r\n")), Failure::EndedBetweenChunks);
    let bad = Failure::BadChunk { line: b"zz\r\n".to_vec(), received: 3 };
    assert_eq!(failure(&format!("{chunked}3\r\nabc\r\nzz\r\n")), bad);
    let conflict = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde";
    assert_eq!(failure(conflict), Failure::ConflictingLengths { value: "3, 5".into() });
    let encoded = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain";
    assert!(matches!(failure(encoded), Failure::Decode { coding, .. } if coding == "gzip"));
}

#[test]
fn a_body_beyond_the_limit_is_drained_and_its_connection_kept() {
    let server = Server::answering(ok("0123456789"));
    let client = Client::new();
    let first = client.send(Request { body_limit: 9, ..get(1, &server.origin()) });
    let response = first.result.unwrap();
    assert_eq!(
        (response.status(), response.is_kept(), response.body_bytes(), response.body()),
        (200, false, 10, &b""[..])
    );
    let second = client.send(Request { connection: first.connection, body_limit: 10, ..get(2, &server.origin()) });
    assert!(second.timings.reused);
    assert_eq!(second.result.unwrap().body(), b"0123456789");
}

#[test]
fn the_server_is_too_slow() {
    let client = Client::new();
    for (answer, in_body) in [("", false), ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true)] {
        let server = Server::new(move |mut stream, _| {
            read_request(&mut stream);
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.read(&mut [0]);
        });
        given_time(|scale| {
            let read_timeout = Some(SHORT * scale);
            let completion = client.send(Request { read_timeout, ..get(1, &server.origin()) });
            let taken = completion.timings.finished - completion.timings.started;
            assert!(taken >= SHORT * scale, "{taken:?}");
            completion.result.unwrap_err() == Failure::ReadTimeout { in_body }
        });
    }
}

#[test]
fn the_read_timeout_counts_between_reads() {
    given_time(|scale| {
        let (next_sender, next) = mpsc::channel::<()>();
        let next = std::sync::Mutex::new(next);
        let server = Server::new(move |mut stream, _| {
            read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").unwrap();
            while next.lock().unwrap().recv().is_ok() {
                let _ = stream.write_all(b"x");
            }
        });
        let client = Client::new();
        let read_timeout = Some(Duration::from_millis(200) * scale);
        client.submit([Command::Send(Box::new(Request { read_timeout, ..get(1, &server.origin()) }))]);
        // Four waits of 75 ms, together more than the timeout; the timers of the reactor are the clock.
        for key in 0..4 {
            let deadline = std::time::Instant::now() + Duration::from_millis(75) * scale;
            client.submit([Command::Timer { key, deadline }]);
            match client.event() {
                Event::Timer(_) => next_sender.send(()).unwrap(),
                Event::Completed(completion) => {
                    assert_eq!(completion.result.unwrap_err(), Failure::ReadTimeout { in_body: true });
                    return false;
                }
                other => panic!("{other:?}"),
            }
        }
        client.completion().result.is_ok_and(|answer| answer.body() == b"xxxx")
    });
}

#[test]
fn a_timeout_that_did_not_strike_does_not_strike_later() {
    let (server, client) = (Server::answering(ok("quick")), Client::new());
    given_time(|scale| {
        let first = client.send(Request { read_timeout: Some(SHORT * scale), ..get(1, &server.origin()) });
        if first.result.is_err() {
            return false;
        }
        let deadline = std::time::Instant::now() + 2 * SHORT * scale;
        client.submit([Command::Timer { key: 9, deadline }]);
        assert!(matches!(client.event(), Event::Timer(9)));
        let second = client.get(&server.origin(), first.connection);
        assert!(second.timings.reused && second.result.is_ok());
        true
    });
}

/// Runs itself in a process with few files, where sockets run out.
#[test]
fn files_run_out() {
    const INSIDE: &str = "GREGARIA_TEST_FEW_FILES";
    if std::env::var_os(INSIDE).is_none() {
        let itself = std::env::current_exe().unwrap();
        let script = "ulimit -n 40 && exec \"$0\" --exact files_run_out --test-threads 1";
        let status = Process::new("sh").args(["-c", script]).arg(itself).env(INSIDE, "1").status().unwrap();
        assert!(status.success());
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = origin("127.0.0.1", listener.local_addr().unwrap().port(), None);
    let client = Client::new();
    client.submit((0..60).map(|id| Command::Send(Box::new(get(id, &origin)))));
    let failure = client.completion().result.unwrap_err();
    assert_eq!(failure, Failure::Connect { errno: libc::EMFILE });
}
