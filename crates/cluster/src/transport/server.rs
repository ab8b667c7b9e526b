//! The listening side: takes connections, knows them by identity, sends to one of them. A newcomer with the identity
//! of somebody who is there takes its place, as after a cut that this side has not noticed yet.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{Semaphore, oneshot};

use super::pump::{Gone, Outbox, outbox, pump};
use super::{Error, Settings, prepare, runtime};
use crate::zmtp::{Event, Session};

/// Connections at a time, greetings included.
const MOST_CONNECTIONS: usize = 20_000;
const BACKLOG: i32 = 4_096;

/// What happens at a server.
#[derive(Debug)]
pub enum ServerEvent {
    /// A message of the peer with this identity.
    Message { identity: String, payload: Vec<u8> },
    /// A peer's connection ended.
    Left { identity: String, reason: String },
    /// Somebody connected and was turned away.
    Refused { address: SocketAddr, reason: String },
}

/// Takes what happens, on the server's thread.
pub trait ServerSink: Send + Sync + 'static {
    fn event(&self, event: ServerEvent);
}

#[derive(Default)]
struct Peers {
    by_identity: HashMap<String, (u64, Outbox)>,
    connections: u64,
}

struct Shared {
    peers: Mutex<Peers>,
    settings: Settings,
    sink: Arc<dyn ServerSink>,
}

impl Shared {
    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, identity: &str, payload: Vec<u8>) -> bool {
        self.peers().by_identity.get(identity).is_some_and(|(_, outbox)| outbox.put(payload))
    }
}

/// A running server; dropping it closes everything.
pub struct Server {
    shared: Arc<Shared>,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `host` ("*": everywhere, on both families where there are two) and `port` (0: any).
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn bind(host: &str, port: u16, settings: Settings, sink: Arc<dyn ServerSink>) -> Result<Self, Error> {
        let runtime = runtime()?;
        let listener = runtime.block_on(listen(host, port)).map_err(|source| Error::Listen {
            host: host.to_owned(),
            port,
            source,
        })?;
        let port = listener.local_addr().map_err(Error::Thread)?.port();
        let shared = Arc::new(Shared { peers: Mutex::default(), settings, sink });
        let (stop, stopped) = oneshot::channel();
        let accepting = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("cluster".to_owned())
            .spawn(move || runtime.block_on(accept(listener, accepting, stopped)))
            .map_err(Error::Thread)?;
        Ok(Self { shared, port, stop: Some(stop), thread: Some(thread) })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Send to the peer with this identity; whether there is one. From any thread.
    pub fn send(&self, identity: &str, payload: Vec<u8>) -> bool {
        self.shared.send(identity, payload)
    }

    /// A way to send that can be kept elsewhere.
    pub fn sender(&self) -> ServerSender {
        ServerSender(Arc::downgrade(&self.shared))
    }
}

/// See [`Server::sender`]; does not keep the server alive.
#[derive(Clone)]
pub struct ServerSender(Weak<Shared>);

impl ServerSender {
    /// As [`Server::send`].
    pub fn send(&self, identity: &str, payload: Vec<u8>) -> bool {
        self.0.upgrade().is_some_and(|shared| shared.send(identity, payload))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        self.shared.peers().by_identity.clear();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            thread.join().ok();
        }
    }
}

async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    if host == "*" {
        return listen_on((Ipv6Addr::UNSPECIFIED, port).into())
            .or_else(|_| listen_on((Ipv4Addr::UNSPECIFIED, port).into()));
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_owned() => permit,
            _ = &mut stopped => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    serve(stream, address, &shared).await;
                    drop(permit);
                });
            }
            // No file descriptor left, or the peer has gone already: the others must not suffer for it.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

async fn serve(stream: TcpStream, address: SocketAddr, shared: &Shared) {
    prepare(&stream).ok();
    let mut session = Session::listening(shared.settings.secret.clone(), shared.settings.limits);
    let (outbox, mut outgoing) = outbox();
    let mut way_in = Some(outbox);
    let mut known: Option<(String, u64)> = None;
    let reason = pump(stream, &mut session, &mut outgoing, |event| match event {
        Event::Ready { identity } => {
            let Some(outbox) = way_in.take() else { return };
            let identity = String::from_utf8_lossy(&identity).into_owned();
            let mut peers = shared.peers();
            peers.connections += 1;
            let connection = peers.connections;
            peers.by_identity.insert(identity.clone(), (connection, outbox));
            known = Some((identity, connection));
        }
        Event::Message(payload) => {
            if let Some((identity, _)) = &known {
                shared.sink.event(ServerEvent::Message { identity: identity.clone(), payload });
            }
        }
    })
    .await;
    let Some((identity, connection)) = known else {
        shared.sink.event(ServerEvent::Refused { address, reason: describe(&reason) });
        return;
    };
    let mut peers = shared.peers();
    let replaced = peers.by_identity.get(&identity).is_none_or(|(current, _)| *current != connection);
    if !replaced {
        peers.by_identity.remove(&identity);
    }
    drop(peers);
    if !replaced {
        shared.sink.event(ServerEvent::Left { identity, reason: describe(&reason) });
    }
}

pub(super) fn describe(reason: &Gone) -> String {
    match std::error::Error::source(reason) {
        Some(source) if !matches!(reason, Gone::Protocol(_)) => format!("{reason}: {source}"),
        _ => reason.to_string(),
    }
}
