//! What a server answers, from its first byte to its end, as one client reads it.
//!
//! The first byte says how it is read, the second in pieces of which size; pieces must make no difference.

use gregaria_http::codec::{Decoder, Fed};
use gregaria_http::{Failure, Response};

const LIMIT_BYTES: u64 = 64 << 10;

pub fn run(data: &[u8]) {
    let Some((&[how, step], bytes)) = data.split_first_chunk::<2>() else { return };
    let to_head_request = how & 1 != 0;
    let whole = read(bytes, bytes.len(), to_head_request);
    let pieces = read(bytes, usize::from(step) + 1, to_head_request);
    assert_eq!(whole, pieces, "pieces make a difference");
    if how & 2 != 0 {
        stretch(bytes, usize::from(step) + 1, to_head_request);
    }
    if let Ok((body, used, _)) = &whole {
        assert!(*used <= bytes.len() && body.len() as u64 <= LIMIT_BYTES);
    }
}

type Read = Result<(Vec<u8>, usize, bool), Failure>;

fn read(bytes: &[u8], step: usize, to_head_request: bool) -> Read {
    let mut decoder = Decoder::default();
    decoder.start(to_head_request, LIMIT_BYTES);
    let mut used = 0;
    for piece in bytes.chunks(step.max(1)) {
        match decoder.feed(piece)? {
            Fed::More => used += piece.len(),
            Fed::Done(length) => return told(decoder.take(), used + length),
        }
    }
    decoder.finish()?;
    told(decoder.take(), used)
}

fn told(taken: Result<(Response, bool), Failure>, used: usize) -> Read {
    let (response, keep_alive) = taken?;
    assert!((100..1000).contains(&response.status()));
    let _ = (response.reason(), response.headers().count(), response.has_location(), response.has_set_cookie());
    Ok((response.body().to_vec(), used, keep_alive))
}

/// As a body is read that is handed out while it comes in.
fn stretch(bytes: &[u8], step: usize, to_head_request: bool) {
    let mut decoder = Decoder::default();
    decoder.start(to_head_request, u64::MAX);
    for piece in bytes.chunks(step) {
        let mut at = 0;
        while at < piece.len() {
            let Ok(stretch) = decoder.feed_stretch(&piece[at..]) else { return };
            assert!(stretch.used > 0 || stretch.done, "it goes nowhere");
            at += stretch.used;
            if decoder.phase() == gregaria_http::Phase::Body {
                let _ = (decoder.head_only(), decoder.take_body());
            }
            if stretch.done {
                return;
            }
        }
    }
    let _ = decoder.finish();
}
