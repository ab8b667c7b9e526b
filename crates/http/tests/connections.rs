//! How connections are made and for how long they are used: own addresses, given addresses, limits of use.

mod support;

use std::io::{Read, Write};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gregaria_http::{Command, Failure, Network, Origin, Request};
use support::{Client, HANG, Server, get, given_time, ok, origin, read_request};

fn over(server: &Server, network: Network) -> Arc<Origin> {
    Arc::new(Origin { network: Some(Arc::new(network)), ..(*server.origin()).clone() })
}

#[test]
fn a_connection_carries_so_many_requests() {
    let (server, client) = (Server::answering(ok("hello")), Client::new());
    let origin = over(&server, Network { max_requests: Some(2), ..Network::default() });
    let mut connection = None;
    let kept: Vec<bool> = (0..5)
        .map(|_| {
            let completion = client.get(&origin, connection);
            assert!(completion.result.is_ok());
            connection = completion.connection;
            connection.is_some()
        })
        .collect();
    assert_eq!(kept, [true, false, true, false, true]);
    assert_eq!(server.accepted(), 3);
}

#[test]
fn an_idle_connection_is_closed_in_time_and_replaced() {
    given_time(|scale| {
        let (sender, ended) = mpsc::channel();
        let server = Server::new(move |mut stream, number| {
            while read_request(&mut stream).is_some() {
                stream.write_all(&ok("hello")).unwrap();
            }
            let _ = sender.send(number);
        });
        let client = Client::new();
        let idle_timeout = Some(Duration::from_millis(40) * scale);
        let origin = over(&server, Network { idle_timeout, ..Network::default() });
        let first = client.get(&origin, None);
        let again = client.get(&origin, first.connection);
        if !again.timings.reused {
            return false;
        }
        assert_eq!(ended.recv_timeout(HANG).unwrap(), 0, "the server sees its end");
        let late = client.get(&origin, again.connection);
        assert!(late.result.is_ok() && !late.timings.reused);
        true
    });
}

#[test]
fn own_addresses_take_turns() {
    let peers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&peers);
    let server = Server::new(move |mut stream, _| {
        seen.lock().unwrap().push(stream.peer_addr().unwrap().ip().to_string());
        read_request(&mut stream);
        let _ = stream.write_all(&ok("hello"));
        let _ = stream.read(&mut [0]);
    });
    let addresses = ["127.0.0.2", "::1", "127.0.0.3"].map(|address| address.parse().unwrap());
    let origin = over(&server, Network { source_addresses: addresses.to_vec(), ..Network::default() });
    let client = Client::new();
    for _ in 0..6 {
        assert!(client.get(&origin, None).result.is_ok());
    }
    let mut seen = peers.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, ["127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3"]);
    let foreign = Network { source_addresses: vec!["192.0.2.1".parse().unwrap()], ..Network::default() };
    assert_eq!(client.failure(&over(&server, foreign)), Failure::Connect { errno: libc::EADDRNOTAVAIL });
}

#[test]
fn a_host_goes_where_it_is_said_to_and_keeps_its_name() {
    let server = Server::new(|mut stream, _| {
        let request = read_request(&mut stream).unwrap();
        let _ = stream.write_all(&ok(&String::from_utf8_lossy(&request)));
    });
    let port = server.address.port();
    let client = Client::new();
    let addresses = vec!["127.0.0.1".parse().unwrap()];
    client.submit([Command::Resolve { host: "shop.invalid".into(), port, addresses }]);
    let shop = origin("shop.invalid", port, None);
    let request = Request { bytes: b"GET / HTTP/1.1\r\nHost: shop.invalid\r\n\r\n".to_vec(), ..get(1, &shop) };
    let body = client.send(request).result.unwrap().into_body();
    assert!(String::from_utf8(body).unwrap().contains("Host: shop.invalid"));
    let elsewhere = origin("shop.invalid", port.wrapping_add(1).max(1), None);
    assert!(matches!(client.failure(&elsewhere), Failure::Resolve { .. }), "only that port");
}
