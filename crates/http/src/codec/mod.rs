//! The HTTP/1.1 response codec: bytes in, one complete response out. No sockets, no clock.
//! However the bytes are split, the outcome is the same; a response that comes in one piece is copied exactly once.

mod chunked;
mod head;
mod piecewise;
#[cfg(test)]
pub(crate) mod tests;

use memchr::{memchr, memchr_iter};

use crate::decoding;
use crate::failure::{Failure, Phase};
use crate::response::Response;
pub(crate) use chunked::Chunks;
pub use head::{Defect, Framing, Head, MAX_LINE, MAX_LINES};
pub use piecewise::Stretch;

/// The most that is set aside for a body on the word of its `Content-Length`.
const PREALLOCATION_BYTES: u64 = 1 << 20;
/// More interim answers than this before the real one are too many.
const MAX_INTERIM: u32 = 1000;
/// The largest head taken on the fast road; no line of it can be too long.
const FAST_HEAD_BYTES: usize = MAX_LINE;

/// Whether the response is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fed {
    /// All input was used; more is needed.
    More,
    /// The response is complete; so many bytes of the input belong to it.
    Done(usize),
}

#[derive(Debug, Default)]
enum State {
    #[default]
    FirstLine,
    /// Header lines; the line being read starts at `line_start` of the buffer.
    Lines {
        line_start: usize,
        /// Lines after the first that are complete.
        count: usize,
    },
    Exact {
        missing: u64,
    },
    Chunked(Box<Chunks>),
    UntilClose,
    Done,
}

/// Decodes one response; `start` makes it ready for the next. Holds no memory between responses.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    head: Head,
    /// The head, then the body without its transfer coding.
    buffer: Vec<u8>,
    /// Bytes of the body that were taken out before it was complete.
    taken: u64,
    /// Bytes of a body beyond the limit, counted and dropped; `None` while the body is kept.
    dropped: Option<u64>,
    /// Answers such as 103 that came before.
    interim: u32,
    to_head_request: bool,
    body_limit: u64,
}

impl Decoder {
    /// Makes ready for the response to a request.
    pub fn start(&mut self, to_head_request: bool, body_limit: u64) {
        *self = Self { to_head_request, body_limit, ..Self::default() };
    }

    /// Whether the end of the input is needed to end the body; false before the head is complete.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::FirstLine | State::Lines { .. } => Phase::Head,
            _ => Phase::Body,
        }
    }

    /// Takes the next bytes from the wire.
    ///
    /// # Errors
    /// Whatever the server did wrong; the decoder is of no use afterwards.
    pub fn feed(&mut self, input: &[u8]) -> Result<Fed, Failure> {
        let mut used = 0;
        while matches!(self.state, State::FirstLine | State::Lines { .. }) {
            if used == input.len() {
                return Ok(Fed::More);
            }
            used += self.feed_head(&input[used..])?;
        }
        used += self.feed_body(&input[used..])?;
        Ok(if matches!(self.state, State::Done) { Fed::Done(used) } else { Fed::More })
    }

    /// The input has ended. `Ok` if that completes the response: a body without a length, or (as http.client has it)
    /// a head that breaks off after its status line.
    ///
    /// # Errors
    /// Where the input should not have ended.
    pub fn finish(&mut self) -> Result<(), Failure> {
        match &mut self.state {
            State::FirstLine if self.buffer.is_empty() => {
                return Err(Failure::ClosedWithoutResponse);
            }
            State::FirstLine => head::check_status_line(&self.buffer)?,
            State::Lines { .. } | State::UntilClose | State::Done => {}
            State::Exact { missing } => {
                let kept = (self.buffer.len() - self.head.length) as u64;
                let received = self.taken + self.dropped.unwrap_or(0) + kept;
                return Err(Failure::IncompleteBody { received, expected: Some(*missing), in_chunk: false });
            }
            State::Chunked(chunks) => chunks.finish(u64::MAX)?,
        }
        if self.phase() == Phase::Head {
            self.buffer.extend_from_slice(b"\r\n\r\n");
            self.end_head()?;
            self.head.keep_alive = false;
            self.head.defect = Some(Defect::BrokenOff);
            if self.phase() == Phase::Head {
                return Err(Failure::ClosedWithoutResponse);
            }
            return match self.state {
                State::Done => Ok(()),
                _ => self.finish(),
            };
        }
        self.state = State::Done;
        Ok(())
    }

    /// The complete response, content-decoded, and whether the connection may take another request.
    ///
    /// # Errors
    /// A body that does not decode.
    pub fn take(&mut self) -> Result<(Response, bool), Failure> {
        debug_assert!(matches!(self.state, State::Done), "taken before it was complete");
        let raw = std::mem::take(&mut self.buffer);
        self.state = State::FirstLine;
        let mut response = Response::new(self.head, raw);
        let keep_alive = self.head.keep_alive;
        if let Some(dropped) = self.dropped.take() {
            response.drop_body(dropped);
            return Ok((response, keep_alive));
        }
        if response.is_coded()
            && let Err(failure) = decoding::decode_body(&mut response, self.body_limit)
        {
            self.buffer = response.into_raw();
            return Err(failure);
        }
        Ok((response, keep_alive))
    }

    /// Of a response that has failed in its body: its head, and what of the body came, not content-decoded.
    pub fn take_broken(&mut self) -> Response {
        let mut response = Response::new(self.head, std::mem::take(&mut self.buffer));
        if let Some(dropped) = self.dropped.take() {
            response.drop_body(dropped);
        }
        response
    }

    /// Whether the connection stays usable, known once the response is complete.
    pub fn keep_alive(&self) -> bool {
        self.head.keep_alive
    }

    fn feed_head(&mut self, input: &[u8]) -> Result<usize, Failure> {
        if self.buffer.is_empty()
            && input[0] == b'H'
            && let Ok(Some(head)) = Head::parse(input, self.to_head_request)
            && head.length <= FAST_HEAD_BYTES
            && has_few_lines(&input[..head.length])
        {
            if head.is_interim() {
                self.skip_interim()?;
            } else {
                self.begin_body(head, &input[..head.length], input.len() - head.length)?;
            }
            return Ok(head.length);
        }
        let (part, ended) = match memchr(b'\n', input) {
            Some(end) => (&input[..=end], true),
            None => (input, false),
        };
        let (line_start, count) = match self.state {
            State::Lines { line_start, count } => (line_start, count),
            _ => (0, 0),
        };
        if self.buffer.len() + part.len() - line_start > MAX_LINE {
            let what = if line_start == 0 { "status line" } else { "header line" };
            return Err(Failure::LineTooLong { what, limit: MAX_LINE });
        }
        self.buffer.extend_from_slice(part);
        if ended {
            self.end_line(line_start, count)?;
        }
        Ok(part.len())
    }

    fn end_line(&mut self, line_start: usize, count: usize) -> Result<(), Failure> {
        let line = &self.buffer[line_start..];
        if line_start == 0 {
            head::check_status_line(line)?;
        } else if matches!(line, b"\r\n" | b"\n") {
            return self.end_head();
        } else if count >= MAX_LINES {
            return Err(Failure::TooManyHeaders { limit: MAX_LINES });
        }
        let count = if line_start == 0 { 0 } else { count + 1 };
        self.state = State::Lines { line_start: self.buffer.len(), count };
        Ok(())
    }

    /// The buffer holds a whole head.
    fn end_head(&mut self) -> Result<(), Failure> {
        let Some(head) = Head::parse(&self.buffer, self.to_head_request)? else {
            return Err(Failure::BadHead { text: "malformed header lines".to_owned() });
        };
        if head.is_interim() {
            self.buffer.clear();
            self.state = State::FirstLine;
            return self.skip_interim();
        }
        self.begin_body(head, &[], 0)
    }

    fn skip_interim(&mut self) -> Result<(), Failure> {
        self.interim += 1;
        if self.interim > MAX_INTERIM {
            return Err(Failure::BadHead { text: format!("more than {MAX_INTERIM} interim answers") });
        }
        Ok(())
    }

    /// `head_bytes` is empty if the buffer holds the head already; `at_hand` says how much of the body may have come.
    fn begin_body(&mut self, head: Head, head_bytes: &[u8], at_hand: usize) -> Result<(), Failure> {
        let body_bytes = match head.framing {
            Framing::Empty => 0,
            Framing::Exact(length) if length > self.body_limit => {
                self.dropped = Some(0);
                0
            }
            Framing::Exact(length) => length.min(PREALLOCATION_BYTES.max(at_hand as u64)) as usize,
            Framing::Chunked | Framing::UntilClose => at_hand,
        };
        self.buffer.reserve_exact(head_bytes.len() + body_bytes);
        self.buffer.extend_from_slice(head_bytes);
        self.head = head;
        self.head.length = self.buffer.len();
        self.state = match head.framing {
            Framing::Empty => State::Done,
            Framing::Exact(missing) => State::Exact { missing },
            Framing::Chunked => State::Chunked(Box::default()),
            Framing::UntilClose => State::UntilClose,
        };
        Ok(())
    }

    /// A body without a length has grown beyond the limit: from here on it is only counted.
    fn drop_excess(&mut self) {
        let held = (self.buffer.len() - self.head.length) as u64;
        if self.dropped.is_some() || held > self.body_limit {
            *self.dropped.get_or_insert(0) += held;
            self.buffer.truncate(self.head.length);
            self.buffer.shrink_to_fit();
        }
    }

    fn feed_body(&mut self, input: &[u8]) -> Result<usize, Failure> {
        match &mut self.state {
            State::Exact { missing } => {
                let taken = (*missing).min(input.len() as u64);
                match &mut self.dropped {
                    Some(dropped) => *dropped += taken,
                    None => self.buffer.extend_from_slice(&input[..taken as usize]),
                }
                *missing -= taken;
                if *missing == 0 {
                    self.state = State::Done;
                }
                Ok(taken as usize)
            }
            State::Chunked(chunks) => {
                let used = chunks.feed(input, &mut self.buffer, u64::MAX)?;
                if chunks.is_done() {
                    self.state = State::Done;
                }
                self.drop_excess();
                Ok(used)
            }
            State::UntilClose => {
                self.buffer.extend_from_slice(input);
                self.drop_excess();
                Ok(input.len())
            }
            State::FirstLine | State::Lines { .. } | State::Done => Ok(0),
        }
    }
}

/// Lines that the parser passes over count too: line by line they would be too many.
fn has_few_lines(head: &[u8]) -> bool {
    // Only the last line is empty: a short head is not looked through.
    head.len() <= 2 * (MAX_LINES + 1) || memchr_iter(b'\n', head).count() <= MAX_LINES + 2
}
