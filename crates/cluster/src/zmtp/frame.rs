//! ZMTP 3 frames: a byte of flags, a length, a body. Pure; grows its buffer only as bytes really come in, so that a
//! length that somebody claims costs nothing.
//!
//! ```text
//!   flags (1: more, 2: long, 4: command) | length: 1 byte, or 8 if long | body
//! ```

use super::Error;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
/// Taken out of the buffer only when so much of it is used up.
const COMPACT_AT_BYTES: usize = 64 << 10;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether more frames of the same message follow.
    pub more: bool,
    /// A command of the protocol, no message.
    pub command: bool,
    pub body: Vec<u8>,
}

/// Bytes in, frames out.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    used: usize,
    /// The largest body, in bytes.
    pub limit_bytes: usize,
}

impl FrameReader {
    pub fn new(limit_bytes: usize) -> Self {
        Self { buffer: Vec::new(), used: 0, limit_bytes }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        if self.used == self.buffer.len() {
            self.buffer.clear();
            self.used = 0;
        } else if self.used >= COMPACT_AT_BYTES {
            self.buffer.drain(..self.used);
            self.used = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next `length` bytes as they are, if they are there; for what comes before the first frame.
    pub fn take_raw(&mut self, length: usize) -> Option<&[u8]> {
        let start = self.used;
        if self.buffer.len() - start < length {
            return None;
        }
        self.used += length;
        Some(&self.buffer[start..start + length])
    }

    /// The bytes not yet taken.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// A frame that says it is larger than allowed, or has flags that do not exist.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        let pending = self.pending();
        let Some(&flags) = pending.first() else { return Ok(None) };
        if flags & !(MORE | LONG | COMMAND) != 0 {
            return Err(Error::Garbage("a frame with unknown flags"));
        }
        let (length, head) = if flags & LONG != 0 {
            let Some(bytes) = pending.get(1..9) else { return Ok(None) };
            (u64::from_be_bytes(bytes.try_into().expect("eight bytes were asked for")), 9)
        } else {
            let Some(&length) = pending.get(1) else { return Ok(None) };
            (u64::from(length), 2)
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > self.limit_bytes {
            return Err(Error::TooLarge { bytes: length, limit_bytes: self.limit_bytes });
        }
        let Some(body) = pending.get(head..head + length) else { return Ok(None) };
        let frame = Frame { more: flags & MORE != 0, command: flags & COMMAND != 0, body: body.to_vec() };
        self.used += head + length;
        Ok(Some(frame))
    }
}

/// Appends a frame.
pub fn write_frame(out: &mut Vec<u8>, command: bool, body: &[u8]) {
    let kind = if command { COMMAND } else { 0 };
    match u8::try_from(body.len()) {
        Ok(length) => out.extend_from_slice(&[kind, length]),
        Err(_) => {
            out.push(kind | LONG);
            out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(reader: &mut FrameReader) -> Vec<Frame> {
        std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_frames(
            bodies in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..600)), 0..6),
            cuts in prop::collection::vec(1_usize..200, 1..40),
        ) {
            let mut wire = Vec::new();
            for (command, body) in &bodies {
                write_frame(&mut wire, *command, body);
            }
            let (mut reader, mut frames, mut rest) = (FrameReader::new(1_000), Vec::new(), &wire[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, later) = rest.split_at((*cut).min(rest.len()));
                reader.push(piece);
                frames.extend(read_all(&mut reader));
                rest = later;
            }
            let got: Vec<_> = frames.into_iter().map(|frame| (frame.command, frame.body)).collect();
            prop_assert_eq!(got, bodies);
            prop_assert!(reader.pending().is_empty());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut reader = FrameReader::new(500);
            reader.push(&bytes);
            while let Ok(Some(frame)) = reader.next_frame() {
                prop_assert!(frame.body.len() <= 500);
            }
        }
    }

    #[test]
    fn a_claimed_length_is_refused_before_anything_is_kept_for_it() {
        let mut reader = FrameReader::new(1 << 20);
        reader.push(&[LONG, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(reader.next_frame(), Err(Error::TooLarge { limit_bytes: 1_048_576, .. })));
        assert!(reader.buffer.capacity() < 1_000);
    }

    #[test]
    fn flags_that_do_not_exist_are_refused() {
        let mut reader = FrameReader::new(10);
        reader.push(b"GET / HTTP/1.1\r\n");
        assert!(matches!(reader.next_frame(), Err(Error::Garbage(_))));
    }
}
