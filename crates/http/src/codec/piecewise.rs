//! Decoding a response whose body is handed out while it comes in. The head and the framing are the decoder's; here is
//! only how the body is taken out of it before it is complete.

use super::{Decoder, State};
use crate::failure::{Failure, Phase};
use crate::response::Response;

/// How far a piece of input has brought things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Bytes of the input that were used.
    pub used: usize,
    /// What has been decoded since the last call ends a chunk of the transfer coding.
    pub ends_chunk: bool,
    /// The response is complete.
    pub done: bool,
}

impl Decoder {
    /// As [`Decoder::feed`], but stops at the end of the head and at the end of each chunk.
    ///
    /// # Errors
    /// As [`Decoder::feed`].
    pub fn feed_stretch(&mut self, input: &[u8]) -> Result<Stretch, Failure> {
        if self.phase() == Phase::Head {
            let mut used = 0;
            while used < input.len() && self.phase() == Phase::Head {
                used += self.feed_head(&input[used..])?;
            }
            return Ok(Stretch { used, ends_chunk: false, done: matches!(self.state, State::Done) });
        }
        let (used, ends_chunk) = match &mut self.state {
            State::Chunked(chunks) => {
                let fed = chunks.feed_chunk(input, &mut self.buffer, self.body_limit)?;
                if chunks.is_done() {
                    self.state = State::Done;
                }
                fed
            }
            _ => (self.feed_body(input)?, false),
        };
        Ok(Stretch { used, ends_chunk, done: matches!(self.state, State::Done) })
    }

    /// The status, once the head is complete.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The response without its body; only once the head is complete.
    pub fn head_only(&self) -> Response {
        debug_assert!(self.phase() == Phase::Body, "asked before the head was complete");
        Response::new(self.head, self.buffer[..self.head.length].to_vec())
    }

    /// The part of the body that was decoded since this was last asked.
    pub fn take_body(&mut self) -> Vec<u8> {
        let body = self.buffer.split_off(self.head.length);
        self.taken += body.len() as u64;
        body
    }
}
