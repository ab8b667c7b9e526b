//! Server and client over real sockets: messages both ways, identities, cuts, strangers, secrets.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gregaria_cluster::transport::{Client, ClientEvent, ClientSink, Server, ServerEvent, ServerSink, Settings};
use gregaria_cluster::zmtp::Secret;

const PATIENCE: Duration = Duration::from_secs(20);

struct Told<T>(Mutex<Sender<T>>);

impl ServerSink for Told<ServerEvent> {
    fn event(&self, event: ServerEvent) {
        self.0.lock().unwrap().send(event).ok();
    }
}

impl ClientSink for Told<ClientEvent> {
    fn event(&self, event: ClientEvent) {
        self.0.lock().unwrap().send(event).ok();
    }
}

fn sealed(text: &str) -> Settings {
    Settings { secret: Some(Secret::from_text(text).unwrap()), ..Settings::default() }
}

fn server(settings: Settings) -> (Server, Receiver<ServerEvent>) {
    let (told, events) = channel();
    (Server::bind("127.0.0.1", 0, settings, Arc::new(Told(Mutex::new(told)))).unwrap(), events)
}

fn client(port: u16, identity: &str, settings: Settings) -> (Client, Receiver<ClientEvent>) {
    let (told, events) = channel();
    let sink = Arc::new(Told(Mutex::new(told)));
    (Client::connect(("127.0.0.1".into(), port), identity, settings, sink).unwrap(), events)
}

fn message_at_server(events: &Receiver<ServerEvent>) -> (String, Vec<u8>) {
    loop {
        match events.recv_timeout(PATIENCE).unwrap() {
            ServerEvent::Message { identity, payload } => return (identity, payload),
            other => eprintln!("{other:?}"),
        }
    }
}

fn message_at_client(events: &Receiver<ClientEvent>) -> Vec<u8> {
    loop {
        if let ClientEvent::Message(payload) = events.recv_timeout(PATIENCE).unwrap() {
            return payload;
        }
    }
}

#[test]
fn large_messages_cross_each_other_in_the_open_and_sealed() {
    // Unoptimised encryption is slow; what must not fit into socket buffers is the plain traffic.
    for (settings, size) in [(Settings::default(), 8 << 20), (sealed("a secret of the team"), 200_000)] {
        let (server, at_server) = server(settings.clone());
        let (client, at_client) = client(server.port(), "host_1", settings);
        client.send(vec![1; size]);
        let (identity, first) = message_at_server(&at_server);
        assert_eq!((identity.as_str(), first.len()), ("host_1", size));
        for _ in 0..4 {
            client.send(vec![2; size]);
            assert!(server.send("host_1", vec![3; size]));
        }
        for _ in 0..4 {
            assert_eq!(message_at_server(&at_server).1.len(), size);
            assert_eq!(message_at_client(&at_client).len(), size);
        }
        assert!(!server.send("host_2", vec![1]));
        drop(client);
        assert!(
            matches!(at_server.recv_timeout(PATIENCE), Ok(ServerEvent::Left { identity, .. }) if identity == "host_1")
        );
    }
}

#[test]
fn a_client_sends_what_it_was_given_before_it_was_dropped() {
    let (server, at_server) = server(Settings::default());
    let (client, at_client) = client(server.port(), "host_1", Settings::default());
    client.send(b"hello".to_vec());
    assert_eq!(message_at_server(&at_server).1, b"hello");
    assert!(matches!(at_client.recv_timeout(PATIENCE), Ok(ClientEvent::Connected)));
    client.send(b"quit".to_vec());
    drop(client);
    assert_eq!(message_at_server(&at_server).1, b"quit");
}

#[test]
fn a_client_waits_for_its_server_and_finds_it_again() {
    let (first, _) = server(Settings::default());
    let port = first.port();
    drop(first);
    let (client, at_client) = client(port, "host_1", Settings::default());
    client.send(b"early".to_vec());
    assert!(matches!(at_client.recv_timeout(PATIENCE), Ok(ClientEvent::Lost { hopeless: false, ordinary: true, .. })));
    for _ in 0..2 {
        let (told, at_server) = channel();
        let sink = Arc::new(Told(Mutex::new(told)));
        let server = Server::bind("127.0.0.1", port, Settings::default(), sink).unwrap();
        client.send(b"again".to_vec());
        while message_at_server(&at_server).1 != b"again" {}
        assert!(server.send("host_1", b"welcome".to_vec()));
        assert_eq!(message_at_client(&at_client), b"welcome");
        drop(server);
        while !matches!(at_client.recv_timeout(PATIENCE), Ok(ClientEvent::Lost { .. })) {}
    }
}

struct Keeper;

impl ClientSink for Keeper {
    fn event(&self, _: ClientEvent) {}

    fn to_be_sent_again(&self) -> Vec<Vec<u8>> {
        vec![b"kept 1".to_vec(), b"kept 2".to_vec()]
    }
}

#[test]
fn what_may_be_lost_goes_out_before_what_waits() {
    let (first, _) = server(Settings::default());
    let port = first.port();
    drop(first);
    let client = Client::connect(("127.0.0.1".into(), port), "host_1", Settings::default(), Arc::new(Keeper)).unwrap();
    client.send(b"waits".to_vec());
    let (told, at_server) = channel();
    let _server = Server::bind("127.0.0.1", port, Settings::default(), Arc::new(Told(Mutex::new(told)))).unwrap();
    let arrived: Vec<_> = (0..3).map(|_| message_at_server(&at_server).1).collect();
    assert_eq!(
        arrived,
        [&b"kept 1"[..], b"kept 2", b"waits"],
        "a report after a later one would be taken for an old one"
    );
}

#[test]
fn the_latest_of_two_with_one_identity_is_the_one() {
    let (server, at_server) = server(Settings::default());
    let (old, _at_old) = client(server.port(), "host_1", Settings::default());
    old.send(b"old".to_vec());
    assert_eq!(message_at_server(&at_server).1, b"old");
    let (new, at_new) = client(server.port(), "host_1", Settings::default());
    new.send(b"new".to_vec());
    while message_at_server(&at_server).1 != b"new" {}
    assert!(server.send("host_1", b"to whom?".to_vec()));
    assert_eq!(message_at_client(&at_new), b"to whom?");
}

#[test]
fn strangers_are_told_apart_and_hurt_nobody() {
    let (server, at_server) = server(Settings::default());
    let (client, at_client) = client(server.port(), "host_1", Settings::default());
    let mut browser = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut huge = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
    greeting[12..16].copy_from_slice(b"NULL");
    huge.write_all(&greeting).unwrap();
    huge.write_all(&[2, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).unwrap();
    let mut refused = 0;
    while refused < 2 {
        refused += usize::from(matches!(at_server.recv_timeout(PATIENCE).unwrap(), ServerEvent::Refused { .. }));
    }
    assert!(huge.read_to_end(&mut Vec::new()).is_ok() || huge.peer_addr().is_err());
    client.send(b"still here".to_vec());
    assert_eq!(message_at_server(&at_server).1, b"still here");
    server.send("host_1", b"so am I".to_vec());
    assert_eq!(message_at_client(&at_client), b"so am I");
}

#[test]
fn a_wrong_secret_is_named_on_both_sides() {
    for (mine, theirs, at_client_says, at_server_says) in [
        (sealed("one secret of the team"), sealed("another one of theirs"), "secret", "secret"),
        (Settings::default(), sealed("another one of theirs"), "asks for an encrypted link", "speaks in the open"),
        (sealed("one secret of the team"), Settings::default(), "speaks in the open", "asks for an encrypted link"),
    ] {
        let (server, at_server) = server(theirs);
        let (_client, at_client) = client(server.port(), "host_1", mine);
        // Whoever closes first may cut the other's greeting off; the client tries again, so both learn it soon.
        let at_server = std::iter::from_fn(|| at_server.recv_timeout(PATIENCE).ok());
        let mut reasons = at_server.map(|event| match event {
            ServerEvent::Refused { reason, .. } => reason,
            other => panic!("{other:?}"),
        });
        assert!(reasons.any(|reason| reason.contains(at_server_says)));
        let at_client = std::iter::from_fn(|| at_client.recv_timeout(PATIENCE).ok());
        let mut losses = at_client.filter_map(|event| match event {
            ClientEvent::Lost { reason, hopeless: true, .. } => Some(reason),
            _ => None,
        });
        assert!(losses.any(|reason| reason.contains(at_client_says)));
    }
}

#[test]
fn a_busy_port_is_said_to_be_busy() {
    let (first, _) = server(Settings::default());
    let (told, _events) = channel();
    let sink = Arc::new(Told(Mutex::new(told)));
    let error = Server::bind("127.0.0.1", first.port(), Settings::default(), sink).err().unwrap();
    assert!(error.port_is_busy(), "{error}");
}
