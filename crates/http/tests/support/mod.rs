//! A client around the reactor and a small server whose connections follow a script, for the integration tests.
//! Nothing here waits by the clock; only a guard against hanging looks at it.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gregaria_http::{
    Command, Completion, ConnectionId, Event, EventSink, Failure, Origin, Reactor, Request, Response, Scheme, Settings,
    TlsSettings,
};

/// Only ever reached by a test that has failed.
pub const HANG: Duration = Duration::from_secs(20);

/// What needs something to happen within a time that is measured in earnest: tried with a longer one where the machine
/// was too busy for it, which `attempt` tells by `false`. What is wrong is wrong with every time.
pub fn given_time(mut attempt: impl FnMut(u32) -> bool) {
    assert!([1, 4, 16, 64].into_iter().any(&mut attempt), "not even with 64 times the time");
}

struct Forward(mpsc::Sender<Event>);

impl EventSink for Forward {
    fn deliver(&mut self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            let _ = self.0.send(event);
        }
    }
}

pub struct Client {
    pub reactor: Reactor,
    events: mpsc::Receiver<Event>,
}

impl Client {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let (sender, events) = mpsc::channel();
        let reactor = Reactor::spawn(settings, Box::new(Forward(sender))).expect("a reactor starts");
        Self { reactor, events }
    }

    pub fn submit(&self, commands: impl IntoIterator<Item = Command>) {
        self.reactor.submit(&mut commands.into_iter().collect());
    }

    pub fn event(&self) -> Event {
        self.events.recv_timeout(HANG).expect("an event comes")
    }

    pub fn completion(&self) -> Completion {
        match self.event() {
            Event::Completed(completion) => *completion,
            other => panic!("{other:?} instead of a completion"),
        }
    }

    pub fn send(&self, request: Request) -> Completion {
        let id = request.id;
        self.submit([Command::Send(Box::new(request))]);
        let completion = self.completion();
        assert_eq!(completion.id, id);
        completion
    }

    pub fn get(&self, origin: &Arc<Origin>, connection: Option<ConnectionId>) -> Completion {
        self.send(Request { connection, ..get(1, origin) })
    }

    pub fn response(&self, origin: &Arc<Origin>) -> Response {
        self.get(origin, None).result.expect("a response")
    }

    pub fn failure(&self, origin: &Arc<Origin>) -> Failure {
        let completion = self.get(origin, None);
        let failure = completion.result.expect_err("a failure");
        // A body that does not decode says nothing against its connection.
        assert!(completion.connection.is_none() || matches!(failure, Failure::Decode { .. }));
        failure
    }
}

pub fn get(id: u64, origin: &Arc<Origin>) -> Request {
    Request {
        id,
        body_limit: 100 << 20,
        ..Request::new(Arc::clone(origin), b"GET / HTTP/1.1\r\nHost: test\r\n\r\n".to_vec())
    }
}

pub fn post(id: u64, origin: &Arc<Origin>, body: &[u8]) -> Request {
    let head = format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
    Request { bytes: [head.as_bytes(), body].concat(), ..get(id, origin) }
}

pub fn origin(host: &str, port: u16, tls: Option<Arc<TlsSettings>>) -> Arc<Origin> {
    let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
    Arc::new(Origin { scheme, host: host.to_owned(), port, tls, proxy: None, network: None })
}

/// A server on a port of its own. Its threads end with their connections.
pub struct Server {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Server {
    /// `script` is given each connection and its number, from 0.
    pub fn new(script: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let accepted = Arc::new(AtomicUsize::new(0));
        let (count, script) = (Arc::clone(&accepted), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                std::thread::spawn(move || script(stream, number));
            }
        });
        Self { address, accepted }
    }

    /// Answers every request on every connection with these bytes.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |mut stream, _| {
            while read_request(&mut stream).is_some() {
                if stream.write_all(&answer).is_err() {
                    break;
                }
            }
        })
    }

    /// Answers the first request of every connection with these bytes and closes.
    pub fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |mut stream, _| {
            read_request(&mut stream);
            let _ = stream.write_all(&answer);
        })
    }

    pub fn origin(&self) -> Arc<Origin> {
        origin("127.0.0.1", self.address.port(), None)
    }

    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// A whole request, with its body; `None` at the end of the connection.
pub fn read_request(stream: &mut impl Read) -> Option<Vec<u8>> {
    let head = read_head(stream)?;
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = text.split("content-length:").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some([head, body].concat())
}

pub fn read_head(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return None;
        }
        head.push(byte[0]);
    }
    Some(head)
}

pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
