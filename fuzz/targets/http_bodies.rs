//! Compressed bodies: a few bytes must neither become gigabytes nor take for ever, and what is told is within the limit.

use gregaria_http::Failure;
use gregaria_http::decoding::decode;

const LIMIT_BYTES: u64 = 32 << 10;
const CODINGS: [&str; 8] =
    ["gzip", "deflate", "br", "zstd", "gzip, gzip", "br, deflate", "zstd, x-gzip", "gzip, unknown"];

pub fn run(data: &[u8]) {
    let Some((&[coding], body)) = data.split_first_chunk::<1>() else { return };
    let coding = CODINGS[usize::from(coding) % CODINGS.len()];
    match decode(coding, body, LIMIT_BYTES) {
        Ok(Some(body)) => assert!(body.len() as u64 <= LIMIT_BYTES),
        Ok(None) => panic!("{coding} is known"),
        Err(Failure::Decode { .. } | Failure::BodyTooLarge { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
}
