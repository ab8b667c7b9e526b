//! Somebody in the middle of an encrypted link: the bytes that pass are changed, dropped, doubled, cut and added to.
//! Whatever is done, what arrives is the beginning of what was sent.
//!
//! ```text
//! length | message | length | message | 0 | what is done to the bytes of all of them: (what, where) (what, where) ...
//! ```

use gregaria_cluster::zmtp::{Event, Limits, Secret, Session};

const MOST_MESSAGES: usize = 8;

pub fn run(mut data: &[u8]) {
    let mut sent = Vec::new();
    while let Some((&length, rest)) = data.split_first() {
        let (message, rest) = rest.split_at(usize::from(length).min(rest.len()));
        data = rest;
        if length == 0 || sent.len() == MOST_MESSAGES {
            break;
        }
        sent.push(message.to_vec());
    }
    let (mut client, mut server) = open_link();
    sent.iter().for_each(|message| client.send(message).expect("the link is open"));
    let honest = client.take_outgoing();
    let passed = tamper(honest.clone(), data);
    let mut events = Vec::new();
    let outcome = server.receive(&passed, &mut events);
    let arrived: Vec<&Vec<u8>> = events.iter().filter_map(message_of).collect();
    assert!(arrived.len() <= sent.len() && arrived.iter().zip(&sent).all(|(arrived, sent)| *arrived == sent));
    if passed == honest {
        assert!(outcome.is_ok() && arrived.len() == sent.len());
    }
}

fn message_of(event: &Event) -> Option<&Vec<u8>> {
    match event {
        Event::Message(message) => Some(message),
        Event::Ready { .. } => None,
    }
}

fn open_link() -> (Session, Session) {
    let secret = Secret::from_text("a secret for fuzzing").expect("long enough");
    let mut client = Session::connecting(b"host_1".to_vec(), Some(secret.clone()), Limits::default());
    let mut server = Session::listening(Some(secret), Limits::default());
    for _ in 0..2 {
        let bytes = client.take_outgoing();
        server.receive(&bytes, &mut Vec::new()).expect("an honest greeting");
        let bytes = server.take_outgoing();
        client.receive(&bytes, &mut Vec::new()).expect("an honest answer");
    }
    assert!(client.is_open() && server.is_open());
    (client, server)
}

fn tamper(mut bytes: Vec<u8>, deeds: &[u8]) -> Vec<u8> {
    for deed in deeds.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([deed[1], deed[2]])) % (bytes.len() + 1);
        match deed[0] % 5 {
            0 if place < bytes.len() => bytes[place] ^= (deed[0] / 5).max(1),
            1 if place < bytes.len() => drop(bytes.remove(place)),
            2 => bytes.insert(place, deed[0] / 5),
            3 => bytes.truncate(place),
            _ => bytes.extend_from_within(place..),
        }
        bytes.truncate(1 << 20);
    }
    bytes
}
