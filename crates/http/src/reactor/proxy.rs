//! Connections through a proxy, from when the proxy has accepted until it has let us through.

use super::connection::Stage;
use super::driver::Driver;
use super::transport::{Broken, Stop};
use crate::exchange::{ConnectionId, Origin, Scheme};
use crate::failure::{Failure, Phase};
use crate::proxy::{ProxyKind, Tunnel};

impl Origin {
    /// The host and port to connect to.
    pub(super) fn first_hop(&self) -> (&str, u16) {
        match &self.proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&self.host, self.port),
        }
    }

    /// A proxy has to be asked for a way through.
    fn tunnel(&self) -> Option<Tunnel> {
        let proxy = self.proxy.as_ref()?;
        let needed = proxy.kind == ProxyKind::Socks5 || self.scheme == Scheme::Https;
        needed.then(|| Tunnel::new(proxy, &self.host, self.port))
    }
}

impl Driver {
    /// Ask the proxy for a way through, if there is one that wants to be asked.
    pub(super) fn begin_tunnel(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.lookup(id) else { return false };
        let Some(tunnel) = connection.origin.tunnel() else { return false };
        let Some(route) = &mut connection.route else { return false };
        route.tunnel = Some(Box::new(tunnel));
        connection.stage = Stage::Tunnelling;
        self.set_deadline(id, |request| request.connect_timeout);
        self.on_tunnelling(id, false);
        true
    }

    pub(super) fn on_tunnelling(&mut self, id: ConnectionId, closing: bool) {
        let Some(connection) = self.connections.get_mut(id.slot()).filter(|connection| connection.id == id) else {
            return;
        };
        let (Some(transport), Some(route)) = (&mut connection.transport, &mut connection.route) else { return };
        let Some(tunnel) = &mut route.tunnel else { return };
        // What an answer makes it say is said at once.
        let received = loop {
            if let Err(error) = transport.send(&tunnel.outgoing, &mut tunnel.written) {
                break Err(Broken::Io(error));
            }
            let said = tunnel.said;
            let received = transport.receive(&mut self.buffers, closing, |bytes| tunnel.feed(bytes));
            if tunnel.said == said || !matches!(received, Ok(Stop::Dry)) {
                break received;
            }
        };
        let is_open = tunnel.is_open();
        match received {
            Err(Broken::Failed(failure)) => self.fail(id, failure),
            Err(Broken::Io(error)) => {
                let errno = error.raw_os_error().unwrap_or_default();
                self.fail(id, Failure::Io { errno, phase: Phase::Head });
            }
            Ok(Stop::End) => {
                let failure = tunnel.ended();
                self.fail(id, failure);
            }
            Ok(_) if is_open => {
                route.tunnel = None;
                self.through(id);
            }
            Ok(Stop::Unfinished) => self.unfinished.push(id),
            Ok(Stop::Dry) => {}
        }
    }
}
