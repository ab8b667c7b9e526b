//! Server-sent events: a stream of text in, events out, as the HTML standard has it. However the bytes are split, the
//! events are the same.

/// The largest event that is kept, in bytes; the rest of a larger one is dropped.
const EVENT_LIMIT_BYTES: usize = 16 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its type; `message` if the server has named none.
    pub event: String,
    /// Its data lines, joined.
    pub data: String,
    /// The last id that the server has given, of this event or of one before.
    pub id: String,
    /// Milliseconds to wait before connecting again, where the server has said so with this event.
    pub retry_ms: Option<u64>,
}

/// Takes a stream apart.
#[derive(Debug, Default)]
pub struct EventParser {
    line: Vec<u8>,
    /// The last byte was a carriage return, so that a line feed belongs to it.
    after_return: bool,
    started: bool,
    event: String,
    data: String,
    has_data: bool,
    id: String,
    retry_ms: Option<u64>,
}

impl EventParser {
    /// Takes the next bytes; events that they complete are handed to `take`.
    pub fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(ServerEvent)) {
        for &byte in bytes {
            if std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n' {
                continue;
            }
            if byte == b'\r' || byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                if let Some(event) = self.end_line(&line) {
                    take(event);
                }
            } else if self.line.len() < EVENT_LIMIT_BYTES {
                self.line.push(byte);
            }
        }
    }

    fn end_line(&mut self, line: &[u8]) -> Option<ServerEvent> {
        let line = match std::mem::replace(&mut self.started, true) {
            false => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
            true => line,
        };
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"event" => self.event = value.into_owned(),
            b"data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                if self.data.len() < EVENT_LIMIT_BYTES {
                    self.data.push_str(&value);
                }
            }
            b"id" if !value.contains('\0') => self.id = value.into_owned(),
            b"retry" => self.retry_ms = value.parse().ok().or(self.retry_ms),
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<ServerEvent> {
        let (event, data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        let retry_ms = self.retry_ms.take();
        let event = if event.is_empty() { "message".to_owned() } else { event };
        std::mem::take(&mut self.has_data).then(|| ServerEvent { event, data, id: self.id.clone(), retry_ms })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(stream: &[u8], step: usize) -> Vec<ServerEvent> {
        let (mut parser, mut events) = (EventParser::default(), Vec::new());
        for part in stream.chunks(step) {
            parser.feed(part, |event| events.push(event));
        }
        events
    }

    fn event(event: &str, data: &str, id: &str) -> ServerEvent {
        ServerEvent { event: event.to_owned(), data: data.to_owned(), id: id.to_owned(), retry_ms: None }
    }

    #[test]
    fn events_as_the_standard_has_them() {
        let stream = "\u{feff}: a comment\n\ndata: one\ndata:two\nid: 7\n\nevent: add\rdata: x: y\r\rdata\n\nid\ndata:  z\r\n\r\n\
                      retry: 50\ndata: r\n\nretry: no\nunknown: u\nevent: lost\n\ndata: unfinished\n";
        let expected = [
            event("message", "one\ntwo", "7"),
            event("add", "x: y", "7"),
            event("message", "", "7"),
            event("message", " z", ""),
            ServerEvent { retry_ms: Some(50), ..event("message", "r", "") },
        ];
        for step in [1, 2, 3, 1000] {
            assert_eq!(parsed(stream.as_bytes(), step), expected, "{step}");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(stream in "(data|event|id|:|\n|\r|\r\n| |x){0,60}", step in 1..20usize) {
            prop_assert_eq!(parsed(stream.as_bytes(), step), parsed(stream.as_bytes(), stream.len().max(1)));
        }

        #[test]
        fn noise_never_panics(stream in proptest::collection::vec(any::<u8>(), 0..300)) {
            parsed(&stream, 7);
        }
    }
}
