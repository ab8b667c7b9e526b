//! The fuzz targets of what servers answer, over their seeds (fuzz/README.md).

#[path = "../../../fuzz/targets/replay.rs"]
mod replay;

#[path = "../../../fuzz/targets/http_bodies.rs"]
mod bodies;
#[path = "../../../fuzz/targets/http_events.rs"]
mod events;
#[path = "../../../fuzz/targets/http_response.rs"]
mod response;

use replay::replay;

#[test]
fn answers_in_pieces_of_any_size() {
    replay("http_response", response::run);
}

#[test]
fn events_in_pieces_of_any_size() {
    replay("http_events", events::run);
}

#[test]
fn compressed_bodies() {
    replay("http_bodies", bodies::run);
}
