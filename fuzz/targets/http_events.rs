//! A stream of server-sent events. The first byte says in pieces of which size it comes; pieces must make no difference.

use gregaria_http::{EventParser, ServerEvent};

pub fn run(data: &[u8]) {
    let Some((&step, bytes)) = data.split_first() else { return };
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, usize::from(step) + 1), "pieces make a difference");
    let told: usize = whole.iter().map(|event| event.data.len()).sum();
    // What is no UTF-8 is replaced by three bytes.
    assert!(told <= 3 * bytes.len(), "more is told than came");
    assert!(whole.iter().all(|event| !event.event.is_empty() && !event.id.contains('\0')));
}

fn read(bytes: &[u8], step: usize) -> Vec<ServerEvent> {
    let (mut parser, mut events) = (EventParser::default(), Vec::new());
    bytes.chunks(step).for_each(|piece| parser.feed(piece, |event| events.push(event)));
    events
}
