//! Content encodings for the compressing routes. Bodies are small, so everything happens in memory.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

/// A content encoding by the name it has in the routes; `None` for a name that is none.
pub(crate) fn encode(kind: &str, body: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    Some(match kind {
        "gzip" => ("gzip", finish(GzEncoder::new(Vec::new(), Compression::default()), body, GzEncoder::finish)),
        "deflate" => {
            ("deflate", finish(ZlibEncoder::new(Vec::new(), Compression::default()), body, ZlibEncoder::finish))
        }
        // What some servers send under this name: no zlib header.
        "raw-deflate" => {
            ("deflate", finish(DeflateEncoder::new(Vec::new(), Compression::default()), body, DeflateEncoder::finish))
        }
        "br" => ("br", brotli(body)),
        "zstd" => ("zstd", zstd::bulk::compress(body, 3).expect("compressing into memory cannot fail")),
        _ => return None,
    })
}

fn finish<W: Write>(mut encoder: W, body: &[u8], finish: fn(W) -> std::io::Result<Vec<u8>>) -> Vec<u8> {
    encoder.write_all(body).and_then(|()| finish(encoder)).expect("writing into memory cannot fail")
}

fn brotli(body: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut encoded, 4096, 5, 18);
    writer.write_all(body).expect("writing into memory cannot fail");
    drop(writer);
    encoded
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn gzip_and_brotli_decode_to_what_went_in() {
        let body = crate::data::filler(5000);
        let (_, gzip) = encode("gzip", &body).unwrap();
        let mut decoded = Vec::new();
        flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, body);
        let (_, br) = encode("br", &body).unwrap();
        decoded.clear();
        brotli::Decompressor::new(&br[..], 4096).read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, body);
        assert!(encode("rot13", &body).is_none());
    }
}
