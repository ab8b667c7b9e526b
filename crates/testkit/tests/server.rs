//! The test server itself, through raw sockets: what its clients' tests rely on.

#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gregaria_testkit::Server;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;

fn send(stream: &mut (impl Read + Write), target: &str) {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
}

fn to_end(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer with a Content-Length.
fn answer(stream: &mut impl Read) -> String {
    let mut text = String::new();
    let mut byte = [0u8];
    while !text.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    let length = text.split("Content-Length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    text + &String::from_utf8_lossy(&body)
}

#[test]
fn keeps_a_connection_and_counts_what_it_sees() {
    let server = Server::start().unwrap();
    let mut stream = TcpStream::connect(server.addr).unwrap();
    for request in 1..=3 {
        send(&mut stream, "/echo?x=1");
        let text = answer(&mut stream);
        assert!(text.contains("\"connection\":1,"), "{text}");
        assert!(text.contains(&format!("\"request\":{request},")), "{text}");
    }
    let counts = server.counts();
    assert_eq!((&counts["requests"], &counts["paths"]["/echo"], &counts["open"]), (&3.into(), &3.into(), &1.into()));
}

#[test]
fn ends_connections_in_every_way() {
    let server = Server::start().unwrap();
    let connect = |target| {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        send(&mut stream, target);
        stream
    };
    assert_eq!(to_end(&mut connect("/close")), "");
    let reset = connect("/reset").read(&mut [0; 10]).unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    assert!(to_end(&mut connect("/short?length=50&send=5")).ends_with("Content-Length: 50\r\n\r\n01234"));
    assert!(to_end(&mut connect("/no-length")).ends_with("until the end\n"));

    let mut halved = connect("/reset-in-body");
    let mut bytes = Vec::new();
    assert_eq!(halved.read_to_end(&mut bytes).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(bytes.ends_with(b"0123456789abcdef01"));
}

#[test]
fn a_delay_is_never_shorter_than_asked() {
    let server = Server::start().unwrap();
    let mut stream = TcpStream::connect(server.addr).unwrap();
    for _ in 0..20 {
        let sent = Instant::now();
        send(&mut stream, "/delay/2.5");
        answer(&mut stream);
        assert!(sent.elapsed() >= Duration::from_micros(2500));
    }
}

#[test]
fn serves_many_kept_connections_at_once() {
    let server = Server::start().unwrap();
    let mut streams: Vec<_> = (0..1000).map(|_| TcpStream::connect(server.addr).unwrap()).collect();
    streams.iter_mut().for_each(|stream| send(stream, "/status/200"));
    streams.iter_mut().for_each(|stream| assert!(answer(stream).starts_with("HTTP/1.1 200 OK")));
    assert_eq!(server.counts()["open"], 1000);
}

#[test]
fn the_good_certificate_convinces_and_the_wrong_ones_do_not() {
    let server = Server::start().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(PemObject::from_pem_file(server.certificates().authority()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let ask = |address| {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let session = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
        let mut stream = rustls::StreamOwned::new(session, TcpStream::connect(address).unwrap());
        write!(stream, "GET /status/200 HTTP/1.1\r\nHost: test\r\n\r\n").map(|()| answer(&mut stream))
    };
    assert!(ask(server.tls_addr).unwrap().starts_with("HTTP/1.1 200 OK"));
    for (address, reason) in [
        (server.self_signed_addr, "UnknownIssuer"),
        (server.expired_addr, "expired"),
        (server.wrong_host_addr, "not valid for name"),
    ] {
        let error = ask(address).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn stops_when_dropped() {
    let server = Server::start().unwrap();
    let address = server.addr;
    let mut stream = TcpStream::connect(address).unwrap();
    send(&mut stream, "/status/200");
    answer(&mut stream);
    drop(server);
    assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
