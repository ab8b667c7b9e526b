//! Exchanges with a channel: bodies that come piece by piece, and go piece by piece, within bounds.

mod support;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use gregaria_http::{Channel, Command, Event, Failure, Next, Origin, PieceKind, Request, Response, Wait};
use support::{Client, HANG, Server, get, given_time, read_head, read_request};

/// A reader that waits as the hub does: by number, for `Event::Stirred`.
struct Reader<'a> {
    client: &'a Client,
    channel: Arc<Channel>,
}

impl<'a> Reader<'a> {
    fn open(client: &'a Client, request: Request) -> (Self, Result<Response, Failure>) {
        let channel = Channel::new(false);
        let completion = client.send(Request { channel: Some(Arc::clone(&channel)), ..request });
        assert_eq!(completion.connection, None, "the connection comes with the end");
        (Reader { client, channel }, completion.result)
    }

    fn get(client: &'a Client, origin: &Arc<Origin>) -> (Self, Response) {
        let (reader, result) = Self::open(client, get(1, origin));
        (reader, result.expect("a head"))
    }

    fn next(&self, timed: bool) -> Next {
        loop {
            match self.channel.next() {
                Next::Nothing => {}
                found => return found,
            }
            if let Wait::Waiting { attend } = self.channel.wait_as(77, timed) {
                if attend {
                    self.client.submit([Command::Attend(Arc::clone(&self.channel))]);
                }
                assert!(matches!(self.client.event(), Event::Stirred(77)));
            }
        }
    }

    fn piece(&self) -> Vec<u8> {
        match self.next(false) {
            Next::Piece(piece) => piece.bytes,
            other => panic!("{other:?}"),
        }
    }

    /// Everything that is left, and how it ended.
    fn rest(&self) -> (Vec<u8>, Result<bool, Failure>) {
        let mut body = Vec::new();
        loop {
            match self.next(false) {
                Next::Piece(piece) => body.extend(piece.bytes),
                Next::End(end) => return (body, end.outcome.map(|connection| connection.is_some())),
                Next::Nothing => unreachable!(),
            }
        }
    }
}

#[test]
fn the_head_comes_before_the_body_and_pieces_as_they_are_sent() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let server = Server::new(move |mut stream, _| {
        let gone = gone.lock().unwrap();
        while read_request(&mut stream).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n").unwrap();
            for piece in [b"one", b"two"] {
                if gone.recv().is_err() || stream.write_all(piece).is_err() {
                    return;
                }
            }
        }
    });
    let client = Client::new();
    let (reader, head) = Reader::get(&client, &server.origin());
    assert_eq!((head.status(), head.body()), (200, &b""[..]));
    assert!(matches!(reader.channel.next(), Next::Nothing));
    go.send(()).unwrap();
    assert_eq!(reader.piece(), b"one");
    go.send(()).unwrap();
    assert_eq!(reader.rest(), (b"two".to_vec(), Ok(true)));
    assert_eq!(reader.rest(), (Vec::new(), Ok(false)), "the connection is given once");
}

#[test]
fn chunks_keep_their_ends() {
    let server = Server::answering(
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"[..],
    );
    let client = Client::new();
    let (reader, _) = Reader::get(&client, &server.origin());
    let mut chunks = vec![Vec::new()];
    loop {
        match reader.next(false) {
            Next::Piece(piece) => {
                chunks.last_mut().unwrap().extend(piece.bytes);
                if piece.kind == PieceKind::ChunkEnd {
                    chunks.push(Vec::new());
                }
            }
            Next::End(end) => {
                assert!(end.outcome.unwrap().is_some());
                break;
            }
            Next::Nothing => unreachable!(),
        }
    }
    assert_eq!(chunks, [b"one".to_vec(), b"three".to_vec(), Vec::new()]);
}

#[test]
fn what_goes_wrong_in_the_body_comes_after_what_was_right() {
    type Case = (&'static [u8], &'static [u8], Failure);
    let cases: [Case; 3] = [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
            b"short",
            Failure::IncompleteBody { received: 5, expected: Some(5), in_chunk: false },
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n",
            b"hi",
            Failure::BadChunk { line: b"zz\r\n".to_vec(), received: 2 },
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", b"hi", Failure::EndedBetweenChunks),
    ];
    for (answer, body, failure) in cases {
        let (server, client) = (Server::answering_once(answer), Client::new());
        let (reader, _) = Reader::get(&client, &server.origin());
        assert_eq!(reader.rest(), (body.to_vec(), Err(failure)));
    }
    let (server, client) = (Server::answering_once(&b"HTTP/1.1 200 OK\r\n\r\nuntil the end"[..]), Client::new());
    assert_eq!(Reader::get(&client, &server.origin()).0.rest(), (b"until the end".to_vec(), Ok(false)));
    let (server, client) = (Server::answering_once(&b"rubbish\r\n\r\n"[..]), Client::new());
    let (reader, result) = Reader::open(&client, get(1, &server.origin()));
    assert!(matches!(result, Err(Failure::BadStatusLine { .. })));
    assert!(matches!(reader.rest(), (_, Err(Failure::BadStatusLine { .. }))));
}

#[test]
fn a_slow_reader_holds_the_server_back() {
    const ALL: usize = 64 << 20;
    let (sent, progress) = mpsc::channel();
    let server = Server::new(move |mut stream, _| {
        read_request(&mut stream);
        stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n").as_bytes()).unwrap();
        let (block, mut total, mut stuck) = (vec![7; 64 << 10], 0, false);
        while total < ALL {
            match stream.write(&block[..block.len().min(ALL - total)]) {
                Ok(length) => total += length,
                Err(_) if !stuck => {
                    stuck = true;
                    sent.send(total).unwrap();
                }
                Err(_) => {}
            }
        }
        let _ = stream.read(&mut [0]);
    });
    let client = Client::new();
    let (reader, _) = Reader::get(&client, &server.origin());
    let at_most = progress.recv_timeout(HANG).expect("the server cannot go on");
    assert!(at_most < ALL / 2, "{at_most} bytes were taken though nobody reads");
    let (body, outcome) = reader.rest();
    assert_eq!((body.len(), outcome), (ALL, Ok(true)));
}

#[test]
fn the_read_timeout_runs_only_while_somebody_waits() {
    given_time(|scale| {
        let (go, gone) = mpsc::channel::<()>();
        let gone = std::sync::Mutex::new(gone);
        let server = Server::new(move |mut stream, _| {
            read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").unwrap();
            let _ = gone.lock().unwrap().recv();
            let _ = stream.write_all(b"now");
            let _ = stream.read(&mut [0]);
        });
        let client = Client::new();
        let read_timeout = Some(Duration::from_millis(60) * scale);
        let (reader, result) = Reader::open(&client, Request { read_timeout, ..get(1, &server.origin()) });
        if result.is_err() {
            return false;
        }
        // Longer than the timeout, by the reactor's own clock.
        let later = std::time::Instant::now() + Duration::from_millis(150) * scale;
        client.submit([Command::Timer { key: 3, deadline: later }]);
        assert!(matches!(client.event(), Event::Timer(3)));
        go.send(()).unwrap();
        let came = matches!(reader.next(true), Next::Piece(_));
        if came {
            let Next::End(end) = reader.next(true) else { panic!("no end") };
            assert_eq!(end.outcome, Err(Failure::ReadTimeout { in_body: true }));
        }
        came
    });
}

#[test]
fn an_abandoned_response_closes_its_connection() {
    let (closed, told) = mpsc::channel();
    let server = Server::new(move |mut stream, _| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun").unwrap();
        while matches!(stream.read(&mut [0]), Ok(1)) {}
        closed.send(()).unwrap();
    });
    let client = Client::new();
    let (reader, _) = Reader::get(&client, &server.origin());
    assert_eq!(reader.channel.abandon(), None);
    client.submit([Command::Attend(Arc::clone(&reader.channel))]);
    told.recv_timeout(HANG).expect("the server sees the connection closed");
}

#[test]
fn a_body_is_written_piece_by_piece() {
    let server = Server::new(|mut stream, _| {
        read_head(&mut stream);
        let mut body = Vec::new();
        let mut byte = [0];
        while !body.ends_with(b"0\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            body.push(byte[0]);
        }
        let length = body.len();
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
        let _ = stream.read(&mut [0]);
    });
    let (client, channel) = (Client::new(), Channel::new(true));
    let bytes = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let request = Request { bytes, channel: Some(Arc::clone(&channel)), ..get(1, &server.origin()) };
    client.submit([Command::Send(Box::new(request))]);
    for piece in [&b"3\r\none\r\n"[..], b"0\r\n\r\n"] {
        channel.write(piece, piece.len() == 5);
        client.submit([Command::Attend(Arc::clone(&channel))]);
    }
    let completion = client.completion();
    assert_eq!(completion.result.unwrap().status(), 200);
    let reader = Reader { client: &client, channel };
    assert_eq!(reader.rest(), (b"3\r\none\r\n0\r\n\r\n".to_vec(), Ok(true)));
}

#[test]
fn an_answer_before_the_upload_is_over_ends_both() {
    let server = Server::new(|mut stream, _| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let (client, channel) = (Client::new(), Channel::new(true));
    let bytes = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let request = Request { bytes, channel: Some(Arc::clone(&channel)), ..get(1, &server.origin()) };
    assert_eq!(client.send(request).result.unwrap().status(), 413);
    let reader = Reader { client: &client, channel };
    assert_eq!(reader.rest(), (Vec::new(), Ok(false)), "not to be used again: the body is half sent");
    assert!(reader.channel.has_ended());
}

#[test]
fn a_writer_that_is_too_fast_waits_and_a_failure_frees_it() {
    let server = Server::new(|mut stream, _| {
        read_head(&mut stream);
        let mut some = vec![0; 1 << 20];
        let _ = stream.read_exact(&mut some);
        // Closing with unread bytes resets the connection.
    });
    let (client, channel) = (Client::new(), Channel::new(true));
    let bytes = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n".to_vec();
    let request = Request { bytes, channel: Some(Arc::clone(&channel)), ..get(1, &server.origin()) };
    client.submit([Command::Send(Box::new(request))]);
    let block = vec![0; 64 << 10];
    let mut failed = None;
    while !channel.has_ended() {
        channel.write(&block, false);
        client.submit([Command::Attend(Arc::clone(&channel))]);
        while let Wait::Waiting { .. } = channel.wait_for_room_as(5) {
            match client.event() {
                Event::Stirred(5) => {}
                Event::Completed(completion) => failed = completion.result.err(),
                other => panic!("{other:?}"),
            }
        }
    }
    let failure = failed.unwrap_or_else(|| client.completion().result.expect_err("a failure"));
    assert!(matches!(failure, Failure::Io { .. } | Failure::ClosedWithoutResponse), "{failure:?}");
}
