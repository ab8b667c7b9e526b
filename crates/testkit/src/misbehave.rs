//! The badly behaved routes: everything a server can do to a client that it should not. One row each in `ROUTES`.

use std::io;
use std::thread;
use std::time::Duration;

use crate::data;
use crate::encode;
use crate::request::Request;
use crate::routes::{Route, chunk, sleep_until};
use crate::wire::{After, Reply, Wire};

pub(crate) const ROUTES: &[(&str, Route)] = &[
    ("reset", reset),                 // RST before any answer
    ("reset-in-body", reset_in_body), // RST after half of the body
    ("close", close),                 // FIN before any answer
    ("close-in-head", close_in_head), // FIN within the headers
    ("garbage", garbage),             // bytes that are not HTTP, then FIN
    ("bad-status-line", bad_status_line),
    ("bad-header", bad_header),       // a header line without a colon
    ("lf-only", lf_only),             // lines that end without CR
    ("short", short),                 // ?length=100&send=10: fewer bytes than promised, then FIN
    ("long", long),                   // ?length=5&send=20: more bytes than promised
    ("bad-length", bad_length),       // Content-Length: many
    ("two-lengths", two_lengths),     // two different Content-Lengths
    ("trickle", trickle),             // ?bytes=10&ms=10: body byte by byte
    ("slow-head", slow_head),         // ?ms=10: head byte by byte, each that late
    ("stall-in-body", stall_in_body), // ?ms=1000: half of the body, then a pause
    ("bad-chunk", bad_chunk),         // a chunk size that is no number
    ("short-chunk", short_chunk),     // FIN within a chunk
    ("truncated-gzip", truncated_gzip),
    ("corrupt", corrupt),           // /corrupt/gzip, deflate, br, zstd: labelled so, but is not
    ("huge-header", huge_header),   // ?bytes=100000: one header line of that size
    ("endless-head", endless_head), // header lines without end, until the client goes
    ("endless-line", endless_line), // one header line without end
    ("endless-interim", endless_interim), // 103 after 103, until the client goes
    ("interim-flood", interim_flood), // ?count=1000: so many 103, then an answer
    ("endless-body", endless_body), // ?ms=0: chunks without end, a pause between them
    ("zip-bomb", zip_bomb),         // ?mb=64&kind=gzip: zeros, compressed
    ("garbage-after", garbage_after), // an answer, and bytes that belong to nothing
    ("huge-chunk", huge_chunk),     // a chunk size beyond 64 bits
    ("negative-length", negative_length),
    ("reset-at", reset_at), // /reset-at/N?kind=length|chunked|gzip: RST after N bytes of an answer
];

/// `?ms=` spread over `parts`: the pause after each one counts from the start, so that errors do not add up.
fn paced(request: &Request, wire: &mut Wire, parts: &[u8], pause: Duration) -> io::Result<()> {
    for (index, byte) in (1u32..).zip(parts) {
        wire.raw(&[*byte])?;
        sleep_until(request.received + pause * index);
    }
    Ok(())
}

fn pause(request: &Request, default_ms: u64) -> Duration {
    Duration::from_millis(request.number("ms", default_ms))
}

fn raw(wire: &mut Wire, bytes: &[u8], after: After) -> io::Result<After> {
    wire.raw(bytes)?;
    Ok(after)
}

fn head(length: impl std::fmt::Display) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

fn reset(_: &Request, _: &mut Wire) -> io::Result<After> {
    Ok(After::Reset)
}

fn reset_in_body(request: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(&[head(100), data::filler(50)].concat())?;
    // The client must have read the half before the RST, which discards what is still unread.
    sleep_until(request.received + pause(request, 50));
    Ok(After::Reset)
}

fn close(_: &Request, _: &mut Wire) -> io::Result<After> {
    Ok(After::Close)
}

fn close_in_head(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, b"HTTP/1.1 200 OK\r\nContent-Type: text/pl", After::Close)
}

fn garbage(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, b"\x00\x01\x02 this is not HTTP \xff\xfe\r\n\r\n", After::Close)
}

fn bad_status_line(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, b"HTTP/1.1 two hundred\r\nContent-Length: 0\r\n\r\n", After::Close)
}

fn bad_header(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 3\r\n\r\nok\n", After::Close)
}

fn lf_only(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, b"HTTP/1.1 200 OK\nContent-Length: 3\n\nok\n", After::Continue)
}

fn short(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let body = data::filler(request.number("send", 10));
    raw(wire, &[head(request.number("length", 100)), body].concat(), After::Close)
}

fn long(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let body = data::filler(request.number("send", 20));
    raw(wire, &[head(request.number("length", 5)), body].concat(), After::Continue)
}

fn bad_length(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, &[head("many"), b"ok\n".to_vec()].concat(), After::Close)
}

fn two_lengths(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nok\nok", After::Close)
}

fn trickle(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let body = data::filler(request.number("bytes", 10));
    wire.raw(&head(body.len()))?;
    paced(request, wire, &body, pause(request, 10))?;
    Ok(After::Continue)
}

fn slow_head(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let head = [head(3), b"ok\n".to_vec()].concat();
    paced(request, wire, &head, pause(request, 10))?;
    Ok(After::Continue)
}

fn stall_in_body(request: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(&[head(100), data::filler(50)].concat())?;
    sleep_until(request.received + pause(request, 1000));
    raw(wire, &data::filler(50), After::Continue)
}

const CHUNKED_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn bad_chunk(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, &[CHUNKED_HEAD, &chunk(b"first"), b"zz\r\nsecond\r\n0\r\n\r\n"].concat(), After::Close)
}

fn short_chunk(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, &[CHUNKED_HEAD, &chunk(b"first"), b"64\r\nonly this"].concat(), After::Close)
}

fn truncated_gzip(_: &Request, wire: &mut Wire) -> io::Result<After> {
    let (_, mut body) = encode::encode("gzip", &data::filler(1000)).expect("gzip is known");
    body.truncate(body.len() / 2);
    wire.send(Reply::new(200, "text/plain", body).header("Content-Encoding", "gzip"))
}

fn corrupt(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let kind = request.argument(0, String::from("gzip"));
    wire.send(Reply::text("this is not compressed at all").header("Content-Encoding", kind))
}

fn huge_header(request: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.send(Reply::text("big\n").header("X-Huge", "h".repeat(request.number("bytes", 100_000))))
}

/// Writes this again and again, until the client has gone.
fn without_end(wire: &mut Wire, bytes: &[u8], pause: Duration) -> io::Result<After> {
    loop {
        wire.raw(bytes)?;
        thread::sleep(pause);
    }
}

fn endless_head(_: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(b"HTTP/1.1 200 OK\r\n")?;
    without_end(wire, &b"X-More: and more\r\n".repeat(100), Duration::ZERO)
}

fn endless_line(_: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
    without_end(wire, &b"long".repeat(1000), Duration::ZERO)
}

const INTERIM: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";

fn endless_interim(_: &Request, wire: &mut Wire) -> io::Result<After> {
    without_end(wire, &INTERIM.repeat(100), Duration::ZERO)
}

fn interim_flood(request: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(&INTERIM.repeat(request.number("count", 1000)))?;
    wire.send(Reply::text("at last\n"))
}

fn endless_body(request: &Request, wire: &mut Wire) -> io::Result<After> {
    wire.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    without_end(wire, &b"10\r\nsixteen bytes...\r\n".repeat(100), pause(request, 0))
}

fn zip_bomb(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let kind = request.option("kind").unwrap_or_else(|| "gzip".into());
    let zeros = vec![0; request.number("mb", 64) << 20];
    match encode::encode(&kind, &zeros) {
        Some((name, body)) => wire.send(Reply::new(200, "text/plain", body).header("Content-Encoding", name)),
        None => wire.send(Reply::text("no such coding\n").status(404)),
    }
}

fn garbage_after(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, &[head(3), b"ok\n".to_vec(), b"and what is this?\r\n".to_vec()].concat(), After::Continue)
}

fn huge_chunk(_: &Request, wire: &mut Wire) -> io::Result<After> {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000f\r\nhello";
    raw(wire, answer, After::Close)
}

fn negative_length(_: &Request, wire: &mut Wire) -> io::Result<After> {
    raw(wire, &[head(-5), b"ok\n".to_vec()].concat(), After::Close)
}

fn reset_at(request: &Request, wire: &mut Wire) -> io::Result<After> {
    let start = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    let answer = match request.option("kind").as_deref() {
        Some("chunked") => {
            format!("{start}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n").into_bytes()
        }
        Some("gzip") => {
            let (_, body) = encode::encode("gzip", b"hello you").expect("gzip is known");
            let head = format!("{start}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
            [head.into_bytes(), body].concat()
        }
        _ => format!("{start}Content-Length: 9\r\n\r\nhello you").into_bytes(),
    };
    let position = request.argument(0, 0usize);
    match answer.get(..position) {
        Some(part) if position < answer.len() => raw(wire, part, After::Reset),
        _ => raw(wire, &answer, After::Continue),
    }
}
