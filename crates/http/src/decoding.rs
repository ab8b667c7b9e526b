//! Content codings: gzip, deflate (zlib or raw), br and zstd, also several in one header.
//! Every output is bounded, so that a few bytes cannot become gigabytes. Codings nobody knows are left as they are.

use std::io::{self, Read};

use crate::failure::Failure;
use crate::response::Response;

/// More codings than this in one header are refused.
const MAX_CODINGS: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    fn named(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "br" => Self::Brotli,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }
}

/// Decodes the body as the head says, or drops it if it would be larger than the limit.
///
/// # Errors
/// As [`decode`]; the body is then as it came.
pub(crate) fn decode_body(response: &mut Response, limit_bytes: u64) -> Result<(), Failure> {
    let values: Vec<&[u8]> = response
        .headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"content-encoding"))
        .map(|(_, value)| value)
        .collect();
    let coding = String::from_utf8_lossy(&values.join(&b", "[..])).into_owned();
    match decode(&coding, response.body(), limit_bytes) {
        Ok(Some(body)) => response.put_decoded(body),
        Ok(None) => {}
        Err(Failure::BodyTooLarge { .. }) => response.drop_body(response.wire_body_bytes()),
        Err(failure) => return Err(failure),
    }
    Ok(())
}

/// Undoes the codings of a `Content-Encoding` value, last first; `None` if there is none that is known.
///
/// # Errors
/// `Decode` for data that is corrupt or breaks off, `BodyTooLarge` beyond `limit_bytes`.
pub fn decode(coding: &str, body: &[u8], limit_bytes: u64) -> Result<Option<Vec<u8>>, Failure> {
    let failed = |error: &io::Error| Failure::Decode { coding: coding.to_owned(), text: error.to_string() };
    let codings: Vec<Coding> = coding.split(',').filter_map(Coding::named).collect();
    if codings.len() > MAX_CODINGS {
        let text = format!("Too many content encodings in the chain: {} > {MAX_CODINGS}", codings.len());
        return Err(Failure::Decode { coding: coding.to_owned(), text });
    }
    let mut current: Option<Vec<u8>> = None;
    for coding in codings.into_iter().rev() {
        let input = current.as_deref().unwrap_or(body);
        let next = decode_one(coding, input, limit_bytes).map_err(|error| failed(&error))?;
        if next.len() as u64 > limit_bytes {
            return Err(Failure::BodyTooLarge { limit_bytes });
        }
        current = Some(next);
    }
    Ok(current)
}

/// At most one byte more than the limit.
fn decode_one(coding: Coding, input: &[u8], limit_bytes: u64) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Gzip => gunzip(input, limit_bytes),
        Coding::Deflate => inflate(input, limit_bytes),
        Coding::Brotli => {
            bounded(brotli::Decompressor::new(input, 4096), limit_bytes).map_err(|error| worded(&error, "brotli"))
        }
        Coding::Zstd => bounded(zstd::stream::read::Decoder::with_buffer(input)?, limit_bytes),
    }
}

fn bounded(reader: impl Read, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    reader.take(limit_bytes.saturating_add(1)).read_to_end(&mut output)?;
    Ok(output)
}

/// One member after another; what follows the last one is ignored, as urllib3 ignores it.
fn gunzip(mut input: &[u8], limit_bytes: u64) -> io::Result<Vec<u8>> {
    const MAGIC: &[u8] = b"\x1f\x8b";
    if !input.starts_with(&MAGIC[..input.len().min(2)]) {
        return Err(io::Error::other("Error -3 while decompressing data: incorrect header check"));
    }
    let mut output = Vec::new();
    loop {
        let mut decoder = flate2::bufread::GzDecoder::new(input);
        let room = limit_bytes.saturating_add(1).saturating_sub(output.len() as u64);
        (&mut decoder).take(room).read_to_end(&mut output).map_err(|error| worded(&error, "zlib"))?;
        input = decoder.into_inner();
        if output.len() as u64 > limit_bytes || !input.starts_with(MAGIC) {
            return Ok(output);
        }
    }
}

/// zlib's wrapping is what the standard says, raw deflate what some servers send.
fn inflate(input: &[u8], limit_bytes: u64) -> io::Result<Vec<u8>> {
    let wrapped = matches!(input, [first, second, ..]
        if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0);
    match inflate_as(wrapped, input, limit_bytes) {
        Err(error) if wrapped => inflate_as(false, input, limit_bytes).map_err(|_| error),
        outcome => outcome,
    }
    .map_err(|error| worded(&error, "zlib"))
}

/// flate2's readers take a stream that breaks off for one that ends, so the end is looked for here.
fn inflate_as(wrapped: bool, input: &[u8], limit_bytes: u64) -> io::Result<Vec<u8>> {
    let mut stream = flate2::Decompress::new(wrapped);
    let mut output = Vec::new();
    while output.len() as u64 <= limit_bytes {
        output.reserve(input.len().clamp(512, 1 << 16));
        let before = (stream.total_in(), output.len());
        let rest = &input[before.0 as usize..];
        let status = stream.decompress_vec(rest, &mut output, flate2::FlushDecompress::None)?;
        if status == flate2::Status::StreamEnd {
            break;
        }
        if before == (stream.total_in(), output.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(output)
}

/// The words of zlib and brotli for the two things that go wrong.
fn worded(error: &io::Error, library: &str) -> io::Error {
    let truncated = error.kind() == io::ErrorKind::UnexpectedEof;
    io::Error::other(match (library, truncated) {
        ("zlib", true) => "Error -5 while decompressing data: incomplete or truncated stream".to_owned(),
        ("zlib", false) => {
            let text = error.to_string();
            let reason = text.strip_prefix("deflate decompression error: ").unwrap_or(&text);
            format!("Error -3 while decompressing data: {reason}")
        }
        (_, true) => "brotli: decoder process called with incomplete data".to_owned(),
        (_, false) => format!("brotli: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use proptest::prelude::*;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    }

    fn encode(coding: &str, data: &[u8]) -> Vec<u8> {
        match coding {
            "gzip" => gzip(data),
            "zlib" => {
                let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
                writer.write_all(data).unwrap();
                writer.finish().unwrap()
            }
            "raw" => {
                let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
                writer.write_all(data).unwrap();
                writer.finish().unwrap()
            }
            "br" => {
                let mut output = Vec::new();
                brotli::BrotliCompress(&mut &data[..], &mut output, &brotli::enc::BrotliEncoderParams::default())
                    .unwrap();
                output
            }
            "zstd" => zstd::stream::encode_all(data, 1).unwrap(),
            other => panic!("{other}"),
        }
    }

    fn header_of(coding: &str) -> &str {
        if matches!(coding, "zlib" | "raw") { "deflate" } else { coding }
    }

    const ALL: [&str; 5] = ["gzip", "zlib", "raw", "br", "zstd"];

    #[test]
    fn what_breaks_off_is_a_failure() {
        let data = b"a text long enough to be compressed, to be compressed, to be compressed".repeat(20);
        for coding in ALL {
            let whole = encode(coding, &data);
            for length in [whole.len() / 2, whole.len() - 1] {
                let outcome = decode(header_of(coding), &whole[..length], 1 << 20);
                assert!(matches!(outcome, Err(Failure::Decode { .. })), "{coding} {length}: {outcome:?}");
            }
        }
    }

    #[test]
    fn what_is_no_such_coding_is_a_failure() {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let outcome = decode(coding, b"{\"plain\": \"json, not compressed at all\"}", 1 << 20);
            assert!(matches!(outcome, Err(Failure::Decode { .. })), "{coding}: {outcome:?}");
        }
        let Err(Failure::Decode { coding, text }) = decode("gzip", b"plain", 10) else { panic!() };
        assert_eq!(coding, "gzip");
        assert_eq!(text, "Error -3 while decompressing data: incorrect header check");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let data = vec![0u8; 1_000_000];
        for coding in ALL {
            let outcome = decode(header_of(coding), &encode(coding, &data), 10_000);
            assert_eq!(outcome, Err(Failure::BodyTooLarge { limit_bytes: 10_000 }), "{coding}");
        }
        assert!(decode("gzip", &encode("gzip", &data), 1_000_000).is_ok());
    }

    #[test]
    fn several_codings_are_undone_in_reverse() {
        let body = encode("br", &gzip(b"hello"));
        assert_eq!(decode("gzip, br", &body, 100).unwrap().unwrap(), b"hello");
        assert!(decode("gzip, gzip, gzip, gzip, gzip, gzip", &body, 100).is_err());
    }

    #[test]
    fn the_unknown_is_left_alone_and_members_follow_each_other() {
        assert_eq!(decode("identity", b"x", 10).unwrap(), None);
        assert_eq!(decode("aws-chunked", b"x", 10).unwrap(), None);
        let members = [gzip(b"one "), gzip(b"two"), b"rubbish".to_vec()].concat();
        assert_eq!(decode("X-GZIP", &members, 100).unwrap().unwrap(), b"one two");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(data in proptest::collection::vec(any::<u8>(), 0..3000), which in 0..5usize) {
            let body = encode(ALL[which], &data);
            prop_assert_eq!(decode(header_of(ALL[which]), &body, 1 << 20).unwrap().unwrap(), data);
        }

        #[test]
        fn noise_never_panics(data in proptest::collection::vec(any::<u8>(), 0..300), which in 0..5usize) {
            let _ = decode(header_of(ALL[which]), &data, 1 << 16);
        }
    }
}
