//! One accepted connection: TLS or not, request after request until someone ends it. What is answered is the site's business.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::counts::Counts;
use crate::request::{self, Buffer, Incoming, Request};
use crate::server::Site;
use crate::wire::{After, Reply, Wire};

/// One client's side of the talk: what its requests need and how many there were.
struct Conversation<'a> {
    counts: &'a Counts,
    site: &'a dyn Site,
    number: u64,
    requests: u64,
    /// Whether the counts know of this connection: only a request that counts makes them.
    counted: bool,
}

/// Serves a connection to its end.
pub(crate) fn serve(socket: &TcpStream, tls: Option<Arc<ServerConfig>>, house: (&Counts, &dyn Site), number: u64) {
    let _ = socket.set_nodelay(true);
    let (counts, site) = house;
    let mut conversation = Conversation { counts, site, number, requests: 0, counted: false };
    let outcome = match tls {
        None => conversation.hold(&mut { socket }).map(|after| end(socket, after)),
        Some(config) => serve_tls(socket, config, &mut conversation),
    };
    if outcome.is_err() {
        let _ = socket.shutdown(Shutdown::Both);
    }
}

fn serve_tls(socket: &TcpStream, config: Arc<ServerConfig>, conversation: &mut Conversation) -> io::Result<()> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, socket);
    while stream.conn.is_handshaking() {
        if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
            conversation.counts.handshake_failed();
            return Err(error);
        }
    }
    let after = conversation.hold(&mut stream)?;
    if after == After::Close {
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
    end(socket, after);
    Ok(())
}

impl Conversation<'_> {
    fn hold<S: Read + Write>(&mut self, stream: &mut S) -> io::Result<After> {
        let mut buffer = Buffer::default();
        loop {
            match request::read(stream, &mut buffer)? {
                Incoming::End => return Ok(After::Close),
                Incoming::Malformed => {
                    let refusal = Reply::text("not HTTP\n").status(400).header("Connection", "close");
                    stream.write_all(&refusal.to_bytes(false))?;
                    stream.flush()?;
                    return Ok(After::Close);
                }
                Incoming::Request(request) => match self.answer(&request, stream)? {
                    After::Continue if request.wants_close() => return Ok(After::Close),
                    After::Continue => {}
                    after => return Ok(after),
                },
            }
        }
    }

    fn answer(&mut self, request: &Request, stream: &mut dyn Write) -> io::Result<After> {
        self.requests += 1;
        let path = request.path();
        let control = path.starts_with("/__");
        if !control && !self.counted {
            self.counted = true;
            self.counts.opened();
        }
        let nth = if control { 0 } else { self.counts.request(path) };
        let mut wire =
            Wire { stream, connection: self.number, request: self.requests, nth, head_only: request.method == "HEAD" };
        match (request.method.as_str(), path) {
            (_, "/__counts" | "/__wait") => {
                // `/__wait?requests=N` answers when N requests have come, so that tests need not poll.
                let limit = Duration::from_millis(request.number("ms", 30_000));
                self.counts.wait_for_requests(request.number("requests", 0), limit);
                wire.send(Reply::json(&self.counts.to_json()))
            }
            ("POST", "/__reset") => {
                self.counts.reset();
                wire.send(Reply::text("reset\n"))
            }
            _ => self.site.answer(request, &mut wire),
        }
    }
}

impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        if self.counted {
            self.counts.closed();
        }
    }
}

fn end(socket: &TcpStream, after: After) {
    if after == After::Reset {
        let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
        return;
    }
    let _ = socket.shutdown(Shutdown::Write);
    // Closing with unread bytes would send RST where FIN is meant; so take what still comes, for a moment.
    let _ = socket.set_read_timeout(Some(Duration::from_millis(200)));
    let mut sink = [0u8; 4096];
    let mut reader = socket;
    while matches!(reader.read(&mut sink), Ok(count) if count > 0) {}
}
