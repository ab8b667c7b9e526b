//! The chunked transfer coding, taken apart as urllib3 does it: extensions and trailers are dropped, the two bytes
//! after a chunk are not looked at, and an end of input inside the trailers is the end of the body.

use memchr::memchr;

use super::head::MAX_LINE;
use crate::failure::Failure;

/// What the decoder waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Expecting {
    #[default]
    Size,
    Data {
        received: u64,
        missing: u64,
    },
    LineEnd {
        missing: u8,
    },
    Trailer,
    Nothing,
}

/// The state of one chunked body.
#[derive(Debug, Default)]
pub struct Chunks {
    expecting: Expecting,
    /// The part of a size or trailer line that has come in so far.
    line: Vec<u8>,
    received: u64,
}

impl Chunks {
    /// Appends the data in `input` to `body`; returns how much of `input` was used. `is_done` says whether more is due.
    ///
    /// # Errors
    /// A chunk size that is no number, a body beyond `limit_bytes`.
    pub fn feed(&mut self, input: &[u8], body: &mut Vec<u8>, limit_bytes: u64) -> Result<usize, Failure> {
        let mut used = 0;
        while used < input.len() && !self.is_done() {
            used += self.feed_chunk(&input[used..], body, limit_bytes)?.0;
        }
        Ok(used)
    }

    /// As [`Chunks::feed`], but stops at the end of a chunk's data, and says whether that was reached.
    ///
    /// # Errors
    /// As [`Chunks::feed`].
    pub fn feed_chunk(&mut self, input: &[u8], body: &mut Vec<u8>, limit_bytes: u64) -> Result<(usize, bool), Failure> {
        let mut used = 0;
        while used < input.len() && !self.is_done() {
            let rest = &input[used..];
            used += match self.expecting {
                Expecting::Size | Expecting::Trailer => self.feed_line(rest, limit_bytes)?,
                Expecting::Data { received, missing } => {
                    let taken = missing.min(rest.len() as u64);
                    body.extend_from_slice(&rest[..taken as usize]);
                    self.received += taken;
                    if taken == missing {
                        self.expecting = Expecting::LineEnd { missing: 2 };
                        return Ok((used + taken as usize, true));
                    }
                    self.expecting = Expecting::Data { received: received + taken, missing: missing - taken };
                    taken as usize
                }
                Expecting::LineEnd { missing } => {
                    let taken = usize::from(missing).min(rest.len());
                    let missing = missing - taken as u8;
                    self.expecting = if missing == 0 { Expecting::Size } else { Expecting::LineEnd { missing } };
                    taken
                }
                Expecting::Nothing => 0,
            };
        }
        Ok((used, false))
    }

    /// Whether the last chunk and its trailers have been read.
    pub fn is_done(&self) -> bool {
        self.expecting == Expecting::Nothing
    }

    /// The input has ended.
    ///
    /// # Errors
    /// Unless it ended after the last chunk.
    pub fn finish(&mut self, limit_bytes: u64) -> Result<(), Failure> {
        if self.expecting == Expecting::Size {
            if self.line.is_empty() {
                return Err(Failure::EndedBetweenChunks);
            }
            self.end_line(limit_bytes)?;
        }
        let (received, missing) = match self.expecting {
            Expecting::Data { received, missing } => (received, missing),
            Expecting::LineEnd { missing } => (u64::from(2 - missing), u64::from(missing)),
            Expecting::Size | Expecting::Trailer | Expecting::Nothing => return Ok(()),
        };
        Err(Failure::IncompleteBody { received, expected: Some(missing), in_chunk: true })
    }

    fn feed_line(&mut self, input: &[u8], limit_bytes: u64) -> Result<usize, Failure> {
        let (part, ended) = match memchr(b'\n', input) {
            Some(end) => (&input[..=end], true),
            None => (input, false),
        };
        if self.line.len() + part.len() > MAX_LINE {
            let what = if self.expecting == Expecting::Size { "chunk size" } else { "trailer" };
            return Err(Failure::LineTooLong { what, limit: MAX_LINE });
        }
        self.line.extend_from_slice(part);
        if ended {
            self.end_line(limit_bytes)?;
        }
        Ok(part.len())
    }

    fn end_line(&mut self, limit_bytes: u64) -> Result<(), Failure> {
        if self.expecting == Expecting::Trailer {
            if matches!(&self.line[..], b"\r\n" | b"\n") {
                self.expecting = Expecting::Nothing;
            }
            self.line.clear();
            return Ok(());
        }
        let end = memchr(b';', &self.line).unwrap_or(self.line.len());
        let Some(size) = hexadecimal(self.line[..end].trim_ascii()) else {
            self.line.truncate(end);
            return Err(Failure::BadChunk { line: std::mem::take(&mut self.line), received: self.received });
        };
        self.line.clear();
        if size > limit_bytes.saturating_sub(self.received) {
            return Err(Failure::BodyTooLarge { limit_bytes });
        }
        self.expecting = if size == 0 { Expecting::Trailer } else { Expecting::Data { received: 0, missing: size } };
        Ok(())
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| Some(sum << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}
