//! An encrypted link between our own nodes: the Noise protocol (NNpsk0) with a key made from a shared secret, by `snow`.
//! A peer that does not know the secret gets nowhere, and nothing can be read, changed, replayed or reordered.

use sha2::{Digest, Sha256};
use snow::{Builder, HandshakeState, TransportState};

use super::Error;

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"gregaria cluster 2";
/// Bytes that sealing adds to a piece.
const TAG_BYTES: usize = 16;
const PIECE_BYTES: usize = 65_535 - TAG_BYTES - 1;
/// The last byte of every piece says whether the message goes on, so that nobody can cut or join messages between pieces.
const GOES_ON: u8 = 0;
const LAST: u8 = 1;
/// Shorter secrets could be guessed from recorded traffic.
pub const SHORTEST_SECRET: usize = 16;

/// The key of a cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

impl Secret {
    /// The key that a secret text stands for.
    ///
    /// # Errors
    /// The text is too short.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() < SHORTEST_SECRET {
            return Err(Error::ShortSecret);
        }
        let mut digest = Sha256::new();
        digest.update(PROLOGUE);
        digest.update(text.as_bytes());
        Ok(Self(digest.finalize().into()))
    }
}

/// Half-way through the handshake.
pub struct Handshake(Box<HandshakeState>);

impl std::fmt::Debug for Handshake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Handshake(..)")
    }
}

impl Handshake {
    fn builder(secret: &Secret) -> Result<Builder<'_>, Error> {
        let pattern = PATTERN.parse().map_err(Error::Noise)?;
        Builder::new(pattern).prologue(PROLOGUE).and_then(|builder| builder.psk(0, &secret.0)).map_err(Error::Noise)
    }

    /// The side that connects: the handshake and its first message, which carries `identity`.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn initiate(secret: &Secret, identity: &[u8]) -> Result<(Self, Vec<u8>), Error> {
        let mut state = Self::builder(secret)?.build_initiator().map_err(Error::Noise)?;
        let hello = write(&mut state, identity)?;
        Ok((Self(Box::new(state)), hello))
    }

    /// The side that listens: the link, the peer's identity, and the answer to send.
    ///
    /// # Errors
    /// The peer has another secret.
    pub fn respond(secret: &Secret, hello: &[u8]) -> Result<(Seal, Vec<u8>, Vec<u8>), Error> {
        let mut state = Self::builder(secret)?.build_responder().map_err(Error::Noise)?;
        let identity = read(&mut state, hello)?;
        let welcome = write(&mut state, &[])?;
        Ok((Seal::new(state)?, identity, welcome))
    }

    /// The connecting side's last step.
    ///
    /// # Errors
    /// The peer has another secret.
    pub fn finish(mut self, welcome: &[u8]) -> Result<Seal, Error> {
        read(&mut self.0, welcome)?;
        Seal::new(*self.0)
    }
}

fn write(state: &mut HandshakeState, payload: &[u8]) -> Result<Vec<u8>, Error> {
    let mut message = vec![0; payload.len() + 128];
    let length = state.write_message(payload, &mut message).map_err(Error::Noise)?;
    message.truncate(length);
    Ok(message)
}

fn read(state: &mut HandshakeState, message: &[u8]) -> Result<Vec<u8>, Error> {
    let mut payload = vec![0; message.len()];
    let length = state.read_message(message, &mut payload).map_err(|_| Error::WrongSecret)?;
    payload.truncate(length);
    Ok(payload)
}

/// A link that both sides have agreed on.
pub struct Seal(Box<TransportState>);

impl std::fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seal(..)")
    }
}

impl Seal {
    fn new(state: HandshakeState) -> Result<Self, Error> {
        Ok(Self(Box::new(state.into_transport_mode().map_err(Error::Noise)?)))
    }

    /// The sealed form of `plain`, in pieces that each have their length in front.
    ///
    /// # Errors
    /// After 2^64 messages.
    pub fn seal(&mut self, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let pieces = plain.len().div_ceil(PIECE_BYTES).max(1);
        let mut sealed = Vec::with_capacity(plain.len() + pieces * (TAG_BYTES + 3));
        let mut room = vec![0; plain.len().min(PIECE_BYTES) + 1 + TAG_BYTES];
        let mut marked = Vec::with_capacity(plain.len().min(PIECE_BYTES) + 1);
        for number in 1..=pieces {
            marked.clear();
            marked.extend_from_slice(&plain[(number - 1) * PIECE_BYTES..plain.len().min(number * PIECE_BYTES)]);
            marked.push(if number == pieces { LAST } else { GOES_ON });
            let length = self.0.write_message(&marked, &mut room).map_err(Error::Noise)?;
            sealed.extend_from_slice(&(length as u16).to_be_bytes());
            sealed.extend_from_slice(&room[..length]);
        }
        Ok(sealed)
    }

    /// What was sealed.
    ///
    /// # Errors
    /// It was changed on the way, or is not the next message.
    pub fn open(&mut self, mut sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let mut plain = vec![0; sealed.len()];
        let mut length = 0;
        loop {
            let (size, rest) = sealed.split_first_chunk::<2>().ok_or(Error::Tampered)?;
            let piece = rest.get(..usize::from(u16::from_be_bytes(*size))).ok_or(Error::Tampered)?;
            let read = self.0.read_message(piece, &mut plain[length..]).map_err(|_| Error::Tampered)?;
            length = (length + read).checked_sub(1).filter(|_| read > 0).ok_or(Error::Tampered)?;
            sealed = &rest[piece.len()..];
            match (plain[length], sealed.is_empty()) {
                (GOES_ON, false) => {}
                (LAST, true) => {
                    plain.truncate(length);
                    return Ok(plain);
                }
                _ => return Err(Error::Tampered),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from_text(text).unwrap()
    }

    fn link() -> (Seal, Seal) {
        let secret = secret("a secret of the team");
        let (client, hello) = Handshake::initiate(&secret, b"host_1").unwrap();
        let (server, identity, welcome) = Handshake::respond(&secret, &hello).unwrap();
        assert_eq!(identity, b"host_1");
        (client.finish(&welcome).unwrap(), server)
    }

    #[test]
    fn messages_of_every_size_come_through() {
        let (mut client, mut server) = link();
        for length in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let message: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let sealed = client.seal(&message).unwrap();
            assert!(length < 8 || !sealed.windows(8).any(|window| window == &message[..8]));
            assert_eq!(server.open(&sealed).unwrap(), message);
        }
        let sealed = server.seal(b"back").unwrap();
        assert_eq!(client.open(&sealed).unwrap(), b"back");
    }

    #[test]
    fn replayed_changed_and_cut_messages_are_refused() {
        let (mut client, mut server) = link();
        let first = client.seal(b"one").unwrap();
        assert_eq!(server.open(&first).unwrap(), b"one");
        assert!(matches!(server.open(&first), Err(Error::Tampered)));
        let mut second = client.seal(b"two").unwrap();
        second[5] ^= 1;
        assert!(matches!(server.open(&second), Err(Error::Tampered)));
        assert!(matches!(server.open(&[0, 200, 1, 2]), Err(Error::Tampered)));
        assert!(matches!(server.open(&[7]), Err(Error::Tampered)));
    }

    #[test]
    fn messages_cannot_be_added_cut_or_joined_between_pieces() {
        assert!(matches!(link().1.open(b""), Err(Error::Tampered)));
        let (mut client, mut server) = link();
        let long = client.seal(&[7; PIECE_BYTES + 1]).unwrap();
        assert!(matches!(server.open(&long[..2 + PIECE_BYTES + 1 + TAG_BYTES]), Err(Error::Tampered)));
        let (mut client, mut server) = link();
        let joined = [client.seal(b"one").unwrap(), client.seal(b"two").unwrap()].concat();
        assert!(matches!(server.open(&joined), Err(Error::Tampered)));
    }

    #[test]
    fn another_secret_gets_nowhere() {
        let (_, hello) = Handshake::initiate(&secret("a secret of the team"), b"host_1").unwrap();
        let answer = Handshake::respond(&secret("another secret of theirs"), &hello);
        assert!(matches!(answer, Err(Error::WrongSecret)));
        assert!(matches!(Handshake::respond(&secret("another secret of theirs"), b""), Err(Error::WrongSecret)));
        assert!(matches!(Secret::from_text("short"), Err(Error::ShortSecret)));
        assert_eq!(format!("{:?}", secret("a secret of the team")), "Secret(..)");
    }
}
