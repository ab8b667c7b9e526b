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

/// What the requests of every connection need.
type House<'a> = (&'a Counts, &'a dyn Site);

/// Serves a connection to its end.
pub(crate) fn serve(socket: &TcpStream, tls: Option<Arc<ServerConfig>>, house: House, number: u64) {
    let _ = socket.set_nodelay(true);
    let mut plain = socket;
    let outcome = match tls {
        None => requests(&mut plain, house, number).map(|after| end(socket, after)),
        Some(config) => serve_tls(socket, config, house, number),
    };
    if outcome.is_err() {
        let _ = socket.shutdown(Shutdown::Both);
    }
}

fn serve_tls(
    socket: &TcpStream,
    config: Arc<ServerConfig>,
    house: House,
    number: u64,
) -> io::Result<()> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, socket);
    while stream.conn.is_handshaking() {
        if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
            house.0.handshake_failed();
            return Err(error);
        }
    }
    let after = requests(&mut stream, house, number)?;
    if after == After::Close {
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
    end(socket, after);
    Ok(())
}

fn requests<S: Read + Write>(stream: &mut S, house: House, number: u64) -> io::Result<After> {
    let mut buffer = Buffer::default();
    for index in 1u64.. {
        match request::read(stream, &mut buffer)? {
            Incoming::End => break,
            Incoming::Malformed => {
                stream.write_all(
                    &Reply::text("not HTTP\n")
                        .status(400)
                        .header("Connection", "close")
                        .to_bytes(false),
                )?;
                stream.flush()?;
                break;
            }
            Incoming::Request(request) => match answer(&request, stream, house, (number, index))? {
                After::Continue if request.wants_close() => break,
                After::Continue => {}
                after => return Ok(after),
            },
        }
    }
    Ok(After::Close)
}

fn answer(
    request: &Request,
    stream: &mut dyn Write,
    house: House,
    place: (u64, u64),
) -> io::Result<After> {
    let (counts, site) = house;
    let path = request.path();
    let control = path.starts_with("/__");
    let nth = if control { 0 } else { counts.request(path) };
    let (connection, index) = place;
    let head_only = request.method == "HEAD";
    let mut wire = Wire {
        stream,
        counts,
        connection,
        request: index,
        nth,
        head_only,
    };
    match (request.method.as_str(), path) {
        (_, "/__counts" | "/__wait") => {
            // `/__wait?requests=N` answers when N requests have come, so that tests need not poll.
            let limit = Duration::from_millis(request.number("ms", 30_000));
            wire.counts
                .wait_for_requests(request.number("requests", 0), limit);
            let counts = wire.counts.to_json();
            wire.send(Reply::json(&counts))
        }
        ("POST", "/__reset") => {
            wire.counts.reset();
            wire.send(Reply::text("reset\n"))
        }
        _ => site.answer(request, &mut wire),
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
