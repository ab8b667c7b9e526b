//! The codec by example and by law: however the bytes are split, the outcome is the same.

use proptest::prelude::*;

use super::{Decoder, Defect, Fed, Framing};
use crate::failure::Failure;
use crate::response::Response;

const LIMIT: u64 = 1 << 20;

/// Everything the codec says about some bytes that end in a close.
#[derive(Debug, PartialEq)]
struct Outcome {
    result: Result<(Vec<u8>, Vec<u8>, bool), Failure>,
    used: usize,
}

fn decode(pieces: &[&[u8]], to_head_request: bool) -> (Result<(Response, bool), Failure>, usize) {
    let mut decoder = Decoder::default();
    decoder.start(to_head_request, LIMIT);
    let mut used = 0;
    for piece in pieces {
        match decoder.feed(piece) {
            Ok(Fed::More) => used += piece.len(),
            Ok(Fed::Done(length)) => return (decoder.take(), used + length),
            Err(failure) => return (Err(failure), 0),
        }
    }
    match decoder.finish() {
        Ok(()) => (decoder.take(), used),
        Err(failure) => (Err(failure), 0),
    }
}

fn outcome(pieces: &[&[u8]], to_head_request: bool) -> Outcome {
    let (result, used) = decode(pieces, to_head_request);
    let result = result.map(|(response, keep)| (response.head_bytes().to_vec(), response.body().to_vec(), keep));
    Outcome { result, used }
}

pub(crate) fn decode_all(bytes: &[u8]) -> Result<Response, Failure> {
    decode(&[bytes], false).0.map(|(response, _)| response)
}

fn body_of(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    decode_all(bytes).map(Response::into_body)
}

fn keeps_alive(bytes: &[u8]) -> bool {
    decode(&[bytes], false).0.unwrap().1
}

#[test]
fn a_response_in_one_piece_is_held_in_a_vector_of_its_size() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let mut decoder = Decoder::default();
    decoder.start(false, LIMIT);
    assert_eq!(decoder.feed(bytes), Ok(Fed::Done(bytes.len())));
    assert_eq!(decoder.buffer.capacity(), bytes.len());
    assert_eq!(decoder.head.framing, Framing::Exact(5));
    decoder.take().unwrap();
    assert_eq!(decoder.buffer.capacity(), 0);
}

#[test]
fn what_stricter_clients_refuse_is_noted() {
    for (lines, defect) in [
        ("Content-Length: 0", None),
        ("Transfer-Encoding: chunked", None),
        ("X-A: 1", None),
        ("Content-Length: many", Some(Defect::BadLength)),
        ("Content-Length: -5", Some(Defect::BadLength)),
        ("Content-Length: 0\r\nContent-Length: 0", Some(Defect::LengthTwice)),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked", Some(Defect::LengthAndChunks)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0", Some(Defect::ChunksAndLength)),
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n0\r\n\r\n");
        let whole = decode_all(bytes.as_bytes()).unwrap();
        assert_eq!(whole.defect(), defect, "{lines}");
        let split = decode(&bytes.as_bytes().chunks(1).collect::<Vec<_>>(), false).0.unwrap().0;
        assert_eq!(split.defect(), defect, "{lines}, byte by byte");
    }
    assert_eq!(decode_all(b"HTTP/1.1 200 OK\r\nX-A").unwrap().defect(), Some(Defect::BrokenOff));
}

#[test]
fn bytes_after_the_response_are_not_used() {
    let first = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let bytes = [&first[..], b"HTTP/1.1 500 Oops"].concat();
    let (result, used) = decode(&[&bytes], false);
    assert_eq!(result.unwrap().0.body(), b"hi");
    assert_eq!(used, first.len());
}

#[test]
fn interim_responses_are_skipped_and_switching_protocols_is_final() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(decode_all(bytes).unwrap().status(), 201);
    let upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";
    assert_eq!(decode_all(upgrade).unwrap().status(), 101);
    assert!(!keeps_alive(upgrade));
    assert_eq!(body_of(b"HTTP/1.1 100 Continue\r\n\r\n"), Err(Failure::ClosedWithoutResponse));
}

#[test]
fn some_responses_have_no_body_whatever_they_say() {
    for status in ["204 No Content", "304 Not Modified"] {
        let bytes = format!("HTTP/1.1 {status}\r\nContent-Length: 10\r\n\r\n");
        assert_eq!(body_of(bytes.as_bytes()).unwrap(), b"");
    }
    for length in ["Content-Length: 10", "Transfer-Encoding: chunked", "X: none"] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\n");
        let (result, used) = decode(&[bytes.as_bytes()], true);
        let (response, keep) = result.unwrap();
        assert_eq!((response.body(), keep, used), (&b""[..], true, bytes.len()));
    }
}

#[test]
fn chunks_extensions_and_trailers() {
    let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 3\r\n\r\n5;a=b\r\nhello\r\n06 \r\n world\r\n0\r\nX: y\r\nZ: z\r\n\r\n";
    let response = decode_all(bytes).unwrap();
    assert_eq!((response.body(), response.wire_body_bytes()), (&b"hello world"[..], 11));
    assert!(keeps_alive(bytes));
}

#[test]
fn chunks_that_break_off_or_are_none() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    let body = |rest: &str| body_of(format!("{head}{rest}").as_bytes());
    let incomplete =
        |received, missing| Err(Failure::IncompleteBody { received, expected: Some(missing), in_chunk: true });
    assert_eq!(body(""), Err(Failure::EndedBetweenChunks));
    assert_eq!(body("5\r\nhel"), incomplete(3, 2));
    assert_eq!(body("5"), incomplete(0, 5));
    assert_eq!(body("5\r\nhello\r"), incomplete(1, 1));
    assert_eq!(body("5\r\nhello\r\n"), Err(Failure::EndedBetweenChunks));
    assert_eq!(body("5\r\nhello\r\n0\r\n"), Ok(b"hello".to_vec()));
    assert_eq!(body("5\r\nhello\r\nxyz\r\n"), Err(Failure::BadChunk { line: b"xyz\r\n".to_vec(), received: 5 }));
    assert_eq!(body("-1;q\r\n"), Err(Failure::BadChunk { line: b"-1".to_vec(), received: 0 }));
    assert_eq!(body("\r\n"), Err(Failure::BadChunk { line: b"\r\n".to_vec(), received: 0 }));
    assert_eq!(body("ffffffffffffffff\r\n"), incomplete(0, u64::MAX), "it is drained until the server gives up");
}

#[test]
fn lengths_that_lie_differ_or_mean_nothing() {
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    let expected = Failure::IncompleteBody { received: 3, expected: Some(7), in_chunk: false };
    assert_eq!(body_of(short), Err(expected));
    let differ = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc";
    assert_eq!(body_of(differ), Err(Failure::ConflictingLengths { value: "3, 4".into() }));
    assert_eq!(body_of(b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabcd").unwrap(), b"abc");
    assert_eq!(body_of(b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabcd").unwrap(), b"abcd");
    assert_eq!(body_of(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabcd").unwrap(), b"abcd");
    let huge = b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nabcd";
    let expected = Failure::IncompleteBody { received: 4, expected: Some(u64::MAX - 4), in_chunk: false };
    assert_eq!(body_of(huge), Err(expected));
}

#[test]
fn a_body_beyond_the_limit_is_counted_and_dropped_however_it_comes() {
    let text = "x".repeat(50);
    let whole = [
        format!("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{text}"),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n{0}\r\n19\r\n{0}\r\n0\r\n\r\n",
            &text[..25]
        ),
        format!("HTTP/1.1 200 OK\r\n\r\n{text}"),
    ];
    for (bytes, piece_bytes) in whole.iter().flat_map(|bytes| [1, 7, 1000].map(|piece| (bytes.as_bytes(), piece))) {
        for (limit, kept) in [(49, 0), (50, 50)] {
            let mut decoder = Decoder::default();
            decoder.start(false, limit);
            for piece in bytes.chunks(piece_bytes) {
                decoder.feed(piece).unwrap();
            }
            decoder.finish().unwrap();
            let (response, _) = decoder.take().unwrap();
            assert_eq!((response.body().len(), response.body_bytes()), (kept, 50));
            assert_eq!((response.is_kept(), response.status()), (kept > 0, 200));
        }
    }
}

#[test]
fn keep_alive_follows_version_and_connection() {
    let keeps = |head: &str| keeps_alive(format!("{head}\r\nContent-Length: 0\r\n\r\n").as_bytes());
    assert!(keeps("HTTP/1.1 200 OK"));
    assert!(!keeps("HTTP/1.1 200 OK\r\nConnection: Close"));
    assert!(!keeps("HTTP/1.1 200 OK\r\nConnection: te, close"));
    assert!(!keeps("HTTP/1.0 200 OK"));
    assert!(keeps("HTTP/1.0 200 OK\r\nConnection: Keep-Alive"));
    assert!(keeps("HTTP/1.0 200 OK\r\nKeep-Alive: timeout=5"));
    assert!(!keeps_alive(b"HTTP/1.1 200 OK\r\n\r\nuntil the end"));
}

#[test]
fn what_is_no_http_is_named() {
    let bad = |line: &str| Err(Failure::BadStatusLine { line: line.into() });
    assert_eq!(body_of(b""), Err(Failure::ClosedWithoutResponse));
    assert_eq!(body_of(b"garbage"), bad("garbage"));
    assert_eq!(body_of(b"garbage\r\nmore"), bad("garbage\r\n"));
    assert_eq!(body_of(b"\r\nHTTP/1.1 200 OK\r\n\r\n"), bad("\r\n"));
    assert_eq!(body_of(b"HTTP/1.1 abc OK\r\n\r\n"), bad("HTTP/1.1 abc OK\r\n"));
    assert_eq!(body_of(b"HTTP/1.1 099 OK\r\n\r\n"), bad("HTTP/1.1 099 OK\r\n"));
    assert_eq!(body_of(b"HTTP/2 200\r\n\r\n"), Err(Failure::UnknownProtocol { version: "HTTP/2".into() }));
    assert_eq!(body_of(b"\xe9\n"), bad("\u{e9}\n"));
}

#[test]
fn heads_are_bounded() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert_eq!(body_of(many.as_bytes()), Err(Failure::TooManyHeaders { limit: 100 }));
    let ignored = format!("HTTP/1.1 200 OK\r\n{}\r\n", "?\x02\r\n".repeat(101));
    assert_eq!(body_of(ignored.as_bytes()), Err(Failure::TooManyHeaders { limit: 100 }));
    let just = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(99));
    assert!(body_of(just.as_bytes()).is_ok());
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(70_000));
    assert_eq!(body_of(long.as_bytes()), Err(Failure::LineTooLong { what: "header line", limit: 65_536 }));
    let endless = "H".repeat(70_000);
    assert_eq!(body_of(endless.as_bytes()), Err(Failure::LineTooLong { what: "status line", limit: 65_536 }));
    let large = format!("HTTP/1.1 200 OK\r\n{}\r\nbody", format!("X: {}\r\n", "y".repeat(40_000)).repeat(4));
    assert_eq!(body_of(large.as_bytes()).unwrap(), b"body");
}

#[test]
fn a_head_that_breaks_off_ends_there_as_in_http_client() {
    assert_eq!(decode_all(b"HTTP/1.1 200 OK").unwrap().status(), 200);
    assert_eq!(body_of(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap(), b"");
    let expected = Failure::IncompleteBody { received: 0, expected: Some(5), in_chunk: false };
    assert_eq!(body_of(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), Err(expected));
}

fn some_body() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,40}".prop_map(|body| format!("Content-Length: {}\r\n\r\n{body}", body.len())),
        "[a-z]{0,40}".prop_map(|body| format!("Content-Length: {}\r\n\r\n{body}", body.len() + 3)),
        "[a-z]{0,40}".prop_map(|body| format!("\r\n{body}")),
        proptest::collection::vec("[a-z]{1,20}", 0..5).prop_map(|chunks| {
            let chunks: String = chunks.iter().map(|chunk| format!("{:x};e=1\r\n{chunk}\r\n", chunk.len())).collect();
            format!("Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\nT: x\r\n\r\n")
        }),
    ]
}

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let interim = prop_oneof![Just(""), Just("HTTP/1.1 100 Continue\r\n\r\n"), Just("HTTP/1.1 102 P\nA: b\n\n")];
    let status = prop_oneof![Just("HTTP/1.1 200 OK"), Just("HTTP/1.0 404 Not"), Just("HTTP/1.1 204"), Just("HTP")];
    let header = prop_oneof![Just(""), Just("Connection: close\r\n"), Just("odd\r\n"), Just("A: b\r\n c\r\n")];
    let noise = proptest::option::weighted(0.4, (any::<prop::sample::Index>(), any::<u8>()));
    (interim, status, header, some_body(), "[A-Z]{0,8}", noise).prop_map(
        |(interim, status, header, body, after, noise)| {
            let mut bytes = format!("{interim}{status}\r\n{header}{body}{after}").into_bytes();
            if let Some((index, byte)) = noise {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_split_gives_the_same_outcome(
        bytes in some_bytes(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        to_head_request in proptest::bool::weighted(0.1),
    ) {
        let whole = outcome(&[&bytes], to_head_request);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&outcome(&pieces, to_head_request), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&outcome(&single, to_head_request), &whole);
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = outcome(&[&bytes], false);
        let headed = [b"HTTP/1.1 200 OK\r\n", &bytes[..]].concat();
        let _ = outcome(&[&headed], false);
    }
}
