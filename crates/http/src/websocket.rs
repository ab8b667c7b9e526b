//! WebSocket over an upgraded connection: bytes in, messages out, and the other way round. Framing and its rules are
//! tungstenite's; here it is given bytes instead of a socket. Pings are answered at once, whether anybody reads or not.

use std::io::{self, Read, Write};

use tungstenite::Message;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};

use crate::failure::Failure;

/// Larger messages end the connection.
const MESSAGE_LIMIT_BYTES: usize = 64 << 20;

/// A message, either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketMessage {
    /// Text, as UTF-8.
    Text(Vec<u8>),
    /// Bytes.
    Binary(Vec<u8>),
    /// The end, with its code and its reason.
    Close(u16, String),
}

/// The two heaps of bytes that tungstenite takes for a socket.
#[derive(Debug, Default)]
struct Wire {
    incoming: Vec<u8>,
    read: usize,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.incoming[self.read..];
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.read += length;
        if self.read == self.incoming.len() {
            self.incoming.clear();
            self.read = 0;
        }
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One connection's state.
#[derive(Debug)]
pub(crate) struct Session {
    context: WebSocketContext,
    wire: Wire,
}

impl Session {
    /// The client's side of a connection that has just been upgraded.
    pub fn client() -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_LIMIT_BYTES))
            .max_frame_size(Some(MESSAGE_LIMIT_BYTES));
        Self { context: WebSocketContext::new(Role::Client, Some(config)), wire: Wire::default() }
    }

    /// Takes bytes from the connection and hands every message that is complete to `take`.
    ///
    /// # Errors
    /// What the server may not send.
    pub fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(SocketMessage)) -> Result<(), Failure> {
        self.wire.incoming.extend_from_slice(bytes);
        loop {
            match self.context.read(&mut self.wire) {
                Ok(Message::Text(text)) => take(SocketMessage::Text(text.as_bytes().to_vec())),
                Ok(Message::Binary(bytes)) => take(SocketMessage::Binary(bytes.to_vec())),
                Ok(Message::Close(frame)) => take(closing(frame)),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => break,
                Err(error) => return Err(broken(&error)),
            }
        }
        // A pong or the answer to a close may be due; a closed connection has nothing to flush.
        let _ = self.context.flush(&mut self.wire);
        Ok(())
    }

    /// Makes frames of a message.
    ///
    /// # Errors
    /// After the end.
    pub fn send(&mut self, message: SocketMessage) -> Result<(), Failure> {
        let message = match message {
            SocketMessage::Text(text) => {
                let text = String::from_utf8(text).map_err(|_| protocol("a text message must be UTF-8"))?;
                Message::text(text)
            }
            SocketMessage::Binary(bytes) => Message::binary(bytes),
            SocketMessage::Close(code, reason) => {
                Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
            }
        };
        let sent = self.context.write(&mut self.wire, message).and_then(|()| self.context.flush(&mut self.wire));
        match sent {
            Ok(()) | Err(tungstenite::Error::ConnectionClosed) => Ok(()),
            Err(error) => Err(broken(&error)),
        }
    }

    /// What is to be sent over the connection.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.wire.outgoing)
    }
}

fn closing(frame: Option<CloseFrame>) -> SocketMessage {
    // 1005: there was no code.
    frame.map_or(SocketMessage::Close(1005, String::new()), |frame| {
        SocketMessage::Close(frame.code.into(), frame.reason.to_string())
    })
}

fn broken(error: &tungstenite::Error) -> Failure {
    protocol(&error.to_string())
}

fn protocol(text: &str) -> Failure {
    Failure::WebSocket { text: text.to_owned() }
}

/// A random `Sec-WebSocket-Key`, and the `Sec-WebSocket-Accept` that answers it.
pub fn handshake_key() -> (String, String) {
    let key = tungstenite::handshake::client::generate_key();
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    (key, accept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The server's side, of the same library.
    fn server() -> Session {
        Session { context: WebSocketContext::new(Role::Server, None), wire: Wire::default() }
    }

    fn messages(session: &mut Session, bytes: &[u8]) -> Vec<SocketMessage> {
        let mut taken = Vec::new();
        session.feed(bytes, |message| taken.push(message)).unwrap();
        taken
    }

    #[test]
    fn messages_go_both_ways_and_pings_are_answered() {
        let (mut client, mut server) = (Session::client(), server());
        client.send(SocketMessage::Text("grüße".into())).unwrap();
        client.send(SocketMessage::Binary(vec![0, 255])).unwrap();
        let wire = client.take_outgoing();
        let expected = [SocketMessage::Text("grüße".into()), SocketMessage::Binary(vec![0, 255])];
        assert_eq!(messages(&mut server, &wire), expected);
        server.context.write(&mut server.wire, Message::Ping(vec![1, 2].into())).unwrap();
        server.context.flush(&mut server.wire).unwrap();
        let ping = server.take_outgoing();
        assert_eq!(messages(&mut client, &ping), []);
        assert_eq!(client.take_outgoing()[0], 0x8a, "a pong");
    }

    #[test]
    fn a_close_is_answered_and_ends_it() {
        let (mut client, mut server) = (Session::client(), server());
        server.send(SocketMessage::Close(4001, "enough".to_owned())).unwrap();
        let closed = messages(&mut client, &server.take_outgoing());
        assert_eq!(closed, [SocketMessage::Close(4001, "enough".to_owned())]);
        assert_eq!(client.take_outgoing()[0], 0x88);
        assert!(client.send(SocketMessage::Text(b"late".to_vec())).is_err());
    }

    #[test]
    fn what_is_no_frame_is_a_failure() {
        let outcome = Session::client().feed(b"\x8f\x00", |_| {});
        assert!(matches!(outcome, Err(Failure::WebSocket { .. })), "{outcome:?}");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(texts in proptest::collection::vec(".{0,200}", 1..5), step in 1..50usize) {
            let mut server = server();
            let sent: Vec<_> = texts.into_iter().map(|text| SocketMessage::Text(text.into_bytes())).collect();
            for message in &sent {
                server.send(message.clone()).unwrap();
            }
            let wire = server.take_outgoing();
            let mut client = Session::client();
            let taken: Vec<_> = wire.chunks(step).flat_map(|part| messages(&mut client, part)).collect();
            prop_assert_eq!(taken, sent);
        }

        #[test]
        fn noise_never_panics(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Session::client().feed(&data, |_| {});
        }
    }
}
