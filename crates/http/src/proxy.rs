//! Servers that stand between: how an HTTP or SOCKS proxy is asked for a way through. Bytes in, bytes out; no sockets.
//!
//! ```text
//! HTTP proxy:  CONNECT host:port ──▶ 200 ──▶ open          (plain requests need no way through: they carry whole URLs)
//! SOCKS 5:     greeting ──▶ method ──▶ [user, password ──▶ yes ──▶] request ──▶ reply ──▶ open
//! ```

use std::net::IpAddr;

use crate::codec::{Decoder, Fed};
use crate::failure::Failure;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// Whole URLs for plain requests, `CONNECT` for TLS.
    Http,
    /// SOCKS version 5; names are resolved by the proxy.
    Socks5,
}

/// A proxy. Share one `Arc` for equal ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Host name or address literal; IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User and password for SOCKS.
    pub credentials: Option<(String, String)>,
    /// Value of `Proxy-Authorization` for `CONNECT`.
    pub authorization: Option<String>,
}

#[derive(Debug)]
enum Waiting {
    Connect(Box<Decoder>),
    Method,
    Login,
    Reply,
}

/// A way through a proxy, while it is being opened.
#[derive(Debug)]
pub(crate) struct Tunnel {
    waiting: Waiting,
    /// What is still to be written.
    pub outgoing: Vec<u8>,
    pub written: usize,
    /// How often it has had something new to say.
    pub said: usize,
    read: Vec<u8>,
    login: Vec<u8>,
    request: Vec<u8>,
    is_open: bool,
}

impl Tunnel {
    /// To `host:port` through `proxy`.
    pub fn new(proxy: &Proxy, host: &str, port: u16) -> Self {
        let mut tunnel = Self {
            waiting: Waiting::Method,
            outgoing: Vec::new(),
            written: 0,
            said: 0,
            read: Vec::new(),
            login: Vec::new(),
            request: Vec::new(),
            is_open: false,
        };
        match proxy.kind {
            ProxyKind::Http => {
                let mut decoder = Decoder::default();
                decoder.start(true, 0);
                tunnel.waiting = Waiting::Connect(Box::new(decoder));
                tunnel.outgoing = connect_request(proxy, host, port);
            }
            ProxyKind::Socks5 => {
                tunnel.request = socks_request(host, port);
                tunnel.outgoing = match &proxy.credentials {
                    Some((user, password)) => {
                        tunnel.login = socks_login(user, password);
                        vec![5, 2, 0, 2]
                    }
                    None => vec![5, 1, 0],
                };
            }
        }
        tunnel
    }

    /// Whether the way is open.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    fn say(&mut self, bytes: Vec<u8>, waiting: Waiting) {
        self.outgoing = bytes;
        self.written = 0;
        self.said += 1;
        self.waiting = waiting;
    }

    /// Takes what the proxy says.
    ///
    /// # Errors
    /// A refusal, or something that is no answer.
    pub fn feed(&mut self, input: &[u8]) -> Result<(), Failure> {
        if self.is_open {
            return Err(refused("the proxy sent more than it was asked for"));
        }
        if let Waiting::Connect(decoder) = &mut self.waiting {
            let Fed::Done(used) = decoder.feed(input)? else { return Ok(()) };
            let (answer, _) = decoder.take()?;
            if !(200..300).contains(&answer.status()) {
                let reason = String::from_utf8_lossy(answer.reason()).into_owned();
                return Err(refused(&format!("Tunnel connection failed: {} {reason}", answer.status())));
            }
            self.is_open = true;
            return if used == input.len() { Ok(()) } else { self.feed(&input[used..]) };
        }
        self.read.extend_from_slice(input);
        while !self.is_open {
            let Some(length) = self.complete() else { return Ok(()) };
            let message: Vec<u8> = self.read.drain(..length).collect();
            self.take(&message)?;
        }
        if self.read.is_empty() { Ok(()) } else { Err(refused("the proxy sent more than it was asked for")) }
    }

    /// The connection has ended before the way was open.
    pub fn ended(&mut self) -> Failure {
        match &mut self.waiting {
            Waiting::Connect(decoder) => decoder.finish().err().unwrap_or(Failure::ClosedWithoutResponse),
            _ => Failure::ClosedWithoutResponse,
        }
    }

    /// The length of the SOCKS message that has come in, if it is complete.
    fn complete(&self) -> Option<usize> {
        let read = &self.read;
        let needed = match &self.waiting {
            Waiting::Connect(_) | Waiting::Method | Waiting::Login => 2,
            Waiting::Reply => match read.get(3)? {
                1 => 10,
                3 => 7 + usize::from(*read.get(4)?),
                4 => 22,
                _ => 4,
            },
        };
        (read.len() >= needed).then_some(needed)
    }

    fn take(&mut self, message: &[u8]) -> Result<(), Failure> {
        match &self.waiting {
            Waiting::Connect(_) => {}
            Waiting::Method => match message {
                [5, 0] => {
                    let request = std::mem::take(&mut self.request);
                    self.say(request, Waiting::Reply);
                }
                [5, 2] if !self.login.is_empty() => {
                    let login = std::mem::take(&mut self.login);
                    self.say(login, Waiting::Login);
                }
                [5, _] => return Err(refused("the SOCKS proxy accepts none of the ways to log in")),
                _ => return Err(refused("what answers is no SOCKS 5 proxy")),
            },
            Waiting::Login => match message {
                [_, 0] => {
                    let request = std::mem::take(&mut self.request);
                    self.say(request, Waiting::Reply);
                }
                _ => return Err(refused("the SOCKS proxy refuses user and password")),
            },
            Waiting::Reply => match message {
                [5, 0, _, 1 | 3 | 4, ..] => self.is_open = true,
                [5, code, ..] => return Err(refused(&format!("SOCKS 5 error {code:#04x}: {}", meaning(*code)))),
                _ => return Err(refused("what answers is no SOCKS 5 proxy")),
            },
        }
        Ok(())
    }
}

fn refused(text: &str) -> Failure {
    Failure::Tunnel { text: text.to_owned() }
}

fn connect_request(proxy: &Proxy, host: &str, port: u16) -> Vec<u8> {
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(authorization) = &proxy.authorization {
        request.push_str("Proxy-Authorization: ");
        request.push_str(authorization);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// RFC 1929; both are cut to the 255 bytes that there is room for.
fn socks_login(user: &str, password: &str) -> Vec<u8> {
    let mut login = vec![1];
    for part in [user, password] {
        let part = &part.as_bytes()[..part.len().min(255)];
        login.push(part.len() as u8);
        login.extend_from_slice(part);
    }
    login
}

fn socks_request(host: &str, port: u16) -> Vec<u8> {
    let mut request = vec![5, 1, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            let name = &host.as_bytes()[..host.len().min(255)];
            request.extend_from_slice(&[3, name.len() as u8]);
            request.extend_from_slice(name);
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    request
}

fn meaning(code: u8) -> &'static str {
    match code {
        1 => "General SOCKS server failure",
        2 => "Connection not allowed by ruleset",
        3 => "Network unreachable",
        4 => "Host unreachable",
        5 => "Connection refused",
        6 => "TTL expired",
        7 => "Command not supported, or protocol error",
        8 => "Address type not supported",
        _ => "Unknown error",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxy(kind: ProxyKind, credentials: Option<(&str, &str)>) -> Proxy {
        let credentials = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let authorization = credentials.as_ref().map(|_| "Basic eA==".to_owned());
        Proxy { kind, host: "proxy".to_owned(), port: 1, credentials, authorization }
    }

    /// What is said after each answer, and how it ends.
    fn talk(tunnel: &mut Tunnel, answers: &[&[u8]]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut said = vec![tunnel.outgoing.clone()];
        for answer in answers {
            for byte in *answer {
                tunnel.feed(std::slice::from_ref(byte))?;
            }
            said.push(tunnel.outgoing.clone());
        }
        Ok(said)
    }

    #[test]
    fn an_http_proxy_is_asked_to_connect() {
        let mut tunnel = Tunnel::new(&proxy(ProxyKind::Http, Some(("u", "p"))), "::1", 443);
        let said = talk(&mut tunnel, &[b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]).unwrap();
        let expected = "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nProxy-Authorization: Basic eA==\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&said[0]), expected);
        assert!(tunnel.is_open());
    }

    #[test]
    fn refusals_are_told() {
        let mut tunnel = Tunnel::new(&proxy(ProxyKind::Http, None), "h", 443);
        let failure = tunnel.feed(b"HTTP/1.1 403 No Way\r\n\r\n").unwrap_err();
        assert_eq!(failure, refused("Tunnel connection failed: 403 No Way"));
        let mut tunnel = Tunnel::new(&proxy(ProxyKind::Http, None), "h", 443);
        assert!(matches!(tunnel.feed(b"SSH-2.0\r\n\r\n"), Err(Failure::BadStatusLine { .. })));
        let mut tunnel = Tunnel::new(&proxy(ProxyKind::Http, None), "h", 443);
        assert_eq!(tunnel.ended(), Failure::ClosedWithoutResponse);
        for (answers, text) in [
            (vec![&b"\x05\xff"[..]], "the SOCKS proxy accepts none of the ways to log in"),
            (vec![&b"HT"[..]], "what answers is no SOCKS 5 proxy"),
            (vec![&b"\x05\x02"[..]], "the SOCKS proxy accepts none of the ways to log in"),
            (vec![&b"\x05\x00"[..], b"\x05\x05\x00\x01\0\0\0\0\0\0"], "SOCKS 5 error 0x05: Connection refused"),
        ] {
            let mut tunnel = Tunnel::new(&proxy(ProxyKind::Socks5, None), "h", 443);
            assert_eq!(talk(&mut tunnel, &answers), Err(refused(text)));
        }
        let mut tunnel = Tunnel::new(&proxy(ProxyKind::Socks5, Some(("u", "p"))), "h", 443);
        let outcome = talk(&mut tunnel, &[b"\x05\x02", b"\x01\x01"]);
        assert_eq!(outcome, Err(refused("the SOCKS proxy refuses user and password")));
    }

    #[test]
    fn socks_with_and_without_login() {
        let mut tunnel = Tunnel::new(&proxy(ProxyKind::Socks5, None), "127.0.0.1", 80);
        let said = talk(&mut tunnel, &[b"\x05\x00", b"\x05\x00\x00\x03\x01x\0\x01"]).unwrap();
        assert_eq!(said[..2], [vec![5, 1, 0], vec![5, 1, 0, 1, 127, 0, 0, 1, 0, 80]]);
        assert!(tunnel.is_open());
        let mut tunnel = Tunnel::new(&proxy(ProxyKind::Socks5, Some(("me", "x"))), "host", 443);
        let ok = [&b"\x05\x02"[..], b"\x01\x00", b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"];
        let said = talk(&mut tunnel, &ok).unwrap();
        assert_eq!(said[1], [1, 2, b'm', b'e', 1, b'x']);
        assert_eq!(said[2], [&[5, 1, 0, 3, 4][..], b"host", &[1, 187]].concat());
        assert!(tunnel.is_open());
        let mut tunnel = Tunnel::new(&proxy(ProxyKind::Socks5, None), "::1", 1);
        talk(&mut tunnel, &[b"\x05\x00"]).unwrap();
        assert_eq!(tunnel.outgoing.len(), 22);
    }

    proptest! {
        #[test]
        fn noise_never_panics(data in proptest::collection::vec(any::<u8>(), 0..200), socks: bool, split in 0..200usize) {
            let kind = if socks { ProxyKind::Socks5 } else { ProxyKind::Http };
            let mut tunnel = Tunnel::new(&proxy(kind, None), "h", 443);
            let (first, second) = data.split_at(split.min(data.len()));
            if tunnel.feed(first).is_ok() {
                let _ = tunnel.feed(second);
            }
        }
    }
}
