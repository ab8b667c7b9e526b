//! The look at what is under way: which step it is at, the oldest first, and nothing that is over.

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

use gregaria_http::{
    Channel, Command, Event, HttpVersion, Network, Origin, Request, SharedConnection, Step, TlsSettings, UnderWay,
    Verify,
};
use support::{Client, HANG, Server, get, read_request};

fn survey(client: &Client, most: usize) -> Vec<UnderWay> {
    client.submit([Command::Survey(most)]);
    surveyed(client)
}

fn surveyed(client: &Client) -> Vec<UnderWay> {
    match client.event() {
        Event::Surveyed(under_way) => under_way,
        other => panic!("{other:?} instead of what is under way"),
    }
}

/// The only exchange, as soon as it is at `step`.
fn at(client: &Client, step: Step) -> UnderWay {
    let begun = Instant::now();
    loop {
        let mut found = survey(client, 10);
        assert!(found.len() == 1 && begun.elapsed() < HANG, "{found:?} and not {step:?}");
        if found[0].step == step {
            return found.remove(0);
        }
    }
}

/// Reads a request, and goes on with its answer at each word through the returned sender.
fn slow(pieces: &'static [&'static str]) -> (Server, mpsc::Sender<()>) {
    let (go_on, words) = mpsc::channel();
    let words = Mutex::new(words);
    let server = Server::new(move |mut stream, _| {
        read_request(&mut stream);
        // A test that has ended says no word more, and then the connection may end too.
        for piece in pieces {
            let _ = words.lock().expect("no test panics with it").recv_timeout(HANG);
            stream.write_all(piece.as_bytes()).expect("the client reads");
        }
        let _ = words.lock().expect("no test panics with it").recv_timeout(HANG);
    });
    (server, go_on)
}

#[test]
fn an_exchange_is_told_with_its_step_until_it_is_over() {
    let (server, go_on) = slow(&["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha", "lf"]);
    let (client, before) = (Client::new(), Instant::now());
    assert!(survey(&client, 10).is_empty());
    client.submit([Command::Send(Box::new(get(7, &server.origin())))]);
    let waiting = at(&client, Step::Wait);
    assert_eq!((waiting.id, waiting.request_line.as_slice()), (7, &b"GET / HTTP/1.1"[..]));
    assert!(waiting.since >= before && waiting.since <= Instant::now());
    assert_eq!(waiting.origin.port, server.address.port());
    go_on.send(()).unwrap();
    assert_eq!(at(&client, Step::Receive).since, waiting.since);
    go_on.send(()).unwrap();
    assert_eq!(client.completion().id, 7);
    assert!(survey(&client, 10).is_empty(), "the connection is idle, and no exchange is on it");
}

#[test]
fn the_oldest_come_first_and_only_so_many() {
    let (server, _go_on) = slow(&[]);
    let client = Client::new();
    for id in [3, 1, 2] {
        client.submit([Command::Send(Box::new(get(id, &server.origin())))]);
    }
    let ids = |most| survey(&client, most).iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!((ids(10), ids(2), ids(0)), (vec![3, 1, 2], vec![3, 1], vec![]));
    client.submit([Command::Cancel(1)]);
    assert_eq!(ids(10), [3, 2]);
}

#[test]
fn what_the_reactor_has_not_taken_up_is_blocked() {
    let (server, _go_on) = slow(&[]);
    let (client, asked) = (Client::new(), Instant::now());
    let request = Request { queued: Some(asked), ..get(4, &server.origin()) };
    client.submit([Command::Survey(10), Command::Send(Box::new(request))]);
    let found = surveyed(&client);
    assert_eq!((found.len(), found[0].id, found[0].step, found[0].since), (1, 4, Step::Blocked, asked));
    assert_eq!(found[0].request_line, b"GET / HTTP/1.1");
}

#[test]
fn a_server_that_does_not_shake_hands_is_seen() {
    let (server, _go_on) = slow(&[]);
    let settings = Arc::new(TlsSettings::new(&Verify::Off, None).unwrap());
    let client = Client::new();
    let origin = support::origin("127.0.0.1", server.address.port(), Some(settings));
    client.submit([Command::Send(Box::new(get(1, &origin)))]);
    at(&client, Step::Tls);
}

#[test]
fn a_long_request_line_is_cut() {
    let (server, _go_on) = slow(&[]);
    let client = Client::new();
    let bytes = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(5_000)).into_bytes();
    client.submit([Command::Send(Box::new(Request { bytes, ..get(1, &server.origin()) }))]);
    assert_eq!(at(&client, Step::Wait).request_line.len(), 2_048);
}

#[test]
fn a_body_that_is_read_piece_by_piece_is_an_answer() {
    let (server, go_on) = slow(&["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha"]);
    let client = Client::new();
    let request = Request { channel: Some(Channel::new(false)), ..get(1, &server.origin()) };
    client.submit([Command::Send(Box::new(request))]);
    at(&client, Step::Wait);
    go_on.send(()).unwrap();
    assert_eq!(client.completion().result.unwrap().status(), 200);
    assert!(survey(&client, 10).is_empty(), "its completion is out");
}

#[test]
fn exchanges_that_share_a_connection_are_told_one_by_one() {
    let server = gregaria_testkit::Server::start().unwrap();
    let client = Client::new();
    let network = Some(Arc::new(Network { http_version: HttpVersion::Two, ..Network::default() }));
    let plain = support::origin("127.0.0.1", server.two_addr.port(), None);
    let origin = Arc::new(Origin { network, ..(*plain).clone() });
    let shared = Arc::<SharedConnection>::default();
    let request = |id, path| Request {
        bytes: format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes(),
        shared: Some(Arc::clone(&shared)),
        ..get(id, &origin)
    };
    // In one batch: the first opens the connection, and the others wait for it.
    let both = [(1, "/delay/60000"), (2, "/delay/60001")].map(|(id, path)| Command::Send(Box::new(request(id, path))));
    client.submit(both.into_iter().chain([Command::Survey(10)]));
    let begun = Instant::now();
    let mut found = surveyed(&client);
    assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), [1, 2]);
    while found.iter().any(|it| it.step != Step::Wait) {
        assert!(begun.elapsed() < HANG, "{found:?}");
        found = survey(&client, 10);
    }
    assert_eq!(found[1].request_line, b"GET /delay/60001 HTTP/1.1");
    client.submit([Command::Cancel(1), Command::Cancel(2)]);
    assert!(survey(&client, 10).is_empty());
}
