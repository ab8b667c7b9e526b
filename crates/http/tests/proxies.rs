//! Connections through proxies: asked for a way, refused, silent, gone; and that what follows is as without one.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use gregaria_http::{Failure, Origin, Proxy, ProxyKind, Request, Scheme};
use support::{Client, Server, get, given_time, ok, read_head};

fn through(server: &Server, kind: ProxyKind) -> Arc<Origin> {
    let proxy = Proxy {
        kind,
        host: "127.0.0.1".to_owned(),
        port: server.address.port(),
        credentials: None,
        authorization: None,
    };
    Arc::new(Origin {
        scheme: Scheme::Http,
        host: "target.invalid".to_owned(),
        port: 8080,
        tls: None,
        proxy: Some(Arc::new(proxy)),
        network: None,
    })
}

fn exactly(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut read = vec![0; length];
    stream.read_exact(&mut read).expect("so many bytes come");
    read
}

fn answer_all(stream: &mut TcpStream) {
    while read_head(stream).is_some() {
        stream.write_all(&ok("through")).expect("the client reads");
    }
}

#[test]
fn a_socks_proxy_lets_through_and_the_connection_is_kept() {
    let server = Server::new(|mut stream, _| {
        assert_eq!(exactly(&mut stream, 3), [5, 1, 0]);
        stream.write_all(&[5, 0]).unwrap();
        let request = exactly(&mut stream, 21);
        assert_eq!((&request[..5], &request[5..19]), (&[5, 1, 0, 3, 14][..], &b"target.invalid"[..]));
        for byte in [5, 0, 0, 1, 0, 0, 0, 0, 0, 0] {
            stream.write_all(&[byte]).unwrap();
        }
        answer_all(&mut stream);
    });
    let (client, origin) = (Client::new(), through(&server, ProxyKind::Socks5));
    let first = client.get(&origin, None);
    assert_eq!(first.result.unwrap().body(), b"through");
    let second = client.get(&origin, first.connection);
    assert!(second.timings.reused && second.result.is_ok());
    assert_eq!(server.accepted(), 1);
}

#[test]
fn plain_requests_go_to_an_http_proxy_as_they_are() {
    let server = Server::new(|mut stream, _| answer_all(&mut stream));
    assert_eq!(Client::new().response(&through(&server, ProxyKind::Http)).body(), b"through");
}

#[test]
fn proxies_that_do_not_let_through() {
    let refusing = Server::new(|mut stream, _| {
        exactly(&mut stream, 3);
        stream.write_all(&[5, 0]).unwrap();
        exactly(&mut stream, 21);
        stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
    });
    let failure = Client::new().failure(&through(&refusing, ProxyKind::Socks5));
    assert_eq!(failure, Failure::Tunnel { text: "SOCKS 5 error 0x05: Connection refused".to_owned() });
    let closing = Server::new(|mut stream, _| {
        exactly(&mut stream, 3);
    });
    let failure = Client::new().failure(&through(&closing, ProxyKind::Socks5));
    assert_eq!(failure, Failure::ClosedWithoutResponse);
    let silent = Server::new(|mut stream, _| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    given_time(|scale| {
        let connect_timeout = Some(Duration::from_millis(50) * scale);
        let request = Request { connect_timeout, ..get(1, &through(&silent, ProxyKind::Socks5)) };
        Client::new().send(request).result.unwrap_err() == Failure::HandshakeTimeout
    });
}
