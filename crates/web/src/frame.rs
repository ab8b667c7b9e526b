//! One message of the event stream as bytes, packed once for all clients.
//!
//! A packed frame is a run of deflate blocks that refers to nothing before it and ends on a byte, so the same bytes fit
//! into the stream of every client: `gzip header, frame, frame, …`. The trailer never comes, as the stream never ends.

use std::io;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use serde::Serialize;

/// What a packed stream begins with.
pub const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// See the module's text.
#[derive(Debug)]
pub struct Frame {
    plain: Bytes,
    packed: OnceLock<Bytes>,
}

impl Frame {
    /// The frame of an event; the data is one line, because JSON has no line ends.
    pub fn new(event: &str, id: Option<u64>, data: &impl Serialize) -> Self {
        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(b"event: ");
        text.extend_from_slice(event.as_bytes());
        if let Some(id) = id {
            text.extend_from_slice(format!("\nid: {id}").as_bytes());
        }
        text.extend_from_slice(b"\ndata: ");
        serde_json::to_writer(&mut text, data).expect("messages have string keys and memory takes all");
        text.extend_from_slice(b"\n\n");
        Self { plain: text.into(), packed: OnceLock::new() }
    }

    /// The bytes for a client.
    pub fn bytes(&self, packed: bool) -> Bytes {
        if !packed {
            return self.plain.clone();
        }
        self.packed.get_or_init(|| pack(&self.plain).map_or_else(|_| Bytes::new(), Bytes::from)).clone()
    }
}

fn pack(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut compress = Compress::new(Compression::fast(), false);
    let mut packed = Vec::with_capacity(plain.len() / 3 + 256);
    let mut taken = 0;
    loop {
        let before = compress.total_in();
        compress.compress_vec(&plain[taken..], &mut packed, FlushCompress::Full).map_err(io::Error::other)?;
        taken += (compress.total_in() - before) as usize;
        if taken == plain.len() && packed.len() < packed.capacity() {
            return Ok(packed);
        }
        packed.reserve(plain.len() / 2 + 256);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Decompress, FlushDecompress};

    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let mut decompress = Decompress::new(false);
        let mut plain = Vec::with_capacity(1 << 20);
        decompress.decompress_vec(packed, &mut plain, FlushDecompress::Sync).unwrap();
        plain
    }

    #[test]
    fn frames_are_events() {
        let frame = Frame::new("update", Some(7), &serde_json::json!({"a": "line\nbreak"}));
        assert_eq!(frame.bytes(false), "event: update\nid: 7\ndata: {\"a\":\"line\\nbreak\"}\n\n");
    }

    #[test]
    fn packed_frames_can_be_strung_together_in_any_way() {
        let frames: Vec<_> =
            (0..5).map(|n| Frame::new("update", Some(n), &vec![format!("/name/{n}"); 200 * n as usize])).collect();
        for from in 0..5 {
            let (mut packed, mut plain) = (Vec::new(), Vec::new());
            for frame in &frames[from..] {
                packed.extend_from_slice(&frame.bytes(true));
                plain.extend_from_slice(&frame.bytes(false));
            }
            assert_eq!(unpacked(&packed), plain);
        }
    }

    #[test]
    fn large_frames_are_packed_whole() {
        let noise: Vec<u64> = (0..50_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        let frame = Frame::new("snapshot", None, &noise);
        let packed = frame.bytes(true);
        let mut decompress = Decompress::new(false);
        let mut plain = Vec::with_capacity(2 << 20);
        decompress.decompress_vec(&packed, &mut plain, FlushDecompress::Sync).unwrap();
        assert_eq!(plain, frame.bytes(false));
    }
}
