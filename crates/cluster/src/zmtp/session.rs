//! One connection from its greeting on, for either side. Pure; the transport moves its bytes.

use super::Error;
use super::frame::{Frame, FrameReader, write_frame};
use super::seal::{Handshake, Seal, Secret};

const GREETING_BYTES: usize = 64;
const PLAIN: &str = "NULL";
const SEALED: &str = "GREGARIA";
/// Enough for identities and metadata; a stranger gets no more.
const HANDSHAKE_LIMIT_BYTES: usize = 4 << 10;
const LONGEST_IDENTITY: usize = 255;
/// Pings are not answered while more is waiting to be sent.
const MOST_WAITING_BYTES: usize = 64 << 10;

/// What a peer may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest message, in bytes.
    pub message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 64 << 20 }
    }
}

/// What came of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The handshake is over; a listening side learns who it is. Empty where a peer gave no name.
    Ready { identity: Vec<u8> },
    /// A message; of several frames, the last (a REQ-like peer sends an empty one first).
    Message(Vec<u8>),
}

#[derive(Debug)]
enum Side {
    Listening,
    Connecting { identity: Vec<u8> },
}

#[derive(Debug)]
enum Stage {
    Greeting,
    /// NULL: the peer's READY is awaited.
    Metadata,
    /// GREGARIA, listening: the peer's HELLO is awaited.
    Hello,
    /// GREGARIA, connecting: the peer's WELCOME is awaited.
    Welcome(Handshake),
    Open(Option<Seal>),
    Over,
}

/// See the module's text.
#[derive(Debug)]
pub struct Session {
    side: Side,
    secret: Option<Secret>,
    limits: Limits,
    stage: Stage,
    reader: FrameReader,
    outgoing: Vec<u8>,
}

impl Session {
    fn new(side: Side, secret: Option<Secret>, limits: Limits) -> Self {
        let outgoing = greeting(if secret.is_some() { SEALED } else { PLAIN }, matches!(side, Side::Listening));
        Self { side, secret, limits, stage: Stage::Greeting, reader: FrameReader::new(HANDSHAKE_LIMIT_BYTES), outgoing }
    }

    /// The side that was connected to: a ROUTER.
    pub fn listening(secret: Option<Secret>, limits: Limits) -> Self {
        Self::new(Side::Listening, secret, limits)
    }

    /// The side that connected: a DEALER of this identity.
    pub fn connecting(identity: Vec<u8>, secret: Option<Secret>, limits: Limits) -> Self {
        Self::new(Side::Connecting { identity }, secret, limits)
    }

    /// What is to be sent.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    /// Queue a message; only once the session is open.
    ///
    /// # Errors
    /// The encryption failed.
    pub fn send(&mut self, payload: &[u8]) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Open(None) => write_frame(&mut self.outgoing, false, payload),
            Stage::Open(Some(seal)) => {
                let sealed = seal.seal(payload)?;
                write_frame(&mut self.outgoing, false, &sealed);
            }
            _ => return Err(Error::Garbage("a message before the handshake")),
        }
        Ok(())
    }

    /// Take in bytes.
    ///
    /// # Errors
    /// The peer is to be given up.
    pub fn receive(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Error> {
        self.reader.push(bytes);
        if matches!(self.stage, Stage::Greeting) && !self.greeted()? {
            return Ok(());
        }
        while let Some(frame) = self.reader.next_frame()? {
            self.on_frame(frame, events)?;
        }
        Ok(())
    }

    /// Whether the greeting is complete.
    fn greeted(&mut self) -> Result<bool, Error> {
        let pending = self.reader.pending();
        if pending.first().is_some_and(|first| *first != 0xff) || pending.get(9).is_some_and(|byte| byte & 1 == 0) {
            return Err(Error::Garbage("no greeting"));
        }
        if let Some(major) = pending.get(10).filter(|major| **major < 3) {
            return Err(Error::Version(*major));
        }
        let Some(greeting) = self.reader.take_raw(GREETING_BYTES) else { return Ok(false) };
        let name = greeting[12..32].split(|byte| *byte == 0).next().unwrap_or_default();
        let theirs = String::from_utf8_lossy(name).into_owned();
        match (&self.secret, theirs.as_str()) {
            (None, PLAIN) => {
                self.stage = Stage::Metadata;
                let body = self.metadata();
                write_frame(&mut self.outgoing, true, &body);
            }
            (Some(secret), SEALED) => match &self.side {
                Side::Listening => self.stage = Stage::Hello,
                Side::Connecting { identity } => {
                    let (handshake, hello) = Handshake::initiate(secret, identity)?;
                    write_frame(&mut self.outgoing, true, &command("HELLO", &hello));
                    self.stage = Stage::Welcome(handshake);
                }
            },
            (Some(_), _) => return Err(Error::PeerIsPlain(theirs)),
            (None, _) => return Err(Error::PeerIsSealed(theirs)),
        }
        Ok(true)
    }

    fn metadata(&self) -> Vec<u8> {
        let (kind, identity) = match &self.side {
            Side::Listening => ("ROUTER", &[][..]),
            Side::Connecting { identity } => ("DEALER", &identity[..]),
        };
        let mut properties = Vec::new();
        for (name, value) in [("Socket-Type", kind.as_bytes()), ("Identity", identity)] {
            properties.push(name.len() as u8);
            properties.extend_from_slice(name.as_bytes());
            properties.extend_from_slice(&(value.len() as u32).to_be_bytes());
            properties.extend_from_slice(value);
        }
        command("READY", &properties)
    }

    fn on_frame(&mut self, frame: Frame, events: &mut Vec<Event>) -> Result<(), Error> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Open(mut seal) => {
                if frame.command {
                    self.answer_ping(&frame.body);
                } else if !frame.more {
                    let body = match &mut seal {
                        Some(seal) => seal.open(&frame.body)?,
                        None => frame.body,
                    };
                    events.push(Event::Message(body));
                }
                self.stage = Stage::Open(seal);
                Ok(())
            }
            stage if frame.command => self.on_handshake(stage, &frame.body, events),
            _ => Err(Error::Garbage("a message before the handshake")),
        }
    }

    fn on_handshake(&mut self, stage: Stage, body: &[u8], events: &mut Vec<Event>) -> Result<(), Error> {
        let (name, content) = split_command(body).ok_or(Error::Garbage("a command without a name"))?;
        let (seal, identity) = match (stage, name, &self.secret) {
            (Stage::Metadata, b"READY", _) => (None, identity_of(content)?),
            (Stage::Hello, b"HELLO", Some(secret)) => {
                let (seal, identity, welcome) = Handshake::respond(secret, content)?;
                write_frame(&mut self.outgoing, true, &command("WELCOME", &welcome));
                (Some(seal), identity)
            }
            (Stage::Welcome(handshake), b"WELCOME", _) => (Some(handshake.finish(content)?), Vec::new()),
            (Stage::Welcome(_), b"ERROR", _) => return Err(Error::WrongSecret),
            _ => return Err(Error::Garbage("an unexpected command")),
        };
        if identity.len() > LONGEST_IDENTITY {
            return Err(Error::Garbage("an identity of more than 255 bytes"));
        }
        self.reader.limit_bytes = self.limits.message_bytes;
        self.stage = Stage::Open(seal);
        events.push(Event::Ready { identity });
        Ok(())
    }

    /// ZMTP 3.1: PING has a time to live and a context of up to 16 bytes, which PONG gives back. A peer that does not
    /// read gets no more answers than fit into a bounded queue.
    fn answer_ping(&mut self, body: &[u8]) {
        if self.outgoing.len() > MOST_WAITING_BYTES {
            return;
        }
        if let Some((b"PING", content)) = split_command(body) {
            let context = content.get(2..content.len().min(18)).unwrap_or_default();
            write_frame(&mut self.outgoing, true, &command("PONG", context));
        }
    }

    /// Before the connection of a peer without the secret is closed, tell it that this was the reason.
    pub fn refuse(&mut self) {
        if self.secret.is_some() && matches!(self.stage, Stage::Over) {
            write_frame(&mut self.outgoing, true, &command("ERROR", &[]));
        }
    }
}

fn greeting(mechanism: &str, listening: bool) -> Vec<u8> {
    let mut greeting = vec![0; GREETING_BYTES];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..12 + mechanism.len()].copy_from_slice(mechanism.as_bytes());
    greeting[32] = u8::from(listening && mechanism != PLAIN);
    greeting
}

fn command(name: &str, content: &[u8]) -> Vec<u8> {
    [&[name.len() as u8], name.as_bytes(), content].concat()
}

fn split_command(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = body.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// The identity among the properties of a READY.
fn identity_of(mut properties: &[u8]) -> Result<Vec<u8>, Error> {
    const BROKEN: Error = Error::Garbage("broken metadata");
    let mut identity = Vec::new();
    while !properties.is_empty() {
        let (name, rest) = split_command(properties).ok_or(BROKEN)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(BROKEN)?;
        let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or(BROKEN)?;
        if name.eq_ignore_ascii_case(b"identity") {
            identity = value.to_vec();
        }
        properties = rest;
    }
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret() -> Option<Secret> {
        Some(Secret::from_text("a secret of the team").unwrap())
    }

    /// Moves bytes both ways until nobody has any more to say, `step` bytes at a time.
    fn converse(one: &mut Session, other: &mut Session, step: usize) -> Result<(Vec<Event>, Vec<Event>), Error> {
        let (mut to_one, mut to_other) = (Vec::new(), Vec::new());
        loop {
            let (sent, answered) = (one.take_outgoing(), other.take_outgoing());
            if sent.is_empty() && answered.is_empty() {
                return Ok((to_one, to_other));
            }
            sent.chunks(step).try_for_each(|piece| other.receive(piece, &mut to_other))?;
            answered.chunks(step).try_for_each(|piece| one.receive(piece, &mut to_one))?;
        }
    }

    fn pair(mine: Option<Secret>, theirs: Option<Secret>) -> (Session, Session) {
        let limits = Limits { message_bytes: 100_000 };
        (Session::connecting(b"host_1".to_vec(), mine, limits), Session::listening(theirs, limits))
    }

    #[test]
    fn both_kinds_of_link_carry_messages_however_the_bytes_come() {
        for key in [None, secret()] {
            for step in [1, 7, 10_000] {
                let (mut client, mut server) = pair(key.clone(), key.clone());
                let (to_client, to_server) = converse(&mut client, &mut server, step).unwrap();
                assert_eq!(to_client, [Event::Ready { identity: Vec::new() }]);
                assert_eq!(to_server, [Event::Ready { identity: b"host_1".to_vec() }]);
                client.send(b"up").unwrap();
                client.send(&[7; 70_000]).unwrap();
                server.send(b"down").unwrap();
                let (to_client, to_server) = converse(&mut client, &mut server, step).unwrap();
                assert_eq!(to_client, [Event::Message(b"down".to_vec())]);
                assert_eq!(to_server, [Event::Message(b"up".to_vec()), Event::Message(vec![7; 70_000])]);
            }
        }
    }

    #[test]
    fn links_of_different_kinds_say_what_is_wrong() {
        let (mut client, mut server) = pair(None, secret());
        assert!(matches!(converse(&mut client, &mut server, 100), Err(Error::PeerIsPlain(name)) if name == "NULL"));
        let (mut client, mut server) = pair(secret(), None);
        assert!(matches!(converse(&mut client, &mut server, 100), Err(Error::PeerIsSealed(_))));
        let other = Some(Secret::from_text("quite another secret").unwrap());
        let (mut client, mut server) = pair(secret(), other);
        assert!(matches!(converse(&mut client, &mut server, 100), Err(Error::WrongSecret)));
        server.refuse();
        let refusal = server.take_outgoing();
        assert!(matches!(client.receive(&refusal, &mut Vec::new()), Err(Error::WrongSecret)));
    }

    #[test]
    fn strangers_are_given_up_at_the_first_byte_that_is_wrong() {
        for (bytes, what) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "no greeting"),
            (b"\xff\0\0\0\0\0\0\0\x01\x00", "no greeting"),
            (b"\xff\0\0\0\0\0\0\0\x01\x7f\x01", "version 1"),
        ] {
            let mut server = Session::listening(None, Limits::default());
            let error = server.receive(bytes, &mut Vec::new()).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
    }

    #[test]
    fn before_the_handshake_is_over_nothing_large_and_no_message_is_taken() {
        let mut server = Session::listening(None, Limits::default());
        server.receive(&greeting(PLAIN, false), &mut Vec::new()).unwrap();
        let large = [6, 0, 0, 0, 0, 0, 1, 0, 0];
        assert!(matches!(server.receive(&large, &mut Vec::new()), Err(Error::TooLarge { .. })));
        let mut server = Session::listening(None, Limits::default());
        server.receive(&greeting(PLAIN, false), &mut Vec::new()).unwrap();
        assert!(matches!(server.receive(&[0, 1, 65], &mut Vec::new()), Err(Error::Garbage(_))));
    }

    #[test]
    fn a_ping_is_answered_with_its_context() {
        let (mut client, mut server) = pair(None, None);
        converse(&mut client, &mut server, 100).unwrap();
        let mut ping = Vec::new();
        write_frame(&mut ping, true, b"\x04PING\x00\x0acontext");
        server.receive(&ping, &mut Vec::new()).unwrap();
        assert!(server.take_outgoing().ends_with(b"\x04PONGcontext"));
        let flood = ping.repeat(100_000);
        server.receive(&flood, &mut Vec::new()).unwrap();
        assert!(server.take_outgoing().len() < 2 * MOST_WAITING_BYTES, "answers to a peer that does not read");
    }

    proptest! {
        #[test]
        fn no_bytes_after_a_greeting_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..500), sealed: bool) {
            let mut server = Session::listening(if sealed { secret() } else { None }, Limits { message_bytes: 1_000 });
            server.receive(&greeting(if sealed { SEALED } else { PLAIN }, false), &mut Vec::new()).unwrap();
            server.receive(&bytes, &mut Vec::new()).ok();
        }
    }
}
