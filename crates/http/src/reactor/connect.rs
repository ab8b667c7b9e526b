//! How a connection comes about: addresses, one attempt after the other, TLS. The last address's error wins.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Interest;
use mio::net::TcpStream;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::{Connection, Progress, Route, Stage};
use super::driver::Driver;
use super::transport::Transport;
use crate::exchange::{ConnectionId, Request, Scheme};
use crate::failure::Failure;
use crate::multiplex::Waiting;
use crate::resolver::{Addresses, Answer};
use crate::tls::TlsFailure;

impl Driver {
    /// Opens a new connection for this request.
    pub(super) fn open(&mut self, request: Box<Request>, started: Instant) {
        let id = self.insert(|id| Connection::new(id, request, started));
        self.look_up(id, started);
    }

    /// As [`Driver::open`], for a connection that others may share.
    pub(super) fn open_shared(&mut self, waiting: Waiting) {
        let Waiting { request, started, moves, .. } = waiting;
        let shared = request.shared.clone();
        let id = self.insert(|id| Connection::new(id, request, started));
        if let Some(shared) = shared {
            shared.set(id);
        }
        if let Some(multiplex) = &mut self.connections[id.slot()].multiplex {
            multiplex.moves = moves;
        }
        self.look_up(id, started);
    }

    fn look_up(&mut self, id: ConnectionId, started: Instant) {
        let origin = &self.connections[id.slot()].origin;
        if let Some(outcome) = self.resolver.look_up(origin.first_hop(), id, origin.address_lifetime(), started) {
            self.resolved(id, outcome);
        }
    }

    pub(super) fn on_answer(&mut self, answer: Answer) {
        let (waiting, outcome) = self.resolver.answered(answer, Instant::now());
        let now = Instant::now();
        for id in waiting {
            if let Some(connection) = self.lookup(id) {
                connection.mark(now);
            }
            self.resolved(id, outcome.clone());
        }
    }

    fn resolved(&mut self, id: ConnectionId, outcome: Result<Addresses, Failure>) {
        let Some(connection) = self.lookup(id) else {
            return;
        };
        match outcome {
            Ok(addresses) => {
                let failure = Failure::Connect { errno: libc::EADDRNOTAVAIL };
                connection.route = Some(Box::new(Route { addresses, next: 0, failure, tunnel: None }));
                connection.stage = Stage::Connecting;
                self.try_next_address(id);
            }
            Err(failure) => self.fail(id, failure),
        }
    }

    fn try_next_address(&mut self, id: ConnectionId) {
        while let Some(connection) = self.lookup(id) {
            connection.transport = None;
            let port = connection.origin.first_hop().1;
            let Some(route) = &mut connection.route else {
                return;
            };
            let Some(mut address) = route.addresses.get(route.next).copied() else {
                let failure = route.failure.clone();
                return self.fail(id, failure);
            };
            route.next += 1;
            address.set_port(port);
            match self.start_connecting(id, address) {
                Ok(()) => return self.set_deadline(id, |request| request.connect_timeout),
                Err(error) => self.note_connect_failure(id, &error),
            }
        }
    }

    fn start_connecting(&mut self, id: ConnectionId, address: SocketAddr) -> io::Result<()> {
        let network = self.connections[id.slot()].origin.network.as_ref();
        let mut socket = match network.and_then(|network| network.source(address, &mut self.turn)) {
            None => TcpStream::connect(address)?,
            Some(source) => connect_from(source, address)?,
        };
        self.poll.registry().register(&mut socket, id.token(), Interest::READABLE | Interest::WRITABLE)?;
        let connection = &mut self.connections[id.slot()];
        connection.transport = Some(Transport { socket, tls: None });
        connection.stage = Stage::Connecting;
        Ok(())
    }

    fn note_connect_failure(&mut self, id: ConnectionId, error: &io::Error) {
        if let Some(route) = self.lookup(id).and_then(|connection| connection.route.as_mut()) {
            route.failure = Failure::Connect { errno: error.raw_os_error().unwrap_or_default() };
        }
    }

    pub(super) fn on_connecting(&mut self, id: ConnectionId) {
        let Some(transport) = self.lookup(id).and_then(|connection| connection.transport.as_ref()) else {
            return;
        };
        let state = match transport.socket.take_error() {
            Ok(None) => transport.socket.peer_addr().map(|_| ()),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        match state {
            Ok(()) => self.connected(id),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            Err(error) => {
                self.note_connect_failure(id, &error);
                self.try_next_address(id);
            }
        }
    }

    pub(super) fn on_connect_timeout(&mut self, id: ConnectionId) {
        if let Some(route) = self.lookup(id).and_then(|connection| connection.route.as_mut()) {
            route.failure = Failure::ConnectTimeout;
        }
        self.try_next_address(id);
    }

    fn connected(&mut self, id: ConnectionId) {
        let Some(connection) = self.lookup(id) else {
            return;
        };
        let Some(transport) = &mut connection.transport else {
            return;
        };
        // Without it the only harm is delay, and there is nobody to tell.
        let _ = transport.socket.set_nodelay(true);
        if connection.origin.proxy.is_none() || !self.begin_tunnel(id) {
            self.through(id);
        }
    }

    /// What is sent now reaches the origin.
    pub(super) fn through(&mut self, id: ConnectionId) {
        let Some(connection) = self.lookup(id) else {
            return;
        };
        if connection.origin.scheme == Scheme::Http {
            return self.established(id);
        }
        connection.mark(Instant::now());
        connection.stage = Stage::Handshaking;
        match tls_connection(connection) {
            Ok(tls) => {
                if let Some(transport) = &mut connection.transport {
                    transport.tls = Some(tls);
                }
                self.set_deadline(id, |request| request.connect_timeout);
                self.on_handshaking(id, false);
            }
            Err(failure) => self.fail(id, failure),
        }
    }

    pub(super) fn on_handshaking(&mut self, id: ConnectionId, closing: bool) {
        let Some(connection) = self.connections.get_mut(id.slot()) else {
            return;
        };
        let written = connection.send_handshake();
        let progress = match written {
            Progress::Pending { .. } => connection.receive(&mut self.buffers, closing),
            other => other,
        };
        match progress {
            Progress::Pending { .. } | Progress::Unfinished => {
                if matches!(progress, Progress::Unfinished) {
                    self.unfinished.push(id);
                }
                let Some(connection) = self.lookup(id) else {
                    return;
                };
                if !connection.transport.as_ref().is_some_and(Transport::is_handshaking) {
                    self.established(id);
                }
            }
            progress => self.settle(id, progress),
        }
    }

    fn established(&mut self, id: ConnectionId) {
        let Some(connection) = self.lookup(id) else {
            return;
        };
        if connection.multiplex.is_some() && !self.settle_version(id) {
            return;
        }
        let Some(connection) = self.lookup(id) else { return };
        let begun = connection.established();
        self.send(id, begun);
    }

    pub(super) fn set_deadline(&mut self, id: ConnectionId, which: impl Fn(&Request) -> Option<Duration>) {
        let Some(connection) = self.connections.get_mut(id.slot()) else {
            return;
        };
        match connection.request.as_deref().and_then(which) {
            Some(timeout) => self.deadlines.set(&mut connection.deadline, id, Instant::now(), timeout),
            None => connection.deadline.clear(),
        }
    }
}

/// Begins to connect from an address of ours. The port is only chosen then: so it need not be free towards everybody.
fn connect_from(source: IpAddr, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if source.is_ipv4() {
        // Old kernels lack it; then ports only run out earlier.
        let _ = nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::IpBindAddressNoPort, &true);
    }
    socket.bind(&SocketAddr::new(source, 0).into())?;
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

fn tls_connection(connection: &Connection) -> Result<Box<ClientConnection>, Failure> {
    let host = &connection.origin.host;
    let name = ServerName::try_from(host.clone()).map_err(|_| Failure::Tls(TlsFailure::bad_host(host)))?;
    let Some(settings) = &connection.origin.tls else {
        return Err(Failure::Internal { text: "an https origin without TLS settings".to_owned() });
    };
    let tls = ClientConnection::new_with_alpn(Arc::clone(&settings.config), name, connection.protocols());
    tls.map(Box::new).map_err(|error| Failure::Tls(error.into()))
}
