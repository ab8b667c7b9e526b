//! What a stranger writes into a connection between nodes, from its first byte on: greeting, handshake, frames.
//!
//! The first byte says to which side it comes, the second in pieces of which size; pieces must make no difference.

use gregaria_cluster::zmtp::{Event, Limits, Secret, Session};

const LIMITS: Limits = Limits { message_bytes: 4_096 };
/// Enough for greeting, handshake and answers to pings; a peer that does not read gets no more.
const MOST_OUTGOING_BYTES: usize = 128 << 10;

pub fn run(data: &[u8]) {
    let Some((&[side, step], bytes)) = data.split_first_chunk::<2>() else { return };
    let whole = converse(side, bytes, bytes.len());
    assert_eq!(whole, converse(side, bytes, usize::from(step) + 1), "pieces make a difference");
}

/// What came of the bytes: events, how much was answered, and why the peer was given up if it was.
fn converse(side: u8, bytes: &[u8], step: usize) -> (Vec<Event>, usize, Option<String>) {
    let secret = (side & 1 == 0).then(|| Secret::from_text("a secret for fuzzing").expect("long enough"));
    let mut session = match side & 2 {
        0 => Session::listening(secret.clone(), LIMITS),
        _ => Session::connecting(b"host_1".to_vec(), secret.clone(), LIMITS),
    };
    let mut events = Vec::new();
    if side & 4 != 0 {
        let greeting = Session::listening(secret, LIMITS).take_outgoing();
        session.receive(&greeting, &mut events).expect("what our own nodes greet with");
    }
    let outcome = bytes.chunks(step.max(1)).try_for_each(|piece| session.receive(piece, &mut events));
    for event in &events {
        match event {
            Event::Ready { identity } => assert!(identity.len() <= 255),
            Event::Message(message) => assert!(message.len() <= LIMITS.message_bytes),
        }
    }
    assert!(!session.is_open() || !events.is_empty(), "open, and nobody was told");
    assert!(outcome.is_err() || session.is_open() || events.is_empty(), "told before it was open");
    let answered = session.take_outgoing().len();
    assert!(answered <= MOST_OUTGOING_BYTES, "{answered} bytes wait for a peer that does not read");
    (events, answered, outcome.err().map(|error| error.to_string()))
}
